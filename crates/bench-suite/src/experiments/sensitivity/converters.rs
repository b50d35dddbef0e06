//! Which converters are enough, and what they take.

use crossbar::TileConfig;
use report::Number;
use report::figure::{Curve, Figure, Panel};
use report::table::{HeatCell, HeatMap, NONE, Table, cells, named, rounded};

use super::readings::{KEPT, Readings, accuracies, difference};
use crate::findings::Findings;
use crate::measured::measures::sensitivity::{Analysed, Analysis};
use crate::measured::statistics::Estimate;

/// The resolution of a tile's converters that have none, or one of no whole number of bits.
const USUAL_BITS: u32 = 8;
/// Of the A* of the standard pair, what a pair has that is shown in the figure.
const SHOWN: f64 = 0.9;
/// Most points of the front that are named in the figure.
const NAMED: usize = 8;

/// The larger number of bits of the tile's two converters; that of the standard tile is 8.
pub(super) fn own_bits(tile: &TileConfig) -> u32 {
    let bits = |steps: Option<f32>| {
        let bits = (steps? + 2.0).log2();
        (bits.fract() == 0.0 && (2.0..=24.0).contains(&bits)).then_some(bits as u32)
    };
    let (dac, adc) = (bits(tile.periphery.dac.steps), bits(tile.periphery.adc.steps));
    dac.max(adc).unwrap_or(USUAL_BITS)
}

/// A pair of converters.
struct Pair {
    dac: u32,
    adc: u32,
    accuracies: Vec<f64>,
    /// Low, nominal, high.
    energy_nj: [f64; 3],
    latency_us: [f64; 3],
}

impl Pair {
    fn mean(&self) -> f64 {
        Estimate::of(&self.accuracies).map_or(f64::NAN, |e| e.mean)
    }

    /// A* in % of that of the standard pair, which saw the same devices.
    fn kept(&self, standard: &Self) -> Option<Estimate> {
        let gain = difference(&self.accuracies, &standard.accuracies)?;
        let percent = 100.0 / standard.mean();
        Some(Estimate {
            mean: 100.0 + percent * gain.mean,
            standard_error: percent * gain.standard_error,
            ..gain
        })
    }

    fn name(&self) -> String {
        format!("{}/{}", self.dac, self.adc)
    }
}

fn pairs(readings: &Readings<'_>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (analysis, reading) in readings.all() {
        let (Analysis::Converters(resolutions), Analysed::Converters(converted)) =
            (analysis, &reading.analysed)
        else {
            continue;
        };
        for &adc in &resolutions.adc_bits {
            let Some(on) = converted.0.get(&adc) else { continue };
            let accuracies = accuracies(reading, &on.errors);
            let (dac, energy_nj, latency_us) = (resolutions.dac_bits, on.energy_nj, on.latency_us);
            pairs.push(Pair { dac, adc, accuracies, energy_nj, latency_us });
        }
    }
    pairs
}

pub(super) fn add(readings: &Readings<'_>, tile: &TileConfig, findings: &mut Findings) {
    let pairs = pairs(readings);
    let own = own_bits(tile);
    let Some(standard) = pairs.iter().find(|pair| (pair.dac, pair.adc) == (own, own)) else {
        return;
    };
    if standard.mean() <= 0.0 {
        let note =
            "On the standard converters nothing is left of the accuracy, so none are enough.";
        findings.notes.push(note.to_owned());
        return;
    }
    let enough = |pair: &Pair| pair.mean() >= KEPT * standard.mean();
    let cheapest = pairs
        .iter()
        .filter(|pair| enough(pair))
        .min_by(|a, b| a.energy_nj[1].total_cmp(&b.energy_nj[1]));
    // Alone: the other converter as it is, and nothing better in between that fails.
    let smallest = |bits: fn(&Pair) -> u32, other: fn(&Pair) -> u32| {
        let mut line: Vec<&Pair> = pairs.iter().filter(|pair| other(pair) == own).collect();
        line.sort_by_key(|pair| std::cmp::Reverse(bits(pair)));
        line.into_iter().take_while(|pair| enough(pair)).last()
    };
    let dac = smallest(|pair| pair.dac, |pair| pair.adc);
    let adc = smallest(|pair| pair.adc, |pair| pair.dac);
    table(standard, dac, adc, cheapest, findings);
    map(&pairs, standard, findings);
    figure(&pairs, standard, cheapest, findings);
    findings.notes.push(
        "Energies and times are estimates from the component figures of crossbar's \
         presets/cost-standard.toml, each with its source; they hold the tiles with their converters \
         and nothing between tiles. Inputs are widths of pulses and outputs are counted, so that energy \
         and time of the ADC double with each bit, and so does the time for which inputs drive the array \
         with each bit of the DAC. Products of a layer follow one another, as do layers: the time is \
         that of one inference alone."
            .to_owned(),
    );
}

fn range([low, nominal, high]: [f64; 3]) -> String {
    let digits = if nominal < 10.0 { 2 } else { usize::from(nominal < 100.0) };
    format!("{nominal:.digits$} ({low:.digits$} to {high:.digits$})")
}

fn table(
    standard: &Pair,
    dac: Option<&Pair>,
    adc: Option<&Pair>,
    cheapest: Option<&Pair>,
    findings: &mut Findings,
) {
    let row = |what: &str, pair: Option<&Pair>| match pair {
        Some(pair) => cells![
            what,
            pair.dac,
            pair.adc,
            rounded(Estimate::of(&pair.accuracies), 2),
            rounded(pair.kept(standard), 2),
            range(pair.energy_nj),
            range(pair.latency_us),
        ],
        None => named(what, [NONE; 6]),
    };
    let header = [
        "converters",
        "DAC bits",
        "ADC bits",
        "A* (%)",
        "of the standard (%)",
        "energy per example (nJ)",
        "time per example (µs)",
    ];
    let caption = format!(
        "The smallest converters that keep at least {:.0} % of the A* of the standard ones at 1 h, \
         by means; ± is half of a 90 % interval over programmings. In brackets, the range of the \
         estimate.",
        100.0 * KEPT
    );
    let rows = [
        row("standard", Some(standard)),
        row("smallest DAC, ADC as it is", dac),
        row("smallest ADC, DAC as it is", adc),
        row("least energy of all pairs", cheapest),
    ];
    findings.tables.push(Table::new(caption, header).rows(rows));
}

fn map(pairs: &[Pair], standard: &Pair, findings: &mut Findings) {
    let axis = |bits: fn(&Pair) -> u32| {
        let mut all: Vec<u32> = pairs.iter().map(bits).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let (dacs, adcs) = (axis(|pair| pair.dac), axis(|pair| pair.adc));
    let cell = |dac: u32, adc: u32| {
        let pair = pairs.iter().find(|pair| (pair.dac, pair.adc) == (dac, adc))?;
        let kept = pair.mean() / standard.mean();
        // From 90 % to all of it: where decisions are.
        Some(HeatCell::new(Number::new(100.0 * kept, 1), (1.0 - kept) / 0.1))
    };
    let empty = HeatMap::new(
        "A* in % of that with the standard converters, by resolution.",
        adcs.iter().map(|bits| format!("ADC {bits} bits")),
        ("all of it", "90 % or less"),
    );
    findings.heat_maps.push(dacs.iter().fold(empty, |map, &dac| {
        map.row(format!("DAC {dac} bits"), adcs.iter().map(|&adc| cell(dac, adc)))
    }));
}

/// The pairs that no other beats in both energy and A*, from cheap to dear.
fn front(pairs: &[Pair]) -> Vec<&Pair> {
    let mut sorted: Vec<&Pair> = pairs.iter().collect();
    sorted.sort_by(|a, b| {
        a.energy_nj[1].total_cmp(&b.energy_nj[1]).then(b.mean().total_cmp(&a.mean()))
    });
    let mut best = f64::NEG_INFINITY;
    sorted.retain(|pair| {
        let better = pair.mean() > best;
        best = best.max(pair.mean());
        better
    });
    sorted
}

fn figure(pairs: &[Pair], standard: &Pair, cheapest: Option<&Pair>, findings: &mut Findings) {
    let at = |pair: &Pair, y: f64| (pair.energy_nj[1], y);
    // Where much of the accuracy is lost there is nothing to choose.
    let shown = |pair: &&Pair| pair.mean() > SHOWN * standard.mean();
    let front = front(pairs);
    let named: Vec<_> = front
        .iter()
        .copied()
        .filter(shown)
        .rev()
        .take(NAMED)
        .map(|pair| (at(pair, pair.mean()), pair.name()))
        .collect();
    let others = pairs.iter().filter(shown).map(|pair| (at(pair, pair.mean()), String::new()));
    let mark = |pair: &Pair| vec![(at(pair, pair.mean()), pair.name())];
    let mut curves = vec![
        Curve::scatter("all pairs", 0, others.collect()),
        Curve::scatter("best for their energy, DAC/ADC bits", 3, named),
        Curve::scatter("standard", 1, mark(standard)),
    ];
    curves.extend(cheapest.map(|pair| Curve::scatter("least that is enough", 2, mark(pair))));
    findings.figures.push(Figure::new(
        "Accuracy against the estimated energy of an example (nominal figures), one point \
         for each pair of converters; pairs that lose a tenth of A* or more are left out.",
        [Panel::new("Converters", "energy per example (nJ)", "A* (%)").log_x().curves(curves)],
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(dac: u32, adc: u32, accuracy: f64, energy: f64) -> Pair {
        let energy_nj = [energy; 3];
        Pair { dac, adc, accuracies: vec![accuracy], energy_nj, latency_us: [1.0; 3] }
    }

    #[test]
    fn the_front_has_what_nothing_beats() {
        let pairs = [
            pair(8, 8, 99.0, 8.0),
            pair(7, 8, 99.5, 7.0),
            pair(4, 4, 90.0, 2.0),
            pair(4, 5, 89.0, 3.0),
            pair(5, 5, 90.0, 4.0),
        ];
        let names: Vec<String> = front(&pairs).iter().map(|pair| pair.name()).collect();
        assert_eq!(names, ["4/4", "7/8"]);
    }

    #[test]
    fn the_standard_tile_has_eight_bits() {
        assert_eq!(own_bits(&crossbar::presets::standard_pcm()), 8);
        let mut tile = crossbar::presets::standard_pcm();
        tile.periphery.dac.steps = None;
        tile.periphery.adc.steps = Some(1022.0);
        assert_eq!(own_bits(&tile), 10);
    }
}
