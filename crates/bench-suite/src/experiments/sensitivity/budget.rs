//! The error budget: each source of errors alone, all together, and all but each.

use report::figure::{Curve, Figure, Panel};
use report::table::Table;

use super::readings::{Baseline, Readings, accuracies, difference};
use crate::findings::Findings;
use crate::findings::claim::{number, rounded};
use crate::measured::measures::sensitivity::{Case, ERRORS, ErrorSource};
use crate::measured::statistics::Estimate;

/// Test errors of the network, beside those that A* lies between.
pub(super) fn network(readings: &Readings<'_>, findings: &mut Findings) {
    let mut rows = Vec::new();
    let baseline = readings.baseline();
    let defined = baseline.is_some_and(|baseline| baseline.useless().is_none());
    let star = |text: String| if defined { text } else { "–".to_owned() };
    if let Some(Baseline { float, chance }) = baseline {
        for (name, error, a) in [("float network", float, "100"), ("by chance", chance, "0")] {
            rows.push(vec![name.to_owned(), number(error, 2), star(a.to_owned())]);
        }
    }
    for (name, case) in [
        ("on tiles without any source of errors", Case::Nothing),
        ("on the tiles of its recipe", Case::Everything),
    ] {
        let record = readings.case(case);
        let errors = record.and_then(|record| Estimate::of(record.series(ERRORS)));
        let mean = record.and_then(|record| Estimate::of(&accuracies(record, ERRORS)));
        rows.push(vec![name.to_owned(), rounded(errors, 2), star(rounded(mean, 2))]);
    }
    findings.tables.push(Table {
        caption:
            "The network. A* is 100 % for the float network's accuracy and 0 % for chance; ± is \
                  half of a 90 % interval over programmings."
                .to_owned(),
        header: ["network", "test error (%)", "A* (%)"].map(str::to_owned).to_vec(),
        rows,
    });
}

pub(super) fn add(readings: &Readings<'_>, findings: &mut Findings) {
    let of = |case: Case| readings.case(case).map(|record| accuracies(record, ERRORS));
    let (nothing, everything) = (of(Case::Nothing), of(Case::Everything));
    let loss =
        |from: &Option<Vec<f64>>, to: &Option<Vec<f64>>| difference(from.as_ref()?, to.as_ref()?);
    let mut budget: Vec<(ErrorSource, Option<Estimate>, Option<Estimate>)> = ErrorSource::ALL
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
    let mut rows: Vec<Vec<String>> = budget
        .iter()
        .map(|(source, alone, without)| {
            vec![source.words().to_owned(), rounded(*alone, 2), rounded(*without, 2)]
        })
        .collect();
    let alone_sum: f64 = budget.iter().filter_map(|(_, alone, _)| Some(alone.as_ref()?.mean)).sum();
    rows.push(vec!["sum of the rows".to_owned(), number(alone_sum, 2), String::new()]);
    let together = rounded(loss(&nothing, &everything), 2);
    rows.push(vec!["all together".to_owned(), together, String::new()]);
    findings.tables.push(Table {
        caption: "Error budget at 1 h, in points of A*: what is lost with one source of errors \
                  alone, and what is won back where it is taken away from the whole. ± is half of a \
                  90 % interval over programmings, which share their devices from row to row."
            .to_owned(),
        header: ["source of errors", "alone: loss", "taken away: gain"].map(str::to_owned).to_vec(),
        rows,
    });
    let places = budget.iter().filter_map(|(source, alone, without)| {
        Some(((alone.as_ref()?.mean, without.as_ref()?.mean), source.words()))
    });
    let points = named(places);
    let curve = Curve::scatter("a source of errors", 3, points);
    findings.figures.push(Figure {
        caption: "Error budget: to the right, what a source of errors costs alone; upwards, what \
                  its removal gives back. Work on what is far to the upper right. A source that \
                  costs much alone and whose removal gives little is covered by others."
            .to_owned(),
        panels: vec![Panel {
            title: "Each source of errors".to_owned(),
            x: "loss of A* alone (points)".to_owned(),
            y: "gain of A* without it (points)".to_owned(),
            curves: vec![curve],
            ..Panel::default()
        }],
    });
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
