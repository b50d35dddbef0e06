//! Which roundings have to be stochastic, how many random bits they need, and of which source.
//!
//! \[Gupta15\] rounds weights' updates, errors and activations in one and the same way, with all the
//! random bits, from a source that it does not name. It has no ablation; this is one.

mod findings;

use nn::arithmetic::Signals;
use nn::layers::Init;
use nn::{AnyArithmetic, FixedPoint, Optimizer, Policy, Recipe, Schedule, Sgd};
use numerics::{
    FixedFormat, Fraction, LfsrConfig, Quantizer, RandomBits, Rounding, StochasticBits,
    StochasticVariant,
};

use super::super::training_runs::{self, TrainingRuns, Variant, seeds_in_words};
use crate::experiment::{Experiment, Results};
use crate::findings::Findings;
use crate::findings::source::{Paper, Part, Source};
use crate::findings::words::count;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::image_classifier::{ImageClassifier, ImageData, Network};
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct WhereStochastic;

/// Every rounding to nearest.
const NEAREST: &str = "nearest";
/// Every rounding stochastic, with all bits.
const ALL: &str = "stochastic";
/// Which signals are rounded stochastically, the others to nearest: name, colour, (Y, δ, ΔW).
const PLACES: [(&str, usize, [bool; 3]); 8] = [
    (ALL, 0, [true, true, true]),
    (NEAREST, 1, [false, false, false]),
    ("updates only", 2, [false, false, true]),
    ("errors only", 3, [false, true, false]),
    ("activations only", 4, [true, false, false]),
    ("all but updates", 2, [true, true, false]),
    ("all but errors", 3, [true, false, true]),
    ("all but activations", 4, [false, true, true]),
];

/// Numbers of random bits.
const BITS: [u8; 4] = [1, 2, 4, 8];
const FEW_BIT_RULES: [(StochasticVariant, &str); 3] =
    [(StochasticVariant::A, "A"), (StochasticVariant::B, "B"), (StochasticVariant::C, "C")];

/// Shift registers in the place of ChaCha: name, bits, steps per sample.
const REGISTERS: [(&str, u32, u32); 3] = [
    ("LFSR, 48 bits, 32 steps", 48, 32),
    ("LFSR, 32 bits, 1 step", 32, 1),
    ("LFSR, 16 bits, 1 step", 16, 1),
];

fn few_bits_name(bits: u8, rule: &str) -> String {
    format!("{}, rule {rule}", count(bits, "bit"))
}

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
            Size { hidden: 50, epochs: 1, train_images: 5_000, test_images: 1_000, seeds: 1 }
        }
        Scale::Desk => {
            Size { hidden: 300, epochs: 6, train_images: 20_000, test_images: 10_000, seeds: 6 }
        }
        Scale::Paper => {
            Size { hidden: 1000, epochs: 30, train_images: 60_000, test_images: 10_000, seeds: 5 }
        }
    }
}

/// The paper's format that depends most on the rounding.
fn format() -> FixedFormat {
    FixedFormat::new(8, 8).expect("the paper's formats exist")
}

/// Roundings of Y, δ and ΔW (with Δb) in ⟨8, 8⟩, and where their random bits come from.
fn arithmetic([output, error, update]: [Rounding; 3], bits: RandomBits) -> AnyArithmetic {
    let quantizer = |rounding| Quantizer::new(format(), rounding);
    let initial = quantizer(Rounding::NearestTiesDown);
    let signals = Signals {
        weight: initial,
        bias: initial,
        output: quantizer(output),
        error: quantizer(error),
        weight_update: quantizer(update),
        bias_update: quantizer(update),
        bits,
    };
    AnyArithmetic::FixedPoint(FixedPoint::new(signals).expect("one format fits itself"))
}

fn workload(arithmetic: AnyArithmetic, scale: Scale) -> ImageClassifier {
    let Size { hidden, epochs, train_images, test_images, .. } = size(scale);
    ImageClassifier {
        data: ImageData::Mnist,
        train_images,
        test_images,
        normalization: None,
        augmentation: None,
        network: Network::Mlp {
            widths: vec![784, hidden, hidden, 10],
            init: Init::Normal { std_dev: INIT_STD_DEV },
        },
        arithmetic: Policy::uniform(arithmetic),
        switch: None,
        recipe: Recipe {
            batch: 100,
            epochs,
            // As in the reproduction of Fig. 1.
            learning_rate: 0.5,
            schedule: Schedule::default(),
            optimizer: Optimizer::Sgd(Sgd::default()),
            clip_norm: None,
            groups: Vec::new(),
            drop_last: false,
        },
    }
}

/// Assumed: 0.03. The paper's 0.01 is for a thousand hidden units; with a third of them a signal
/// would shrink below the grid on its way through the second layer.
const INIT_STD_DEV: f32 = 0.03;

fn variants(scale: Scale) -> Vec<Variant<ImageClassifier>> {
    let places = PLACES.iter().map(|&(name, _, stochastic)| {
        let rounding = stochastic.map(|stochastic| {
            if stochastic { Rounding::Stochastic } else { Rounding::NearestTiesDown }
        });
        (name.to_owned(), arithmetic(rounding, RandomBits::Chacha))
    });
    let few_bits = BITS.iter().flat_map(|&bits| {
        FEW_BIT_RULES.iter().map(move |&(variant, rule)| {
            // As an adder drops bits.
            let fraction = Fraction::TwosComplement;
            let rounding = Rounding::StochasticBits(StochasticBits { bits, variant, fraction });
            (few_bits_name(bits, rule), arithmetic([rounding; 3], RandomBits::Chacha))
        })
    });
    let registers = REGISTERS.iter().map(|&(name, width, steps)| {
        let seed = 1;
        let config = LfsrConfig::maximal(width, seed, steps).expect("these widths are listed");
        let bits = RandomBits::Lfsr(config);
        (name.to_owned(), arithmetic([Rounding::Stochastic; 3], bits))
    });
    places
        .chain(few_bits)
        .chain(registers)
        .map(|(name, arithmetic)| {
            let config = workload(arithmetic, scale);
            let work = config.work();
            Variant { name, config, work }
        })
        .collect()
}

impl Experiment for WhereStochastic {
    fn id(&self) -> &'static str {
        "beyond/where-stochastic"
    }

    fn title(&self) -> &'static str {
        "Which roundings need to be stochastic, and how many random bits suffice"
    }

    fn source(&self) -> Source {
        Paper::Beyond.at(&[Part::Passage("Not in a paper; an ablation of Gupta et al. 2015, §4.1")])
    }

    fn describe(&self, scale: Scale) -> String {
        let Size { hidden, epochs, train_images, seeds, .. } = size(scale);
        format!(
            "784-{hidden}-{hidden}-10 in ⟨8, 8⟩ on {train_images} images for {}, {}, under {} ways to round",
            count(epochs, "epoch"),
            seeds_in_words(seeds),
            variants(scale).len()
        )
    }

    fn points(&self, request: &Request, _: &mut Networks) -> Result<Vec<Point>, Error> {
        let data = ImageData::Mnist.sum(&request.data)?;
        let seeds = size(request.scale).seeds;
        let variants = variants(request.scale);
        Ok(training_runs::points(self.id(), request, seeds, &[data], &variants))
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        ImageClassifier::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        findings::findings(&TrainingRuns { results, window: 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_survive_their_files() {
        for variant in variants(Scale::Desk) {
            variant.config.check().unwrap();
            let value = serde_json::to_value(&variant.config).unwrap();
            let read: ImageClassifier = serde_json::from_value(value).unwrap();
            assert_eq!(read, variant.config, "{}", variant.name);
        }
    }
}
