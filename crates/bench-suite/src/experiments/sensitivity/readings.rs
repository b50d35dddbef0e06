//! The outcomes of one network, asked by what each analysed.

use crate::experiment::{Done, Results};
use crate::experiments::rasch2023::normalized_accuracy;
use crate::measured::measures::sensitivity::{Analysed, Analysis, Case, Reading, Sensitivity};
use crate::measured::measures::trained::Baseline;
use crate::measured::statistics::Estimate;

/// Of the A* of the standard tile, what a cheaper converter must keep.
pub(super) const KEPT: f64 = 0.99;
/// Loss that defines a tolerance, in % of the accuracy above chance. [Rasch23 Fig. 5]
pub(super) const LOSS_PERCENT: f64 = 1.0;
/// Share of the error by chance that the float network must be better by.
///
/// Assumed: A* divides by that difference, and a twentieth of it is more than a few hundred test
/// examples scatter by. [Rasch23 Eq. 3] leaves open what A* is for a network that knows nothing.
const ABOVE_CHANCE: f64 = 0.05;

/// The outcomes with what each analysed.
pub(super) struct Readings<'a>(&'a [Done<Sensitivity>]);

impl<'a> Readings<'a> {
    pub(super) fn of(results: &'a Results<Sensitivity>) -> Self {
        Self(&results.done)
    }

    /// What each analysed, and what it gave.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a Analysis, &'a Reading)> + use<'a> {
        self.0.iter().map(|done| (&done.measure.analysis, &done.outcome))
    }

    /// What everything is compared with; the same in every outcome.
    pub(super) fn baseline(&self) -> Option<&'a Baseline> {
        self.all().next().map(|(_, reading)| &reading.baseline)
    }

    /// Test errors in % of a case of the error budget.
    pub(super) fn case(&self, wanted: Case) -> Option<(&'a Reading, &'a [f64])> {
        self.all().find_map(|(analysis, reading)| match (analysis, &reading.analysed) {
            (Analysis::Budget { case }, Analysed::Budget { errors }) if *case == wanted => {
                Some((reading, errors.as_slice()))
            }
            _ => None,
        })
    }
}

/// Why there is no A*, if the float network knows nothing that tiles could lose.
pub(in crate::experiments) fn useless(baseline: &Baseline) -> Option<String> {
    let (float, chance) = (baseline.float_error_percent, baseline.chance_error_percent);
    let better = chance - float > ABOVE_CHANCE * chance;
    (!better).then(|| {
        format!(
            "everything that is a share of the accuracy above chance, for the float network has \
             none: it errs on {float:.2} %, and chance on {chance:.2} %. Weights from a file may \
             belong to another network, or to inputs that are prepared in another way"
        )
    })
}

/// A* in % of every programming, from test errors in %.
pub(super) fn accuracies(reading: &Reading, errors: &[f64]) -> Vec<f64> {
    let Baseline { float_error_percent: float, chance_error_percent: chance, .. } =
        reading.baseline;
    errors.iter().map(|&error| normalized_accuracy(error, float, chance)).collect()
}

/// Mean of a − b, programming by programming: both saw the same devices.
pub(super) fn difference(a: &[f64], b: &[f64]) -> Option<Estimate> {
    let pairs: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    Estimate::of(&pairs)
}
