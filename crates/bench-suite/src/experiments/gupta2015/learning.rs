//! [`Learning`]: a network of [Gupta15 §4] that is trained under several arithmetics, its curves beside
//! the paper's.

use std::fmt;

use report::Number;
use report::figure::{Curve, Figure, LineStyle, Panel};
use report::number::points;
use report::table::{Cell, Table, measured, number};

use super::arithmetics::Curves;
use crate::experiment::{About, Experiment, Results, StandIns};
use crate::experiments::runs::{Variant, of_every_seed};
use crate::experiments::training_runs::{
    Series, TEST_ERROR, TRAIN_LOSS, TrainingRuns, ZERO_UPDATES, seeds_in_words,
};
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part};
use crate::findings::words::count;
use crate::measured::error::Error;
use crate::measured::measures::image_classifier::ImageClassifier;
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::paper;
use crate::request::Request;

/// How much is trained.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub(super) epochs: usize,
    /// Training and test images.
    pub(super) images: [usize; 2],
    pub(super) seeds: u64,
    /// Epochs at the end over which a result is averaged.
    pub(super) window: usize,
}

/// What the paper's figures show of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// In nats.
    TrainLoss,
    /// In %.
    TestError,
}

impl Quantity {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::TrainLoss, Self::TestError];

    fn series(self) -> Series {
        match self {
            Self::TrainLoss => TRAIN_LOSS,
            Self::TestError => TEST_ERROR,
        }
    }
}

/// A network that is trained under several arithmetics.
pub trait Learning: fmt::Debug + Sync {
    /// What the experiment is.
    const ABOUT: About;
    /// The arithmetics, in the order in which they are worth having.
    const CURVES: &'static [Curves];
    /// The network in words.
    const NETWORK: &'static str;
    /// Images and epochs of the paper in words.
    const PAPER: &'static str;
    /// The scale from which test errors may be compared.
    const COMPARED_FROM: Scale;

    /// How much is trained at a scale.
    fn size(scale: Scale) -> Size;

    /// The training.
    fn training(curves: Curves, scale: Scale) -> ImageClassifier;

    /// The name of the figure in the paper's data that has the curve.
    fn printed_in(curves: &Curves, quantity: Quantity) -> &'static str;

    /// Claims, figures and tables from the outcomes that are there.
    fn findings(learned: &Learned<'_>) -> Findings;
}

/// An experiment of \[Gupta15\] that trains the paper's own network.
pub(super) const fn about(id: &'static str, title: &'static str, parts: &'static [Part]) -> About {
    About { id, title, source: Paper::Gupta2015.at(parts), stand_ins: StandIns::Never }
}

/// The experiment of a network.
#[derive(Debug)]
pub struct LearningOf<L>(pub L);

impl<L: Learning> Experiment for LearningOf<L> {
    type Measure = ImageClassifier;

    const ABOUT: About = L::ABOUT;

    fn describe(&self, scale: Scale) -> String {
        let Size { epochs, images: [train, test], seeds, .. } = L::size(scale);
        format!(
            "{} on {train} images for {}, tested on {test}, {} (the paper: {}, one run)",
            L::NETWORK,
            count(epochs, "epoch"),
            seeds_in_words(seeds),
            L::PAPER
        )
    }

    fn runs(&self, request: &Request, _: &mut Networks) -> Result<Vec<Run<Self::Measure>>, Error> {
        let variant = |curves: &Curves| {
            let measure = L::training(*curves, request.scale);
            let data = vec![measure.data.sum(&request.data)?];
            let (name, work) = (curves.name.to_owned(), measure.work());
            Ok(Variant { name, measure, data, work })
        };
        let variants = L::CURVES.iter().map(variant).collect::<Result<Vec<_>, Error>>()?;
        Ok(of_every_seed(request, L::size(request.scale).seeds, &variants))
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        let size = L::size(results.scale);
        let trainings =
            L::CURVES.iter().map(|&curves| (curves, L::training(curves, results.scale)));
        L::findings(&Learned {
            runs: TrainingRuns::new(results, size.window, trainings),
            size,
            curves: L::CURVES,
            comparable: size.images[0] == L::size(Scale::Paper).images[0],
            least: L::COMPARED_FROM,
            printed_in: L::printed_in,
            data: results.data.first().map(|data| data.name.as_str()),
        })
    }
}

/// What was learned.
#[derive(Debug)]
pub struct Learned<'a> {
    pub(super) runs: TrainingRuns<'a, Curves>,
    pub(super) size: Size,
    /// The data set.
    pub(super) data: Option<&'a str>,
    /// Whether our epochs are as long as the paper's, so that its curves can stand beside ours.
    pub(super) comparable: bool,
    curves: &'static [Curves],
    least: Scale,
    printed_in: fn(&Curves, Quantity) -> &'static str,
}

/// What a figure says of our curves.
pub(super) const OURS: &str =
    "Solid with markers: ours, mean over seeds, the band is its 90 % interval.";

impl Learned<'_> {
    /// The paper's curve: (epoch counted from 0, value). After fewer images than its own per epoch
    /// there is none to compare with.
    fn printed(&self, curves: &Curves, quantity: Quantity) -> Vec<(f64, f64)> {
        if !self.comparable {
            return Vec::new();
        }
        paper::gupta2015((self.printed_in)(curves, quantity), curves.printed)
    }

    /// The paper's value over the same epochs that ours is averaged over.
    pub(super) fn printed_end(&self, curves: Curves, quantity: Quantity) -> Option<f64> {
        let Size { epochs, window, .. } = self.size;
        let from = epochs - window.min(epochs);
        paper::mean_over(&self.printed(&curves, quantity), from, epochs)
    }

    /// The paper's difference of two test errors, as a claim prints it.
    pub(super) fn printed_difference(&self, curves: Curves, reference: Curves) -> Option<String> {
        let end = |curves| self.printed_end(curves, Quantity::TestError);
        Some(points(end(curves)? - end(reference)?, 2))
    }

    /// The paper's ratio of two training losses.
    pub(super) fn printed_ratio(&self, curves: Curves, reference: Curves) -> Option<String> {
        let end = |curves| self.printed_end(curves, Quantity::TrainLoss);
        Some(format!("{}×", Number::new(end(curves)? / end(reference)?, 1)))
    }

    /// The claim that the test error under one arithmetic is so far from that under another, which is
    /// named in words.
    pub(super) fn differs(
        &self,
        statement: Statement,
        curves: Curves,
        (words, reference): (&str, Curves),
        test: Test,
    ) -> Claim {
        statement
            .test(format!("test error − {words} {{test}} points"), test)
            .unit(" points")
            .paper(self.printed_difference(curves, reference))
            .tested_from(self.least, self.runs.scale)
            .judge(self.runs.difference(curves, reference))
    }

    /// Some of our curves, the paper's beside them.
    pub(super) fn panel(&self, title: &str, quantity: Quantity, shown: &[Curves]) -> Panel {
        let mut curves = Vec::new();
        for one in shown {
            curves.push(self.runs.curve(one, one.colour, quantity.series()));
            // The paper counts epochs from 0, we from 1.
            let points: Vec<(f64, f64)> = self
                .printed(one, quantity)
                .into_iter()
                .map(|(epoch, y)| (epoch + 1.0, y))
                .filter(|(epoch, _)| *epoch <= self.size.epochs as f64)
                .collect();
            if !points.is_empty() {
                let label = format!("{}, paper", one.name);
                curves.push(Curve::line(label, one.colour, LineStyle::Paper, points));
            }
        }
        match quantity {
            Quantity::TrainLoss => Panel::new(title, "epoch", "training loss (nats)").log_y(),
            Quantity::TestError => Panel::new(title, "epoch", "test error (%)"),
        }
        .curves(curves)
    }

    /// Training loss and test error under all arithmetics, as the paper draws them over that range of
    /// errors.
    pub(super) fn figure(&self, caption: &str, errors: (f64, f64)) -> Figure {
        let [training, test] = [("(a) training", 0), ("(b) test", 1)]
            .map(|(title, i)| self.panel(title, Quantity::ALL[i], self.curves));
        let drawn = if self.comparable {
            "Dashed: the paper’s curves."
        } else {
            "The paper’s curves are not drawn: they are of more images per epoch."
        };
        let test = test.y_range(self.comparable.then_some(errors));
        Figure::new(format!("{caption} {OURS} {drawn}"), [training, test])
    }

    /// All arithmetics side by side at the end of training, with losses printed by `loss` and, of
    /// networks whose errors rise again, the best epoch.
    pub(super) fn table(&self, loss: impl Fn(Option<f64>) -> Cell, with_best: bool) -> Table {
        let best = |cell: Cell| with_best.then_some(cell);
        let rows = self.curves.iter().map(|&one| {
            let printed = |quantity| self.printed_end(one, quantity);
            let errors: [Cell; 3] = [
                one.name.into(),
                measured(self.runs.error(one), ""),
                number(printed(Quantity::TestError), 2),
            ];
            let rest = [
                loss(self.runs.loss(one)),
                loss(printed(Quantity::TrainLoss)),
                number(self.runs.mean(one, ZERO_UPDATES).map(|e| e.mean), 1),
                self.runs.seeds(one).into(),
            ];
            let best = best(measured(self.runs.best_error(one), ""));
            errors.into_iter().chain(best).chain(rest).collect::<Vec<Cell>>()
        });
        let Size { epochs, window, .. } = self.size;
        let over = match window {
            1 => format!("Values of epoch {epochs}"),
            _ => format!("Means over epochs {} to {epochs}", epochs + 1 - window),
        };
        let of_best = if with_best { " The best is the lowest error of any epoch." } else { "" };
        let caption = format!(
            "{over}; the paper’s are read off its curves at the same epochs.{of_best} ± is half of \
             a 90 % interval over seeds."
        );
        let errors = ["arithmetic", "test error (%)", "paper’s"].into_iter();
        let rest = ["training loss", "paper’s", "updates to zero (%)", "seeds"];
        let header = errors.chain(with_best.then_some("best (%)")).chain(rest);
        Table::new(caption, header).rows(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::gupta2015::cifar10_cnn::Cifar10Cnn;
    use crate::experiments::gupta2015::mnist_cnn::MnistCnn;
    use crate::experiments::gupta2015::mnist_dnn::MnistDnn;

    fn survives<L: Learning>() {
        for &curves in L::CURVES {
            let config = L::training(curves, Scale::Desk);
            config.check().unwrap();
            let value = serde_json::to_value(&config).unwrap();
            assert_eq!(serde_json::from_value::<ImageClassifier>(value).unwrap(), config);
        }
    }

    #[test]
    fn configurations_survive_their_files() {
        survives::<MnistDnn>();
        survives::<MnistCnn>();
        survives::<Cifar10Cnn>();
    }

    fn is_printed<L: Learning>(least: usize) {
        for curves in L::CURVES {
            for quantity in Quantity::ALL {
                let figure = L::printed_in(curves, quantity);
                let points = paper::gupta2015(figure, curves.printed).len();
                assert!(points >= least, "{curves} has {points} points in {figure}");
            }
        }
    }

    #[test]
    fn every_arithmetic_has_its_curves_in_the_paper() {
        is_printed::<MnistDnn>(21);
        is_printed::<MnistCnn>(6);
        is_printed::<Cifar10Cnn>(6);
    }
}
