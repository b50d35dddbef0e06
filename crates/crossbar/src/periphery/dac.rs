//! [`Dac`]: the input side of a tile.
//!
//! ```text
//! k = clip(round(x/(α s)), ±b/s),   x̂ = s k,   s = 2b / steps          [Rasch23 Eq. 5–6]
//! k = clip(round(x/(α s)), 0, b/s),            s = b / steps           unsigned
//! ```
//!
//! With 2^q − 2 steps there are 2^q − 1 levels, zero among them: 254 steps for 8 bits. An unsigned
//! converter has 2^q levels, 255 steps. A file gives one of `bits`, `levels` (one more than steps) and
//! `steps`; whatever it gives is held and written as steps.
//!
//! Numbers of steps need not be even, nor whole: sweeps of the resolution take what lies between
//! bits. But then ±b is no multiple of a step. It lies between the last two codes, one of which is
//! cut to it, and an input at the end of the range comes out at b or a step below it, as the last
//! bit of x/(α s) has it; with [`NoiseManagement::AbsMax`] every sample has such an input. A converter
//! of a real circuit has an even number of steps.

use serde::{Deserialize, Serialize};

use super::codes::{ConverterRounding, InputCodes};
use super::encoding::InputEncoding;
use super::range::DacRange;
use super::resolution::{self, Keys, Resolution};
use crate::error::TileError;

/// Digital-to-analog converters of the word lines.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Dac {
    /// Steps of the range, above 1: 2^bits − 2, or 2^bits − 1 of an unsigned one, where a single step
    /// is allowed, too; continuous if absent.
    pub steps: Option<f32>,
    /// How inputs come onto the steps.
    pub rounding: ConverterRounding,
    /// Largest DAC output b, normalised: an input equal to the input range gives 1.
    pub bound: f32,
    /// Standard deviation σ_in of the noise on the word lines, added after the conversion.
    pub noise: f32,
    /// How inputs are scaled into the range.
    pub noise_management: NoiseManagement,
    /// What happens when an output saturates.
    pub bound_management: BoundManagement,
    /// Whether inputs have signs.
    #[serde(skip_serializing_if = "DacRange::is_symmetric")]
    pub range: DacRange,
    /// Whether inputs come whole or in slices.
    #[serde(skip_serializing_if = "InputEncoding::is_whole")]
    pub encoding: InputEncoding,
}

/// [`Dac`] as a file gives it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default)]
    bits: Option<u32>,
    #[serde(default)]
    levels: Option<u32>,
    #[serde(default)]
    steps: Option<f32>,
    #[serde(default)]
    rounding: ConverterRounding,
    bound: f32,
    #[serde(default)]
    noise: f32,
    #[serde(default)]
    noise_management: NoiseManagement,
    #[serde(default)]
    bound_management: BoundManagement,
    #[serde(default)]
    range: DacRange,
    #[serde(default)]
    encoding: InputEncoding,
}

const KEYS: Keys = Keys { bits: "dac.bits", levels: "dac.levels", steps: "dac.steps" };

impl TryFrom<Fields> for Dac {
    type Error = TileError;

    fn try_from(fields: Fields) -> Result<Self, TileError> {
        let Fields { bits, levels, steps, rounding, bound, noise, .. } = fields;
        let Fields { noise_management, bound_management, range, encoding, .. } = fields;
        let resolution = Resolution { keys: KEYS, bits, levels, steps };
        let steps = resolution.into_steps(range.is_symmetric())?;
        Ok(Self {
            steps,
            rounding,
            bound,
            noise,
            noise_management,
            bound_management,
            range,
            encoding,
        })
    }
}

/// How inputs are brought into the range of the DAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum NoiseManagement {
    /// By the input range α of the tile, the same for every sample.
    #[default]
    None,
    /// By the largest magnitude of each sample, in place of α; of an unsigned converter, the largest
    /// input. AIHWKit: `ABS_MAX`.
    AbsMax,
}

/// What happens when an output reaches the bound of the ADC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum BoundManagement {
    /// It saturates.
    #[default]
    None,
    /// The sample is multiplied again with its input halved. AIHWKit: `ITERATIVE`.
    ///
    /// Differs: outputs that the offset of their converter saturates by itself do not ask for it,
    /// since no halving brings them back; AIHWKit knows no such offset.
    Iterative {
        /// Most halvings of one sample, at most 30.
        max_halvings: u32,
    },
}

impl Dac {
    /// Number of steps of a converter with that many bits, one code dropped: 2^bits − 2.
    ///
    /// # Panics
    ///
    /// Unless `bits` is in 2..=24.
    #[track_caller]
    pub fn steps_of_bits(bits: u32) -> f32 {
        assert!((2..=24).contains(&bits), "a converter has 2 to 24 bits, not {bits}");
        ((1u32 << bits) - 2) as f32
    }

    /// Width s of one step, if the converter has steps.
    pub fn step(&self) -> Option<f32> {
        self.steps.map(|steps| match self.range {
            DacRange::Symmetric => 2.0 * self.bound / steps,
            DacRange::Unsigned => self.bound / steps,
        })
    }

    /// The codes of the inputs.
    pub(super) fn codes(&self) -> InputCodes {
        let unit = self.step().unwrap_or(1.0);
        match (self.range, self.steps) {
            (DacRange::Symmetric, _) => {
                let high = self.bound / unit;
                InputCodes { unit, low: -high, high }
            }
            (DacRange::Unsigned, steps) => {
                InputCodes { unit, low: 0.0, high: steps.unwrap_or(self.bound) }
            }
        }
    }

    /// The largest magnitude among inputs, of which an unsigned converter takes those above 0 only.
    pub fn largest(&self, inputs: &[f32]) -> f32 {
        match self.range {
            DacRange::Symmetric => crate::mapping::largest_magnitude(inputs),
            DacRange::Unsigned => inputs.iter().fold(0.0f32, |max, &x| max.max(x)),
        }
    }

    /// The input that drives the converter to 1 in a sample, for a tile of that input range.
    pub(crate) fn range_of(&self, sample: &[f32], input_range: f32) -> f32 {
        match self.noise_management {
            NoiseManagement::None => input_range,
            NoiseManagement::AbsMax => {
                let max = self.largest(sample);
                if max > 0.0 && max.is_finite() { max } else { 1.0 }
            }
        }
    }

    pub(crate) fn check(&self) -> Result<(), TileError> {
        resolution::check_steps("dac.steps", self.steps, self.range.is_symmetric())?;
        TileError::check_within("dac.bound", self.bound, 1e-3..=1e6)?;
        self.check_encoding()?;
        TileError::check_within("dac.noise", self.noise, 0.0..=1e3)?;
        match self.bound_management {
            BoundManagement::None => Ok(()),
            BoundManagement::Iterative { max_halvings } => TileError::check_within(
                "dac.bound_management.max_halvings",
                max_halvings,
                0.0..=30.0,
            ),
        }
    }
}

/// Checks a number of steps of a symmetric range.
pub(crate) fn check_steps(field: &'static str, steps: Option<f32>) -> Result<(), TileError> {
    resolution::check_steps(field, steps, true)
}

/// Input range of a symmetric converter as the mean over batches of the largest magnitude, at most `cap`.
///
/// Source: [Rasch23 Methods, "input range"], where the cap is 10.
///
/// # Panics
///
/// If there are no batches.
#[track_caller]
pub fn mean_abs_max<'a>(batches: impl IntoIterator<Item = &'a [f32]>, cap: f32) -> f32 {
    mean(batches, |batch| f64::from(crate::mapping::largest_magnitude(batch))).min(cap)
}

/// Input range as the mean over batches of `factor` standard deviations.
///
/// Source: AIHWKit 1.1.0, `periphery.py`, `init_from_data`, where the factor is 3.
///
/// # Panics
///
/// If there are no batches.
#[track_caller]
pub fn mean_scaled_std<'a>(batches: impl IntoIterator<Item = &'a [f32]>, factor: f32) -> f32 {
    mean(batches, |batch| {
        let n = batch.len().max(2) as f64;
        let sum: f64 = batch.iter().map(|&x| f64::from(x)).sum();
        let squares: f64 = batch.iter().map(|&x| (f64::from(x) - sum / n).powi(2)).sum();
        f64::from(factor) * (squares / (n - 1.0)).sqrt()
    })
}

#[track_caller]
pub(crate) fn mean<'a>(
    batches: impl IntoIterator<Item = &'a [f32]>,
    f: impl Fn(&[f32]) -> f64,
) -> f32 {
    let (mut sum, mut count) = (0.0, 0u32);
    for batch in batches {
        sum += f(batch);
        count += 1;
    }
    assert!(count > 0, "an input range needs at least one batch");
    (sum / f64::from(count)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bits_are_254_steps() {
        assert_eq!(Dac::steps_of_bits(8), 254.0);
    }

    #[test]
    fn input_ranges_follow_their_definitions() {
        let batches = [[1.0f32, -3.0], [0.5, 0.25]];
        let slices = || batches.iter().map(|b| &b[..]);
        assert_eq!(mean_abs_max(slices(), 10.0), 1.75);
        assert_eq!(mean_abs_max(slices(), 1.0), 1.0);
        let expected = 3.0 * (8f64.sqrt() + 0.03125f64.sqrt()) / 2.0;
        assert!((f64::from(mean_scaled_std(slices(), 3.0)) - expected).abs() < 1e-6);
    }
}
