//! What the experiments on trained networks share: outcomes by network, accuracies, differences.

use std::collections::BTreeMap;

use report::figure::{Curve, Figure, LineStyle, Panel};
use report::table::{Cell, cells, number, rounded};

use super::paper::{Family, ROWS, Row, TIMES, TIMES_S, normalized_accuracy, row};
use crate::experiment::{About, Done, Results, StandIns};
use crate::findings::estimate::of_estimates;
use crate::findings::source::{Paper, Part};
use crate::findings::words::names;
use crate::measured::measure::Measure;
use crate::measured::measures::comparison::Comparison;
use crate::measured::measures::conductances::Conductances;
use crate::measured::measures::errors::Way;
use crate::measured::measures::exemption::Exemption;
use crate::measured::measures::hardware_aware::HardwareAware;
use crate::measured::measures::trained::{Baseline, Trained};
use crate::measured::networks::NetworkId;
use crate::measured::networks::paper_row::PaperRow;
use crate::measured::statistics::Estimate;

/// An experiment of \[Rasch23\] on networks that below paper scale are not the paper's.
pub(super) const fn about(id: &'static str, title: &'static str, parts: &'static [Part]) -> About {
    About { id, title, source: Paper::Rasch2023.at(parts), stand_ins: StandIns::BelowPaper }
}

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

/// A measure of a network that was trained for its hardware.
pub(super) trait OfNetwork: Measure {
    /// The network.
    fn trained(&self) -> &Trained;
}

/// One that tests it.
pub(super) trait Tests: OfNetwork {
    /// What was known of the network before.
    fn baseline(outcome: &Self::Outcome) -> &Baseline;
}

impl<W: Way> OfNetwork for Comparison<W> {
    fn trained(&self) -> &Trained {
        &self.trained
    }
}

impl<W: Way> Tests for Comparison<W> {
    fn baseline(outcome: &Self::Outcome) -> &Baseline {
        &outcome.baseline
    }
}

impl OfNetwork for HardwareAware {
    fn trained(&self) -> &Trained {
        &self.trained
    }
}

impl Tests for HardwareAware {
    fn baseline(outcome: &Self::Outcome) -> &Baseline {
        &outcome.baseline
    }
}

impl OfNetwork for Exemption {
    fn trained(&self) -> &Trained {
        &self.trained
    }
}

impl Tests for Exemption {
    fn baseline(outcome: &Self::Outcome) -> &Baseline {
        &outcome.baseline
    }
}

impl OfNetwork for Conductances {
    fn trained(&self) -> &Trained {
        &self.trained
    }
}

impl From<NetworkId> for Cell {
    fn from(id: NetworkId) -> Self {
        id.name().into()
    }
}

/// All outcomes of one network, or of one variant of it.
#[derive(Debug)]
pub(super) struct Evaluated<'a, M: Measure> {
    /// Which.
    pub(super) id: NetworkId,
    /// Its row of the paper.
    pub(super) paper: &'static Row,
    pub(super) done: Vec<&'a Done<M>>,
}

impl<'a, M: OfNetwork> Evaluated<'a, M> {
    /// Every network in the order of the paper's Table 1, with the outcomes of the measures that
    /// `keep` keeps; some have none.
    pub(super) fn all(results: &'a Results<M>, keep: impl Fn(&M) -> bool) -> Vec<Self> {
        NetworkId::ALL.iter().map(|&id| Self::of(results, id, &keep)).collect()
    }

    /// A network with the outcomes of the measures that `keep` keeps, if there are any.
    pub(super) fn of(results: &'a Results<M>, id: NetworkId, keep: impl Fn(&M) -> bool) -> Self {
        let done = results.of(|measure| measure.trained().network == id && keep(measure));
        Self { id, paper: row(id.paper()), done: done.collect() }
    }

    /// Those of [`Self::all`] that have an outcome.
    pub(super) fn present(results: &'a Results<M>) -> Vec<Self> {
        let all = Self::all(results, |_| true).into_iter();
        all.filter(|network| !network.done.is_empty()).collect()
    }

    /// The outcomes.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = &'a M::Outcome> {
        self.done.iter().map(|done| &done.outcome)
    }
}

impl<M: Tests> Evaluated<'_, M> {
    /// A single number over seeds.
    pub(super) fn value(&self, of: impl Fn(&M::Outcome) -> f64) -> Option<Estimate> {
        Estimate::of(&self.outcomes().map(of).collect::<Vec<_>>())
    }

    /// Test error of the float network in %.
    pub(super) fn float(&self) -> Option<Estimate> {
        self.value(|outcome| M::baseline(outcome).float_error_percent)
    }

    /// Test error by chance in %.
    pub(super) fn chance(&self) -> Option<Estimate> {
        self.value(|outcome| M::baseline(outcome).chance_error_percent)
    }

    /// Errors in % of all programmings of all seeds.
    pub(super) fn errors(&self, of: impl Fn(&M::Outcome) -> &[f64]) -> Vec<f64> {
        self.outcomes().flat_map(|outcome| of(outcome).to_vec()).collect()
    }

    /// Mean of [`Self::errors`].
    pub(super) fn error(&self, of: impl Fn(&M::Outcome) -> &[f64]) -> Option<Estimate> {
        Estimate::of(&self.errors(of))
    }

    /// Cells of a table: the network, how it comes onto tiles, and its errors in f32 and at the paper's
    /// times.
    pub(super) fn times(&self, way: &str, of: impl Fn(&M::Outcome, f64) -> &[f64]) -> Vec<Cell> {
        let errors = TIMES_S.map(|t_s| rounded(self.error(|outcome| of(outcome, t_s)), 2));
        cells![self.id, way, rounded(self.float(), 2)].into_iter().chain(errors).collect()
    }

    /// A* in % of all programmings by seed, each against the float network of its seed.
    fn accuracies_by_seed(&self, of: impl Fn(&M::Outcome) -> &[f64]) -> BTreeMap<u64, Vec<f64>> {
        let of_seed = |done: &&Done<M>| {
            let baseline = M::baseline(&done.outcome);
            let (float, chance) = (baseline.float_error_percent, baseline.chance_error_percent);
            let errors = of(&done.outcome).iter();
            let accuracies = errors.map(|&error| normalized_accuracy(error, float, chance));
            (done.seed, accuracies.collect())
        };
        self.done.iter().map(of_seed).collect()
    }

    /// A* in % of all programmings of all seeds, each against the float network of its seed.
    pub(super) fn accuracies(&self, of: impl Fn(&M::Outcome) -> &[f64]) -> Vec<f64> {
        self.accuracies_by_seed(of).into_values().flatten().collect()
    }

    /// A* in %: over training runs if there are several, whose scatter holds that of programmings; of one
    /// run, over its programmings.
    pub(super) fn accuracy(&self, of: impl Fn(&M::Outcome) -> &[f64]) -> Option<Estimate> {
        let by_seed: Vec<Vec<f64>> = self.accuracies_by_seed(of).into_values().collect();
        match &*by_seed {
            [programmings] => Estimate::of(programmings),
            seeds => {
                let means = seeds.iter().filter_map(|seed| Some(Estimate::of(seed)?.mean));
                Estimate::of(&means.collect::<Vec<_>>())
            }
        }
    }

    /// A* less that of another variant in points, programming by programming of the seeds that both
    /// have.
    pub(super) fn gains(&self, than: &Self, of: impl Fn(&M::Outcome) -> &[f64]) -> Vec<f64> {
        let others = than.accuracies_by_seed(&of);
        let pairs = self.accuracies_by_seed(&of).into_iter();
        pairs
            .filter_map(|(seed, ours)| Some(differences(&ours, others.get(&seed)?)))
            .flatten()
            .collect()
    }

    /// A* over time for the errors at every time, with bands of half of a 90 % interval.
    pub(super) fn curve(
        &self,
        of: impl Fn(&M::Outcome, f64) -> &[f64],
        label: &str,
        colour: usize,
    ) -> Curve {
        let at = |&t_s: &f64| Some((t_s, self.accuracy(|outcome: &M::Outcome| of(outcome, t_s))?));
        of_estimates(label, colour, TIMES_S.iter().filter_map(at))
    }
}

/// The cells of [`Evaluated::times`] for what the paper prints.
pub(super) fn paper_times(network: PaperRow, way: &str, float: f64, errors: [f64; 4]) -> Vec<Cell> {
    let row = cells![format!("paper: {network}"), way, number(float, 2)].into_iter();
    row.chain(errors.map(|error| number(error, 2))).collect()
}

/// The paper's A* over time for errors of which it prints one at every time.
pub(super) fn paper_curve(
    (float, errors, chance): (f64, [f64; 4], f64),
    label: &str,
    colour: usize,
) -> Curve {
    let at = |t: usize| (TIMES_S[t], normalized_accuracy(errors[t], float, chance));
    Curve::line(label, colour, LineStyle::Paper, (0..TIMES.len()).map(at).collect())
}

/// A panel over the time since programming, whose curves have seconds as x.
pub(super) fn over_time(title: &str, y: &str, curves: Vec<Curve>) -> Panel {
    Panel::new(title, "time after programming (s)", y)
        .log_x()
        .x_marks(TIMES_S.into_iter().zip(TIMES))
        .curves(curves)
}

/// The figure, unless it would be empty.
pub(super) fn figure(caption: &str, panels: Vec<Panel>) -> Option<Figure> {
    (!panels.is_empty()).then(|| Figure::new(caption, panels))
}

/// Differences pair by pair.
pub(super) fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// A quantity of each network, the mean over its programmings: claims about groups of networks scatter by
/// what networks differ by, which is more than what programmings do. Networks that do not have it are left
/// out; of a single one the programmings are what scatters.
pub(super) fn over_networks<N>(
    networks: impl IntoIterator<Item = N>,
    of: impl Fn(N) -> Vec<f64>,
) -> Vec<f64> {
    let mut all: Vec<Vec<f64>> = networks.into_iter().map(of).filter(|v| !v.is_empty()).collect();
    match &mut *all {
        [programmings] => std::mem::take(programmings),
        networks => networks.iter().map(|v| v.iter().sum::<f64>() / v.len() as f64).collect(),
    }
}

/// The mean of several quantities, programming by programming.
pub(super) fn mean_of(quantities: impl IntoIterator<Item = Vec<f64>>) -> Vec<f64> {
    let all: Vec<Vec<f64>> = quantities.into_iter().collect();
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
pub(super) fn missing<M: OfNetwork>(results: &Results<M>, networks: &[NetworkId]) -> Vec<String> {
    let there = Evaluated::present(results);
    without(networks, &there.iter().map(|network| network.id).collect::<Vec<_>>())
}

/// [`missing`] of networks by the ones that have records.
pub(super) fn without(networks: &[NetworkId], there: &[NetworkId]) -> Vec<String> {
    let missing: Vec<NetworkId> =
        networks.iter().copied().filter(|id| !there.contains(id)).collect();
    let list = names(&missing, ", ");
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
    fn claims_over_networks_scatter_by_networks() {
        let networks: [&[f64]; 3] = [&[1.0, 3.0, 5.0], &[], &[2.0, 5.0]];
        assert_eq!(over_networks(networks, <[f64]>::to_vec), [3.0, 3.5]);
        assert_eq!(over_networks([networks[0]], <[f64]>::to_vec), [1.0, 3.0, 5.0]);
        assert!(over_networks([networks[1]], <[f64]>::to_vec).is_empty());
        assert_eq!(mean_of([networks[0], networks[2]].map(<[f64]>::to_vec)), [1.5, 4.0]);
        assert_eq!(differences(&[3.0, 1.0], &[1.0, 2.0]), [2.0, -1.0]);
    }
}
