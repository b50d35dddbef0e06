//! [`InputEncoding`]: how the code of an input drives a word line.

use serde::{Deserialize, Serialize};

use super::dac::{BoundManagement, Dac};
use super::simd::Kernel;
use crate::error::TileError;

/// How the code of an input drives a word line.
///
/// ```toml
/// encoding = "whole"                                 # if it is absent, too
/// encoding = { bit-serial = { bits_per_slice = 1 } }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum InputEncoding {
    /// At once, as an amplitude or a width.
    #[default]
    Whole,
    /// In slices of the bits of its magnitude, one after another.
    ///
    /// ```text
    /// |k| = Σ_s 2^{B s} d_s,   0 ≤ d_s ≤ D = 2^B − 1,   s = 0 … S − 1,   S = ⌈bits(max |k|)/B⌉
    /// z = Σ_s f_s ADC( W̃ x̂_s ),   x̂_s = b sign(k) d_s / D,   f_s = 2^{B s} D s_k / b
    /// ```
    ///
    /// with b the bound of the DAC and s_k the step of the whole code, so that the sum is the product
    /// with x̂ = s_k k where the ADC adds nothing. Every slice is one product with its own conversion:
    /// noise of the word lines, of the devices and of the ADC, its step and its saturation are those of
    /// a product whose largest input is b. The codes come from the inputs once, before they
    /// are cut.
    ///
    /// Slice s draws its noise from the child s of the child "slice" of the seed; a stochastic rounding of
    /// inputs draws from the seed itself. Saturated outputs are counted slice by slice, and an output of
    /// which any slice saturated is clipped for a gradient.
    ///
    /// Assumed: slices have the sign of their input, by lines that are driven in both polarities, and
    /// both share a conversion. A slice that has fewer bits than the others is driven by the same DAC.
    BitSerial {
        /// B, the bits that drive a word line at a time.
        bits_per_slice: u32,
    },
}

impl InputEncoding {
    pub(crate) fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

/// The slices of a code.
#[derive(Clone, Debug)]
pub(super) struct Slices {
    bits: u32,
    /// f_s of every slice.
    pub(super) factors: Vec<f32>,
    /// Value of one digit.
    pub(super) unit: f32,
    /// The largest digit D.
    pub(super) largest: f32,
    /// The largest code.
    pub(super) code: f32,
}

/// Which bits of a code are a slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits {
    shift: u32,
    mask: u32,
}

impl Dac {
    /// The largest magnitude of a code, if there are codes.
    fn largest_code(&self) -> Option<f32> {
        let steps = self.steps?;
        Some(if self.range.is_symmetric() { 0.5 * steps } else { steps })
    }

    /// Number of slices that an input comes in, 1 if it comes whole: products that one product takes.
    pub fn slices(&self) -> usize {
        self.cut_codes().map_or(1, |slices| slices.factors.len())
    }

    /// The slices of a code, if it comes in slices.
    pub(super) fn cut_codes(&self) -> Option<Slices> {
        let InputEncoding::BitSerial { bits_per_slice: bits } = self.encoding else { return None };
        let code = self.largest_code()?;
        let count = bit_length(code).div_ceil(bits).max(1);
        let largest = ((1u64 << bits) - 1) as f32;
        let step = self.step()?;
        let factor = |slice: u32| ((1u64 << (bits * slice)) as f32) * (largest * step / self.bound);
        let unit = self.bound / largest;
        Some(Slices { bits, factors: (0..count).map(factor).collect(), unit, largest, code })
    }

    /// Codes of one slice, its sign among them, if inputs come in slices.
    pub(crate) fn codes_of_slice(&self) -> Option<f32> {
        let largest = self.cut_codes()?.largest + 1.0;
        Some(if self.range.is_symmetric() { 2.0 * largest } else { largest })
    }

    /// What drives a word line for an input x/α, slice after slice; an input that comes whole is one, within the range
    /// and not rounded.
    pub(crate) fn drives(&self, x: f32) -> impl Iterator<Item = f32> {
        let low = if self.range.is_symmetric() { -self.bound } else { 0.0 };
        let x = x.clamp(low, self.bound);
        let slices = self.cut_codes();
        let code = match (&slices, self.step()) {
            (Some(slices), Some(step)) => {
                (x / step).round_ties_even().abs().min(slices.code) as u32
            }
            _ => 0,
        };
        (0..self.slices()).map(move |slice| match &slices {
            None => x,
            Some(slices) => {
                let Bits { shift, mask } = slices.bits(slice);
                (slices.unit * ((code >> shift) & mask) as f32).copysign(x)
            }
        })
    }

    pub(super) fn check_encoding(&self) -> Result<(), TileError> {
        let InputEncoding::BitSerial { bits_per_slice: bits } = self.encoding else {
            return Ok(());
        };
        let field = "dac.encoding.bits_per_slice";
        let code = self.largest_code().filter(|code| code.fract() == 0.0);
        let whole = "needs codes that are whole numbers: dac.bits, or an even number of dac.steps";
        TileError::check(code.is_some(), field, bits, whole)?;
        TileError::check_within(field, bits, 1.0..=f64::from(bit_length(code.unwrap_or(1.0))))?;
        let managed = "stands beside dac.bound_management, which would repeat single slices";
        TileError::check(self.bound_management == BoundManagement::None, field, bits, managed)
    }
}

/// Bits of a whole number.
fn bit_length(code: f32) -> u32 {
    u32::BITS - (code as u32).leading_zeros()
}

impl Slices {
    pub(super) fn bits(&self, slice: usize) -> Bits {
        Bits { shift: self.bits * slice as u32, mask: (1 << self.bits) - 1 }
    }
}

/// Codes to the digits of one slice.
pub(super) struct Digits<'a> {
    pub(super) bits: Bits,
    pub(super) codes: &'a mut [f32],
}

impl Kernel for Digits<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Bits { shift, mask } = self.bits;
        for code in self.codes {
            let k = *code as i32;
            let digit = (k.unsigned_abs() >> shift & mask) as i32;
            *code = if k < 0 { -digit } else { digit } as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::range::DacRange;
    use super::super::simd::dispatch;
    use super::*;

    #[test]
    fn digits_add_up_to_their_codes_and_factors_to_the_step() {
        let dac = crate::presets::standard_pcm().periphery.dac;
        for (range, steps) in [
            (DacRange::Symmetric, 254.0f32),
            (DacRange::Symmetric, 2.0),
            (DacRange::Unsigned, 255.0),
            (DacRange::Unsigned, 63.0),
        ] {
            for bits_per_slice in 1..=4 {
                let encoding = InputEncoding::BitSerial { bits_per_slice };
                let dac = Dac { steps: Some(steps), range, encoding, bound: 0.7, ..dac };
                if dac.check_encoding().is_err() {
                    continue;
                }
                let slices = dac.cut_codes().unwrap();
                let low = if range.is_symmetric() { -slices.code } else { 0.0 };
                let codes: Vec<f32> = (low as i32..=slices.code as i32).map(|k| k as f32).collect();
                let mut sums = vec![0.0f64; codes.len()];
                for (slice, &factor) in slices.factors.iter().enumerate() {
                    let mut digits = codes.clone();
                    dispatch(Digits { bits: slices.bits(slice), codes: &mut digits });
                    for (sum, digit) in sums.iter_mut().zip(&digits) {
                        assert!(
                            digit.abs() <= slices.largest && digit.to_bits() != (-0.0f32).to_bits()
                        );
                        *sum += f64::from(factor) * f64::from(slices.unit) * f64::from(*digit);
                    }
                }
                for (sum, code) in sums.iter().zip(&codes) {
                    let exact = f64::from(dac.step().unwrap()) * f64::from(*code);
                    assert!((sum - exact).abs() < 1e-6, "{sum} for {exact}");
                }
            }
        }
    }

    #[test]
    fn eight_bits_are_eight_slices_or_seven_and_a_sign() {
        let dac = crate::presets::standard_pcm().periphery.dac;
        let slices = |range, steps, bits_per_slice| {
            let encoding = InputEncoding::BitSerial { bits_per_slice };
            Dac { steps: Some(steps), range, encoding, ..dac }.slices()
        };
        assert_eq!(dac.slices(), 1);
        assert_eq!(slices(DacRange::Unsigned, 255.0, 1), 8);
        assert_eq!(slices(DacRange::Symmetric, 254.0, 1), 7);
        assert_eq!(slices(DacRange::Unsigned, 255.0, 3), 3);
        assert_eq!(slices(DacRange::Symmetric, 254.0, 7), 1);
    }
}
