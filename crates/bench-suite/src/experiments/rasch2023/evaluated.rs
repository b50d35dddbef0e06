//! What the experiments on trained networks share: records by network, accuracies, differences.

use std::collections::BTreeMap;

use report::figure::{Curve, Figure, LineStyle, Panel};

use super::paper::{Family, ROWS, Row, TIMES, TIMES_S, normalized_accuracy, row};
use crate::experiment::Results;
use crate::findings::estimate::of_estimates;
use crate::measured::measures::hardware_aware::series;
use crate::measured::measures::trained::{CHANCE_ERROR, FLOAT_ERROR};
use crate::measured::networks::NETWORKS;
use crate::measured::point::Point;
use crate::measured::statistics::Estimate;
use crate::record::Record;

/// Index of one second in the paper's times.
pub(super) const SECOND: usize = 0;
/// Index of one hour.
pub(super) const HOUR: usize = 1;
/// Index of one day.
pub(super) const DAY: usize = 2;
/// Index of one year.
pub(super) const YEAR: usize = 3;

/// A* of a network as accurate as in f32, in %. [Rasch23 Results]
pub(super) const ISO_ACCURACY: f64 = 99.0;

/// All records of one network, or of one variant of it.
pub(super) struct Evaluated<'a> {
    /// Its name in [`NETWORKS`].
    pub(super) id: &'static str,
    /// Its row of the paper.
    pub(super) paper: &'static Row,
    pub(super) records: Vec<&'a Record>,
}

impl<'a> Evaluated<'a> {
    /// Every network in the order of the paper's Table 1, with the records of the points that
    /// `keep` keeps; some have none.
    pub(super) fn all(results: &Results<'a>, keep: impl Fn(&Point) -> bool) -> Vec<Self> {
        let of = |entry: &crate::measured::networks::workload::Entry| {
            let records = results
                .points
                .iter()
                .filter(|(point, _)| {
                    point.config.pointer("/trained/network").and_then(|n| n.as_str())
                        == Some(entry.id)
                        && keep(point)
                })
                .filter_map(|(_, record)| record.as_ref());
            Some(Self { id: entry.id, paper: row(entry.paper)?, records: records.collect() })
        };
        NETWORKS.iter().filter_map(of).collect()
    }

    /// Those of [`Self::all`] that have a record.
    pub(super) fn present(results: &Results<'a>, keep: impl Fn(&Point) -> bool) -> Vec<Self> {
        let all = Self::all(results, keep).into_iter();
        all.filter(|network| !network.records.is_empty()).collect()
    }

    /// A single number over seeds.
    pub(super) fn value(&self, name: &str) -> Option<Estimate> {
        let values = self.records.iter().filter_map(|r| r.measurements.values.get(name).copied());
        Estimate::of(&values.collect::<Vec<_>>())
    }

    /// Errors in % of all programmings of all seeds.
    pub(super) fn errors(&self, series: &str) -> Vec<f64> {
        self.records.iter().flat_map(|record| record.series(series).to_vec()).collect()
    }

    /// A* in % of all programmings by seed, each against the float network of its seed.
    fn accuracies_by_seed(&self, series: &str) -> BTreeMap<u64, Vec<f64>> {
        let of = |record: &&Record| {
            let value = |name: &str| record.measurements.values.get(name).copied();
            let (float, chance) = (value(FLOAT_ERROR)?, value(CHANCE_ERROR)?);
            let errors = record.series(series).iter();
            let accuracies = errors.map(|&error| normalized_accuracy(error, float, chance));
            Some((record.seed, accuracies.collect()))
        };
        self.records.iter().filter_map(of).collect()
    }

    /// A* in % of all programmings of all seeds, each against the float network of its seed.
    pub(super) fn accuracies(&self, series: &str) -> Vec<f64> {
        self.accuracies_by_seed(series).into_values().flatten().collect()
    }

    /// A* in %.
    pub(super) fn accuracy(&self, series: &str) -> Option<Estimate> {
        Estimate::of(&self.accuracies(series))
    }

    /// A* of one series less that of a series of another variant in points, programming by
    /// programming of the seeds that both have.
    pub(super) fn gains(&self, series: &str, other: &Self, than: &str) -> Vec<f64> {
        let others = other.accuracies_by_seed(than);
        let pairs = self.accuracies_by_seed(series).into_iter();
        pairs
            .filter_map(|(seed, ours)| Some(differences(&ours, others.get(&seed)?)))
            .flatten()
            .collect()
    }

    /// A* over time for the series that a name and a time make, with bands of half a 90 % interval.
    pub(super) fn curve(&self, name: &str, label: &str, colour: usize) -> Curve {
        let at = |t: usize| Some((TIMES_S[t].log10(), self.accuracy(&series(name, TIMES_S[t]))?));
        of_estimates(label, colour, (0..TIMES.len()).filter_map(at))
    }
}

/// The paper's A* over time for errors of which it prints one at every time.
pub(super) fn paper_curve(
    (float, errors, chance): (f64, [f64; 4], f64),
    label: &str,
    colour: usize,
) -> Curve {
    let at = |t: usize| (TIMES_S[t].log10(), normalized_accuracy(errors[t], float, chance));
    Curve::line(label, colour, LineStyle::Paper, (0..TIMES.len()).map(at).collect())
}

/// A panel over the time since programming, whose curves have log₁₀ of seconds as x.
pub(super) fn over_time(title: &str, y: &str, curves: Vec<Curve>) -> Panel {
    Panel::new(title, "log₁₀ of seconds after programming", y).curves(curves)
}

/// The figure, unless it would be empty.
pub(super) fn figure(caption: &str, panels: Vec<Panel>) -> Option<Figure> {
    (!panels.is_empty()).then(|| Figure::new(caption, panels))
}

/// Differences pair by pair.
pub(super) fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// Mean over networks of a quantity, programming by programming: what claims about groups of
/// networks scatter by. Networks that do not have it are left out.
pub(super) fn over_networks<N>(
    networks: impl IntoIterator<Item = N>,
    of: impl Fn(N) -> Vec<f64>,
) -> Vec<f64> {
    let all: Vec<Vec<f64>> = networks.into_iter().map(of).filter(|v| !v.is_empty()).collect();
    let count = all.iter().map(Vec::len).min().unwrap_or(0);
    (0..count).map(|i| all.iter().map(|values| values[i]).sum::<f64>() / all.len() as f64).collect()
}

/// What a comparison of trainings must say where each was run once.
pub(super) const ONE_TRAINING: &str = "Every way of training was run once: intervals are those of programmings, and what trainings \
                                       scatter by is in none of them.";

/// Of the groups that are not empty the one with the largest mean: what a group has to exceed that
/// is said to exceed all others.
pub(super) fn largest<const N: usize>(groups: [Vec<f64>; N]) -> Vec<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let there = groups.into_iter().filter(|values| !values.is_empty());
    there.max_by(|a, b| mean(a).total_cmp(&mean(b))).unwrap_or_default()
}

/// [`largest`] with the least mean.
pub(super) fn least<const N: usize>(groups: [Vec<f64>; N]) -> Vec<f64> {
    let negated = |values: Vec<f64>| values.into_iter().map(|value| -value).collect();
    negated(largest(groups.map(negated)))
}

/// The paper's mean over its rows of some families.
pub(super) fn paper_mean(families: &[Family], of: impl Fn(&Row) -> f64) -> f64 {
    let rows = ROWS.iter().filter(|row| families.contains(&row.family));
    let values: Vec<f64> = rows.map(of).collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// Which of these networks have no record, in a sentence for the report, if there are any.
pub(super) fn missing(results: &Results<'_>, networks: &[&str]) -> Vec<String> {
    let there = Evaluated::present(results, |_| true);
    without(networks, &there.iter().map(|network| network.id).collect::<Vec<_>>())
}

/// [`missing`] of networks by the ones that have records.
pub(super) fn without(networks: &[&str], there: &[&str]) -> Vec<String> {
    let missing: Vec<&str> = networks.iter().copied().filter(|id| !there.contains(id)).collect();
    let list = missing.join(", ");
    let sentence = format!("Without results so far, or without their data: {list}.");
    if missing.is_empty() { Vec::new() } else { vec![sentence] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_groups_have_the_extreme_means() {
        let groups = || [vec![], vec![1.0, 2.0], vec![-5.0, 5.0], vec![1.0, 1.0]];
        assert_eq!(largest(groups()), [1.0, 2.0]);
        assert_eq!(least(groups()), [-5.0, 5.0]);
        assert!(least([vec![], vec![]]).is_empty());
    }

    #[test]
    fn means_over_networks_go_programming_by_programming() {
        let networks: [&[f64]; 3] = [&[1.0, 3.0, 9.0], &[], &[2.0, 5.0]];
        assert_eq!(over_networks(networks, <[f64]>::to_vec), [1.5, 4.0]);
        assert_eq!(differences(&[3.0, 1.0], &[1.0, 2.0]), [2.0, -1.0]);
    }
}
