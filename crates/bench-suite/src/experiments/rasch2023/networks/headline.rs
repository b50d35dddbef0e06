//! A year on tiles family by family, for the first screen of the report: [Rasch23 Tab. 2, Tab. 3].

use report::figure::{Curve, Figure, LineStyle, Panel};

use super::super::evaluated::{Evaluated, figure as unless_empty, over_networks, over_time};
use super::super::paper::{Family, ROWS, Row, TIMES_S, family_words, normalized_accuracy};
use crate::findings::estimate::of_estimates;
use crate::findings::words::capital;
use crate::measured::measures::comparison::Method;
use crate::measured::measures::hardware_aware::HardwareAware;
use crate::measured::statistics::Estimate;

/// Room above and below the curves, in % of A*.
const ROOM: f64 = 2.0;

/// Mean A* over time of the networks of every family, the paper's beside it; none before anything has
/// run.
pub(super) fn figure(networks: &[Evaluated<'_, HardwareAware>]) -> Option<Figure> {
    let panels: Vec<Panel> =
        Family::ALL.iter().filter_map(|family| panel(networks, *family)).collect();
    // One range for all, so that families can be compared.
    let points = || panels.iter().flat_map(|panel| &panel.curves).flat_map(|curve| &curve.points);
    let low = points().map(|point| point.1).fold(f64::INFINITY, f64::min) - ROOM;
    let high = points().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max) + ROOM;
    unless_empty(
        "Accuracy A* over a year (100 %: the network in f32, 0 %: chance), mean over the networks of a \
         family, mapped to the tiles directly and trained for them. The paper’s means are over those of \
         its networks (Tables 2 and 3) that ours stand for.",
        panels.into_iter().map(|panel| panel.y_range((low, high))).collect(),
    )
}

fn panel(networks: &[Evaluated<'_, HardwareAware>], family: Family) -> Option<Panel> {
    let of = || networks.iter().filter(|network| network.paper.family == family);
    of().next()?;
    let ours = |method: Method, label, colour| {
        let at = |&t_s: &f64| {
            let means = over_networks(of(), |n| n.accuracies(|aged| aged.errors.at(method, t_s)));
            Some((t_s, Estimate::of(&means)?))
        };
        of_estimates(label, colour, TIMES_S.iter().filter_map(at))
    };
    let rows: Vec<&Row> =
        ROWS.iter().filter(|row| of().any(|n| n.paper.network == row.network)).collect();
    let theirs = |printed: fn(&Row) -> (f64, [f64; 4], f64), label, colour| {
        let mean = |time: usize| {
            let accuracy = |row: &&Row| {
                let (float, errors, chance) = printed(row);
                normalized_accuracy(errors[time], float, chance)
            };
            rows.iter().map(accuracy).sum::<f64>() / rows.len() as f64
        };
        let points = TIMES_S.into_iter().enumerate().map(|(time, t_s)| (t_s, mean(time)));
        Curve::line(label, colour, LineStyle::Paper, points.collect())
    };
    let curves = vec![
        ours(Method::HardwareAware, "trained for the tiles", 3),
        ours(Method::Direct, "mapped directly", 1),
        theirs(|row| row.hwa, "trained for the tiles, paper", 3),
        theirs(|row| row.direct, "mapped directly, paper", 1),
    ];
    Some(over_time(&capital(family_words(family)), "A* (%)", curves))
}
