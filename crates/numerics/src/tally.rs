//! [`Tally`]: what a conversion did to its inputs, counted on request.
//!
//! A tally compares the inputs with the codes that came out, so conversions that nobody counts
//! cost nothing, and every kernel, policy and source of bits is counted alike. Tallies of parts add
//! up to the tally of the whole, in any order: all counts, the error included, are integers.

use std::ops::AddAssign;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::code::Code;
#[cfg(feature = "serde")]
use crate::error::ParameterError;
use crate::quantizer::Quantizer;
use crate::rounding::Split;

/// Counts over a number of conversions.
///
/// # Examples
///
/// ```
/// use numerics::{Draw, Quantizer, Rounding};
///
/// let quantizer = Quantizer::new("<4,4>".parse()?, Rounding::TowardZero);
/// let x = [0.03, 1.0, 2.53125, -100.0];
/// let mut codes = [0i8; 4];
/// quantizer.quantize(&x, Draw::none(), &mut codes);
/// let tally = quantizer.tally(&x, &codes);
/// assert_eq!((tally.count, tally.underflowed, tally.saturated, tally.rounded_up), (4, 1, 1, 0));
/// assert!((tally.bias() - (-0.48 - 0.5) / 3.0).abs() < 1e-7); // in ulp, over the three in range
/// # Ok::<(), numerics::FormatError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(try_from = "Fields"))]
pub struct Tally {
    /// Conversions.
    pub count: u64,
    /// Values beyond the range of the format, infinities included, whatever became of them.
    pub saturated: u64,
    /// Values in the range that became a larger number.
    pub rounded_up: u64,
    /// Values in the range that became a smaller number.
    pub rounded_down: u64,
    /// Nonzero values that became 0.
    pub underflowed: u64,
    /// Values that were NaN.
    pub nan: u64,
    /// Σ (result − value) over the values in range, in units of 2^−32 ulp.
    error: i128,
}

/// The fields as a file gives them.
#[cfg(feature = "serde")]
#[derive(Deserialize)]
struct Fields {
    count: u64,
    saturated: u64,
    rounded_up: u64,
    rounded_down: u64,
    underflowed: u64,
    nan: u64,
    error: i128,
}

#[cfg(feature = "serde")]
impl TryFrom<Fields> for Tally {
    type Error = ParameterError;

    fn try_from(fields: Fields) -> Result<Self, ParameterError> {
        let Fields { count, saturated, rounded_up, rounded_down, underflowed, nan, error } = fields;
        // Each conversion is one of these, or exact.
        let kinds: u128 = [saturated, nan, rounded_up, rounded_down].map(u128::from).iter().sum();
        if kinds > u128::from(count) {
            let problem = format!("{count} conversions are fewer than the {kinds} of every kind");
            return Err(ParameterError::new("count", problem));
        }
        Ok(Self { count, saturated, rounded_up, rounded_down, underflowed, nan, error })
    }
}

/// Errors are counted in units of 2^−32 ulp.
const UNIT: f64 = 4_294_967_296.0;

impl Tally {
    /// The mean of (result − value) over the values in range, in ulp; 0 without any.
    ///
    /// One ulp is the distance of neighbouring numbers of the format where the value lies: ε in
    /// fixed point. The error of one conversion is counted to 2^−32 ulp.
    pub fn bias(&self) -> f64 {
        let counted = self.count - self.saturated - self.nan;
        if counted == 0 { 0.0 } else { self.error as f64 / UNIT / counted as f64 }
    }

    /// Counts one conversion in range whose result differs from the value by `error` ulp.
    pub(crate) fn record(&mut self, error: f64, underflowed: bool) {
        self.count += 1;
        self.rounded_up += u64::from(error > 0.0);
        self.rounded_down += u64::from(error < 0.0);
        self.underflowed += u64::from(underflowed);
        self.error += (error * UNIT).round() as i128;
    }

    pub(crate) fn record_saturated(&mut self) {
        self.count += 1;
        self.saturated += 1;
    }

    pub(crate) fn record_nan(&mut self) {
        self.count += 1;
        self.nan += 1;
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.saturated += other.saturated;
        self.rounded_up += other.rounded_up;
        self.rounded_down += other.rounded_down;
        self.underflowed += other.underflowed;
        self.nan += other.nan;
        self.error += other.error;
    }
}

impl Quantizer {
    /// Counts what a conversion of `x` into `codes` did.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    #[track_caller]
    pub fn tally<C: Code>(&self, x: &[f32], codes: &[C]) -> Tally {
        assert_eq!(x.len(), codes.len(), "{} values for {} codes", x.len(), codes.len());
        let (min, max) = (self.format.min(), self.format.max());
        let mut tally = Tally::default();
        for (&x, code) in x.iter().zip(codes) {
            let x = f64::from(x);
            if x.is_nan() {
                tally.record_nan();
            } else if x < min || x > max {
                tally.record_saturated();
            } else {
                let code = code.to_i32();
                // Dividing by ε first would lose the last bits of a value far below it.
                let error = (self.format.value(code) - x) / self.format.epsilon();
                tally.record(error, code == 0 && x != 0.0);
            }
        }
        tally
    }

    /// Counts what a conversion of the sums z · 2^−`fraction_bits` into `codes` did.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    #[track_caller]
    pub fn tally_sums<C: Code>(&self, z: &[i64], fraction_bits: i32, codes: &[C]) -> Tally {
        assert_eq!(z.len(), codes.len(), "{} sums for {} codes", z.len(), codes.len());
        let shift = self.format.dropped(fraction_bits);
        let (min, max) = (i64::from(self.format.min_code()), i64::from(self.format.max_code()));
        let mut tally = Tally::default();
        for (&z, code) in z.iter().zip(codes) {
            let Split { floor, fraction, rest } = Split::of_integer(z, shift);
            let fractional = fraction != 0 || rest;
            if floor < min || floor > max || floor == max && fractional {
                tally.record_saturated();
            } else {
                let code = code.to_i32();
                let fraction = fraction as f64 / 2f64.powi(128);
                let error = (i64::from(code) - floor) as f64 - fraction;
                tally.record(error, code == 0 && z != 0);
            }
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FixedFormat, Rounding, Seed};

    #[test]
    fn sums_and_values_are_counted_alike() {
        let quantizer = Quantizer::new(FixedFormat::new(3, 5).unwrap(), Rounding::Stochastic);
        let z: Vec<i64> = (-2000..2000).collect();
        let x: Vec<f32> = z.iter().map(|&z| z as f32 / 256.0).collect();
        let mut codes = vec![0i8; z.len()];
        quantizer.quantize_sums(&z, 8, Seed::new(1).draw(), &mut codes);
        let tally = quantizer.tally_sums(&z, 8, &codes);
        assert_eq!(tally, quantizer.tally(&x, &codes));
        // ⟨3,5⟩ spans −1024..=1016 in these units.
        assert_eq!(tally.saturated, 2000 - 1024 + 1999 - 1016);
        // Seven of every eight values in range lie off the grid.
        assert_eq!(tally.rounded_up + tally.rounded_down, 2040 / 8 * 7);
        // The bias of 2041 unbiased roundings of deviation ≤ ½: 4 deviations are 0.044 ulp.
        assert!(tally.bias().abs() < 0.044, "{}", tally.bias());
    }

    #[test]
    fn tallies_of_parts_add_up() {
        let quantizer = Quantizer::new(FixedFormat::new(2, 6).unwrap(), Rounding::Up);
        let mut x = vec![0.0; 1000];
        let stream = Seed::new(2).stream();
        stream.fill_gaussian(0, &mut x);
        x[7] = f32::NAN;
        let mut codes = vec![0i16; x.len()];
        quantizer.quantize(&x, crate::Draw::none(), &mut codes);
        let whole = quantizer.tally(&x, &codes);
        let mut parts = Tally::default();
        for (x, codes) in x.chunks(77).zip(codes.chunks(77)).rev() {
            parts += quantizer.tally(x, codes);
        }
        assert_eq!(parts, whole);
        assert_eq!((whole.nan, whole.rounded_down), (1, 0));
        assert!(whole.bias() > 0.45 && whole.bias() < 0.55);
    }
}
