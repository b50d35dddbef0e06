//! [`FloatQuantizer`]: conversion into a floating-point format, rounding and overflow in one step.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

#[cfg(feature = "serde")]
use super::Specials;
use super::{FloatFormat, ldexp, slice};
use crate::draw::{BitSource, Draw};
use crate::error::ParameterError;
use crate::overflow::Overflow;
use crate::rounding::Rounding;
use crate::rounding::{ElementBits, Split, round_with_parity};
use crate::tally::Tally;

/// A floating-point format, the rounding that leads into it, and its overflow policy.
///
/// ```text
/// q = max(⌊log₂|x|⌋, e_min) − mantissa bits          exponent of the last place
/// y = Round(x / 2^q) · 2^q                           grid without an upper end
/// code of y, or what the overflow policy says if |y| is beyond the largest finite number
/// ```
///
/// Below the smallest normal number the grid is that of the subnormals, so a stochastic rule is
/// unbiased down to zero.
///
/// In a format without sign, a number that rounds to one below zero is 0; under
/// [`Overflow::Propagate`] it is NaN, unless the rounding leads toward zero or up.
///
/// A configuration cannot ask a format without infinities and NaN to propagate them.
///
/// Source: IEEE P3109 interim report 4.0 §4.7 (round, then saturate); IEEE 754-2019 §7.4.
/// Assumed: the rules of P3109 see a magnitude; here [`Fraction`](crate::Fraction) says which
/// representation a few-bit rule rounds, and the others are the same in both. Numbers below zero in
/// formats without sign, whose range ends at 0, which is then the extremal number.
///
/// # Examples
///
/// ```
/// use numerics::{Draw, FloatFormat, FloatQuantizer, Overflow, Rounding};
///
/// let quantizer = FloatQuantizer {
///     format: FloatFormat::E4M3,
///     rounding: Rounding::NearestTiesEven,
///     overflow: Overflow::Saturate,
/// };
/// assert_eq!(quantizer.convert(17.5, Draw::none()), 18.0);
/// assert_eq!(quantizer.convert(1e6, Draw::none()), 448.0);
/// let propagate = FloatQuantizer { overflow: Overflow::Propagate, ..quantizer };
/// assert!(propagate.convert(1e6, Draw::none()).is_nan()); // E4M3 has no infinity
/// let truncate = FloatQuantizer { rounding: Rounding::TowardZero, ..propagate };
/// assert_eq!(truncate.convert(1e6, Draw::none()), 448.0); // toward zero is not toward infinity
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(try_from = "Fields"))]
pub struct FloatQuantizer {
    /// The format of the result.
    pub format: FloatFormat,
    /// How values between two numbers of the format are rounded.
    pub rounding: Rounding,
    /// What becomes of values beyond the largest finite number.
    pub overflow: Overflow,
}

/// The fields as a configuration file gives them.
#[cfg(feature = "serde")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    format: FloatFormat,
    rounding: Rounding,
    overflow: Overflow,
}

#[cfg(feature = "serde")]
impl TryFrom<Fields> for FloatQuantizer {
    type Error = ParameterError;

    fn try_from(fields: Fields) -> Result<Self, ParameterError> {
        let Fields { format, rounding, overflow } = fields;
        if overflow == Overflow::Propagate && format.specials() == Specials::None {
            let problem = "a format without infinities and NaN has none to propagate".to_owned();
            return Err(ParameterError::new("overflow", problem));
        }
        let quantizer = Self { format, rounding, overflow };
        quantizer.check().map(|()| quantizer)
    }
}

impl FloatQuantizer {
    /// Whether the quantizer can work.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] if the policy is [`Overflow::Wrap`], or for the rounding
    /// [`StochasticBits::check`](crate::StochasticBits::check).
    pub fn check(&self) -> Result<(), ParameterError> {
        if self.overflow == Overflow::Wrap {
            let problem = "floating-point numbers do not wrap".to_owned();
            return Err(ParameterError::new("overflow", problem));
        }
        self.rounding.check()
    }

    #[track_caller]
    fn assert_possible(&self) {
        if let Err(error) = self.check() {
            panic!("{error}");
        }
    }

    /// The code of x.
    ///
    /// # Panics
    ///
    /// If the policy is [`Overflow::Wrap`], floating-point codes do not wrap, if the rounding takes 0
    /// or more than 31 random bits, or if `bits` are those of fewer elements.
    #[track_caller]
    pub fn code(&self, x: f64, bits: Draw<impl BitSource>) -> u32 {
        self.assert_possible();
        let (source, position) = bits.serve(self.rounding, 1);
        self.code_at(x, &source, position)
    }

    /// [`Self::code`] with the random bits of `source` at `position`.
    pub(super) fn code_at(&self, x: f64, source: &(impl BitSource + ?Sized), position: u64) -> u32 {
        let format = self.format;
        let negative = x.is_sign_negative();
        let sign = if negative { format.sign_bit() } else { 0 };
        if x.is_nan() {
            return format.nan_code().unwrap_or(0);
        }
        let below_range = negative && !format.is_signed();
        if x.is_infinite() {
            return match (self.overflow, format.infinity_code()) {
                (Overflow::Propagate, _) => format.overflow_code(negative),
                _ if below_range => 0,
                (Overflow::Saturate, Some(infinity)) => sign | infinity,
                _ => sign | format.max_code(),
            };
        }
        let (n, quantum) = self.round(x, source, position);
        let magnitude = self.magnitude(n.unsigned_abs(), quantum);
        if magnitude == 0 {
            return if format.has_negative_zero() { sign } else { 0 };
        }
        let max = u64::from(format.max_code());
        if magnitude <= max && !below_range {
            return sign | magnitude as u32;
        }
        if self.overflow == Overflow::Propagate && !self.rounding.stays_finite(negative) {
            return format.overflow_code(negative);
        }
        if below_range { 0 } else { sign | format.max_code() }
    }

    /// The value of [`Self::code`].
    ///
    /// # Panics
    ///
    /// As [`Self::code`].
    #[track_caller]
    pub fn convert(&self, x: f64, bits: Draw<impl BitSource>) -> f64 {
        self.format.decode(self.code(x, bits))
    }

    /// Converts a slice, element by element, into codes of 8, 16 or 32 bits.
    ///
    /// # Panics
    ///
    /// If the lengths differ, if the format has more bits than a code of that type, and as
    /// [`Self::code`].
    #[track_caller]
    pub fn quantize<C: FloatCode>(&self, x: &[f32], bits: Draw<impl BitSource>, out: &mut [C]) {
        assert_eq!(x.len(), out.len(), "{} values do not fill {} codes", x.len(), out.len());
        let (width, bits_of_code) = (self.format.width(), 8 * size_of::<C>() as u32);
        assert!(width <= bits_of_code, "codes of {width} bits do not fit {bits_of_code}");
        self.assert_possible();
        let (source, first) = bits.serve(self.rounding, x.len());
        self.for_words(x.len(), &source, first, |i, word| {
            out[i] = C::of(self.code_at(f64::from(x[i]), word, first + i as u64));
        });
    }

    /// Replaces every element by its value in the format.
    ///
    /// # Panics
    ///
    /// As [`Self::code`], and unless an f32 holds the format's numbers: [`FloatFormat::fits_f32`].
    #[track_caller]
    pub fn convert_slice(&self, x: &mut [f32], bits: Draw<impl BitSource>) {
        self.assert_possible();
        self.assert_fits_f32();
        let (source, first) = bits.serve(self.rounding, x.len());
        slice::convert(self, x, &source, first);
    }

    /// Writes the values of codes.
    ///
    /// # Panics
    ///
    /// If the lengths differ, a code has more bits than the format, or an f32 does not hold the
    /// format's numbers: [`FloatFormat::fits_f32`].
    #[track_caller]
    pub fn dequantize<C: FloatCode>(&self, codes: &[C], out: &mut [f32]) {
        assert_eq!(
            codes.len(),
            out.len(),
            "{} codes do not fill {} values",
            codes.len(),
            out.len()
        );
        self.assert_fits_f32();
        for (&code, out) in codes.iter().zip(out) {
            *out = self.format.decode(code.into()) as f32;
        }
    }

    #[track_caller]
    fn assert_fits_f32(&self) {
        assert!(
            self.format.fits_f32(),
            "an f32 does not hold the numbers of {:?}, from {:e} to {:e}",
            self.format,
            self.format.min_positive(),
            self.format.max()
        );
    }

    /// Counts what a conversion of `x` into `codes` did.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    #[track_caller]
    pub fn tally<C: FloatCode>(&self, x: &[f32], codes: &[C]) -> Tally {
        assert_eq!(x.len(), codes.len(), "{} values for {} codes", x.len(), codes.len());
        let mut tally = Tally::default();
        for (&x, &code) in x.iter().zip(codes) {
            let x = f64::from(x);
            let y = self.format.decode(code.into());
            if x.is_nan() {
                tally.record_nan();
            } else if x.abs() > self.format.max() || x < 0.0 && !self.format.is_signed() {
                tally.record_saturated();
            } else {
                let error = ldexp(y - x, -self.quantum(x));
                tally.record(error, y == 0.0 && x != 0.0);
            }
        }
        tally
    }

    /// Calls `f` with each index and a source whose leading word is at hand.
    fn for_words<S: BitSource + ?Sized>(
        &self,
        len: usize,
        source: &S,
        first: u64,
        mut f: impl FnMut(usize, &Leading<'_, S>),
    ) {
        let mut words = [0; 1024];
        for start in (0..len).step_by(words.len()) {
            let words = &mut words[..(len - start).min(1024)];
            if self.rounding.is_stochastic() {
                source.fill(first + start as u64, words);
            }
            for (i, &leading) in words.iter().enumerate() {
                f(start + i, &Leading { leading, source });
            }
        }
    }

    /// Rounds n · 2^−`fraction_bits` and saturates at the largest finite number; the result is in
    /// the same units. Where the grid is finer than the units, n is on it already.
    pub(crate) fn round_integer(
        &self,
        n: i128,
        fraction_bits: i32,
        source: &(impl BitSource + ?Sized),
        position: u64,
    ) -> i128 {
        let format = self.format;
        let top = 127 - n.unsigned_abs().leading_zeros() as i32 - fraction_bits;
        let quantum = top.max(format.min_exponent()) - format.mantissa_bits() as i32;
        let shift = quantum + fraction_bits;
        let rounded = if n == 0 || shift <= 0 {
            n
        } else {
            let leading = if self.rounding.is_stochastic() { source.word(position, 0) } else { 0 };
            let swaps = self.swaps_parity(top, quantum);
            let bits = ElementBits { leading, position, source };
            let z = Split::of_wide_integer(n, shift);
            i128::from(round_with_parity(z, self.rounding, swaps, &bits)) << shift.min(64)
        };
        // The largest number in these units, as far as 63 bits go.
        let (significand, exponent) = format.max_parts();
        let max = i128::from(significand) << (exponent + fraction_bits).clamp(0, 64);
        let max = max.min(i128::from(i64::MAX));
        rounded.clamp(-max, max)
    }

    /// Even and odd are those of the code. Without mantissa bits the lowest bit of a code is that of
    /// the exponent, while the magnitude below a rounded-up one is 1 in every binade.
    fn swaps_parity(&self, top: i32, quantum: i32) -> bool {
        let exponent_field = quantum - self.format.min_exponent() + 1;
        self.format.mantissa_bits() == 0
            && top >= self.format.min_exponent()
            && exponent_field & 1 == 0
    }

    /// The exponent of the last place at x.
    fn quantum(&self, x: f64) -> i32 {
        exponent(x).max(self.format.min_exponent()) - self.format.mantissa_bits() as i32
    }

    /// n and q of the rounded value n · 2^q.
    fn round(&self, x: f64, source: &(impl BitSource + ?Sized), position: u64) -> (i64, i32) {
        let quantum = self.quantum(x);
        let leading = if self.rounding.is_stochastic() { source.word(position, 0) } else { 0 };
        let z = Split::of_f64(x, -quantum);
        let swaps = self.swaps_parity(exponent(x), quantum);
        let bits = ElementBits { leading, position, source };
        let n = round_with_parity(z, self.rounding, swaps, &bits);
        (n, quantum)
    }

    /// The code of n · 2^q without its sign; above the largest code if it overflows.
    fn magnitude(&self, n: u64, quantum: i32) -> u64 {
        // Rounding up to the next binade carries into the exponent by itself.
        self.format.code_of(n, quantum + self.format.mantissa_bits() as i32)
    }
}

/// ⌊log₂|x|⌋; of zero a number below those of all formats.
fn exponent(x: f64) -> i32 {
    let bits = x.to_bits() & (u64::MAX >> 1);
    if bits == 0 {
        return i32::from(i16::MIN) * 4;
    }
    if bits >> 52 == 0 {
        return -1011 - bits.leading_zeros() as i32;
    }
    (bits >> 52) as i32 - 1023
}

/// The type of a code: u8, u16 or u32.
pub trait FloatCode: Copy + Into<u32> + sealed::Sealed {
    /// A code that fits.
    #[doc(hidden)]
    fn of(code: u32) -> Self;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
}

impl FloatCode for u8 {
    fn of(code: u32) -> Self {
        code as Self
    }
}

impl FloatCode for u16 {
    fn of(code: u32) -> Self {
        code as Self
    }
}

impl FloatCode for u32 {
    fn of(code: u32) -> Self {
        code
    }
}

/// A source with the leading word of one element already drawn.
struct Leading<'a, S: ?Sized> {
    leading: u32,
    source: &'a S,
}

impl<S: BitSource + ?Sized> BitSource for Leading<'_, S> {
    fn word(&self, position: u64, depth: u32) -> u32 {
        if depth == 0 { self.leading } else { self.source.word(position, depth) }
    }
}
