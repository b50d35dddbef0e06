//! Does a network train as well on the bits of hardware registers as on ChaCha's?
//!
//! [Gupta15 §5] rounds with an LFSR per column, but its training results come from a simulation
//! with other random numbers. Here every product of the MNIST network is rounded with the words
//! that the 28 columns would draw.

use nn::layers::Init;
use nn::{FixedPoint, Optimizer, Policy, Recipe, Sgd};
use numerics::{FixedFormat, LfsrConfig, Rounding, Seed};
use report::figure::{Figure, Panel};
use report::table::{Table, cells, measured, number};
use systolic::{Card, ColumnLfsrs};

use crate::experiment::{Experiment, Results};
use crate::experiments::training_runs::{
    self, TEST_ERROR, TRAIN_LOSS, TrainingRuns, Variant, seeds_in_words,
};
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part, Source};
use crate::findings::words::count;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::array_training::{ArrayTraining, RoundingUnits};
use crate::measured::measures::image_classifier::{ImageClassifier, ImageData, Network};
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct LfsrBits;

const CHACHA: &str = "ChaCha";
const SOUND: &str = "LFSR, 48 bits, 32 steps";
const POOR: &str = "LFSR, 16 bits, 1 step";

/// Name, colour and what is special.
const VARIANTS: [(&str, usize, &str); 3] = [
    (CHACHA, 0, "by name and position"),
    (SOUND, 2, "the default: columns spread over the cycle"),
    (POOR, 1, "as many bits as are dropped at most, seeds 1 to 28"),
];

struct Size {
    hidden: usize,
    epochs: usize,
    train_images: usize,
    test_images: usize,
    seeds: u64,
}

const fn size(scale: Scale) -> Size {
    match scale {
        Scale::Smoke => {
            Size { hidden: 100, epochs: 2, train_images: 12_000, test_images: 2_000, seeds: 1 }
        }
        Scale::Desk => {
            Size { hidden: 1000, epochs: 3, train_images: 20_000, test_images: 10_000, seeds: 3 }
        }
        Scale::Paper => {
            Size { hidden: 1000, epochs: 30, train_images: 60_000, test_images: 10_000, seeds: 3 }
        }
    }
}

/// Images per step.
const BATCH: usize = 100;
/// The learning rate over the batch size is 2 to the power of minus this.
const UPDATE_SHIFT: u32 = 8;

fn workload(variant: &str, scale: Scale) -> ArrayTraining {
    let Size { hidden, epochs, train_images, test_images, .. } = size(scale);
    let card = Card::kintex_325t();
    let n = card.design().n;
    let units = |columns| Some(RoundingUnits { columns, row_tiles: 4 });
    let units = match variant {
        SOUND => units(ColumnLfsrs::spread(n, &Seed::new(2015))),
        POOR => {
            let LfsrConfig { width, taps, steps_per_sample, .. } =
                LfsrConfig::maximal(16, 1, 1).expect("16 bits are listed");
            units(ColumnLfsrs { width, taps, steps_per_sample, seeds: (1..=n as u64).collect() })
        }
        _ => None,
    };
    // The paper's format that depends most on the rounding.
    let format = FixedFormat::new(8, 8).expect("the paper's formats exist");
    let arithmetic = FixedPoint::uniform(format, Rounding::Stochastic).expect("16-bit words fit");
    let classifier = ImageClassifier {
        data: ImageData::Mnist,
        train_images,
        test_images,
        normalization: None,
        augmentation: None,
        network: Network::Mlp {
            widths: vec![784, hidden, hidden, 10],
            init: Init::Normal { std_dev: 0.01 },
        },
        arithmetic: Policy::uniform(arithmetic),
        switch: None,
        recipe: Recipe {
            optimizer: Optimizer::Sgd(Sgd::default()),
            // Assumed: η = 100 · 2^−8 = 0.39, a power of two over the batch, so that the rounding
            // unit makes the update; the fitted rate of the float curve is 0.5.
            ..Recipe::sgd(BATCH, epochs, BATCH as f32 / (1u32 << UPDATE_SHIFT) as f32)
        },
    };
    ArrayTraining { classifier, units }
}

impl Experiment for LfsrBits {
    fn id(&self) -> &'static str {
        "beyond/lfsr-training"
    }

    fn title(&self) -> &'static str {
        "Training on the random bits of hardware registers"
    }

    fn source(&self) -> Source {
        Paper::Beyond
            .at(&[Part::Passage("Not in a paper; Gupta et al. 2015, §4.1 and §5.2 combined")])
    }

    fn describe(&self, scale: Scale) -> String {
        let Size { hidden, epochs, train_images, seeds, .. } = size(scale);
        let (epochs, seeds) = (count(epochs, "epoch"), seeds_in_words(seeds));
        format!(
            "784-{hidden}-{hidden}-10 in ⟨8, 8⟩ on {train_images} images for {epochs}, {seeds}, every product rounded with ChaCha's bits or with those of 28 column registers"
        )
    }

    fn points(&self, request: &Request, _: &mut Networks) -> Result<Vec<Point>, Error> {
        let data = ImageData::Mnist.sum(&request.data)?;
        let variants = VARIANTS.map(|(name, ..)| {
            let config = workload(name, request.scale);
            let work = config.classifier.work();
            Variant { name: name.to_owned(), config, work }
        });
        let seeds = size(request.scale).seeds;
        Ok(training_runs::points(self.id(), request, seeds, &[data], &variants))
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        ArrayTraining::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let runs = TrainingRuns { results, window: 1 };
        Findings::default()
            .claims([claim(&runs)])
            .figures([figure(&runs)])
            .tables([table(&runs)])
            .notes(NOTES)
    }
}

const NOTES: [&str; 2] = [
    "The learning rate over the batch size is 2^−8, so that the rounding unit's cut makes the \
     update from the exact gradient sum: 8 + 8 = 16 dropped bits.",
    "Softmax and the errors at the output are the host's and take ChaCha bits in every variant. \
     Each product begins at a place of the registers' cycle that is drawn for it.",
];

/// How far the training losses may be apart. Over a short schedule the test errors of two streams
/// of the same kind differ by a few tenths of a point, their losses by two per cent.
const LOSS_RATIO: (f64, f64) = (0.9, 1.1);

fn claim(runs: &TrainingRuns<'_>) -> Claim {
    let (from, to) = LOSS_RATIO;
    Statement::new(
        "lfsr-as-good-as-chacha",
        Paper::Gupta2015.at(&[Part::Passage("implied by §5.2")]),
        "A network trains as well on the bits of LFSRs as on those of a cipher.",
    )
    .test("training loss / ChaCha's, last epoch,", Test::Between(from, to))
    .unit("×")
    .paper("not shown")
    // A small network after few steps says nothing about training.
    .tested_from(Scale::Desk, runs.results.scale)
    .judge(runs.loss_ratio(SOUND, CHACHA))
}

fn figure(runs: &TrainingRuns<'_>) -> Figure {
    let panel = |title: &str, y: &str, series: &str| {
        let curves = VARIANTS.iter().map(|&(name, colour, _)| runs.curve(name, colour, series));
        Panel::new(title, "epoch", y).curves(curves)
    };
    Figure::new(
        "Training with the rounding bits of three sources, mean over seeds, the band is its 90 % \
         interval.",
        [
            panel("training", "training loss (nats)", TRAIN_LOSS).log_y(),
            panel("test", "test error (%)", TEST_ERROR),
        ],
    )
}

fn table(runs: &TrainingRuns<'_>) -> Table {
    let rows = VARIANTS.iter().map(|&(name, _, what)| {
        let to_chacha = runs.difference(name, CHACHA).filter(|_| name != CHACHA);
        cells![
            name,
            what,
            measured(runs.error(name), ""),
            measured(to_chacha, ""),
            number(runs.loss(name), 4),
            runs.records(name).count()
        ]
    });
    Table::new(
        "After the last epoch. ± is half a 90 % interval.",
        ["bits", "what", "test error (%)", "to ChaCha (points)", "training loss", "seeds"],
    )
    .rows(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_survive_their_files_and_can_run() {
        for scale in [Scale::Smoke, Scale::Desk, Scale::Paper] {
            for (name, ..) in VARIANTS {
                let config = workload(name, scale);
                let value = serde_json::to_value(&config).unwrap();
                assert_eq!(serde_json::from_value::<ArrayTraining>(value).unwrap(), config);
                config.on_units().unwrap().check().unwrap();
                if let Some(units) = config.units {
                    // The widest cut: the update's.
                    assert!(units.columns.width >= 8 + UPDATE_SHIFT);
                }
            }
        }
    }

    /// The optimiser scales by a power of two, so the units see the exact sums.
    #[test]
    fn the_learning_rate_is_a_cut() {
        let rate = workload(SOUND, Scale::Desk).classifier.recipe.learning_rate;
        assert_eq!(rate * (1.0 / BATCH as f32), 2f32.powi(-(UPDATE_SHIFT as i32)));
    }
}
