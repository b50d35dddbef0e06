//! Training runs of several variants over several seeds: their outcomes asked by variant.

use std::borrow::Borrow;
use std::fmt::Display;

use report::figure::Curve;

use crate::experiment::Results;
use crate::findings::estimate::of_seeds;
use crate::findings::words::count;
use crate::measured::measure::Measure;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::measured::training::Training;

/// One number per epoch of a training.
pub(super) type Series = fn(&Training) -> &[f64];

/// In nats.
pub(super) const TRAIN_LOSS: Series = |training| &training.train_loss;
/// In %.
pub(super) const TEST_ERROR: Series = |training| &training.test_error_percent;
/// Updates that were rounded to zero, in %.
pub(super) const ZERO_UPDATES: Series = |training| &training.zero_update_percent;

/// "one seed", "4 seeds".
pub(super) fn seeds_in_words(seeds: u64) -> String {
    if seeds == 1 { "one seed".to_owned() } else { count(seeds, "seed") }
}

/// The outcomes, asked by variant.
#[derive(Debug)]
pub(super) struct TrainingRuns<'a, V> {
    pub(super) scale: Scale,
    /// Epochs at the end over which a result is averaged.
    pub(super) window: usize,
    /// Variant, seed and outcome.
    done: Vec<(V, u64, &'a Training)>,
}

impl<'a, V: Clone + PartialEq + Display> TrainingRuns<'a, V> {
    /// Those of measures that the variants have.
    pub(super) fn new<M: Measure<Outcome = Training> + PartialEq>(
        results: &'a Results<M>,
        window: usize,
        variants: impl IntoIterator<Item = (V, M)>,
    ) -> Self {
        let variants: Vec<(V, M)> = variants.into_iter().collect();
        let done = results.done.iter().filter_map(|done| {
            let (variant, _) = variants.iter().find(|(_, measure)| *measure == done.measure)?;
            Some((variant.clone(), done.seed, &done.outcome))
        });
        Self::of(results.scale, window, done)
    }

    /// Those of variants and seeds.
    pub(super) fn of(
        scale: Scale,
        window: usize,
        done: impl IntoIterator<Item = (V, u64, &'a Training)>,
    ) -> Self {
        Self { scale, window, done: done.into_iter().collect() }
    }

    fn all(&self, variant: &V) -> impl Iterator<Item = (u64, &'a Training)> {
        let wanted = self.done.iter().filter(move |(v, ..)| v == variant);
        wanted.map(|(_, seed, training)| (*seed, *training))
    }

    /// Number of seeds of a variant.
    pub(super) fn seeds(&self, variant: impl Borrow<V>) -> usize {
        self.all(variant.borrow()).count()
    }

    /// A series of every seed.
    pub(super) fn series(&self, variant: impl Borrow<V>, series: Series) -> Vec<Vec<f64>> {
        self.all(variant.borrow()).map(|(_, training)| series(training).to_vec()).collect()
    }

    /// Mean over seeds by epoch, with a band of half of a 90 % interval.
    pub(super) fn curve(&self, variant: impl Borrow<V>, colour: usize, series: Series) -> Curve {
        let variant = variant.borrow();
        of_seeds(variant.to_string(), colour, 1.0, &self.series(variant, series))
    }

    /// Per seed, the mean of a series over the last epochs.
    fn ends(&self, variant: &V, series: Series) -> Vec<(u64, f64)> {
        self.all(variant)
            .filter_map(|(seed, training)| {
                let all = series(training);
                let end = &all[all.len().saturating_sub(self.window)..];
                let mean = end.iter().sum::<f64>() / end.len() as f64;
                (!end.is_empty()).then_some((seed, mean))
            })
            .collect()
    }

    /// A comparison of two variants at the end, seed by seed.
    fn paired(
        &self,
        series: Series,
        variant: &V,
        reference: &V,
        compare: impl Fn(f64, f64) -> f64,
    ) -> Vec<f64> {
        let reference = self.ends(reference, series);
        let of_seed = |seed| reference.iter().find(|(other, _)| *other == seed).map(|(_, x)| *x);
        self.ends(variant, series)
            .into_iter()
            .filter_map(|(seed, x)| Some(compare(x, of_seed(seed)?)))
            .collect()
    }

    /// Test error at the end, in %.
    pub(super) fn error(&self, variant: impl Borrow<V>) -> Option<Estimate> {
        let ends: Vec<f64> =
            self.ends(variant.borrow(), TEST_ERROR).into_iter().map(|(_, x)| x).collect();
        Estimate::of(&ends)
    }

    /// The lowest test error of any epoch, in %.
    pub(super) fn best_error(&self, variant: impl Borrow<V>) -> Option<Estimate> {
        let best: Vec<f64> = self
            .series(variant, TEST_ERROR)
            .into_iter()
            .filter_map(|errors| errors.into_iter().reduce(f64::min))
            .collect();
        Estimate::of(&best)
    }

    /// Training loss at the end, in nats.
    pub(super) fn loss(&self, variant: impl Borrow<V>) -> Option<f64> {
        let ends: Vec<f64> =
            self.ends(variant.borrow(), TRAIN_LOSS).into_iter().map(|(_, x)| x).collect();
        Estimate::of(&ends).map(|estimate| estimate.mean)
    }

    /// Difference of two test errors, in points.
    pub(super) fn difference(
        &self,
        variant: impl Borrow<V>,
        reference: impl Borrow<V>,
    ) -> Option<Estimate> {
        let differences =
            self.paired(TEST_ERROR, variant.borrow(), reference.borrow(), |a, b| a - b);
        Estimate::of(&differences)
    }

    /// Ratio of two training losses.
    pub(super) fn loss_ratio(
        &self,
        variant: impl Borrow<V>,
        reference: impl Borrow<V>,
    ) -> Option<Estimate> {
        let ratios = self.paired(TRAIN_LOSS, variant.borrow(), reference.borrow(), |a, b| a / b);
        Estimate::of(&ratios)
    }

    /// A series averaged over all epochs.
    pub(super) fn mean(&self, variant: impl Borrow<V>, series: Series) -> Option<Estimate> {
        let means: Vec<f64> = self
            .series(variant, series)
            .iter()
            .filter(|series| !series.is_empty())
            .map(|series| series.iter().sum::<f64>() / series.len() as f64)
            .collect();
        Estimate::of(&means)
    }
}
