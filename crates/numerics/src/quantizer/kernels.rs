//! The slice kernels of [`Quantizer`]: the same decisions as the scalar definition, without
//! branches, so that the compiler vectorises them.

use std::ops::Range;

use crate::code::Code;
use crate::draw::BitSource;
use crate::format::{FixedFormat, exp2};
use crate::quantizer::Quantizer;
use crate::rounding::{Fraction, Rounding, StochasticBits};
use crate::simd::{Kernel, dispatch, dispatch_512};

/// Values per chunk: the random words of one chunk stay in the first-level cache.
pub(super) const CHUNK: usize = 1024;
/// Values per part of an update: about as many lines of memory as a processor fetches at once.
pub(super) const PART: usize = 256;

/// Whether every value is a code of `format` times its ε.
pub(super) fn is_exact(format: FixedFormat, x: &[f32]) -> bool {
    let mut inexact = 0;
    let (scale, min, max) =
        (exp2(format.fl()), f64::from(format.min_code()), f64::from(format.max_code()));
    // Codes of 25 bits with their sign are the last that an f32 holds exactly, and x · 2^FL is
    // exact unless it underflows.
    if format.word_length() <= 25 && format.fl() >= 0 {
        let (scale, min, max) = (scale as f32, min as f32, max as f32);
        dispatch(IsExact { x, scale, min, max, inexact: &mut inexact });
    } else {
        dispatch(IsExactWide { x, scale, min, max, inexact: &mut inexact });
    }
    inexact == 0
}

struct IsExact<'a> {
    x: &'a [f32],
    scale: f32,
    /// The smallest and the largest code.
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
            let exact = u32::from(t >= min) & u32::from(t <= max) & u32::from(t == t.trunc());
            inexact | (exact ^ 1)
        });
    }
}

/// [`IsExact`] in f64, which holds every code, and x · 2^FL for every format and every f32.
struct IsExactWide<'a> {
    x: &'a [f32],
    scale: f64,
    min: f64,
    max: f64,
    inexact: &'a mut u32,
}

impl Kernel for IsExactWide<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { x, scale, min, max, inexact } = self;
        *inexact = x.iter().fold(0, |inexact, &x| {
            let t = f64::from(x) * scale;
            let exact = u32::from(t >= min) & u32::from(t <= max) & u32::from(t == t.trunc());
            inexact | (exact ^ 1)
        });
    }
}

/// Writes the codes if every value is one of `format` times its ε; says whether they are.
pub(super) fn quantize_exact<C: Code>(format: FixedFormat, x: &[f32], out: &mut [C]) -> bool {
    if !has_fast_conversion(format) {
        let exact = is_exact(format, x);
        if exact {
            let scale = exp2(format.fl());
            x.iter().zip(out).for_each(|(&x, out)| {
                *out = C::from_i32((f64::from(x) * scale) as i32);
            });
        }
        return exact;
    }
    let mut inexact = 0;
    dispatch(QuantizeExact {
        x,
        out,
        scale: exp2(format.fl()) as f32,
        min: format.min_code() as f32,
        max: format.max_code() as f32,
        inexact: &mut inexact,
    });
    inexact == 0
}

/// Whether [`to_integer`] takes all codes of `format`, and x · 2^FL cannot underflow.
fn has_fast_conversion(format: FixedFormat) -> bool {
    format.word_length() <= 23 && format.fl() >= 0
}

struct QuantizeExact<'a, C> {
    x: &'a [f32],
    out: &'a mut [C],
    scale: f32,
    min: f32,
    max: f32,
    inexact: &'a mut u32,
}

impl<C: Code> Kernel for QuantizeExact<'_, C> {
    #[inline(always)]
    fn run(self) {
        let mut inexact = 0;
        for (&x, out) in self.x.iter().zip(self.out) {
            let t = on_scale(x, self.scale, self.min, self.max).trunc();
            // NaN equals nothing, and what was clamped or truncated is another number.
            inexact |= u32::from(t != x * self.scale);
            *out = C::from_i32(to_integer(t));
        }
        *self.inexact = inexact;
    }
}

impl Quantizer {
    /// Calls `f(range, position of its first element, random words)` with ranges of at most
    /// [`CHUNK`] elements; the words are zeros if the rounding uses none, and those of
    /// [`StochasticBits::carry_word`] if it uses few bits.
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
            if let Rounding::StochasticBits(few) = self.rounding {
                words.iter_mut().for_each(|word| *word = few.carry_word(*word));
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
        let done = has_fast_conversion(self.format)
            && !self.wraps()
            && match self.rounding {
                Rounding::Stochastic => self.run_carry(alpha, x, words, out),
                Rounding::NearestTiesDown => self.run_fast::<C, TiesDown>(alpha, x, words, out),
                Rounding::NearestTiesEven => self.run_fast::<C, TiesEven>(alpha, x, words, out),
                Rounding::NearestTiesAway => self.run_fast::<C, TiesAway>(alpha, x, words, out),
                Rounding::TowardZero => self.run_fast::<C, TowardZero>(alpha, x, words, out),
                Rounding::Down => self.run_fast::<C, Down>(alpha, x, words, out),
                Rounding::Up => self.run_fast::<C, Up>(alpha, x, words, out),
                Rounding::ToOdd => self.run_fast::<C, ToOdd>(alpha, x, words, out),
                Rounding::StochasticBits(StochasticBits { fraction, .. }) => match fraction {
                    Fraction::TwosComplement => self.run_carry(alpha, x, words, out),
                    Fraction::SignMagnitude => {
                        self.run_fast::<C, MagnitudeCarry>(alpha, x, words, out)
                    }
                },
            };
        if !done {
            for ((&x, out), position) in x.iter().zip(out).zip(first..) {
                *out = C::from_i32(self.code_at(f64::from(alpha * x), source, position));
            }
        }
    }

    /// w ← saturate(w + Convert(α·x)) for a part in one pass, if the rounding is
    /// stochastic and the leading words decide; otherwise false, and `w` is what it was.
    pub(super) fn axpy_part<C: Code>(
        &self,
        alpha: f32,
        x: &[f32],
        words: &[u32],
        w: &mut [C],
        before: &mut [C],
    ) -> bool {
        // A power of two times α is exact, so it takes the place of two factors.
        let alpha = alpha * exp2(self.format.fl()) as f32;
        if !(has_fast_conversion(self.format)
            && !self.wraps()
            && self.rounding == Rounding::Stochastic
            && alpha.is_finite())
        {
            return false;
        }
        before.copy_from_slice(w);
        let mut decided = true;
        let (min, max) = (self.format.min_code(), self.format.max_code());
        dispatch_512(AxpyKernel { alpha, x, words, w, min, max, decided: &mut decided });
        if !decided {
            w.copy_from_slice(before);
        }
        decided
    }

    /// [`Self::run_fast`] for the addition of random bits.
    fn run_carry<C: Code>(&self, alpha: f32, x: &[f32], words: &[u32], out: &mut [C]) -> bool {
        let mut undecided = false;
        dispatch(CarryKernel {
            alpha,
            x,
            words,
            out,
            scale: exp2(self.format.fl()) as f32,
            min: self.format.min_code() as f32,
            max: self.format.max_code() as f32,
            undecided: &mut undecided,
        });
        !undecided
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
}

/// ⌊t⌋, plus 1 if the fraction of t and the random word make a carry: f + U ≥ 1.
struct CarryKernel<'a, C> {
    alpha: f32,
    x: &'a [f32],
    words: &'a [u32],
    out: &'a mut [C],
    scale: f32,
    min: f32,
    max: f32,
    undecided: &'a mut bool,
}

impl<C: Code> Kernel for CarryKernel<'_, C> {
    #[inline(always)]
    fn run(self) {
        const ONE: f32 = 16_777_216.0;
        let mut undecided = 0;
        for ((&x, &word), out) in self.x.iter().zip(self.words).zip(self.out) {
            let t = on_scale(self.alpha * x, self.scale, self.min, self.max);
            let floor = t.floor();
            // In units of 2^−24. The fraction of a small negative number and the sum may be rounded,
            // and eight bits of the word are left out: by two units together. Closer to the carry
            // than that the definition decides, from all bits.
            let excess = (t - floor) * ONE + (word >> 8) as i32 as f32 - ONE;
            undecided |= u32::from(excess.abs() <= 2.0);
            *out = C::from_i32(to_integer(floor + if excess >= 0.0 { 1.0 } else { 0.0 }));
        }
        *self.undecided = undecided != 0;
    }
}

/// w + ⌊t⌋, plus 1 if the fraction of t = αx and the random word make a carry: [`CarryKernel`] and
/// the addition with half their operations. NaN is left undecided.
struct AxpyKernel<'a, C> {
    /// In codes.
    alpha: f32,
    x: &'a [f32],
    words: &'a [u32],
    w: &'a mut [C],
    min: i32,
    max: i32,
    decided: &'a mut bool,
}

impl<C: Code> Kernel for AxpyKernel<'_, C> {
    #[inline(always)]
    fn run(self) {
        // What rounding and the bits that are left out can move the sum below by, and more:
        // 2^−25 in the fraction, 2^−23 in the sum, 2^−23 in the word.
        const DOUBT: f32 = 1.0 / 2_097_152.0;
        let (low, high) = (self.min as f32, self.max as f32);
        let (min, max) = (self.min + MAGIC_BITS, self.max + MAGIC_BITS);
        let mut decided = true;
        for ((&x, &word), w) in self.x.iter().zip(self.words).zip(self.w) {
            let t = self.alpha * x;
            // In this order a NaN stays.
            let t = if low > t { low } else { t };
            let t = if high < t { high } else { t };
            let floor = t.floor();
            // 1 + U with the leading 23 bits of the word.
            let excess = (t - floor) + f32::from_bits(word >> 9 | 0x3F80_0000) - 2.0;
            decided &= excess.abs() > DOUBT;
            // The bits of `to_integer` before its subtraction, which can wait for the end.
            let code = (floor + MAGIC).to_bits() as i32 + i32::from(excess >= 0.0);
            let w32 = w.to_i32();
            // Only a weight of 32 bits could overflow.
            let sum = if C::BITS < 32 { w32.wrapping_add(code) } else { w32.saturating_add(code) };
            *w = C::from_i32(sum.max(min).min(max).wrapping_sub(MAGIC_BITS));
        }
        *self.decided = decided;
    }
}

/// x · `scale` between `min` and `max`; 0 if it is NaN.
#[inline(always)]
fn on_scale(x: f32, scale: f32, min: f32, max: f32) -> f32 {
    let t = if x.is_nan() { 0.0 } else { x } * scale;
    // Comparisons instead of `max` and `min`, which care for NaNs that are gone by now.
    let t = if t > min { t } else { min };
    if t < max { t } else { max }
}

/// An integer of at most 2^22 in magnitude.
#[inline(always)]
fn to_integer(x: f32) -> i32 {
    (x + MAGIC).to_bits() as i32 - MAGIC_BITS
}

/// 1.5·2^23: added to an integer n it gives n in the low bits, a conversion in one addition, where
/// Rust's saturating cast would take several instructions.
const MAGIC: f32 = 12_582_912.0;
const MAGIC_BITS: i32 = MAGIC.to_bits() as i32;

/// Decides from the fraction g of the magnitude whether to round away from zero.
///
/// Both sides of a choice are computed, with `|` and `&` instead of branches: that is what the
/// compiler turns into vector code.
trait MagnitudeRule {
    /// `(away, undecided)`; `odd` tells whether the truncated magnitude is.
    fn away(g: f32, negative: bool, odd: bool, word: u32) -> (bool, bool);
}

/// Rules that need no random bits, by their condition for rounding away from zero.
macro_rules! magnitude_rules {
    ($($rule:ident($g:ident, $negative:ident, $odd:ident) => $away:expr;)*) => {$(
        struct $rule;
        impl MagnitudeRule for $rule {
            #[inline(always)]
            fn away($g: f32, $negative: bool, $odd: bool, _: u32) -> (bool, bool) {
                ($away, false)
            }
        }
    )*};
}
magnitude_rules! {
    TiesDown(g, negative, _odd) => (g > 0.5) | (negative & (g >= 0.5));
    TiesEven(g, _negative, odd) => (g > 0.5) | (odd & (g >= 0.5));
    TiesAway(g, _negative, _odd) => g >= 0.5;
    TowardZero(_g, _negative, _odd) => false;
    Down(g, negative, _odd) => negative & (g > 0.0);
    Up(g, negative, _odd) => !negative & (g > 0.0);
    ToOdd(g, _negative, odd) => !odd & (g > 0.0);
}

/// g + U ≥ 1 for the magnitude's own fraction.
struct MagnitudeCarry;
impl MagnitudeRule for MagnitudeCarry {
    #[inline(always)]
    fn away(g: f32, _: bool, _: bool, word: u32) -> (bool, bool) {
        below(g, !word)
    }
}

/// Whether `word` < g·2^32, and whether that is undecided.
#[inline(always)]
fn below(g: f32, word: u32) -> (bool, bool) {
    // The leading 24 bits, an f32 exactly, as the sign of a difference is. More than one unit
    // below g·2^24 (the difference may be rounded) the other eight bits do not matter; closer,
    // the definition decides, from all bits.
    let below = g * 16_777_216.0 - (word >> 8) as i32 as f32;
    (below > 0.0, (below > 0.0) & (below <= 1.0))
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
            let t = on_scale(self.alpha * x, self.scale, self.min, self.max);
            let magnitude = t.abs();
            let truncated = magnitude.trunc();
            let odd = (truncated + 8_388_608.0).to_bits() & 1 == 1;
            let negative = t.to_bits() >> 31 == 1;
            let (away, unclear) = R::away(magnitude - truncated, negative, odd, word);
            undecided |= u32::from(unclear);
            let rounded = (truncated + if away { 1.0 } else { 0.0 }).copysign(t);
            *out = C::from_i32(to_integer(rounded));
        }
        *self.undecided = undecided != 0;
    }
}
