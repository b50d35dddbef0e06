//! The slice kernels of [`Quantizer`]: the same decisions as the scalar definition, without
//! branches, so that the compiler vectorises them.

use std::ops::Range;

use crate::format::exp2;
use crate::rounding::BitSource;
use crate::simd::{Kernel, dispatch};
use crate::{Code, FixedFormat, Quantizer, Rounding};

/// Values per chunk: the random words of one chunk stay in the first-level cache.
pub(super) const CHUNK: usize = 1024;

/// Whether every value is a code of `format` times its ε.
pub(super) fn is_exact(format: FixedFormat, x: &[f32]) -> bool {
    let mut inexact = 0;
    dispatch(IsExact {
        x,
        scale: exp2(format.fl()) as f32,
        min: format.min() as f32,
        max: format.max() as f32,
        inexact: &mut inexact,
    });
    inexact == 0
}

struct IsExact<'a> {
    x: &'a [f32],
    scale: f32,
    min: f32,
    max: f32,
    inexact: &'a mut u32,
}

impl Kernel for IsExact<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { x, scale, min, max, inexact } = self;
        // Without an early return the loop is vectorised; most slices are exact to the end.
        *inexact = x.iter().fold(0, |inexact, &x| {
            let t = x * scale;
            let exact = u32::from(x >= min) & u32::from(x <= max) & u32::from(t == t.trunc());
            inexact | (exact ^ 1)
        });
    }
}

impl Quantizer {
    /// Calls `f(range, position of its first element, random words)` with ranges of at most
    /// [`CHUNK`] elements; the words are zeros if the rounding uses none.
    pub(super) fn for_chunks(
        &self,
        len: usize,
        source: &(impl BitSource + ?Sized),
        first: u64,
        mut f: impl FnMut(Range<usize>, u64, &[u32]),
    ) {
        let mut words = [0; CHUNK];
        for start in (0..len).step_by(CHUNK) {
            let end = len.min(start + CHUNK);
            let words = &mut words[..end - start];
            let first = first + start as u64;
            if self.rounding.is_stochastic() {
                source.fill(first, words);
            }
            f(start..end, first, words);
        }
    }

    /// Codes of Convert(α·x) for at most [`CHUNK`] values, their leading random words at hand.
    pub(super) fn quantize_chunk<C: Code>(
        &self,
        alpha: f32,
        x: &[f32],
        words: &[u32],
        source: &(impl BitSource + ?Sized),
        first: u64,
        out: &mut [C],
    ) {
        // The bounds must be below 2^23 for `integer_bits`, and x·2^FL must not underflow.
        let fast = self.format.word_length() <= 23 && self.format.fl() >= 0;
        let done = fast
            && match self.rounding {
                Rounding::Stochastic => self.run_fast::<C, Carry>(alpha, x, words, out),
                Rounding::NearestTiesDown => self.run_fast::<C, TiesDown>(alpha, x, words, out),
                Rounding::NearestTiesEven => self.run_fast::<C, TiesEven>(alpha, x, words, out),
                Rounding::NearestTiesAway => self.run_fast::<C, TiesAway>(alpha, x, words, out),
                Rounding::TowardZero => self.run_fast::<C, TowardZero>(alpha, x, words, out),
                Rounding::Down => self.run_fast::<C, Down>(alpha, x, words, out),
                Rounding::Up => self.run_fast::<C, Up>(alpha, x, words, out),
                Rounding::ToOdd => self.run_fast::<C, ToOdd>(alpha, x, words, out),
                Rounding::StochasticBits(_) => false,
            };
        if !done {
            for ((&x, out), position) in x.iter().zip(out).zip(first..) {
                *out = C::from_i32(self.code(f64::from(alpha * x), source, position));
            }
        }
    }

    /// Runs the vectorised kernel; false if an element needs more than its leading word.
    fn run_fast<C: Code, R: MagnitudeRule>(
        &self,
        alpha: f32,
        x: &[f32],
        words: &[u32],
        out: &mut [C],
    ) -> bool {
        let mut undecided = false;
        dispatch(QuantizeKernel::<C, R> {
            alpha,
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

    /// Codes of at most [`CHUNK`] sums, wrapped or saturated.
    #[expect(clippy::too_many_arguments, reason = "the inside of one loop, not an interface")]
    pub(super) fn quantize_sums_chunk<C: Code>(
        &self,
        wraps: bool,
        z: &[i64],
        fraction_bits: i32,
        words: &[u32],
        source: &(impl BitSource + ?Sized),
        first: u64,
        out: &mut [C],
    ) {
        let shift = fraction_bits - self.format.fl();
        let (min, max) = (i64::from(self.format.min_code()), i64::from(self.format.max_code()));
        let wrap = wraps.then(|| 64 - self.format.word_length());
        if (-31..=0).contains(&shift) && !wraps {
            dispatch(ShiftLeft { z, out, shift: shift.unsigned_abs(), min, max });
            return;
        }
        if !(1..=32).contains(&shift) {
            return self.sums_by_definition(wraps, z, fraction_bits, source, first, out);
        }
        let kernel = SumKernel { z, words, out, shift: shift.unsigned_abs(), min, max, wrap };
        let half = 1i64 << (shift - 1);
        match self.rounding {
            // ⌊(z + c) / 2^n⌋ with a constant c, …
            Rounding::Down => dispatch(kernel.with(|_, _| 0)),
            Rounding::NearestTiesDown => dispatch(kernel.with(move |_, _| half - 1)),
            Rounding::Up => dispatch(kernel.with(move |_, _| 2 * half - 1)),
            // … with one that depends on the sign or on the bit above the cut, …
            Rounding::TowardZero => dispatch(kernel.with(move |z, _| (z >> 63) & (2 * half - 1))),
            Rounding::NearestTiesAway => dispatch(kernel.with(move |z, _| half + (z >> 63))),
            Rounding::NearestTiesEven => {
                dispatch(kernel.with(move |z, _| half - 1 + ((z >> shift) & 1)));
            }
            // … or with random bits.
            Rounding::Stochastic => {
                dispatch(kernel.with(move |_, word| ((u64::from(word) << shift) >> 32) as i64));
            }
            Rounding::ToOdd | Rounding::StochasticBits(_) => {
                let SumKernel { out, .. } = kernel;
                self.sums_by_definition(wraps, z, fraction_bits, source, first, out);
            }
        }
    }

    fn sums_by_definition<C: Code>(
        &self,
        wraps: bool,
        z: &[i64],
        fraction_bits: i32,
        source: &(impl BitSource + ?Sized),
        first: u64,
        out: &mut [C],
    ) {
        use crate::Overflow::{Saturate, Wrap};
        let overflow = if wraps { Wrap } else { Saturate };
        for ((&z, out), position) in z.iter().zip(out).zip(first..) {
            let code = self.code_of_sum_with(overflow, z, fraction_bits, source, position);
            *out = C::from_i32(code);
        }
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

/// Rules that need no random bits, by their condition for rounding away from zero.
macro_rules! magnitude_rules {
    ($($rule:ident($g:ident, $negative:ident, $odd:ident) => $away:expr;)*) => {$(
        struct $rule;
        impl MagnitudeRule for $rule {
            #[inline(always)]
            fn away($g: f32, $negative: u32, $odd: u32, _: u32) -> (u32, u32) {
                ($away, 0)
            }
        }
    )*};
}
magnitude_rules! {
    TiesDown(g, negative, _odd) => u32::from(g > 0.5) | (negative & u32::from(g >= 0.5));
    TiesEven(g, _negative, odd) => u32::from(g > 0.5) | (odd & u32::from(g >= 0.5));
    TiesAway(g, _negative, _odd) => u32::from(g >= 0.5);
    TowardZero(_g, _negative, _odd) => 0;
    Down(g, negative, _odd) => negative & u32::from(g > 0.0);
    Up(g, negative, _odd) => (1 - negative) & u32::from(g > 0.0);
    ToOdd(g, _negative, odd) => (1 - odd) & u32::from(g > 0.0);
}

/// f + U ≥ 1 seen from the magnitude: f = g for positive numbers and 1 − g for negative ones.
struct Carry;
impl MagnitudeRule for Carry {
    #[inline(always)]
    fn away(g: f32, negative: u32, _: u32, word: u32) -> (u32, u32) {
        // Away is word < g·2^32 below zero, and word > 2^32 − 1 − g·2^32 or !word < g·2^32 above.
        let word = word ^ negative.wrapping_sub(1);
        // The word rounded to an f32, in halves because AVX2 converts signed words only. Rounding
        // keeps the order against g·2^32, an f32 itself, unless it makes the two equal: then the
        // definition decides, from all bits.
        let rounded = (word >> 16) as i32 as f32 * 65536.0 + (word & 0xffff) as i32 as f32;
        let digits = g * 4_294_967_296.0;
        (u32::from(rounded < digits), u32::from(rounded == digits))
    }
}

struct QuantizeKernel<'a, C, R> {
    alpha: f32,
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
            let x = self.alpha * x;
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

/// ⌊(z + offset) / 2^shift⌋, saturated or wrapped.
struct SumKernel<'a, C> {
    z: &'a [i64],
    words: &'a [u32],
    out: &'a mut [C],
    shift: u32,
    min: i64,
    max: i64,
    /// Bits above the word in 64, if codes wrap.
    wrap: Option<u32>,
}

impl<'a, C> SumKernel<'a, C> {
    /// The kernel with the offset that `offset(z, random word)` gives.
    fn with<F: Fn(i64, u32) -> i64>(self, offset: F) -> OffsetKernel<'a, C, F> {
        OffsetKernel { sums: self, offset }
    }
}

struct OffsetKernel<'a, C, F> {
    sums: SumKernel<'a, C>,
    offset: F,
}

impl<C: Code, F: Fn(i64, u32) -> i64> Kernel for OffsetKernel<'_, C, F> {
    #[inline(always)]
    fn run(self) {
        let Self { sums: SumKernel { z, words, out, shift, min, max, wrap }, offset } = self;
        if let Some(above) = wrap {
            for ((&z, &word), out) in z.iter().zip(words).zip(out) {
                // Only bits below shift + 32 ≤ 64 matter, so the addition may wrap.
                let code = z.wrapping_add(offset(z, word)) >> shift;
                *out = C::from_i32(((code << above) >> above) as i32);
            }
        } else {
            // Clamped before the addition a sum cannot wrap, and the result saturates all the same.
            let (low, high) = (min << shift, max << shift);
            for ((&z, &word), out) in z.iter().zip(words).zip(out) {
                let z = z.max(low).min(high);
                *out = C::from_i32(((z + offset(z, word)) >> shift) as i32);
            }
        }
    }
}

/// z · 2^shift for shift in 0..=31, saturated.
struct ShiftLeft<'a, C> {
    z: &'a [i64],
    out: &'a mut [C],
    shift: u32,
    min: i64,
    max: i64,
}

impl<C: Code> Kernel for ShiftLeft<'_, C> {
    #[inline(always)]
    fn run(self) {
        const LIMIT: i64 = 1 << 31;
        for (&z, out) in self.z.iter().zip(self.out) {
            let z = z.clamp(-LIMIT, LIMIT) << self.shift;
            *out = C::from_i32(z.max(self.min).min(self.max) as i32);
        }
    }
}
