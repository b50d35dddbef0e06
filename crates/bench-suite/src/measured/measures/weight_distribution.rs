//! [`WeightDistribution`]: the MVM error against the shape of the weight distribution.
//!
//! Weights from a generalised normal distribution, p(w) ∝ exp(−|w|^β), the largest one mapped to
//! g_max; inputs from U(−1, 1); 1 h after programming with drift compensation.
//!
//! Source: [Rasch23 Fig. 6].

use crossbar::{WeightScale, presets};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::equal_error::SIZE;
use super::product::{Product, uniform};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::measures::aging::HOUR_S;

/// The distributions, and how much is multiplied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightDistribution {
    /// Input vectors of each product.
    pub samples: usize,
    /// Shapes β, 1 being the Laplace and 2 the normal distribution.
    pub shapes: Vec<f64>,
}

/// What is known of every shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ByShape {
    /// ε_M in %.
    pub error_percent: Vec<f64>,
    /// Excess kurtosis of the weights.
    pub excess_kurtosis: Vec<f64>,
}

/// Draws from p(w) ∝ exp(−|w|^β) by inverting its distribution function on a grid.
///
/// The grid runs over w for β ≥ 1 and over w^β for β < 1: there the density is smooth.
fn generalised_normal(shape: f64, seed: &Seed, len: usize) -> Vec<f32> {
    const CELLS: usize = 16_384;
    // exp(−40) of the mass lies beyond.
    const LAST: f64 = 40.0;
    let over_power = shape < 1.0;
    let end = if over_power { LAST } else { LAST.powf(1.0 / shape) };
    let width = end / CELLS as f64;
    let density = |u: f64| {
        if over_power { u.powf(1.0 / shape - 1.0) * (-u).exp() } else { (-u.powf(shape)).exp() }
    };
    let mut mass = Vec::with_capacity(CELLS + 1);
    mass.push(0.0);
    for cell in 0..CELLS {
        mass.push(mass[cell] + density((cell as f64 + 0.5) * width));
    }
    let total = mass[CELLS];
    let mut draws = vec![0.0; len];
    seed.stream().fill_uniform(0, &mut draws);
    let value = |draw: f32| {
        // The sign is the half of the interval, the magnitude the place in it.
        let signed = 2.0 * f64::from(draw) - 1.0;
        let wanted = signed.abs() * total;
        let cell = mass.partition_point(|&m| m <= wanted).clamp(1, CELLS) - 1;
        let share = ((wanted - mass[cell]) / (mass[cell + 1] - mass[cell])).clamp(0.0, 1.0);
        let u = (cell as f64 + share) * width;
        let magnitude = if over_power { u.powf(1.0 / shape) } else { u };
        magnitude.copysign(signed) as f32
    };
    draws.into_iter().map(value).collect()
}

impl Measure for WeightDistribution {
    type Outcome = ByShape;

    /// Multiplies with weights of every shape.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<ByShape, Error> {
        let seed = Seed::new(seed).child("rasch2023/weight-distribution");
        let x = uniform(&seed.child("inputs"), self.samples * SIZE);
        let mut tile = presets::standard_pcm();
        tile.mapping.scale = WeightScale::Matrix;
        let (mut error_percent, mut excess_kurtosis) = (Vec::new(), Vec::new());
        for (index, &shape) in self.shapes.iter().enumerate() {
            let seed = seed.child(index);
            let weights = generalised_normal(shape, &seed.child("weights"), SIZE * SIZE);
            excess_kurtosis.push(crossbar::excess_kurtosis(&weights));
            // ε_M is a ratio, so the scale of the weights does not matter.
            let product = Product {
                config: &tile,
                weights: &weights,
                inputs: SIZE,
                x: &x,
                input_range: 1.0,
                t_s: Some(HOUR_S),
            };
            error_percent.push(product.error_percent(&seed, context.par)?);
        }
        Ok(ByShape { error_percent, excess_kurtosis })
    }
}

#[cfg(test)]
mod tests {
    use crossbar::excess_kurtosis;

    use super::*;

    #[test]
    fn draws_have_the_kurtosis_of_their_shape() {
        // Γ(5/β) Γ(1/β) / Γ(3/β)² − 3: 3 for Laplace, 0 for normal, −1.2 in the limit.
        let n = 400_000;
        for (shape, expected, tolerance) in
            [(1.0, 3.0, 0.25), (2.0, 0.0, 0.04), (10.0, -1.116, 0.02)]
        {
            let w = generalised_normal(shape, &Seed::new(1), n);
            let kurtosis = excess_kurtosis(&w);
            // About four standard errors of a fourth moment: false alarm 6·10⁻⁵ per shape.
            assert!((kurtosis - expected).abs() < tolerance, "β = {shape}: {kurtosis}");
        }
    }
}
