//! [`Adc`]: the output side of a tile.
//!
//! ```text
//! z → K z / (1 + |n_i z|)            S-shape, if any
//!   → z + σ_out ξ                    noise of the system, about half a step in the paper
//!   → (1 + δ_i) z + o_i              gain and offset of the converter of column i
//!   → clip(s round(z/s), ±b)         s = 2b / steps                    [Rasch23 Eq. 5–6]
//!   → s clip(round(z/s), 0, b/s)     s = b / steps                     unsigned
//!   → l + s clip(round((z − l)/s), 0, steps)    s = (h − l) / steps    between l and h
//! ```
//!
//! Codes change elsewhere by INL and DNL,
//!
//! ```text
//! T_k = k − ½ + INL_k  (k + INL_k with floor),   code = number of the T_k ≤ (z − l)/s
//! ```
//!
//! Columns may have ranges of their own, calibrated from data: b, l and h are then multiplied by b_i/b.
//!
//! An output counts as saturated where the code that the rounding gives lies beyond the ends.

use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::codes::{ConverterRounding, OutputCodes, floor};
use super::nonlinearity::{self, Transitions};
use super::range::{AdcRange, BoundPer};
use super::resolution::{Keys, Resolution, check_steps};
use crate::error::TileError;

/// Analog-to-digital converters of the bit lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Adc {
    /// Steps of the range, above 1: 2^bits − 2, or 2^bits − 1 of a range that is not symmetric, where a
    /// single step is allowed, too; continuous if absent. See [`dac`](super::dac) for numbers that are
    /// not even, and for files, which may give bits or levels.
    pub steps: Option<f32>,
    /// How outputs come onto the steps.
    pub rounding: ConverterRounding,
    /// Largest output b, in units of a full input on a full weight; no limit if absent.
    pub bound: Option<f32>,
    /// Standard deviation σ_out of the additive noise, in the same units.
    pub noise: f32,
    /// S-shaped nonlinearity, if any.
    pub s_shape: Option<SShape>,
    /// Standard deviation of the relative gain error δ_i over columns.
    pub gain_std: f32,
    /// Standard deviation of the offset o_i over columns.
    pub offset_std: f32,
    /// Where the outputs end.
    #[serde(skip_serializing_if = "AdcRange::is_symmetric")]
    pub range: AdcRange,
    /// Which columns share a range. It is that of `bound` or `range` until it is calibrated.
    #[serde(skip_serializing_if = "BoundPer::is_tile")]
    pub bound_per: BoundPer,
    /// Integral nonlinearity in LSB of every code, that of the lowest one, which is 0, first: by how
    /// much the change into the code lies too high. In a file a list, or the path of a CSV file with the
    /// columns `code` and `inl_lsb`. Empty for none.
    ///
    /// A value at a change of code gets the upper one, and what is not in order makes codes miss.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inl: Vec<f32>,
    /// Standard deviation in LSB of the widths of codes, drawn for every column and code; their running
    /// sum is brought to 0 at both ends.
    #[serde(skip_serializing_if = "is_zero")]
    pub dnl_std: f32,
}

fn is_zero(x: &f32) -> bool {
    *x == 0.0
}

/// [`Adc`] as a file gives it.
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
    #[serde(default)]
    bound: Option<f32>,
    noise: f32,
    #[serde(default)]
    s_shape: Option<SShape>,
    #[serde(default)]
    gain_std: f32,
    #[serde(default)]
    offset_std: f32,
    #[serde(default)]
    range: AdcRange,
    #[serde(default)]
    bound_per: BoundPer,
    #[serde(default, deserialize_with = "nonlinearity::list_or_file")]
    inl: Vec<f32>,
    #[serde(default)]
    dnl_std: f32,
}

const KEYS: Keys = Keys { bits: "adc.bits", levels: "adc.levels", steps: "adc.steps" };

impl TryFrom<Fields> for Adc {
    type Error = TileError;

    fn try_from(fields: Fields) -> Result<Self, TileError> {
        let Fields { bits, levels, steps, rounding, bound, noise, .. } = fields;
        let Fields { s_shape, gain_std, offset_std, range, bound_per, inl, dnl_std, .. } = fields;
        let resolution = Resolution { keys: KEYS, bits, levels, steps };
        let steps = resolution.into_steps(range.is_symmetric())?;
        Ok(Self {
            steps,
            rounding,
            bound,
            noise,
            s_shape,
            gain_std,
            offset_std,
            range,
            bound_per,
            inl,
            dnl_std,
        })
    }
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
    /// Largest output b_i.
    pub(super) bound: Vec<f32>,
    /// Value of one code, u_i = s b_i / b.
    pub(super) unit: Vec<f32>,
    /// Where codes change, if not in the middle between them.
    pub(super) transitions: Option<Transitions>,
}

impl Adc {
    /// Width s of one step, if the converter has steps.
    pub fn step(&self) -> Option<f32> {
        let steps = self.steps?;
        Some(match self.range {
            AdcRange::Symmetric => 2.0 * self.bound? / steps,
            AdcRange::Unsigned => self.bound? / steps,
            AdcRange::Between { low, high } => (high - low) / steps,
        })
    }

    /// Lowest and highest output; infinite for no limit.
    pub fn ends(&self) -> [f32; 2] {
        let bound = self.bound.unwrap_or(f32::INFINITY);
        match self.range {
            AdcRange::Symmetric => [-bound, bound],
            AdcRange::Unsigned => [0.0, bound],
            AdcRange::Between { low, high } => [low, high],
        }
    }

    /// The largest magnitude b of an output, if there is a limit.
    pub fn full_scale(&self) -> Option<f32> {
        match self.range {
            AdcRange::Between { low, high } => Some(high.max(-low)),
            _ => self.bound,
        }
    }

    /// The codes of the outputs.
    pub(super) fn codes(&self) -> OutputCodes {
        let [low, high] = self.ends();
        match (self.range, self.steps, self.step()) {
            (AdcRange::Symmetric, Some(steps), _) => {
                OutputCodes::between(-0.5 * steps, 0.5 * steps, 0.0)
            }
            (AdcRange::Unsigned, Some(steps), _) => OutputCodes::between(0.0, steps, 0.0),
            (_, Some(steps), Some(step)) => OutputCodes::between(0.0, steps, low / step),
            _ => OutputCodes::between(low, high, 0.0),
        }
    }

    pub(crate) fn check(&self) -> Result<(), TileError> {
        check_steps("adc.steps", self.steps, self.range.is_symmetric())?;
        TileError::check_within("adc.bound", self.bound.unwrap_or(1.0), 1e-6..=1e9)?;
        self.check_range()?;
        self.check_bound_per()?;
        nonlinearity::check(self)?;
        if let (Some(steps), None) = (self.steps, self.full_scale()) {
            return TileError::check(false, "adc.steps", steps, "needs an adc.bound");
        }
        TileError::check_size("adc.noise", self.noise)?;
        TileError::check_size("adc.gain_std", self.gain_std)?;
        TileError::check_size("adc.offset_std", self.offset_std)?;
        if let Some(SShape { strength, spread, slope }) = self.s_shape {
            TileError::check_within("adc.s_shape.strength", strength, 0.0..=1e3)?;
            TileError::check_within("adc.s_shape.spread", spread, 0.0..=1e3)?;
            TileError::check_within("adc.s_shape.slope", slope, 0.0..=1e3)?;
            let bounded = self.full_scale().is_some();
            TileError::check(bounded, "adc.s_shape.strength", strength, "needs an adc.bound")?;
        }
        Ok(())
    }

    fn check_range(&self) -> Result<(), TileError> {
        let AdcRange::Between { low, high } = self.range else { return Ok(()) };
        if let Some(bound) = self.bound {
            let problem = "stands beside the ends of adc.range: one of them";
            return TileError::check(false, "adc.bound", bound, problem);
        }
        TileError::check_within("adc.range.low", low, -1e9..=1e9)?;
        TileError::check_within("adc.range.high", high, -1e9..=1e9)?;
        let outside = "lies above 0, which an array gives without inputs";
        TileError::check(low <= 0.0, "adc.range.low", low, outside)?;
        let outside = "lies below 0, which an array gives without inputs";
        TileError::check(high >= 0.0, "adc.range.high", high, outside)?;
        let narrow = "is not 10^-6 above adc.range.low";
        TileError::check(high - low >= 1e-6, "adc.range.high", high, narrow)
    }

    fn check_bound_per(&self) -> Result<(), TileError> {
        if let BoundPer::Columns(columns) = self.bound_per {
            TileError::check_count("adc.bound_per.columns", columns, 1..=1 << 20)?;
        }
        let bounded = self.bound_per.is_tile() || self.full_scale().is_some();
        let problem = "is no bound that columns could have their own of: see adc.bound_per";
        TileError::check(bounded, "adc.bound", f32::INFINITY, problem)
    }

    /// How much of a range an output needs, as the bound with which it would come out at an end.
    ///
    /// ```text
    /// |z|                     symmetric
    /// max(z, 0)               unsigned
    /// b max(z/h, z/l)         between l and h, b = max(h, −l)
    /// ```
    ///
    /// No bound is enough for an output on the side of an end at 0: it counts as 0.
    pub(crate) fn needed_bound(&self, z: f32) -> f32 {
        let side = |end: f32| if z * end > 0.0 { z / end } else { 0.0 };
        match self.range {
            AdcRange::Symmetric => z.abs(),
            AdcRange::Unsigned => z.max(0.0),
            AdcRange::Between { low, high } => high.max(-low) * side(low).max(side(high)),
        }
    }

    /// Whether outputs are converted by codes from [`Self::codes`], and not as values around 0.
    pub(super) fn is_coded(&self) -> bool {
        let down = self.steps.is_some() && self.rounding == ConverterRounding::Floor;
        down || !self.range.is_symmetric() || self.is_nonlinear()
    }

    /// Whether codes change elsewhere than in an ideal converter.
    pub(super) fn is_nonlinear(&self) -> bool {
        !self.inl.is_empty() || self.dnl_std > 0.0
    }

    /// Whether a converter with that offset, whose codes have that unit, saturates without any input.
    pub(super) fn is_saturated_by(&self, offset: f32, unit: f32, coded: bool) -> bool {
        if coded {
            let codes = self.codes();
            let t = offset / unit - codes.origin;
            return codes.are_left_by(match (self.steps, self.rounding) {
                (Some(_), ConverterRounding::Nearest) => t.round_ties_even(),
                (Some(_), ConverterRounding::Floor) => floor(t),
                _ => t,
            });
        }
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
        if let (Some(shape), Some(bound)) = (self.s_shape, self.full_scale()) {
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
            bound: vec![self.full_scale().unwrap_or(f32::INFINITY); outputs],
            unit: vec![self.step().unwrap_or(1.0); outputs],
            transitions: Transitions::draw(self, outputs, seed),
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
            range: AdcRange::Symmetric,
            bound_per: BoundPer::Tile,
            inl: Vec::new(),
            dnl_std: 0.0,
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
            range: AdcRange::Symmetric,
            bound_per: BoundPer::Tile,
            inl: Vec::new(),
            dnl_std: 0.0,
        };
        assert_eq!(adc.check().unwrap_err().to_string(), "adc.steps = 254 needs an adc.bound");
    }
}
