//! How much of each nonideality the network bears, and in which layers.

use super::{LOSS_PERCENT, Readings, accuracies, difference, text};
use crate::experiment::Findings;
use crate::record::Record;
use crate::report::{HeatCell, HeatMap, Table};
use crate::workloads::nonideality::Axis;
use crate::workloads::sensitivity::{Analysis, Case, ERRORS, Raised};
use crate::workloads::tolerance::{BELOW, BEYOND, TOLERANCE, TOLERANCE_LEAST, TOLERANCE_MOST};

/// The loss in points at which a cell has the colour of the worst.
const WORST: f64 = 10.0;

pub(super) fn add(readings: &Readings<'_>, findings: &mut Findings) {
    table(readings, findings);
    map(readings, findings);
}

fn table(readings: &Readings<'_>, findings: &mut Findings) {
    let rows = readings.0.iter().filter_map(|(analysis, record)| {
        let Analysis::Tolerance { nonideality, .. } = analysis else { return None };
        row(nonideality.axis(), record)
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let header = ["nonideality", "standard", "tolerance x*", "90 % interval", "unit"];
    findings.tables.push(Table {
        caption: format!(
            "Tolerance of the whole network: the value of one nonideality, all others as on the \
             standard tile, at which {LOSS_PERCENT} % of its accuracy above chance is lost at 1 h. > \
             and < stand before the end of the search, where the network bears all of it or nothing."
        ),
        header: header.map(str::to_owned).to_vec(),
        rows,
    });
}

fn row(axis: &Axis, record: &Record) -> Option<Vec<String>> {
    let value = |name: &str| record.measurements.values.get(name).copied();
    let [least, most] = axis.interval;
    let sign = |more: bool| if more == axis.rises() { '>' } else { '<' };
    let (beyond, below) = (value(BEYOND)? > 0.5, value(BELOW)? > 0.5);
    let tolerance = match (beyond, below) {
        (true, _) => format!("{} {}", sign(true), axis.text(most)),
        (_, true) => format!("{} {}", sign(false), axis.text(least)),
        _ => axis.text(value(TOLERANCE)?),
    };
    let (from, to) = (value(TOLERANCE_LEAST)?, value(TOLERANCE_MOST)?);
    let interval = match beyond || below {
        true => "–".to_owned(),
        false => format!("{} to {}", axis.text(from), axis.text(to)),
    };
    let standard = if axis.standard == 0.0 { "0".to_owned() } else { axis.text(axis.standard) };
    let words = axis.words.to_owned();
    Some(vec![words, standard, tolerance, interval, axis.unit.to_owned()])
}

fn map(readings: &Readings<'_>, findings: &mut Findings) {
    let Some(standard) = readings.case(Case::Everything) else { return };
    let standard = accuracies(standard, ERRORS);
    let mut columns: Vec<Raised> = Vec::new();
    let (mut rows, mut cells) = (Vec::new(), Vec::new());
    for (analysis, record) in &readings.0 {
        let Analysis::OneLayer { layer, raised } = analysis else { continue };
        columns.clone_from(raised);
        rows.push(layer.clone());
        let cell = |raised: &Raised| {
            let loss = difference(&standard, &accuracies(record, &raised.errors()))?;
            Some(HeatCell { text: text(Some(loss), 1), index: loss.mean / WORST })
        };
        cells.push(raised.iter().map(cell).collect());
    }
    if columns.is_empty() {
        return;
    }
    let name = |raised: &Raised| {
        let axis = raised.nonideality.axis();
        let unit = if axis.unit == "bits" { " bits" } else { "" };
        format!("{} {}{unit}", axis.words, axis.text(raised.x))
    };
    findings.heat_maps.push(HeatMap {
        caption: "Points of A* that are lost at 1 h when one nonideality is raised in one layer \
                  alone and all other layers have their standard tiles; ± is a standard error over \
                  programmings."
            .to_owned(),
        rows,
        columns: columns.iter().map(name).collect(),
        cells,
        scale: ("nothing".to_owned(), format!("{WORST:.0} points or more")),
    });
}
