//! The records, asked by arithmetic; and the paper's curves beside them.

use report::Number;
use report::number::points;

use super::variants::{Size, Variant, size};
use crate::experiment::Results;
use crate::experiments::training_runs::{TEST_ERROR, TRAIN_LOSS, TrainingRuns, ZERO_UPDATES};
use crate::measured::statistics::Estimate;
use crate::paper;

/// The two quantities that Fig. 1 shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    TrainLoss,
    TestError,
}

impl Quantity {
    /// The name of the series in a record.
    pub(super) const fn series(self) -> &'static str {
        match self {
            Self::TrainLoss => TRAIN_LOSS,
            Self::TestError => TEST_ERROR,
        }
    }
}

pub(super) struct Runs<'a> {
    pub(super) results: &'a Results<'a>,
    pub(super) size: Size,
    pub(super) runs: TrainingRuns<'a>,
}

impl<'a> Runs<'a> {
    pub(super) fn new(results: &'a Results<'a>) -> Self {
        let size = size(results.scale);
        let runs = TrainingRuns { results, window: size.window };
        Self { results, size, runs }
    }

    /// Test error at the end, in %.
    pub(super) fn error(&self, variant: Variant) -> Option<Estimate> {
        self.runs.error(variant.name)
    }

    /// Training loss at the end, in nats.
    pub(super) fn loss(&self, variant: Variant) -> Option<f64> {
        self.runs.loss(variant.name)
    }

    /// Difference of two test errors, in points.
    pub(super) fn difference(&self, variant: Variant, reference: Variant) -> Option<Estimate> {
        self.runs.difference(variant.name, reference.name)
    }

    /// Ratio of two training losses.
    pub(super) fn loss_ratio(&self, variant: Variant, reference: Variant) -> Option<Estimate> {
        self.runs.loss_ratio(variant.name, reference.name)
    }

    /// Percentage of updates that were rounded to zero, averaged over all epochs.
    pub(super) fn zero_updates(&self, variant: Variant) -> Option<Estimate> {
        self.runs.mean(variant.name, ZERO_UPDATES)
    }

    /// The paper's curve: (epoch counted from 0, value). After fewer images than its own per
    /// epoch there is none to compare with.
    pub(super) fn paper_curve(&self, variant: Variant, quantity: Quantity) -> Vec<(f64, f64)> {
        if self.size.train_images == 60_000 { paper_curve(variant, quantity) } else { Vec::new() }
    }

    /// The paper's value over the same epochs that ours is averaged over.
    pub(super) fn paper_end(&self, variant: Variant, quantity: Quantity) -> Option<f64> {
        let Size { epochs, window, .. } = self.size;
        paper::mean_over(&self.paper_curve(variant, quantity), epochs - window, epochs)
    }

    /// The paper's difference of two test errors, as a claim prints it.
    pub(super) fn paper_difference(&self, variant: Variant, reference: Variant) -> Option<String> {
        let end = |variant| self.paper_end(variant, Quantity::TestError);
        let difference = end(variant)? - end(reference)?;
        Some(points(difference, 2))
    }

    /// The paper's ratio of two training losses.
    pub(super) fn paper_ratio(&self, variant: Variant, reference: Variant) -> Option<String> {
        let end = |variant| self.paper_end(variant, Quantity::TrainLoss);
        Some(format!("{}×", Number::new(end(variant)? / end(reference)?, 1)))
    }
}

fn paper_curve(variant: Variant, quantity: Quantity) -> Vec<(f64, f64)> {
    let stochastic = variant.fixed.is_some_and(|(_, _, rounding)| rounding.is_stochastic());
    let figure = match (quantity, stochastic) {
        (Quantity::TrainLoss, false) => "1a_mnist_dnn_train",
        (Quantity::TrainLoss, true) => "1c_mnist_dnn_train",
        (Quantity::TestError, false) => "1b_mnist_dnn_test_pct",
        (Quantity::TestError, true) => "1d_mnist_dnn_test_pct",
    };
    paper::gupta2015(figure, variant.curve)
}

#[cfg(test)]
mod tests {
    use super::super::variants::VARIANTS;
    use super::*;

    #[test]
    fn every_arithmetic_has_its_curves_in_the_paper() {
        for variant in VARIANTS {
            for quantity in [Quantity::TrainLoss, Quantity::TestError] {
                let points = paper_curve(variant, quantity).len();
                assert!(points > 20, "{} has {points} points of {quantity:?}", variant.name);
            }
        }
    }
}
