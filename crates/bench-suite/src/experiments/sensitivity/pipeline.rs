//! What an inference takes where layers work on several at a time, and what copies of layers give.

use crossbar::cost::{Pipeline, Stage, Throughput};
use report::Number;
use report::table::{Table, cells, number};

use super::readings::Readings;
use crate::findings::Findings;
use crate::measured::measures::sensitivity::{Analysed, Layer};

/// Areas that copies are given, in units of one copy of each layer.
const AREAS: [f64; 2] = [2.0, 4.0];

pub(super) fn add(readings: &Readings<'_>, findings: &mut Findings) {
    let layers = readings.all().find_map(|(_, reading)| match &reading.analysed {
        Analysed::Layers(layers) => Some(&layers.0),
        _ => None,
    });
    let Some(layers) = layers else { return };
    let Ok(pipeline) = Pipeline::new(layers.iter().map(stage).collect()) else { return };
    let single = pipeline.single();
    let copied = AREAS.map(|times| pipeline.with(&pipeline.copies_within(times * single.area_um2)));
    let chip_nj: f64 = layers.iter().map(|layer| layer.chip_energy_nj).sum();
    findings.tables.push(inference(&single, &copied, chip_nj));
    findings.tables.push(of_layers(&pipeline, &single, &copied));
    findings.notes.push(
        "Copies go to the layer that sets the interval, one after another; no other choice in the same \
         area has a shorter one. The time of an inference stays: products of a recurrent layer wait for \
         each other. Energy around the tiles is that of buffers, network and control by the figures of \
         crossbar's presets/cost-chip.toml."
            .to_owned(),
    );
}

fn stage(layer: &Layer) -> Stage {
    Stage {
        name: layer.name.clone(),
        tiles: layer.tiles,
        products: layer.products,
        latency_ns: layer.latency_ns,
        energy_pj: 1e3 * layer.energy_nj / layer.products,
        area_um2: layer.area_um2,
    }
}

/// What an inference takes with so many copies.
fn inference(single: &Throughput, copied: &[Throughput], chip_nj: f64) -> Table {
    let names = AREAS.map(|times| format!("copies of busy layers, {times:.0} × the area"));
    let rows = names.iter().map(String::as_str).zip(copied);
    let rows = [("one copy of each layer", single)].into_iter().chain(rows).map(|(name, found)| {
        cells![
            name,
            found.tiles,
            Number::new(1e-6 * found.area_um2, 2),
            number(1e-3 * found.energy_pj, 1),
            number(chip_nj, 1),
            number(1e-3 * found.latency_ns, 2),
            number(1e-3 * found.interval_ns, 3),
            number(found.per_second(), 0),
            Number::new(100.0 * found.utilisation, 1)
        ]
    });
    Table::new(
        "An inference on layers that work on several at a time, by the nominal figures: one leaves in each \
         interval, that of the busiest layer.",
        [
            "tiles of the network",
            "tiles",
            "area (mm²)",
            "energy (nJ)",
            "with what is around (nJ)",
            "time (µs)",
            "interval (µs)",
            "inferences per second",
            "tiles at work (%)",
        ],
    )
    .rows(rows)
}

/// Which layers are busy, and which are copied.
fn of_layers(pipeline: &Pipeline, single: &Throughput, copied: &[Throughput]) -> Table {
    let rows = pipeline.stages().iter().enumerate().map(|(l, stage)| {
        let mut row = cells![
            format!("{} {}", l + 1, stage.name),
            Number::new(stage.products, 1),
            number(1e-3 * stage.busy_ns(), 3),
            number(1e-3 * stage.products * stage.energy_pj, 2),
            Number::new(100.0 * single.busy[l], 1)
        ];
        row.extend(copied.iter().flat_map(|found| cells![found.copies[l]]));
        row
    });
    let header =
        ["layer", "products", "time (µs)", "energy (nJ)", "at work (%)"].map(str::to_owned);
    let copies = AREAS.map(|times| format!("copies, {times:.0} × the area"));
    Table::new(
        "Every layer per inference: how long its tiles are at work with one copy of each layer, and how \
         many copies it is given.",
        header.into_iter().chain(copies).collect::<Vec<String>>(),
    )
    .rows(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, products: f64, latency_ns: f64, tiles: usize) -> Layer {
        Layer {
            name: name.to_owned(),
            products,
            latency_ns,
            tiles,
            energy_nj: 2.0 * products,
            area_um2: 1e6 * tiles as f64,
            ..Layer::default()
        }
    }

    /// 1 µs of four products, and 0.5 µs of two on two tiles.
    #[test]
    fn the_busy_layer_is_copied() {
        let layers = [layer("a", 4.0, 250.0, 1), layer("b", 2.0, 250.0, 2)];
        let pipeline = Pipeline::new(layers.iter().map(stage).collect()).unwrap();
        let single = pipeline.single();
        let copied = AREAS.map(|times| pipeline.with(&pipeline.copies_within(times * 3e6)));
        let text = |table: &Table| table.rows.clone();
        let rows = text(&inference(&single, &copied, 20.0));
        let one =
            ["one copy of each layer", "3", "3.00", "12.0", "20.0", "1.50", "1.000", "1000000"];
        assert_eq!(rows[0][..8], one);
        assert_eq!(rows[0][8], "66.7");
        // In 6 mm² the first is as fast as the second, whose copy alone would not help; in 12 mm² they
        // have 6 + 6.
        let rows = text(&of_layers(&pipeline, &single, &copied));
        assert_eq!(rows[0], ["1 a", "4.0", "1.000", "8.00", "100.0", "2", "6"]);
        assert_eq!(rows[1], ["2 b", "2.0", "0.500", "4.00", "50.0", "1", "3"]);
    }
}
