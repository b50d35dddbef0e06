//! [`Quantizer`]: Convert(x, ⟨IL, FL⟩), the saturating conversion into a format.
//!
//! ```text
//!              ⎧ −2^(IL−1)          if x ≤ −2^(IL−1)
//! Convert(x) = ⎨ 2^(IL−1) − 2^−FL   if x ≥ 2^(IL−1) − 2^−FL
//!              ⎩ Round(x)           otherwise
//! ```
//!
//! Both bounds are on the grid, so clamping before rounding and after give the same result.
//! A fixed-point word has no NaN: NaN becomes 0, and ±∞ saturate. With [`Overflow::Wrap`] the word
//! keeps the low bits of Round(x) instead.
//!
//! Source: [Gupta15 Eq. 1].

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

mod kernels;
mod sums;

use crate::code::{Code, Codes, each_width};
use crate::draw::{BitSource, Draw};
use crate::error::ParameterError;
use crate::format::FixedFormat;
use crate::overflow::Overflow;
use crate::rounding::{ElementBits, Rounding, Split, StochasticBits, round};
use crate::simd::prefetch;

use kernels::{CHUNK, PART};

/// A format, the rounding that leads into it, and its overflow policy.
///
/// A configuration file may leave `overflow` out; then values beyond the range saturate.
///
/// # Examples
///
/// ```
/// use numerics::{Draw, FixedFormat, Overflow, Quantizer, Rounding};
///
/// let format: FixedFormat = "<8,8>".parse()?;
/// let nearest = Quantizer::new(format, Rounding::NearestTiesDown);
/// let convert = |x| nearest.convert(x, Draw::none());
/// assert_eq!(convert(0.7 * format.epsilon()), format.epsilon());
/// assert_eq!(convert(0.5 * format.epsilon()), 0.0); // ties go down
/// assert_eq!(convert(1e9), format.max());           // and it saturates
/// let wrapping = nearest.overflow(Overflow::Wrap);
/// assert_eq!(wrapping.convert(129.0, Draw::none()), -127.0);
/// # Ok::<(), numerics::FormatError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(try_from = "Fields"))]
pub struct Quantizer {
    /// The format of the result.
    pub format: FixedFormat,
    /// How values between two codes are rounded.
    pub rounding: Rounding,
    /// What becomes of values beyond the range; anything but [`Overflow::Propagate`].
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Overflow::is_default"))]
    pub overflow: Overflow,
}

/// The fields as a configuration file gives them.
#[cfg(feature = "serde")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    format: FixedFormat,
    rounding: Rounding,
    #[serde(default)]
    overflow: Overflow,
}

#[cfg(feature = "serde")]
impl TryFrom<Fields> for Quantizer {
    type Error = ParameterError;

    fn try_from(fields: Fields) -> Result<Self, ParameterError> {
        let Fields { format, rounding, overflow } = fields;
        let quantizer = Self { format, rounding, overflow };
        quantizer.check().map(|()| quantizer)
    }
}

impl Quantizer {
    /// The paper's Convert: rounds to `format` and saturates at its ends.
    pub const fn new(format: FixedFormat, rounding: Rounding) -> Self {
        Self { format, rounding, overflow: Overflow::Saturate }
    }

    /// The same conversion with another policy for values beyond the range.
    #[must_use]
    pub const fn overflow(self, overflow: Overflow) -> Self {
        Self { overflow, ..self }
    }

    /// Whether the quantizer can work.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] if the policy is [`Overflow::Propagate`], for fixed point has neither
    /// infinities nor NaN, or for the rounding [`StochasticBits::check`].
    pub fn check(&self) -> Result<(), ParameterError> {
        if self.overflow == Overflow::Propagate {
            let problem =
                format!("{} has neither infinities nor NaN for an overflow to become", self.format);
            return Err(ParameterError::new("overflow", problem));
        }
        self.rounding.check()
    }

    /// Refuses, at the caller's line, what [`Self::check`] does.
    #[track_caller]
    pub(crate) fn assert_possible(&self) {
        if let Err(error) = self.check() {
            panic!("{error}");
        }
    }

    /// The code of Convert(x).
    ///
    /// # Panics
    ///
    /// Here and in every other conversion, if [`Self::check`] refuses the quantizer, or `bits` are
    /// those of fewer elements.
    #[track_caller]
    pub fn code(&self, x: f64, bits: Draw<impl BitSource>) -> i32 {
        self.assert_possible();
        let (source, position) = bits.serve(self.rounding, 1);
        self.code_at(x, &source, position)
    }

    /// [`Self::code`] with the random bits of `source` at `position`.
    fn code_at(&self, x: f64, source: &(impl BitSource + ?Sized), position: u64) -> i32 {
        let fl = self.format.fl();
        let z = if self.wraps() { Split::of_f64_modulo(x, fl) } else { Split::of_f64(x, fl) };
        self.finish(z, source, position)
    }

    /// The value of Convert(x): [`Self::code`] times ε.
    ///
    /// # Panics
    ///
    /// As [`Self::code`].
    #[track_caller]
    pub fn convert(&self, x: f64, bits: Draw<impl BitSource>) -> f64 {
        self.format.value(self.code(x, bits))
    }

    /// The code of Convert(z · 2^−`fraction_bits`): from an exact sum to a word, in one rounding.
    ///
    /// # Panics
    ///
    /// If bits are dropped, but fewer than the rounding has random bits.
    #[track_caller]
    pub fn code_of_sum(&self, z: i64, fraction_bits: i32, bits: Draw<impl BitSource>) -> i32 {
        self.assert_random_bits(self.format.dropped(fraction_bits));
        let (source, position) = bits.serve(self.rounding, 1);
        self.code_of_sum_at(z, fraction_bits, &source, position)
    }

    /// [`Self::code_of_sum`] with the random bits of `source` at `position`.
    fn code_of_sum_at(
        &self,
        z: i64,
        fraction_bits: i32,
        source: &(impl BitSource + ?Sized),
        position: u64,
    ) -> i32 {
        let shift = self.format.dropped(fraction_bits);
        let z = if shift < 0 && self.wraps() {
            let low = z.checked_shl(shift.unsigned_abs()).unwrap_or(0);
            Split { floor: low, fraction: 0, rest: false }
        } else {
            Split::of_integer(z, shift)
        };
        self.finish(z, source, position)
    }

    /// Whether codes are wrapped instead of saturated.
    pub(crate) const fn wraps(&self) -> bool {
        matches!(self.overflow, Overflow::Wrap)
    }

    /// The code of a number that is rounded, then saturated or wrapped.
    pub(crate) fn finish(
        &self,
        z: Split,
        source: &(impl BitSource + ?Sized),
        position: u64,
    ) -> i32 {
        let leading = if self.rounding.is_stochastic() { source.word(position, 0) } else { 0 };
        let code = round(z, self.rounding, &ElementBits { leading, position, source });
        if self.wraps() { self.format.wrap(code) } else { self.format.saturate(code) }
    }

    /// Refuses to add more random bits to a sum than it has bits below the cut.
    #[track_caller]
    pub(crate) fn assert_random_bits(&self, dropped: i32) {
        self.assert_possible();
        if let Rounding::StochasticBits(StochasticBits { bits, .. }) = self.rounding {
            assert!(
                dropped <= 0 || i32::from(bits) <= dropped,
                "{bits} random bits are more than the {dropped} bits that are dropped"
            );
        }
    }

    /// Converts a slice, element by element.
    ///
    /// # Panics
    ///
    /// If the lengths differ, or the format's words are longer than `C`.
    #[track_caller]
    pub fn quantize<C: Code>(&self, x: &[f32], bits: Draw<impl BitSource>, out: &mut [C]) {
        assert_eq!(x.len(), out.len(), "{} values do not fill {} codes", x.len(), out.len());
        self.assert_fits::<C>();
        let (source, first) = bits.serve(self.rounding, x.len());
        self.for_chunks(x.len(), &source, first, |range, first, words| {
            self.quantize_chunk(1.0, &x[range.clone()], words, &source, first, &mut out[range]);
        });
    }

    /// Converts a slice into freshly allocated codes of the format's own width.
    #[track_caller]
    pub fn quantize_vec(&self, x: &[f32], bits: Draw<impl BitSource>) -> Codes {
        let mut codes = Codes::zeros(self.format, x.len());
        each_width!(&mut codes, v => self.quantize(x, bits, v));
        codes
    }

    /// The weight update: W ← saturate(W + Convert(α·x)), element by element.
    ///
    /// ```text
    /// w_i ← saturate(w_i + Convert(α · x_i))        α · x_i rounded to the nearest f32
    /// ```
    ///
    /// `w` holds codes of the quantizer's format. The sum itself is exact, because update and weight
    /// share their grid; it saturates, whatever the policy of Convert is.
    ///
    /// Source: [Gupta15 §3], with α the negative learning rate and x the gradient.
    ///
    /// # Panics
    ///
    /// If the lengths differ, or the format's words are longer than `C`.
    ///
    /// # Examples
    ///
    /// ```
    /// use numerics::{Draw, Quantizer, Rounding};
    ///
    /// let update = Quantizer::new("<2,6>".parse()?, Rounding::NearestTiesDown);
    /// let mut w = [10i8, 127, -128];
    /// update.axpy(-0.5, &[0.25, -1.0, 3.0], Draw::none(), &mut w);
    /// assert_eq!(w, [2, 127, -128]); // 10 − 8; the others are at the ends of the range
    /// # Ok::<(), numerics::FormatError>(())
    /// ```
    #[track_caller]
    pub fn axpy<C: Code>(&self, alpha: f32, x: &[f32], bits: Draw<impl BitSource>, w: &mut [C]) {
        assert_eq!(x.len(), w.len(), "{} updates for {} weights", x.len(), w.len());
        self.assert_fits::<C>();
        let (source, first) = bits.serve(self.rounding, x.len());
        let mut update = [C::default(); PART];
        self.for_chunks(x.len(), &source, first, |range, first, words| {
            for part in (0..range.len()).step_by(PART) {
                let len = PART.min(range.len() - part);
                let (start, first) = (range.start + part, first + part as u64);
                let (x_part, w_part) = (&x[start..start + len], &mut w[start..start + len]);
                let (words, update) = (&words[part..part + len], &mut update[..len]);
                if !self.axpy_part(alpha, x_part, words, w_part, update) {
                    self.quantize_chunk(alpha, x_part, words, &source, first, update);
                    crate::slice::add_saturating(w_part, update, self.format);
                }
                // Making random words needs no memory, which can fetch the next chunk meanwhile.
                let next = (start + CHUNK).min(x.len())..(start + CHUNK + PART).min(x.len());
                prefetch(&x[next.clone()]);
                prefetch(&w[next]);
            }
        });
    }

    /// Converts codes of another format, in one rounding each.
    ///
    /// # Panics
    ///
    /// If the lengths differ, the format's words are longer than `C`, or fewer bits are dropped
    /// than the rounding has random bits.
    #[track_caller]
    pub fn requantize<D: Code, C: Code>(
        &self,
        codes: &[D],
        from: FixedFormat,
        bits: Draw<impl BitSource>,
        out: &mut [C],
    ) {
        assert_eq!(codes.len(), out.len(), "{} codes do not fill {} codes", codes.len(), out.len());
        self.assert_fits::<C>();
        self.assert_random_bits(from.fl() - self.format.fl());
        let (source, first) = bits.serve(self.rounding, codes.len());
        let mut sums = [0i64; CHUNK];
        self.for_chunks(codes.len(), &source, first, |range, first, words| {
            let sums = &mut sums[..range.len()];
            for (z, &code) in sums.iter_mut().zip(&codes[range.clone()]) {
                *z = i64::from(code.to_i32());
            }
            let out = &mut out[range];
            self.convert_sums_chunk(sums, from.fl(), words, &source, first, out);
        });
    }

    /// Converts exact sums z · 2^−`fraction_bits`.
    ///
    /// # Panics
    ///
    /// If the lengths differ, the format's words are longer than `C`, or fewer bits are dropped
    /// than the rounding has random bits.
    #[track_caller]
    pub fn quantize_sums<C: Code>(
        &self,
        z: &[i64],
        fraction_bits: i32,
        bits: Draw<impl BitSource>,
        out: &mut [C],
    ) {
        let (source, first) = bits.serve(self.rounding, z.len());
        self.convert_sums(z, fraction_bits, &source, first, out);
    }

    /// Writes the values Convert(z · 2^−`fraction_bits`) of exact sums that are 32 bits wide, exact
    /// for words of at most 24 bits.
    ///
    /// # Panics
    ///
    /// If the lengths differ, or fewer bits are dropped than the rounding has random bits.
    ///
    /// # Examples
    ///
    /// ```
    /// use numerics::{Draw, Quantizer, Rounding};
    ///
    /// let quantizer = Quantizer::new("<2,6>".parse()?, Rounding::NearestTiesEven);
    /// let mut y = [0.0; 3];
    /// quantizer.convert_narrow_sums(&[192, 193, i32::MAX], 8, Draw::none(), &mut y);
    /// assert_eq!(y, [0.75, 0.75, 2.0 - 1.0 / 64.0]); // on the grid; off it; beyond the range
    /// # Ok::<(), numerics::FormatError>(())
    /// ```
    #[track_caller]
    pub fn convert_narrow_sums(
        &self,
        z: &[i32],
        fraction_bits: i32,
        bits: Draw<impl BitSource>,
        out: &mut [f32],
    ) {
        assert_eq!(z.len(), out.len(), "{} sums do not fill {} values", z.len(), out.len());
        self.assert_random_bits(self.format.dropped(fraction_bits));
        let (source, first) = bits.serve(self.rounding, z.len());
        self.convert_narrow_sums_by_chunks(z, fraction_bits, &source, first, out);
    }

    /// Whether every value of `x` is already in the format, so that Convert changes nothing.
    pub fn is_exact(&self, x: &[f32]) -> bool {
        kernels::is_exact(self.format, x)
    }

    /// [`Self::quantize`] for values that are already in the format, in one pass and without random
    /// bits; false, with anything in `out`, if some value is not.
    ///
    /// # Panics
    ///
    /// If the lengths differ, or the format's words are longer than `C`.
    ///
    /// # Examples
    ///
    /// ```
    /// use numerics::{Quantizer, Rounding};
    ///
    /// let quantizer = Quantizer::new("<2,6>".parse()?, Rounding::Stochastic);
    /// let mut codes = [0i8; 2];
    /// assert!(quantizer.quantize_exact(&[0.5, -2.0], &mut codes));
    /// assert_eq!(codes, [32, -128]);
    /// assert!(!quantizer.quantize_exact(&[0.5, 2.0], &mut codes));
    /// # Ok::<(), numerics::FormatError>(())
    /// ```
    #[track_caller]
    pub fn quantize_exact<C: Code>(&self, x: &[f32], out: &mut [C]) -> bool {
        assert_eq!(x.len(), out.len(), "{} values do not fill {} codes", x.len(), out.len());
        self.assert_fits::<C>();
        kernels::quantize_exact(self.format, x, out)
    }

    #[track_caller]
    fn assert_fits<C: Code>(&self) {
        self.assert_possible();
        assert!(
            self.format.word_length() <= C::BITS,
            "words of {} do not fit into {}-bit codes",
            self.format,
            C::BITS
        );
    }
}
