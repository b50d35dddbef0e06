//! The records of one network, asked by what each analysed.

use crate::experiment::Results;
use crate::experiments::rasch2023::normalized_accuracy;
use crate::measured::measures::sensitivity::{Analysis, Case, Sensitivity};
use crate::measured::measures::trained::{CHANCE_ERROR, FLOAT_ERROR};
use crate::measured::statistics::Estimate;
use crate::record::Record;

/// Of the A* of the standard tile, what a cheaper converter must keep.
pub(super) const KEPT: f64 = 0.99;
/// Loss that defines a tolerance, in % of the accuracy above chance. [Rasch23 Fig. 5]
pub(super) const LOSS_PERCENT: f64 = 1.0;
/// Share of the error by chance that the float network must be better by.
///
/// Assumed: A* divides by that difference, and a twentieth of it is more than a few hundred test
/// examples scatter by. [Rasch23 Eq. 3] leaves open what A* is for a network that knows nothing.
const ABOVE_CHANCE: f64 = 0.05;

/// The records with what each analysed.
pub(super) struct Readings<'a>(pub(super) Vec<(Analysis, &'a Record)>);

impl<'a> Readings<'a> {
    pub(super) fn of(results: &'a Results<'_>) -> Self {
        let readings = results.points.iter().filter_map(|(point, record)| {
            let config: Sensitivity = serde_json::from_value(point.config.clone()).ok()?;
            Some((config.analysis, record.as_ref()?))
        });
        Self(readings.collect())
    }

    /// What everything is compared with; the same in every record.
    pub(super) fn baseline(&self) -> Option<Baseline> {
        self.0.iter().find_map(|(_, record)| Baseline::of(record))
    }

    /// The record of a case of the error budget.
    pub(super) fn case(&self, wanted: Case) -> Option<&'a Record> {
        let found = self
            .0
            .iter()
            .find(|(analysis, _)| matches!(analysis, Analysis::Budget { case } if *case == wanted));
        found.map(|(_, record)| *record)
    }
}

/// Errors in % of the float network and by chance, between which A* lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Baseline {
    pub(super) float: f64,
    pub(super) chance: f64,
}

impl Baseline {
    fn of(record: &Record) -> Option<Self> {
        let value = |name: &str| record.measurements.values.get(name).copied();
        Some(Self { float: value(FLOAT_ERROR)?, chance: value(CHANCE_ERROR)? })
    }

    /// Why there is no A*, if the float network knows nothing that tiles could lose.
    pub(super) fn useless(self) -> Option<String> {
        let Self { float, chance } = self;
        let better = chance - float > ABOVE_CHANCE * chance;
        (!better).then(|| {
            format!(
                "everything that is a share of the accuracy above chance, for the float network has \
                 none: it errs on {float:.2} %, and chance on {chance:.2} %. Weights from a file may \
                 belong to another network, or to inputs that are prepared in another way"
            )
        })
    }
}

/// A* in % of every programming, from a series of test errors in %.
pub(super) fn accuracies(record: &Record, series: &str) -> Vec<f64> {
    let Some(Baseline { float, chance }) = Baseline::of(record) else { return Vec::new() };
    record.series(series).iter().map(|&error| normalized_accuracy(error, float, chance)).collect()
}

/// Mean of a − b, programming by programming: both saw the same devices.
pub(super) fn difference(a: &[f64], b: &[f64]) -> Option<Estimate> {
    let pairs: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    Estimate::of(&pairs)
}
