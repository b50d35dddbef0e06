//! [`Init`]: distributions of initial weights.

use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::checked::checked_on_reading;

/// The distribution of initial weights.
///
/// fan_in is the number of inputs of an output, fan_out that of outputs that an input reaches:
/// for a convolution the channels times the taps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, remote = "Self")]
pub enum Init {
    /// N(0, `std_dev`²).
    Normal {
        /// The standard deviation, finite and not negative.
        std_dev: f32,
    },
    /// U(−`bound`, `bound`).
    Uniform {
        /// The largest magnitude, finite and not negative.
        bound: f32,
    },
    /// N(0, 2 / fan_in). Source: He et al., arXiv:1502.01852, eq. (10).
    HeNormal,
    /// N(0, 2 / fan_out). Source: ibid., eq. (14); torchvision's residual networks.
    HeNormalFanOut,
    /// U(−a, a) with a² = 6 / fan_in: the variance of [`Self::HeNormal`].
    HeUniform,
    /// N(0, 2 / (fan_in + fan_out)). Source: Glorot and Bengio, AISTATS 2010, eq. (12).
    XavierNormal,
    /// U(−a, a) with a² = 6 / (fan_in + fan_out). Source: ibid., eq. (16).
    XavierUniform,
    /// U(−a, a) with a² = 1 / fan_in. Source: the default of PyTorch's linear layers and
    /// convolutions.
    FanInUniform,
}

checked_on_reading!(Init);

impl Init {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    ///
    /// A clause that names the field and its value.
    pub fn check(&self) -> Result<(), String> {
        let (field, x) = match *self {
            Self::Normal { std_dev } => ("init.normal.std_dev", std_dev),
            Self::Uniform { bound } => ("init.uniform.bound", bound),
            _ => return Ok(()),
        };
        if x.is_finite() && x >= 0.0 {
            Ok(())
        } else {
            Err(format!("{field} = {x} must be finite and not negative"))
        }
    }

    /// Weights of shape (out, taps …, in), drawn from `seed` by position.
    pub(crate) fn weights(&self, seed: &Seed, shape: &[usize]) -> Vec<f32> {
        let fan_in: usize = shape[1..].iter().product();
        let fan_out: usize = shape[..shape.len() - 1].iter().product();
        let (fan_in, fan_out) = (fan_in as f32, fan_out as f32);
        match *self {
            Self::Normal { std_dev } => normal(seed, shape, std_dev),
            Self::Uniform { bound } => uniform(seed, shape, bound),
            Self::HeNormal => normal(seed, shape, (2.0 / fan_in).sqrt()),
            Self::HeNormalFanOut => normal(seed, shape, (2.0 / fan_out).sqrt()),
            Self::HeUniform => uniform(seed, shape, (6.0 / fan_in).sqrt()),
            Self::XavierNormal => normal(seed, shape, (2.0 / (fan_in + fan_out)).sqrt()),
            Self::XavierUniform => uniform(seed, shape, (6.0 / (fan_in + fan_out)).sqrt()),
            Self::FanInUniform => uniform(seed, shape, fan_in.sqrt().recip()),
        }
    }
}

fn normal(seed: &Seed, shape: &[usize], std_dev: f32) -> Vec<f32> {
    let mut weights = vec![0.0; shape.iter().product()];
    seed.stream().fill_gaussian(0, &mut weights);
    weights.iter_mut().for_each(|w| *w *= std_dev);
    weights
}

fn uniform(seed: &Seed, shape: &[usize], bound: f32) -> Vec<f32> {
    let mut weights = vec![0.0; shape.iter().product()];
    seed.stream().fill_uniform(0, &mut weights);
    weights.iter_mut().for_each(|w| *w = bound * (2.0 * *w - 1.0));
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20,000 draws give a standard deviation to 0.5 %; the bound is six times that.
    #[test]
    fn every_distribution_has_its_standard_deviation() {
        let shape = [50, 5, 5, 16];
        let (fan_in, fan_out) = (400.0f32, 1250.0f32);
        let cases = [
            (Init::Normal { std_dev: 0.3 }, 0.3),
            (Init::Uniform { bound: 0.3 }, 0.3 / 3f32.sqrt()),
            (Init::HeNormal, (2.0 / fan_in).sqrt()),
            (Init::HeNormalFanOut, (2.0 / fan_out).sqrt()),
            (Init::HeUniform, (2.0 / fan_in).sqrt()),
            (Init::XavierNormal, (2.0 / (fan_in + fan_out)).sqrt()),
            (Init::XavierUniform, (2.0 / (fan_in + fan_out)).sqrt()),
            (Init::FanInUniform, (3.0 * fan_in).sqrt().recip()),
        ];
        for (init, expected) in cases {
            let weights = init.weights(&Seed::new(3), &shape);
            let square: f32 = weights.iter().map(|w| w * w).sum();
            let std_dev = (square / weights.len() as f32).sqrt();
            assert!((std_dev / expected - 1.0).abs() < 0.03, "{init:?}: {std_dev}, not {expected}");
        }
    }
}
