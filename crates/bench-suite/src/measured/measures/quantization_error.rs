//! [`QuantizationError`]: what rounding to blocks does to normally distributed numbers.

use std::collections::BTreeMap;

use numerics::{BlockQuantizer, BlockShape, Seed};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::measurements::{read_groups, write_groups};

/// A matrix of N(0, 1), and how it is rounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantizationError {
    /// Rows and columns of the matrix.
    pub side: usize,
    /// The ways to round it.
    pub quantizers: Vec<NamedQuantizer>,
}

/// One way to round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedQuantizer {
    /// What its measurements are called by.
    pub name: String,
    /// Format, rounding and scales.
    pub quantizer: BlockQuantizer,
    /// Whether blocks are square instead of lying along rows.
    pub square: bool,
}

/// What rounding did, by the name of the quantizer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rounded(pub BTreeMap<String, Loss>);

/// What rounding did to the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// The mean squared error, E(Q(x) − x)².
    pub mse: f64,
    /// The shrinkage in %, 100 · (1 − E(x·Q(x)) / E(x²)): 0 for what has no bias.
    pub shrinkage_percent: f64,
}

impl Serialize for Rounded {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        write_groups(&self.0, |quantizer, field| format!("{field} {quantizer}"), to)
    }
}

impl<'de> Deserialize<'de> for Rounded {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let split = |name: &str| {
            let (field, quantizer) = name.split_once(' ')?;
            Some((quantizer.to_owned(), field.to_owned()))
        };
        read_groups(from, split).map(Self)
    }
}

impl QuantizationError {
    /// Amount of work in numbers that are rounded.
    pub fn work(&self) -> u64 {
        (self.side * self.side * self.quantizers.len()) as u64
    }
}

impl Measure for QuantizationError {
    type Outcome = Rounded;

    /// Rounds the same matrix in every way; it may be interrupted between two of them.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Rounded, Error> {
        let seed = Seed::new(seed).child("quantization error");
        let mut x = vec![0.0; self.side * self.side];
        seed.child("x").stream().fill_gaussian(0, &mut x);
        let mut rounded = vec![0.0; x.len()];
        let mut all = Rounded::default();
        for NamedQuantizer { name, quantizer, square } in &self.quantizers {
            if context.progress.stopped() {
                return Err(Error::Interrupted);
            }
            let shape = if *square { BlockShape::Square } else { BlockShape::AlongRows };
            let layout = shape.of(self.side, self.side);
            let bits = seed.child(name.as_str()).draw();
            let scale = quantizer.decode_into(&x, layout, bits, context.par, &mut rounded);
            all.0.insert(name.clone(), compare(&x, &rounded, f64::from(scale)));
            context.progress.advance(x.len() as u64);
        }
        Ok(all)
    }
}

/// Mean squared error and shrinkage in % of rounded numbers, which are to be multiplied by `scale`.
fn compare(x: &[f32], rounded: &[f32], scale: f64) -> Loss {
    let [mut squares, mut products, mut errors] = [0.0; 3];
    for (&x, &q) in x.iter().zip(rounded) {
        let (x, q) = (f64::from(x), scale * f64::from(q));
        squares += x * x;
        products += x * q;
        errors += (q - x) * (q - x);
    }
    Loss { mse: errors / x.len() as f64, shrinkage_percent: 100.0 * (1.0 - products / squares) }
}

#[cfg(test)]
mod tests {
    use numerics::{BlockFormat, Draw, Par, Rounding, ScaleRule};

    use super::*;

    #[test]
    fn errors_are_the_ones_by_hand() {
        // Scales 1/2 and, under the scaled floor rule, times 4/3: 3 is on the grid, 0.6 is not.
        let x = [3.0, 0.6, -0.6, 0.0];
        let of = |scale_rule| {
            let usual = BlockQuantizer::new(BlockFormat::MXFP4, Rounding::NearestTiesEven);
            let quantizer = BlockQuantizer { scale_rule, ..usual };
            let layout = BlockShape::AlongRows.of(1, 4);
            let mut out = [0.0; 4];
            let scale = quantizer.decode_into(&x, layout, Draw::none(), Par::Seq, &mut out);
            compare(&x, &out, f64::from(scale))
        };
        let Loss { mse: error, shrinkage_percent: lost } = of(ScaleRule::Floor);
        // ±0.6 / 0.5 = 1.2 becomes 1, which is ±0.5.
        assert!((error - 2.0 * 0.01 / 4.0).abs() < 1e-8, "{error}");
        let squares = 9.0 + 2.0 * 0.36;
        assert!((lost - 100.0 * (1.0 - (9.0 + 2.0 * 0.3) / squares)).abs() < 1e-5, "{lost}");
        // 3 / 0.5 · 3/4 = 4.5 becomes 4, and 1.2 · 3/4 = 0.9 becomes 1: times 2/3.
        let error = of(ScaleRule::ScaledFloor).mse;
        let expected = ((3.0 - 8.0 / 3.0f64).powi(2) + 2.0 * (2.0 / 3.0 - 0.6f64).powi(2)) / 4.0;
        assert!((error - expected).abs() < 1e-6, "{error} {expected}");
    }
}
