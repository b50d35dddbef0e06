//! What the two convolutional networks of [Gupta15 §4] have in common: their arithmetics, and
//! what is drawn of them.

use nn::arithmetic::Signals;
use nn::{AnyArithmetic, FixedPoint, Policy};
use numerics::{FixedFormat, Quantizer, RandomBits, Rounding};
use report::figure::{Curve, Figure, LineStyle, Panel};
use report::number::points;
use report::table::{Table, cells, measured, number};

use crate::experiments::training_runs::{TEST_ERROR, TRAIN_LOSS, TrainingRuns, ZERO_UPDATES};
use crate::paper;

/// One curve of Fig. 2 or Fig. 3.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curves {
    /// What we call it.
    pub(super) name: &'static str,
    /// The curve's name in the paper's data; `None` if it is not printed.
    pub(super) printed: Option<&'static str>,
    /// Index into the report's colours.
    pub(super) colour: usize,
}

/// The paper's figure and the curves beside which ours are drawn.
pub(super) struct Learning<'a> {
    pub(super) runs: TrainingRuns<'a>,
    /// Names of the two panels in the paper's data.
    pub(super) figures: [&'static str; 2],
    pub(super) curves: &'a [Curves],
    pub(super) epochs: usize,
    /// Whether our epochs are as long as the paper's, so that its curves can stand beside ours.
    pub(super) comparable: bool,
    /// The range of the test errors in the paper's figure.
    pub(super) error_range: (f64, f64),
}

/// Weights and updates in ⟨16 − FL, FL⟩, outputs and errors in `outputs`, one rounding for all.
///
/// Assumed: biases and their updates as weights, errors as layer outputs; the paper does not say.
/// Initial values are rounded to nearest.
pub(super) fn arithmetic(weights: FixedFormat, outputs: FixedFormat, rounding: Rounding) -> Policy {
    let initial = Quantizer::new(weights, Rounding::NearestTiesDown);
    let update = Quantizer::new(weights, rounding);
    let signal = Quantizer::new(outputs, rounding);
    let signals = Signals {
        weight: initial,
        bias: initial,
        output: signal,
        error: signal,
        weight_update: update,
        bias_update: update,
        bits: RandomBits::Chacha,
    };
    let fixed = FixedPoint::new(signals).expect("the paper's formats fit each other");
    Policy::uniform(AnyArithmetic::FixedPoint(fixed))
}

/// ⟨IL, FL⟩, which the paper has.
pub(super) fn format(il: i8, fl: i8) -> FixedFormat {
    FixedFormat::new(il, fl).expect("the paper's formats exist")
}

impl Learning<'_> {
    fn printed(&self, curves: &Curves, panel: usize) -> Vec<(f64, f64)> {
        let Some(printed) = curves.printed.filter(|_| self.comparable) else { return Vec::new() };
        paper::gupta2015(self.figures[panel], printed)
    }

    /// The paper's value over the same epochs that ours is averaged over.
    pub(super) fn printed_end(&self, name: &str, panel: usize) -> Option<f64> {
        let curves = self.curves.iter().find(|curves| curves.name == name)?;
        let from = self.epochs - self.runs.window.min(self.epochs);
        paper::mean_over(&self.printed(curves, panel), from, self.epochs)
    }

    /// The paper's difference of two test errors, as a claim prints it.
    pub(super) fn printed_difference(&self, name: &str, reference: &str) -> Option<String> {
        let difference = self.printed_end(name, 1)? - self.printed_end(reference, 1)?;
        Some(points(difference, 2))
    }

    /// Training loss and test error, the paper's beside ours.
    pub(super) fn figure(&self, caption: &str) -> Figure {
        let curves = |panel: usize, series: &str| {
            let mut curves = Vec::new();
            for one in self.curves {
                curves.push(self.runs.curve(one.name, one.colour, series));
                // The paper counts epochs from 0, we from 1.
                let points: Vec<(f64, f64)> = self
                    .printed(one, panel)
                    .into_iter()
                    .map(|(epoch, y)| (epoch + 1.0, y))
                    .filter(|(epoch, _)| *epoch <= self.epochs as f64)
                    .collect();
                if !points.is_empty() {
                    let label = format!("{}, paper", one.name);
                    curves.push(Curve::line(label, one.colour, LineStyle::Paper, points));
                }
            }
            curves
        };
        let training = Panel::new("(a) training", "epoch", "training loss (nats)").log_y();
        let test = Panel::new("(b) test", "epoch", "test error (%)")
            .y_range(self.comparable.then_some(self.error_range));
        let drawn = if self.comparable {
            " Dashed: the paper’s curves."
        } else {
            " The paper’s curves are not drawn: they are of more images per epoch."
        };
        Figure::new(
            format!(
                "{caption} Solid with markers: ours, mean over seeds, the band is its 90 % interval.{drawn}"
            ),
            [training.curves(curves(0, TRAIN_LOSS)), test.curves(curves(1, TEST_ERROR))],
        )
    }

    /// All arithmetics side by side at the end of training.
    pub(super) fn table(&self) -> Table {
        let rows = self.curves.iter().map(|one| {
            cells![
                one.name,
                measured(self.runs.error(one.name), ""),
                number(self.printed_end(one.name, 1), 2),
                measured(self.runs.best_error(one.name), ""),
                number(self.runs.loss(one.name), 4),
                number(self.printed_end(one.name, 0), 4),
                number(self.runs.mean(one.name, ZERO_UPDATES).map(|e| e.mean), 1),
                self.runs.records(one.name).count(),
            ]
        });
        let (epochs, window) = (self.epochs, self.runs.window);
        let over = if window == 1 {
            format!("Values of epoch {epochs}")
        } else {
            format!("Means over epochs {} to {epochs}", epochs + 1 - window)
        };
        let header = [
            "arithmetic",
            "test error (%)",
            "paper’s",
            "best (%)",
            "training loss",
            "paper’s",
            "updates to zero (%)",
            "seeds",
        ];
        let caption = format!(
            "{over}; the paper’s are read off its curves at the same epochs. The best is the \
             lowest error of any epoch. ± is half of a 90 % interval over seeds."
        );
        Table::new(caption, header).rows(rows)
    }
}

#[cfg(test)]
pub(super) fn assert_printed(figures: [&str; 2], curves: &[Curves]) {
    for one in curves {
        for figure in figures {
            if let Some(printed) = one.printed {
                let points = paper::gupta2015(figure, printed).len();
                assert!(points > 5, "{} has {points} points in {figure}", one.name);
            }
        }
    }
}
