//! [`FewBits`]: the error of products whose weights or inputs have few bits, beside the analog one.
//!
//! Weights from N(0, 0.246), cut at ±1, and inputs from U(−1, 1), one or both of them rounded to
//! 2^q − 1 levels (Eq. 5); beside it the standard tile after 1 h, with drift compensation.
//!
//! Source: [Rasch23 Fig. 3D].

use crossbar::{WeightScale, mvm_error, presets};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::equal_error::{SIZE, WEIGHT_STD};
use super::product::{Product, exact_product, gaussian, uniform};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::measures::aging::HOUR_S;

/// How much is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FewBits {
    /// Input vectors of each product.
    pub samples: usize,
}

/// ε_M in %.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// With rounded weights, by number of bits of [`BITS`].
    pub weights: Vec<f64>,
    /// … with rounded inputs.
    pub inputs: Vec<f64>,
    /// … with both rounded.
    pub both: Vec<f64>,
    /// Of the standard tile after 1 h.
    pub analog: f64,
}

/// Bits q of the words.
pub const BITS: [u32; 7] = [2, 3, 4, 5, 6, 7, 8];

/// clip(round(z · (2^q − 2)/2) · 2/(2^q − 2)) to ±1. [Rasch23 Eq. 5]
fn rounded(values: &[f32], bits: u32) -> Vec<f32> {
    let half = (2f32.powi(bits as i32) - 2.0) / 2.0;
    values.iter().map(|z| ((z * half).round_ties_even() / half).clamp(-1.0, 1.0)).collect()
}

impl Measure for FewBits {
    type Outcome = Errors;

    /// Multiplies with few bits of either operand and of both, and on the tile.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Errors, Error> {
        let seed = Seed::new(seed).child("rasch2023/few-bits");
        let weights: Vec<f32> = gaussian(&seed.child("weights"), WEIGHT_STD, SIZE * SIZE)
            .into_iter()
            .map(|w| w.clamp(-1.0, 1.0))
            .collect();
        let x = uniform(&seed.child("inputs"), self.samples * SIZE);
        let exact = exact_product(&x, &weights, SIZE);
        let mut errors = Errors::default();
        for bits in BITS {
            let (few_weights, few_x) = (rounded(&weights, bits), rounded(&x, bits));
            for (series, x, weights) in [
                (&mut errors.weights, &x, &few_weights),
                (&mut errors.inputs, &few_x, &weights),
                (&mut errors.both, &few_x, &few_weights),
            ] {
                series.push(100.0 * mvm_error(&exact, &exact_product(x, weights, SIZE), SIZE));
            }
        }
        let mut tile = presets::standard_pcm();
        tile.mapping.scale = WeightScale::Unit;
        let product = Product {
            config: &tile,
            weights: &weights,
            inputs: SIZE,
            x: &x,
            input_range: 1.0,
            t_s: Some(HOUR_S),
        };
        errors.analog = product.error_percent(&seed.child("analog"), context.par)?;
        Ok(errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bits_have_three_levels() {
        assert_eq!(rounded(&[-3.0, -0.4, 0.4, 0.6, 1.0], 2), [-1.0, 0.0, 0.0, 1.0, 1.0]);
    }
}
