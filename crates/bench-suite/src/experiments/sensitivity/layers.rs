//! What the tiles of every layer do to real inputs.

use report::Number;
use report::figure::{Curve, Figure, LineStyle, Panel};
use report::table::{Table, cells};

use super::readings::Readings;
use crate::findings::Findings;
use crate::measured::measures::sensitivity::{Analysed, Analysis, Layer};

pub(super) fn add(readings: &Readings<'_>, findings: &mut Findings) {
    let found =
        readings.all().find_map(|(analysis, reading)| match (analysis, &reading.analysed) {
            (Analysis::Layers { examples }, Analysed::Layers(layers)) => {
                Some((*examples, &layers.0))
            }
            _ => None,
        });
    let Some((examples, layers)) = found else { return };
    let energy: f64 = layers.iter().map(|layer| layer.energy_nj).sum();
    let rows = layers.iter().enumerate().map(|(index, layer)| {
        cells![
            format!("{} {}", index + 1, layer.name),
            format!("{} × {}", layer.outputs, layer.inputs),
            Number::new(layer.mvm_error_percent, 1),
            Number::new(layer.inputs_clipped_percent, 2),
            Number::new(layer.outputs_clipped_percent, 3),
            Number::new(layer.input_range, 2),
            Number::new(layer.largest_input, 2),
            layer.tiles,
            Number::new(layer.utilisation_percent, 1),
            Number::new(layer.products, 1),
            Number::new(100.0 * layer.energy_nj / energy, 1)
        ]
    });
    let header = [
        "layer",
        "out × in",
        "MVM error (%)",
        "DAC clips (%)",
        "ADC clips (%)",
        "input range",
        "largest input",
        "tiles",
        "utilisation (%)",
        "products per example",
        "energy (%)",
    ];
    findings.tables.push(
        Table::new(
            format!(
                "Every layer at 1 h, on inputs of {examples} test examples: error of its product \
                 against the exact one of the same inputs (Eq. 20), conversions that are clipped, \
                 and what it takes of the tiles and of the estimated energy."
            ),
            header,
        )
        .rows(rows),
    );
    let curve = |label: &str, colour, of: fn(&Layer) -> f64| {
        let points = layers.iter().enumerate().map(|(i, layer)| ((i + 1) as f64, of(layer)));
        Curve::line(label, colour, LineStyle::Ours, points.collect())
    };
    findings.figures.push(Figure::new(
        "Layers in the network's order, numbered as in the table. Left, how far their products \
         are from exact ones; right, how many conversions are clipped. Clipped inputs ask for a \
         larger input range, clipped outputs for a larger bound of the ADC.",
        [
            Panel::new("Error of the product", "layer", "MVM error (%)").curves([curve(
                "MVM error",
                3,
                |layer| layer.mvm_error_percent,
            )]),
            Panel::new("Clipped conversions", "layer", "share (%)").curves([
                curve("inputs, DAC", 1, |layer| layer.inputs_clipped_percent),
                curve("outputs, ADC", 2, |layer| layer.outputs_clipped_percent),
            ]),
        ],
    ));
}
