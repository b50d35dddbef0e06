//! How much of each nonideality the network bears, and in which layers.

use report::Number;
use report::table::{Cell, HeatCell, HeatMap, Table, cells, named};

use super::readings::{LOSS_PERCENT, Readings, accuracies, difference};
use crate::findings::Findings;
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
    let rows: Vec<Vec<Cell>> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let header = ["nonideality", "standard", "tolerance x*", "90 % interval", "unit"];
    findings.tables.push(
        Table::new(
            format!(
                "Tolerance of the whole network: the value of one nonideality, all others as on \
                 the standard tile, at which {LOSS_PERCENT} % of its accuracy above chance is \
                 lost at 1 h. > and < stand before the end of the search, where the network bears \
                 all of it or nothing."
            ),
            header,
        )
        .rows(rows),
    );
}

fn row(axis: &Axis, record: &Record) -> Option<Vec<Cell>> {
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
    let found = !(beyond || below);
    let interval = found.then(|| format!("{} to {}", axis.text(from), axis.text(to)));
    let standard = if axis.standard == 0.0 { "0".to_owned() } else { axis.text(axis.standard) };
    Some(cells![axis.words, standard, tolerance, interval, axis.unit])
}

/// The layers that were made worse alone, with what was raised in them.
fn layers<'a>(
    readings: &'a Readings<'_>,
) -> impl Iterator<Item = (&'a str, &'a [Raised], &'a Record)> {
    readings.0.iter().filter_map(|(analysis, record)| match analysis {
        Analysis::OneLayer { layer, raised } => Some((layer.as_str(), raised.as_slice(), *record)),
        _ => None,
    })
}

fn map(readings: &Readings<'_>, findings: &mut Findings) {
    let Some(standard) = readings.case(Case::Everything) else { return };
    let standard = accuracies(standard, ERRORS);
    let Some((_, columns, _)) = layers(readings).last().filter(|(_, raised, _)| !raised.is_empty())
    else {
        return;
    };
    findings.tables.push(layers_table(readings, &standard, columns));
    let name = |raised: &Raised| {
        let axis = raised.nonideality.axis();
        let unit = if axis.unit == "bits" { " bits" } else { "" };
        format!("{} {}{unit}", axis.words, axis.text(raised.x))
    };
    let empty = HeatMap::new(
        "Points of A* that are lost at 1 h when one nonideality is raised in one layer alone and \
         all other layers have their standard tiles; ± is half of a 90 % interval over \
         programmings.",
        columns.iter().map(name),
        ("nothing", &format!("{WORST:.0} points or more")),
    );
    findings.heat_maps.push(layers(readings).fold(empty, |map, (layer, raised, record)| {
        let cell = |raised: &Raised| {
            let loss = difference(&standard, &accuracies(record, &raised.errors()))?;
            Some(HeatCell::new(Number::rounded(loss, 1), loss.mean / WORST))
        };
        map.row(layer, raised.iter().map(cell))
    }));
}

/// The tolerance of every layer alone, from the one value that was tested.
fn layers_table(readings: &Readings<'_>, standard: &[f64], columns: &[Raised]) -> Table {
    let all = Estimate::of(standard).map(|all| all.mean);
    let rows = layers(readings).map(|(layer, raised, record)| {
        let cell = |raised: &Raised| {
            let loss = difference(standard, &accuracies(record, &raised.errors()))?;
            Some(of_layer(raised.nonideality.axis(), raised.x, loss, all?))
        };
        named(layer, raised.iter().map(cell))
    });
    let name = |raised: &Raised| {
        let axis = raised.nonideality.axis();
        format!("{} ({})", axis.words, axis.unit)
    };
    let caption = format!(
        "Tolerance of every layer: the value of one nonideality in this layer alone at which \
         {LOSS_PERCENT} % of the accuracy above chance is lost at 1 h, and its 90 % interval. It \
         lies between the standard value and the raised one of the grid, on the curve 1 − \
         0.99^(e/e*) over the excess e; > and < stand before the latter where it costs less than \
         that."
    );
    let header = ["layer".to_owned()].into_iter().chain(columns.iter().map(name));
    Table::new(caption, header).rows(rows)
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
