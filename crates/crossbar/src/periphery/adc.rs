//! [`Adc`]: the output side of a tile.
//!
//! ```text
//! z → K z / (1 + |n_i z|)            S-shape, if any
//!   → z + σ_out ξ                    noise of the system, about half a step in the paper
//!   → (1 + δ_i) z + o_i              gain and offset of the converter of column i
//!   → clip(s round(z/s), ±b)         s = 2b / steps                    [Rasch23 Eq. 5–6]
//! ```

use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::dac::{ConverterRounding, check_steps};
use crate::error::TileError;

/// Analog-to-digital converters of the bit lines.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adc {
    /// Steps between −bound and bound, 2^bits − 2, above 1; continuous if absent. See
    /// [`dac`](super::dac) for numbers that are not even.
    #[serde(default)]
    pub steps: Option<f32>,
    /// How outputs come onto the steps.
    #[serde(default)]
    pub rounding: ConverterRounding,
    /// Largest output b, in units of a full input on a full weight; no limit if absent.
    #[serde(default)]
    pub bound: Option<f32>,
    /// Standard deviation σ_out of the additive noise, in the same units.
    pub noise: f32,
    /// S-shaped nonlinearity, if any.
    #[serde(default)]
    pub s_shape: Option<SShape>,
    /// Standard deviation of the relative gain error δ_i over columns.
    #[serde(default)]
    pub gain_std: f32,
    /// Standard deviation of the offset o_i over columns.
    #[serde(default)]
    pub offset_std: f32,
}

/// The S-shaped nonlinearity of the read-out.
///
/// ```text
/// n_i = |(strength/b)(1 + spread ξ_i)|,   K = (1 + mean_i(n_i) · slope · b)²
/// ```
///
/// Assumed: the paper's K is ambiguous in print; this is AIHWKit's, which covers the output range
/// as the paper says for `strength` = 1/4 and `slope` = 1/2.
///
/// Source: [Rasch23 Eq. 19]; AIHWKit 1.1.0, `rpu_forward_backward_pass.cpp`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SShape {
    /// Curvature μ_ζ relative to the output bound.
    pub strength: f32,
    /// Relative standard deviation of the curvature over columns.
    pub spread: f32,
    /// Share of the range at which the slope is calibrated.
    pub slope: f32,
}

/// What differs from column to column, drawn once per tile.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) curvature: Vec<f32>,
    pub(super) prefactor: f32,
    pub(super) gain: Vec<f32>,
    pub(super) offset: Vec<f32>,
}

impl Adc {
    /// Width s of one step, if the converter has steps.
    pub fn step(&self) -> Option<f32> {
        Some(2.0 * self.bound? / self.steps?)
    }

    pub(crate) fn check(&self) -> Result<(), TileError> {
        check_steps("adc.steps", self.steps)?;
        TileError::check_within("adc.bound", self.bound.unwrap_or(1.0), 1e-6..=1e9)?;
        if let (Some(steps), None) = (self.steps, self.bound) {
            return TileError::check(false, "adc.steps", steps, "needs an adc.bound");
        }
        TileError::check_size("adc.noise", self.noise)?;
        TileError::check_size("adc.gain_std", self.gain_std)?;
        TileError::check_size("adc.offset_std", self.offset_std)?;
        if let Some(SShape { strength, spread, slope }) = self.s_shape {
            TileError::check_within("adc.s_shape.strength", strength, 0.0..=1e3)?;
            TileError::check_within("adc.s_shape.spread", spread, 0.0..=1e3)?;
            TileError::check_within("adc.s_shape.slope", slope, 0.0..=1e3)?;
            let bounded = self.bound.is_some();
            TileError::check(bounded, "adc.s_shape.strength", strength, "needs an adc.bound")?;
        }
        Ok(())
    }

    /// Whether a converter with that offset saturates without any input.
    pub(super) fn is_saturated_by(&self, offset: f32) -> bool {
        let offset = match (self.step(), self.rounding) {
            (Some(step), ConverterRounding::Nearest) => (offset / step).round_ties_even() * step,
            _ => offset,
        };
        self.bound.is_some_and(|bound| offset.abs() > bound)
    }

    pub(super) fn columns(&self, outputs: usize, seed: &Seed) -> Columns {
        let drawn = |name: &str, std: f32, mean: f32| {
            let mut values = vec![0.0; outputs];
            seed.child(name).stream().fill_gaussian(0, &mut values);
            values.iter().map(|xi| mean + std * xi).collect::<Vec<f32>>()
        };
        let (mut curvature, mut prefactor) = (vec![0.0; outputs], 1.0);
        if let (Some(shape), Some(bound)) = (self.s_shape, self.bound) {
            curvature = drawn("s-shape", shape.spread, 1.0)
                .into_iter()
                .map(|factor| (shape.strength / bound * factor).abs())
                .collect();
            let mean = curvature.iter().sum::<f32>() / outputs.max(1) as f32;
            prefactor = (1.0 + mean * shape.slope * bound).powi(2);
        }
        Columns {
            curvature,
            prefactor,
            gain: drawn("adc-gain", self.gain_std, 1.0),
            offset: drawn("adc-offset", self.offset_std, 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_s_shape_covers_the_output_range() {
        let adc = Adc {
            steps: None,
            rounding: ConverterRounding::Nearest,
            bound: Some(10.0),
            noise: 0.0,
            s_shape: Some(SShape { strength: 0.25, spread: 0.0, slope: 0.5 }),
            gain_std: 0.0,
            offset_std: 0.0,
        };
        let columns = adc.columns(4, &Seed::new(1));
        let f = |z: f32| columns.prefactor * z / (1.0 + columns.curvature[0] * z.abs());
        assert!((columns.prefactor - 1.265_6).abs() < 1e-4);
        assert!((f(10.0) - 10.125).abs() < 1e-4, "f(10) = {}", f(10.0));
        let slope = (f(5.001) - f(4.999)) / 0.002;
        assert!((slope - 1.0).abs() < 2e-3, "slope at 5 is {slope}");
    }

    #[test]
    fn steps_without_a_bound_are_refused() {
        let adc = Adc {
            steps: Some(254.0),
            rounding: ConverterRounding::Nearest,
            bound: None,
            noise: 0.0,
            s_shape: None,
            gain_std: 0.0,
            offset_std: 0.0,
        };
        assert_eq!(adc.check().unwrap_err().to_string(), "adc.steps = 254 needs an adc.bound");
    }
}
