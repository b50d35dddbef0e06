//! Training a fixed-point network with the rounding units of the accelerator's array.
//!
//! ```text
//!   Y  = Convert(X·Wᵀ + b)         X with a column of ones, Wᵀ with a row of biases
//!   δ′ = Convert(δ·W)
//!   ΔW = Convert(−η/B · δᵀ·X),     Δb = Convert(−η/B · 1ᵀ·δ)
//! ```
//!
//! Network, products and storage are those of `nn`. Each result takes its bits from the registers of
//! the columns, in the order in which the array computes its tiles. Where η/B is a power of two, it
//! is part of the cut below which the bits of an update are added. Softmax and its errors are the
//! host's: float, and converted with the bits of the network's own configuration.
//!
//! Differs: the registers of an array run on from one product to the next. Here they begin each
//! product at a place that is drawn from its name, all of them the same number of samples ahead of
//! their seeds, so that a product does not depend on those before it. Distances between the columns
//! and what follows what in a column stay.

use nn::arithmetic::{NewLayer, ResultBits};
use nn::{AnyArithmetic, Arithmetic, FixedPoint, LinearMap, Policy};
use numerics::{BitSource, Lfsr, Seed};
use serde::{Deserialize, Serialize};
use systolic::{
    ArrayConfig, ArrayError, ColumnLfsrs, ColumnRounding, ColumnStream, RoundingWords, Tiles,
};

use super::image_classifier::ImageClassifier;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::training::Training;

/// Everything that determines a training run but its seed and its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrayTraining {
    /// The network, with one fixed-point arithmetic for all layers.
    pub classifier: ImageClassifier,
    /// The rounding units; without them results take the bits that the arithmetic names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<RoundingUnits>,
}

/// The rounding units of an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundingUnits {
    /// The registers, one for each column.
    pub columns: ColumnLfsrs,
    /// p: row tiles in a block.
    pub row_tiles: usize,
}

impl Measure for ArrayTraining {
    type Outcome = Training;

    /// Trains and tests.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Training, Error> {
        self.on_units()?.run(seed, context)
    }
}

impl ArrayTraining {
    /// The classifier whose results are rounded by the units.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if there are units, but layers are not all in one fixed point, it has no 1, or
    /// there is no array with such units for its formats.
    pub fn on_units(&self) -> Result<ImageClassifier, Error> {
        let mut classifier = self.classifier.clone();
        let Some(units) = &self.units else { return Ok(classifier) };
        let uniform = classifier.arithmetic.layers.is_empty() && classifier.switch.is_none();
        let AnyArithmetic::FixedPoint(fixed) = classifier.arithmetic.default else {
            return Err(Error::Usage("classifier.arithmetic must be fixed point".to_owned()));
        };
        if !uniform {
            return Err(Error::Usage("classifier must have one arithmetic for all".to_owned()));
        }
        let format = fixed.signals().output.format;
        if !(0..=30).contains(&format.fl()) || !format.contains(1 << format.fl()) {
            return Err(Error::Usage(format!(
                "classifier.arithmetic: {format} has no 1, which multiplies the biases"
            )));
        }
        let on_units =
            OnUnits::new(fixed, units).map_err(|error| Error::Usage(format!("units: {error}")))?;
        classifier.arithmetic = Policy::uniform(AnyArithmetic::own(on_units));
        Ok(classifier)
    }
}

/// Fixed point, its results rounded by the units of an array.
#[derive(Debug)]
struct OnUnits {
    fixed: FixedPoint,
    bits: ColumnBits,
}

impl OnUnits {
    fn new(fixed: FixedPoint, units: &RoundingUnits) -> Result<Self, ArrayError> {
        let RoundingUnits { columns, row_tiles } = units;
        let signals = fixed.signals();
        for result in [signals.output.format, signals.error.format] {
            let rounding = ColumnRounding::Stochastic(columns.clone());
            let array = ArrayConfig {
                b: signals.weight.format,
                row_tiles: *row_tiles,
                ..ArrayConfig::new(columns.seeds.len(), result, rounding)
            };
            array.check()?;
        }
        let registers = columns.registers().map_err(ArrayError::from)?;
        Ok(Self { fixed, bits: ColumnBits { registers, row_tiles: *row_tiles } })
    }
}

impl Arithmetic for OnUnits {
    fn linear_map(&self, layer: NewLayer<'_>) -> LinearMap {
        self.fixed.linear_map_with(layer, self.bits.clone())
    }

    fn input(&self, x: f32) -> f32 {
        self.fixed.input(x)
    }
}

/// The bits of the columns' registers.
#[derive(Clone, Debug)]
struct ColumnBits {
    /// At their seeds, at least one.
    registers: Vec<Lfsr>,
    row_tiles: usize,
}

impl ColumnBits {
    /// The registers as they stand before the matrix of that name and first element.
    fn registers(&self, name: &Seed, first: u64) -> Vec<Lfsr> {
        let mut place = [0; 2];
        name.child(first).stream().fill_words(0, &mut place);
        let samples = u64::from(place[0]) << 32 | u64::from(place[1]);
        let mut registers = self.registers.clone();
        registers.iter_mut().for_each(|register| register.skip(samples));
        registers
    }
}

impl ResultBits for ColumnBits {
    type Source = MatrixWords;

    fn of_matrix(&self, name: &Seed, first: u64, (l, m): (usize, usize)) -> MatrixWords {
        let registers = self.registers(name, first);
        let tiles = Tiles { l, m, n: registers.len(), row_tiles: self.row_tiles };
        // A unit reads as many bits as it drops. What is read below them has nothing to carry into.
        let bits = registers[0].config().width.min(32);
        MatrixWords { first, words: ColumnStream::new(&registers).words(tiles, bits) }
    }
}

/// The words of a matrix whose first element is at that position.
#[derive(Debug)]
struct MatrixWords {
    first: u64,
    words: RoundingWords,
}

impl BitSource for MatrixWords {
    fn word(&self, position: u64, depth: u32) -> u32 {
        self.words.word(position - self.first, depth)
    }

    fn fill(&self, first: u64, out: &mut [u32]) {
        self.words.fill(first - self.first, out);
    }
}

#[cfg(test)]
mod tests;
