//! Which layers stay digital, and the file that says so.

use report::table::{Table, cells, rounded};

use super::readings::{LOSS_PERCENT, Readings, accuracies, difference};
use crate::findings::Findings;
use crate::measured::measures::placement::{Placed, PlacementFile};
use crate::measured::measures::sensitivity::{Analysed, Case, Reading, Spared};
use crate::measured::statistics::Estimate;

/// The search, if it was made.
fn found<'a>(readings: &Readings<'a>) -> Option<(&'a Reading, &'a Spared)> {
    readings.all().find_map(|(_, reading)| match &reading.analysed {
        Analysed::Spared(spared) => Some((reading, spared)),
        _ => None,
    })
}

pub(super) fn add(readings: &Readings<'_>, findings: &mut Findings) {
    let Some((reading, spared)) = found(readings) else { return };
    let Some((_, everything)) = readings.case(Case::Everything) else { return };
    let standard = accuracies(reading, everything);
    let mut table = Table::new(
        format!(
            "Layers that are spared the errors of tiles, as if they were digital, one after another \
             until A* is at least {} %: the one that gains most alone first. Then those that are on \
             a better tile, if one is given, as long as A* stays there. They \
             stand in policy.toml, which `train` and `age` take. ± is half of a 90 % interval over \
             programmings.",
            100.0 - LOSS_PERCENT
        ),
        ["layer", "alone: gain of A* (points)", "with those above: A* (%)"],
    );
    table.push(cells!["none", "", rounded(Estimate::of(&standard), 1)]);
    for (layer, errors) in spared.together() {
        let alone = spared.alone(layer).map(|errors| accuracies(reading, errors));
        let gain = alone.and_then(|alone| difference(&alone, &standard));
        let left = Estimate::of(&accuracies(reading, errors));
        table.push(cells![layer, rounded(gain, 2), rounded(left, 1)]);
    }
    for (layer, errors) in spared.better() {
        let left = Estimate::of(&accuracies(reading, errors));
        table.push(cells![format!("{layer}, on the better tile"), "", rounded(left, 1)]);
    }
    findings.tables.push(table);
}

/// The layers that stay digital or are on the better tile of that name, with reasons; none if the search was
/// not made.
pub(super) fn placement(readings: &Readings<'_>, better: Option<&str>) -> Option<PlacementFile> {
    let (reading, spared) = found(readings)?;
    let (_, everything) = readings.case(Case::Everything)?;
    let standard = accuracies(reading, everything);
    let words = |estimate: Option<Estimate>| {
        estimate.map_or_else(|| "?".to_owned(), |e| report::Number::rounded(e, 1).to_string())
    };
    let layers = spared.together().map(|(layer, errors)| {
        let alone = spared.alone(layer).map(|errors| accuracies(reading, errors));
        let gain = words(alone.and_then(|alone| difference(&alone, &standard)));
        let left = words(Estimate::of(&accuracies(reading, errors)));
        let why =
            format!("digital alone it gains {gain} points of A*; with those before it {left} %");
        (layer.to_owned(), Placed::digital(why))
    });
    let on_better =
        spared.better().zip(better.into_iter().cycle()).map(|((layer, errors), tile)| {
            let left = words(Estimate::of(&accuracies(reading, errors)));
            let why =
                format!("it need not be digital: on this tile, with those above, {left} % of A*");
            (layer.to_owned(), Placed::on_tile(tile, why))
        });
    // The latter take the place of the former.
    Some(PlacementFile { layers: layers.chain(on_better).collect() })
}
