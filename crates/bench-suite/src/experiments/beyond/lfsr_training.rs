//! Does a network train as well on the bits of hardware registers as on ChaCha's?
//!
//! [Gupta15 §5] rounds with an LFSR per column, but its training results come from a simulation
//! with other random numbers. Here every product of the MNIST network is rounded with the words
//! that the 28 columns would draw.

use std::fmt;

use nn::FixedPoint;
use numerics::{LfsrConfig, Rounding, Seed};
use report::figure::{Figure, Panel};
use report::table::{Table, cells, measured, number};
use systolic::{Card, ColumnLfsrs};

use super::mlp::{Size, format};
use crate::experiment::{About, Experiment, Results, StandIns};
use crate::experiments::runs::{Variant, of_every_seed};
use crate::experiments::training_runs::{Series, TEST_ERROR, TRAIN_LOSS, TrainingRuns};
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part};
use crate::measured::error::Error;
use crate::measured::measures::array_training::{ArrayTraining, RoundingUnits};
use crate::measured::measures::image_classifier::ImageData;
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct LfsrBits;

/// Where the bits come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bits {
    ChaCha,
    /// The default of the accelerator.
    Sound,
    /// Registers that are as small as can be.
    Poor,
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChaCha => "ChaCha",
            Self::Sound => "LFSR, 48 bits, 32 steps",
            Self::Poor => "LFSR, 16 bits, 1 step",
        })
    }
}

/// With colour and what is special.
const VARIANTS: [(Bits, usize, &str); 3] = [
    (Bits::ChaCha, 0, "by name and position"),
    (Bits::Sound, 2, "the default: columns spread over the cycle"),
    (Bits::Poor, 1, "as many bits as are dropped at most, seeds 1 to 28"),
];

const fn size(scale: Scale) -> Size {
    scale.of([
        Size { hidden: 100, epochs: 2, images: [12_000, 2_000], seeds: 1 },
        Size { hidden: 1000, epochs: 3, images: [20_000, 10_000], seeds: 3 },
        Size { hidden: 1000, epochs: 10, images: [60_000, 10_000], seeds: 3 },
        Size { hidden: 1000, epochs: 30, images: [60_000, 10_000], seeds: 3 },
    ])
}

/// Images per step.
const BATCH: usize = 100;
/// The learning rate over the batch size is 2 to the power of minus this.
const UPDATE_SHIFT: u32 = 8;

fn workload(bits: Bits, scale: Scale) -> ArrayTraining {
    let card = Card::kintex_325t();
    let n = card.design().n;
    let units = |columns| Some(RoundingUnits { columns, row_tiles: 4 });
    let units = match bits {
        Bits::Sound => units(ColumnLfsrs::spread(n, &Seed::new(2015))),
        Bits::Poor => {
            let LfsrConfig { width, taps, steps_per_sample, .. } =
                LfsrConfig::maximal(16, 1, 1).expect("16 bits are listed");
            units(ColumnLfsrs { width, taps, steps_per_sample, seeds: (1..=n as u64).collect() })
        }
        Bits::ChaCha => None,
    };
    let arithmetic = FixedPoint::uniform(format(), Rounding::Stochastic).expect("16-bit words fit");
    // Assumed: η = 100 · 2^−8 = 0.39, a power of two over the batch, so that the rounding unit makes
    // the update; the fitted rate of the float curve is 0.5.
    let rate = BATCH as f32 / (1u32 << UPDATE_SHIFT) as f32;
    let classifier = size(scale).classifier(arithmetic, 0.01, (BATCH, rate));
    ArrayTraining { classifier, units }
}

impl Experiment for LfsrBits {
    type Measure = ArrayTraining;

    const ABOUT: About = About {
        id: "beyond/lfsr-training",
        title: "Training on the random bits of hardware registers",
        source: Paper::Beyond
            .at(&[Part::Passage("Not in a paper; Gupta et al. 2015, §4.1 and §5.2 combined")]),
        stand_ins: StandIns::Never,
    };

    fn describe(&self, scale: Scale) -> String {
        format!(
            "{}, every product rounded with ChaCha's bits or with those of 28 column registers",
            size(scale).describe()
        )
    }

    fn runs(&self, request: &Request, _: &mut Networks) -> Result<Vec<Run<Self::Measure>>, Error> {
        let data = ImageData::Mnist.sum(&request.data)?;
        let variants = VARIANTS.map(|(bits, ..)| {
            let measure = workload(bits, request.scale);
            let (name, work) = (bits.to_string(), measure.classifier.work());
            Variant { name, measure, data: vec![data.clone()], work }
        });
        Ok(of_every_seed(request, size(request.scale).seeds, &variants))
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        let variants = VARIANTS.map(|(bits, ..)| (bits, workload(bits, results.scale)));
        let runs = TrainingRuns::new(results, 1, variants);
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

fn claim(runs: &TrainingRuns<'_, Bits>) -> Claim {
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
    .tested_from(Scale::Desk, runs.scale)
    .judge(runs.loss_ratio(Bits::Sound, Bits::ChaCha))
}

fn figure(runs: &TrainingRuns<'_, Bits>) -> Figure {
    let panel = |title: &str, y: &str, series: Series| {
        let curves = VARIANTS.iter().map(|&(bits, colour, _)| runs.curve(bits, colour, series));
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

fn table(runs: &TrainingRuns<'_, Bits>) -> Table {
    let rows = VARIANTS.iter().map(|&(bits, _, what)| {
        let to_chacha = runs.difference(bits, Bits::ChaCha).filter(|_| bits != Bits::ChaCha);
        cells![
            bits.to_string(),
            what,
            measured(runs.error(bits), ""),
            measured(to_chacha, ""),
            number(runs.loss(bits), 4),
            runs.seeds(bits)
        ]
    });
    Table::new(
        "After the last epoch. ± is half of a 90 % interval.",
        ["bits", "what", "test error (%)", "to ChaCha (points)", "training loss", "seeds"],
    )
    .rows(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_survive_their_files_and_can_run() {
        for scale in Scale::ALL {
            for (bits, ..) in VARIANTS {
                let config = workload(bits, scale);
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
        let rate = workload(Bits::Sound, Scale::Desk).classifier.recipe.learning_rate;
        assert_eq!(rate * (1.0 / BATCH as f32), 2f32.powi(-(UPDATE_SHIFT as i32)));
    }
}
