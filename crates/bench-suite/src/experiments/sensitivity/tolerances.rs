//! How much of each nonideality the network bears, and in which layers.

use report::table::{HeatCell, HeatMap, Table};

use super::readings::{LOSS_PERCENT, Readings, accuracies, difference};
use crate::findings::Findings;
use crate::findings::claim::rounded;
use crate::measured::measures::nonideality::Axis;
use crate::measured::measures::sensitivity::{Analysis, Case, ERRORS, Raised};
use crate::measured::measures::tolerance::{
    BELOW, BEYOND, TOLERANCE, TOLERANCE_LEAST, TOLERANCE_MOST,
};
use crate::measured::statistics::Estimate;
use crate::record::Record;

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
            Some(HeatCell { text: rounded(Some(loss), 1), index: loss.mean / WORST })
        };
        cells.push(raised.iter().map(cell).collect());
    }
    if columns.is_empty() {
        return;
    }
    findings.tables.push(layers_table(readings, &standard, &columns));
    let name = |raised: &Raised| {
        let axis = raised.nonideality.axis();
        let unit = if axis.unit == "bits" { " bits" } else { "" };
        format!("{} {}{unit}", axis.words, axis.text(raised.x))
    };
    findings.heat_maps.push(HeatMap {
        caption: "Points of A* that are lost at 1 h when one nonideality is raised in one layer \
                  alone and all other layers have their standard tiles; ± is half of a 90 % interval over \
                  programmings."
            .to_owned(),
        rows,
        columns: columns.iter().map(name).collect(),
        cells,
        scale: ("nothing".to_owned(), format!("{WORST:.0} points or more")),
    });
}

/// The tolerance of every layer alone, from the one value that was tested.
fn layers_table(readings: &Readings<'_>, standard: &[f64], columns: &[Raised]) -> Table {
    let mut rows = Vec::new();
    for (analysis, record) in &readings.0 {
        let Analysis::OneLayer { layer, raised } = analysis else { continue };
        let cell = |raised: &Raised| {
            let errors = accuracies(record, &raised.errors());
            let loss = difference(standard, &errors);
            let all = Estimate::of(standard).map(|all| all.mean);
            let axis = raised.nonideality.axis();
            loss.zip(all)
                .map_or("–".to_owned(), |(loss, all)| of_layer(axis, raised.x, loss, all))
        };
        rows.push(std::iter::once(layer.clone()).chain(raised.iter().map(cell)).collect());
    }
    let name = |raised: &Raised| {
        let axis = raised.nonideality.axis();
        format!("{} ({})", axis.words, axis.unit)
    };
    Table {
        caption: format!(
            "Tolerance of every layer: the value of one nonideality in this layer alone at which \
             {LOSS_PERCENT} % of the accuracy above chance is lost at 1 h, and its 90 % interval. It \
             lies between the standard value and the raised one of the grid, on the curve \
             1 − 0.99^(e/e*) over the excess e; > and < stand before the latter where it costs less \
             than that."
        ),
        header: std::iter::once("layer".to_owned()).chain(columns.iter().map(name)).collect(),
        rows,
    }
}

/// x* of a layer that loses `loss` of `all` points with the nonideality at x.
///
/// ```text
/// 1 − loss/all = 0.99^(e/e*)
/// ```
///
/// Assumed: the loss is linear in the excess where it is small; a search for every layer would cost as
/// many evaluations as one for the network.
fn of_layer(axis: &Axis, x: f64, loss: Estimate, all: f64) -> String {
    let kept = |loss: f64| 1.0 - loss / all;
    let limit = 1.0 - LOSS_PERCENT / 100.0;
    // How much of the excess at x it takes; all of it or more if too little is lost there.
    let share = |loss: f64| limit.ln() / kept(loss).clamp(f64::MIN_POSITIVE, limit).ln();
    let at = |loss: f64| axis.between(share(loss) * axis.excess(x));
    let bears = |loss: f64| kept(loss) >= limit;
    let text = |loss: f64| match bears(loss) {
        true => format!("{} {}", if axis.rises() { '>' } else { '<' }, axis.text(x)),
        false => axis.text(at(loss)),
    };
    let (most, least) = (loss.mean - loss.margin(), loss.mean + loss.margin());
    if bears(least) {
        return text(least);
    }
    format!("{} ({} to {})", text(loss.mean), text(least), text(most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::measures::nonideality::Nonideality;

    #[test]
    fn a_layer_bears_what_costs_one_percent() {
        let axis = Nonideality::Pcm.axis();
        let of = |mean, standard_error| {
            of_layer(axis, 4.0, Estimate { mean, standard_error, samples: 100 }, 100.0)
        };
        assert_eq!(of(0.5, 0.0), format!("> {}", axis.text(4.0)));
        // A loss of exactly one percent is that of the value itself.
        assert_eq!(of(1.0, 0.0), format!("> {}", axis.text(4.0)));
        // Twice ln 0.99 takes twice the excess.
        let twice = 100.0 * (1.0 - 0.99f64.powi(2));
        let half = axis.text(axis.between(0.5 * axis.excess(4.0)));
        assert_eq!(of(twice, 0.0), format!("{half} ({half} to {half})"));
        assert!(of(2.0, 1.0).ends_with(&format!("to > {})", axis.text(4.0))));
    }
}
