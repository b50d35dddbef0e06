//! [`QuantizationError`]: what rounding to blocks does to normally distributed numbers.

use numerics::{BlockQuantizer, BlockShape, Seed};
use serde::{Deserialize, Serialize};

use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;

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

/// The name of the mean squared error, E(Q(x) − x)².
pub fn mse(quantizer: &str) -> String {
    format!("mse {quantizer}")
}

/// The name of the shrinkage in %, 100 · (1 − E(x·Q(x)) / E(x²)): 0 for what has no bias.
pub fn shrinkage(quantizer: &str) -> String {
    format!("shrinkage_percent {quantizer}")
}

impl QuantizationError {
    /// Amount of work in numbers that are rounded.
    pub fn work(&self) -> u64 {
        (self.side * self.side * self.quantizers.len()) as u64
    }

    /// Rounds the same matrix in every way: [`mse`] and [`shrinkage`] of each.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] between two of them.
    pub fn run(&self, seed: u64, context: &Context<'_>) -> Result<Measurements, Error> {
        let seed = Seed::new(seed).child("quantization error");
        let mut x = vec![0.0; self.side * self.side];
        seed.child("x").stream().fill_gaussian(0, &mut x);
        let mut rounded = vec![0.0; x.len()];
        let mut measured = Measurements::default();
        for NamedQuantizer { name, quantizer, square } in &self.quantizers {
            if context.progress.stopped() {
                return Err(Error::Interrupted);
            }
            let shape = if *square { BlockShape::Square } else { BlockShape::AlongRows };
            let layout = shape.of(self.side, self.side);
            let bits = seed.child(name.as_str()).draw();
            let scale = quantizer.decode_into(&x, layout, bits, context.par, &mut rounded);
            let [error, lost] = compare(&x, &rounded, f64::from(scale));
            measured.values.insert(mse(name), error);
            measured.values.insert(shrinkage(name), lost);
            context.progress.advance(x.len() as u64);
        }
        Ok(measured)
    }
}

/// Mean squared error and shrinkage in % of rounded numbers, which are to be multiplied by `scale`.
fn compare(x: &[f32], rounded: &[f32], scale: f64) -> [f64; 2] {
    let [mut squares, mut products, mut errors] = [0.0; 3];
    for (&x, &q) in x.iter().zip(rounded) {
        let (x, q) = (f64::from(x), scale * f64::from(q));
        squares += x * x;
        products += x * q;
        errors += (q - x) * (q - x);
    }
    [errors / x.len() as f64, 100.0 * (1.0 - products / squares)]
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
        let [error, lost] = of(ScaleRule::Floor);
        // ±0.6 / 0.5 = 1.2 becomes 1, which is ±0.5.
        assert!((error - 2.0 * 0.01 / 4.0).abs() < 1e-8, "{error}");
        let squares = 9.0 + 2.0 * 0.36;
        assert!((lost - 100.0 * (1.0 - (9.0 + 2.0 * 0.3) / squares)).abs() < 1e-5, "{lost}");
        // 3 / 0.5 · 3/4 = 4.5 becomes 4, and 1.2 · 3/4 = 0.9 becomes 1: times 2/3.
        let [error, _] = of(ScaleRule::ScaledFloor);
        let expected = ((3.0 - 8.0 / 3.0f64).powi(2) + 2.0 * (2.0 / 3.0 - 0.6f64).powi(2)) / 4.0;
        assert!((error - expected).abs() < 1e-6, "{error} {expected}");
    }
}
