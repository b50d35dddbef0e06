//! [`Quantizer`]: Convert(x, ⟨IL, FL⟩), the saturating conversion into a format.
//!
//! ```text
//!              ⎧ −2^(IL−1)          if x ≤ −2^(IL−1)
//! Convert(x) = ⎨ 2^(IL−1) − 2^−FL   if x ≥ 2^(IL−1) − 2^−FL
//!              ⎩ Round(x)           otherwise
//! ```
//!
//! Both bounds are on the grid, so clamping before rounding and after give the same result.
//! A fixed-point word has no NaN: NaN becomes 0, and ±∞ saturate.
//!
//! Source: [Gupta15 Eq. 1].

use serde::{Deserialize, Serialize};

use crate::code::each_width;
use crate::format::exp2;
use crate::rounding::{BitSource, Draw, Split, round};
use crate::simd::{Kernel, dispatch};
use crate::{Code, Codes, FixedFormat, Rounding, Stream};

/// A format and the rounding that leads into it.
///
/// # Examples
///
/// ```
/// use numerics::{FixedFormat, Quantizer, Rounding, Seed};
///
/// let format: FixedFormat = "<8,8>".parse()?;
/// let stream = Seed::new(1).child("demo").stream();
/// let nearest = Quantizer { format, rounding: Rounding::NearestTiesDown };
/// assert_eq!(nearest.convert(0.7 * format.epsilon(), &stream, 0), format.epsilon());
/// assert_eq!(nearest.convert(0.5 * format.epsilon(), &stream, 0), 0.0); // ties go down
/// assert_eq!(nearest.convert(1e9, &stream, 0), format.max());           // and it saturates
/// # Ok::<(), numerics::FormatError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantizer {
    /// The format of the result.
    pub format: FixedFormat,
    /// How values between two codes are rounded.
    pub rounding: Rounding,
}

impl Quantizer {
    /// The code of Convert(x), with the random bits of `source` at `position`.
    pub fn code(&self, x: f64, source: &(impl BitSource + ?Sized), position: u64) -> i32 {
        self.finish(Split::of_f64(x, self.format.fl()), source, position)
    }

    /// The value of Convert(x): [`Self::code`] times ε.
    pub fn convert(&self, x: f64, source: &(impl BitSource + ?Sized), position: u64) -> f64 {
        self.format.value(self.code(x, source, position))
    }

    /// The code of Convert(z · 2^−`fraction_bits`): from an exact sum to a word, in one rounding.
    pub fn code_of_sum(
        &self,
        z: i64,
        fraction_bits: i32,
        source: &(impl BitSource + ?Sized),
        position: u64,
    ) -> i32 {
        self.finish(Split::of_integer(z, fraction_bits - self.format.fl()), source, position)
    }

    fn finish(&self, z: Split, source: &(impl BitSource + ?Sized), position: u64) -> i32 {
        let leading = if self.rounding.is_stochastic() { source.word(position, 0) } else { 0 };
        self.format.saturate(round(z, self.rounding, &Draw { leading, position, source }))
    }

    /// Converts a slice; element i of `x` uses the random bits at position `first + i`.
    ///
    /// # Panics
    ///
    /// If the lengths differ, or the format's words are longer than `C`.
    #[track_caller]
    pub fn quantize<C: Code>(&self, x: &[f32], stream: &Stream, first: u64, out: &mut [C]) {
        assert_eq!(x.len(), out.len(), "{} values do not fill {} codes", x.len(), out.len());
        self.assert_fits::<C>();
        for_chunks(self.rounding, x.len(), stream, first, |range, words| {
            let (x, out) = (&x[range.clone()], &mut out[range.clone()]);
            self.quantize_chunk(x, words, stream, first + range.start as u64, out);
        });
    }

    /// Converts a slice into freshly allocated codes of the format's own width.
    pub fn quantize_vec(&self, x: &[f32], stream: &Stream, first: u64) -> Codes {
        let mut codes = Codes::zeros(self.format, x.len());
        each_width!(&mut codes, v => self.quantize(x, stream, first, v));
        codes
    }

    /// Converts exact sums z · 2^−`fraction_bits`; element i uses the bits at `first + i`.
    ///
    /// # Panics
    ///
    /// If the lengths differ, or the format's words are longer than `C`.
    #[track_caller]
    pub fn quantize_sums<C: Code>(
        &self,
        z: &[i64],
        fraction_bits: i32,
        stream: &Stream,
        first: u64,
        out: &mut [C],
    ) {
        assert_eq!(z.len(), out.len(), "{} sums do not fill {} codes", z.len(), out.len());
        self.assert_fits::<C>();
        for_chunks(self.rounding, z.len(), stream, first, |range, words| {
            let (z, out) = (&z[range.clone()], &mut out[range.clone()]);
            self.quantize_sums_chunk(
                z,
                fraction_bits,
                words,
                stream,
                first + range.start as u64,
                out,
            );
        });
    }

    /// Whether every value of `x` is already in the format, so that Convert changes nothing.
    pub fn is_exact(&self, x: &[f32]) -> bool {
        let (min, max) = (self.format.min() as f32, self.format.max() as f32);
        let scale = exp2(self.format.fl()) as f32;
        x.iter().all(|&x| {
            let t = x * scale;
            x >= min && x <= max && t == t.trunc()
        })
    }

    #[track_caller]
    fn assert_fits<C: Code>(&self) {
        assert!(
            self.format.word_length() <= C::BITS,
            "words of {} do not fit into {}-bit codes",
            self.format,
            C::BITS
        );
    }

    /// At most [`CHUNK`] values, with their leading random words at hand.
    fn quantize_chunk<C: Code>(
        &self,
        x: &[f32],
        words: &[u32],
        stream: &Stream,
        first: u64,
        out: &mut [C],
    ) {
        // The bounds must be below 2^23 for `integer_bits`, and x·2^FL must not underflow.
        let fast = self.format.word_length() <= 23 && self.format.fl() >= 0;
        let done = fast
            && match self.rounding {
                Rounding::Stochastic => self.run_fast::<C, Carry>(x, words, out),
                Rounding::NearestTiesDown => self.run_fast::<C, TiesDown>(x, words, out),
                Rounding::NearestTiesEven => self.run_fast::<C, TiesEven>(x, words, out),
                _ => false,
            };
        if !done {
            for (i, (&x, out)) in x.iter().zip(out).enumerate() {
                *out = C::from_i32(self.code(f64::from(x), stream, first + i as u64));
            }
        }
    }

    /// Runs the vectorised kernel; false if an element needs more than one random word.
    fn run_fast<C: Code, R: MagnitudeRule>(&self, x: &[f32], words: &[u32], out: &mut [C]) -> bool {
        let mut undecided = false;
        dispatch(QuantizeKernel::<C, R> {
            x,
            words,
            out,
            scale: exp2(self.format.fl()) as f32,
            min: self.format.min_code() as f32,
            max: self.format.max_code() as f32,
            undecided: &mut undecided,
            rule: std::marker::PhantomData,
        });
        !undecided
    }

    fn quantize_sums_chunk<C: Code>(
        &self,
        z: &[i64],
        fraction_bits: i32,
        words: &[u32],
        stream: &Stream,
        first: u64,
        out: &mut [C],
    ) {
        let shift = fraction_bits - self.format.fl();
        let fast = (0..=32).contains(&shift)
            && matches!(self.rounding, Rounding::Stochastic | Rounding::NearestTiesDown);
        if fast {
            // Nearest with ties down is the carry of a constant: ⌊(z + 2^(n−1) − 1) / 2^n⌋.
            let constant = (self.rounding == Rounding::NearestTiesDown)
                .then(|| (1i64 << shift >> 1) - i64::from(shift > 0));
            let (min, max) = (i64::from(self.format.min_code()), i64::from(self.format.max_code()));
            dispatch(SumKernel { z, words, constant, out, shift: shift.unsigned_abs(), min, max });
        } else {
            for (i, (&z, out)) in z.iter().zip(out).enumerate() {
                *out = C::from_i32(self.code_of_sum(z, fraction_bits, stream, first + i as u64));
            }
        }
    }
}

/// Values per chunk: the random words of one chunk stay in the first-level cache.
const CHUNK: usize = 1024;

/// Calls `f` with ranges of at most [`CHUNK`] elements and their random words (zeros if unused).
fn for_chunks(
    rounding: Rounding,
    len: usize,
    stream: &Stream,
    first: u64,
    mut f: impl FnMut(std::ops::Range<usize>, &[u32]),
) {
    let mut words = [0; CHUNK];
    for start in (0..len).step_by(CHUNK) {
        let end = len.min(start + CHUNK);
        let words = &mut words[..end - start];
        if rounding.is_stochastic() {
            stream.fill_words(first + start as u64, words);
        }
        f(start..end, words);
    }
}

/// Decides from the fraction g of the magnitude whether to round away from zero.
///
/// Truths are 0 or 1 in a `u32`, and both sides of a choice are computed: that is what the
/// compiler turns into vector code.
trait MagnitudeRule {
    /// `(away, undecided)`; `odd` is the lowest bit of the truncated magnitude.
    fn away(g: f32, negative: u32, odd: u32, word: u32) -> (u32, u32);
}

/// An integral `x` in 0..2^23 as an integer: the low bits of 2^23 + x. The conversion instruction
/// would do, but Rust's saturating cast does not become one vector instruction.
#[inline(always)]
fn integer_bits(x: f32) -> u32 {
    (x + 8_388_608.0).to_bits() & 0x7f_ffff
}

struct TiesDown;
impl MagnitudeRule for TiesDown {
    #[inline(always)]
    fn away(g: f32, negative: u32, _: u32, _: u32) -> (u32, u32) {
        (u32::from(g > 0.5) | (negative & u32::from(g >= 0.5)), 0)
    }
}

struct TiesEven;
impl MagnitudeRule for TiesEven {
    #[inline(always)]
    fn away(g: f32, _: u32, odd: u32, _: u32) -> (u32, u32) {
        (u32::from(g > 0.5) | (odd & u32::from(g >= 0.5)), 0)
    }
}

/// f + U ≥ 1 seen from the magnitude: f = g for positive numbers and 1 − g for negative ones.
struct Carry;
impl MagnitudeRule for Carry {
    #[inline(always)]
    fn away(g: f32, negative: u32, _: u32, word: u32) -> (u32, u32) {
        // G = ⌊g · 2^32⌋ in two exact steps, since an f32 has no conversion to u32 in AVX2.
        let high = g * 65536.0;
        let low = (high - high.trunc()) * 65536.0;
        let digits = (integer_bits(high.trunc()) << 16) | integer_bits(low.trunc());
        // Away is word < G below zero and word > !G above, which is !word < G.
        let mirrored = word ^ negative.wrapping_sub(1);
        // Equality leaves the decision to the next word, unless nothing is left to compare.
        let undecided = u32::from(mirrored == digits) & u32::from(low != low.trunc());
        (u32::from(mirrored < digits), undecided)
    }
}

struct QuantizeKernel<'a, C, R> {
    x: &'a [f32],
    words: &'a [u32],
    out: &'a mut [C],
    scale: f32,
    min: f32,
    max: f32,
    undecided: &'a mut bool,
    rule: std::marker::PhantomData<R>,
}

impl<C: Code, R: MagnitudeRule> Kernel for QuantizeKernel<'_, C, R> {
    #[inline(always)]
    fn run(self) {
        let mut undecided = 0;
        for ((&x, &word), out) in self.x.iter().zip(self.words).zip(self.out) {
            // `max`/`min` turn a NaN into `min`; the select before them makes it 0.
            let x = if x.is_nan() { 0.0 } else { x };
            let t = (x * self.scale).max(self.min).min(self.max);
            let magnitude = t.abs();
            let g = magnitude - magnitude.trunc();
            let truncated = integer_bits(magnitude.trunc());
            let negative = t.to_bits() >> 31;
            let (away, unclear) = R::away(g, negative, truncated & 1, word);
            undecided |= unclear;
            // Negation in two's complement: flip all bits, add one.
            let rounded = (truncated + away) as i32;
            let sign = -(negative as i32);
            *out = C::from_i32((rounded ^ sign) - sign);
        }
        *self.undecided = undecided != 0;
    }
}

struct SumKernel<'a, C> {
    z: &'a [i64],
    words: &'a [u32],
    /// Added below the cut instead of random bits, if given.
    constant: Option<i64>,
    out: &'a mut [C],
    shift: u32,
    min: i64,
    max: i64,
}

impl<C: Code> Kernel for SumKernel<'_, C> {
    #[inline(always)]
    fn run(self) {
        let Self { z, words, constant, out, shift, min, max } = self;
        // Clamped to this before the addition, a sum cannot wrap; the result saturates all the same.
        let (low, high) = (min << shift, max << shift);
        match constant {
            Some(constant) => {
                for (&z, out) in z.iter().zip(out) {
                    *out = C::from_i32(((z.max(low).min(high) + constant) >> shift) as i32);
                }
            }
            None => {
                for ((&z, &word), out) in z.iter().zip(words).zip(out) {
                    let r = ((u64::from(word) << shift) >> 32) as i64;
                    *out = C::from_i32(((z.max(low).min(high) + r) >> shift) as i32);
                }
            }
        }
    }
}
