//! Training runs of several variants over several seeds: their points, and their records asked by
//! variant.

use datasets::DataSum;
use report::figure::Curve;
use serde::Serialize;

use crate::experiment::Results;
use crate::findings::estimate::of_seeds;
use crate::findings::words::count;
use crate::measured::point::Point;
use crate::measured::statistics::Estimate;
use crate::record::Record;
use crate::request::Request;

/// The series of a record that hold one number per epoch.
pub(super) const TRAIN_LOSS: &str = "train_loss";
/// In %.
pub(super) const TEST_ERROR: &str = "test_error_percent";
/// Updates that were rounded to zero, in %.
pub(super) const ZERO_UPDATES: &str = "zero_update_percent";

/// One variant of an experiment: its name, its whole configuration, its amount of work.
#[derive(Debug)]
pub(super) struct Variant<C> {
    pub(super) name: String,
    pub(super) config: C,
    pub(super) work: u64,
}

/// The points of all variants, seed by seed in the order of the variants; `seeds` counts if the
/// request does not say how many.
pub(super) fn points<C: Serialize>(
    experiment: &'static str,
    request: &Request,
    seeds: u64,
    data: &[DataSum],
    variants: &[Variant<C>],
) -> Vec<Point> {
    let seeds = request.seed..request.seed + request.seeds.unwrap_or(seeds);
    seeds
        .flat_map(|seed| variants.iter().map(move |variant| (seed, variant)))
        .map(|(seed, variant)| Point {
            experiment,
            name: point_name(&variant.name, seed),
            config: serde_json::to_value(&variant.config).expect("a configuration is plain data"),
            seed,
            data: data.to_vec(),
            work: variant.work,
        })
        .collect()
}

/// The name of the point that runs a variant with a seed.
fn point_name(variant: &str, seed: u64) -> String {
    format!("{variant}, seed {seed}")
}

/// "one seed", "4 seeds".
pub(super) fn seeds_in_words(seeds: u64) -> String {
    if seeds == 1 { "one seed".to_owned() } else { count(seeds, "seed") }
}

/// The records, asked by variant.
#[derive(Clone, Copy, Debug)]
pub(super) struct TrainingRuns<'a> {
    pub(super) results: &'a Results<'a>,
    /// Epochs at the end over which a result is averaged.
    pub(super) window: usize,
}

impl TrainingRuns<'_> {
    /// The records of a variant, one per seed.
    pub(super) fn records(&self, variant: &str) -> impl Iterator<Item = &Record> {
        self.results
            .points
            .iter()
            .filter(move |(point, _)| point.name == point_name(variant, point.seed))
            .filter_map(|(_, record)| record.as_ref())
    }

    /// A series of every seed.
    pub(super) fn series(&self, variant: &str, name: &str) -> Vec<Vec<f64>> {
        self.records(variant).map(|record| record.series(name).to_vec()).collect()
    }

    /// Mean over seeds by epoch, with a band of half a 90 % interval.
    pub(super) fn curve(&self, variant: &str, colour: usize, series: &str) -> Curve {
        of_seeds(variant, colour, 1.0, &self.series(variant, series))
    }

    /// Per seed, the mean of a series over the last epochs.
    fn ends(&self, variant: &str, series: &str) -> Vec<(u64, f64)> {
        self.records(variant)
            .filter_map(|record| {
                let all = record.series(series);
                let end = &all[all.len().saturating_sub(self.window)..];
                let mean = end.iter().sum::<f64>() / end.len() as f64;
                (!end.is_empty()).then_some((record.seed, mean))
            })
            .collect()
    }

    /// A comparison of two variants at the end, seed by seed.
    fn paired(
        &self,
        series: &str,
        variant: &str,
        reference: &str,
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
    pub(super) fn error(&self, variant: &str) -> Option<Estimate> {
        let ends: Vec<f64> = self.ends(variant, TEST_ERROR).into_iter().map(|(_, x)| x).collect();
        Estimate::of(&ends)
    }

    /// The lowest test error of any epoch, in %.
    pub(super) fn best_error(&self, variant: &str) -> Option<Estimate> {
        let best: Vec<f64> = self
            .series(variant, TEST_ERROR)
            .into_iter()
            .filter_map(|errors| errors.into_iter().reduce(f64::min))
            .collect();
        Estimate::of(&best)
    }

    /// Training loss at the end, in nats.
    pub(super) fn loss(&self, variant: &str) -> Option<f64> {
        let ends: Vec<f64> = self.ends(variant, TRAIN_LOSS).into_iter().map(|(_, x)| x).collect();
        Estimate::of(&ends).map(|estimate| estimate.mean)
    }

    /// Difference of two test errors, in points.
    pub(super) fn difference(&self, variant: &str, reference: &str) -> Option<Estimate> {
        let differences = self.paired(TEST_ERROR, variant, reference, |a, b| a - b);
        Estimate::of(&differences)
    }

    /// Ratio of two training losses.
    pub(super) fn loss_ratio(&self, variant: &str, reference: &str) -> Option<Estimate> {
        let ratios = self.paired(TRAIN_LOSS, variant, reference, |a, b| a / b);
        Estimate::of(&ratios)
    }

    /// A series averaged over all epochs.
    pub(super) fn mean(&self, variant: &str, series: &str) -> Option<Estimate> {
        let means: Vec<f64> = self
            .series(variant, series)
            .iter()
            .filter(|series| !series.is_empty())
            .map(|series| series.iter().sum::<f64>() / series.len() as f64)
            .collect();
        Estimate::of(&means)
    }
}
