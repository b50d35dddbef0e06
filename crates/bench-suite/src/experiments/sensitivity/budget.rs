//! The error budget: each source of errors alone, all together, and all but each.

use report::figure::{Curve, Figure, Panel};
use report::table::{Cell, NONE, Table, cells, number, rounded};

use super::readings::{Baseline, Readings, accuracies, difference};
use crate::findings::Findings;
use crate::measured::measures::sensitivity::{Case, ERRORS, ErrorSource};
use crate::measured::statistics::Estimate;

/// Test errors of the network, beside those that A* lies between.
pub(super) fn network(readings: &Readings<'_>, findings: &mut Findings) {
    let baseline = readings.baseline();
    let defined = baseline.is_some_and(|baseline| baseline.useless().is_none());
    let star = |cell: Cell| if defined { cell } else { NONE.into() };
    let mut table = Table::new(
        "The network. A* is 100 % for the float network's accuracy and 0 % for chance; ± is half of a \
         90 % interval over programmings.",
        ["network", "test error (%)", "A* (%)"],
    );
    if let Some(Baseline { float, chance }) = baseline {
        for (name, error, a) in [("float network", float, "100"), ("by chance", chance, "0")] {
            table.push(cells![name, number(error, 2), star(a.into())]);
        }
    }
    for (name, case) in [
        ("on tiles without any source of errors", Case::Nothing),
        ("on the tiles of its recipe", Case::Everything),
    ] {
        let record = readings.case(case);
        let errors = record.and_then(|record| Estimate::of(record.series(ERRORS)));
        let mean = record.and_then(|record| Estimate::of(&accuracies(record, ERRORS)));
        table.push(cells![name, rounded(errors, 2), star(rounded(mean, 2))]);
    }
    findings.tables.push(table);
}

/// A source of errors with what it costs alone, and what is won where it is taken away.
type Cost = (ErrorSource, Option<Estimate>, Option<Estimate>);

pub(super) fn add(readings: &Readings<'_>, findings: &mut Findings) {
    let of = |case: Case| readings.case(case).map(|record| accuracies(record, ERRORS));
    let (nothing, everything) = (of(Case::Nothing), of(Case::Everything));
    let loss =
        |from: &Option<Vec<f64>>, to: &Option<Vec<f64>>| difference(from.as_ref()?, to.as_ref()?);
    let mut budget: Vec<Cost> = ErrorSource::ALL
        .into_iter()
        .filter_map(|source| {
            let (alone, without) = (of(Case::Alone(source)), of(Case::Without(source)));
            (alone.is_some() || without.is_some())
                .then(|| (source, loss(&nothing, &alone), loss(&without, &everything)))
        })
        .collect();
    if budget.is_empty() {
        return;
    }
    let size = |e: &Option<Estimate>| e.map_or(f64::NEG_INFINITY, |e| e.mean);
    budget.sort_by(|a, b| size(&b.1).total_cmp(&size(&a.1)));
    findings.tables.push(table(&budget, loss(&nothing, &everything)));
    findings.figures.push(figure(&budget));
}

fn table(budget: &[Cost], together: Option<Estimate>) -> Table {
    let rows = budget.iter().map(|(source, alone, without)| {
        cells![source.words(), rounded(*alone, 2), rounded(*without, 2)]
    });
    let alone: f64 = budget.iter().filter_map(|(_, alone, _)| Some(alone.as_ref()?.mean)).sum();
    Table::new(
        "Error budget at 1 h, in points of A*: what is lost with one source of errors alone, and \
         what is won back where it is taken away from the whole. ± is half of a 90 % interval over \
         programmings, which share their devices from row to row.",
        ["source of errors", "alone: loss", "taken away: gain"],
    )
    .rows(rows)
    .row(cells!["sum of the rows", number(alone, 2), ""])
    .row(cells!["all together", rounded(together, 2), ""])
}

fn figure(budget: &[Cost]) -> Figure {
    let places = budget.iter().filter_map(|(source, alone, without)| {
        Some(((alone.as_ref()?.mean, without.as_ref()?.mean), source.words()))
    });
    let panel = Panel::new(
        "Each source of errors",
        "loss of A* alone (points)",
        "gain of A* without it (points)",
    );
    Figure::new(
        "Error budget: to the right, what a source of errors costs alone; upwards, what its removal \
         gives back. Work on what is far to the upper right. A source that costs much alone and \
         whose removal gives little is covered by others.",
        [panel.curves([Curve::scatter("a source of errors", 3, named(places))])],
    )
}

/// Points with their names; those in one place, as the figure draws it, have one name together.
fn named<'a>(places: impl Iterator<Item = ((f64, f64), &'a str)>) -> Vec<((f64, f64), String)> {
    let mut groups: Vec<((f64, f64), Vec<&str>)> = Vec::new();
    for (at, name) in places {
        let near = |of: (f64, f64)| (of.0 - at.0).hypot(of.1 - at.1) < 0.01;
        match groups.iter_mut().find(|(of, _)| near(*of)) {
            Some((_, names)) => names.push(name),
            None => groups.push((at, vec![name])),
        }
    }
    let label = |names: &[&str]| match names {
        [first, second] => format!("{first}, {second}"),
        [first, _, rest @ ..] => format!("{first} and {} more", rest.len() + 1),
        _ => names.concat(),
    };
    groups.iter().map(|(at, names)| (*at, label(names))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_in_one_place_have_one_name() {
        let at = |x| (x, 0.5);
        let places = [
            (at(0.0), "a"),
            (at(1.0), "b"),
            (at(0.001), "c"),
            (at(2.0), "d"),
            (at(2.0), "e"),
            (at(2.0), "f"),
        ];
        let labels: Vec<String> = named(places.into_iter()).into_iter().map(|(_, l)| l).collect();
        assert_eq!(labels, ["a, c", "b", "d and 2 more"]);
    }
}
