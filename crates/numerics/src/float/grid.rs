//! [`Grid`]: rounding to a format in f64 without branches, so that the compiler vectorises it.
//!
//! The simple version is [`FloatQuantizer::code`](super::FloatQuantizer::code) and decoding the code.
//! The differences:
//!
//! 1. One formula for normal and subnormal numbers, and for fixed point, in which all numbers are
//!    subnormal: the last place is 2^(max(⌊log₂|y|⌋, e_min) − m), read off the bits of y.
//! 2. z = y in units of the last place is exact, and stochastic rounding is ⌊z + U⌋ with U the word
//!    of the element. The sum may round; n = ⌊z + U⌋ is put right by z ≥ n − U, which is exact.
//! 3. Whether 32 bits of U decide is exact, too: they do not if and only if z lies above
//!    n + 1 − U − 2⁻³². Such elements, one in 2³² where z has more bits, are left to the definition.

use super::FloatFormat;
use crate::format::FixedFormat;
use crate::format::exp2;

/// What rounding to a format needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    /// The exponent field of an f64 in the lowest binade with normal numbers.
    min_field: u64,
    mantissa_bits: u64,
    max: f64,
    /// Whether zero has a sign.
    signed_zero: bool,
}

/// Random bits of one element: U, of 32 bits after the point.
pub(crate) const UNIT: f64 = 1.0 / 4_294_967_296.0;

/// z to an integer.
pub(crate) trait Rule: Copy {
    /// Whether random words are needed.
    const RANDOM: bool;

    /// The integer for z and U, and whether U does not decide.
    fn integer(self, z: f64, u: f64) -> (f64, bool);
}

/// To the nearest, ties to even.
#[derive(Clone, Copy)]
pub(crate) struct Even;

impl Rule for Even {
    const RANDOM: bool = false;

    #[inline(always)]
    fn integer(self, z: f64, _: f64) -> (f64, bool) {
        (z.round_ties_even(), false)
    }
}

/// The carry of z + U: of the magnitude if `MAGNITUDE`; with a look at further bits if `EXACT`.
#[derive(Clone, Copy)]
pub(crate) struct Carry<const MAGNITUDE: bool, const EXACT: bool>;

impl<const MAGNITUDE: bool, const EXACT: bool> Rule for Carry<MAGNITUDE, EXACT> {
    const RANDOM: bool = true;

    #[inline(always)]
    fn integer(self, z: f64, u: f64) -> (f64, bool) {
        let t = if MAGNITUDE { z.abs() } else { z };
        let n = (t + u).floor();
        let n = if t < n - u { n - 1.0 } else { n };
        let undecided = EXACT && t > (n + 1.0 - u) - UNIT;
        (if MAGNITUDE { n.copysign(z) } else { n }, undecided)
    }
}

impl Grid {
    /// The grid of a floating-point format; none for formats without mantissa bits, whose even codes
    /// are not even integers, without sign, or with exponents near the ends of f64.
    pub(crate) fn of_float(format: FloatFormat) -> Option<Self> {
        let (min_exponent, bits) = (format.min_exponent(), format.mantissa_bits());
        let fits = (-900..=900).contains(&min_exponent) && bits > 0 && format.is_signed();
        let max = Some(format.max()).filter(|max| fits && max.is_finite())?;
        let min_field = (min_exponent + 1023) as u64;
        let signed_zero = format.has_negative_zero();
        Some(Self { min_field, mantissa_bits: bits.into(), max, signed_zero })
    }

    /// The grid of a fixed-point format, with as many numbers below zero as above.
    pub(crate) fn of_fixed(format: FixedFormat) -> Self {
        // All numbers lie below this exponent.
        const HIGH: i32 = 512;
        Self {
            min_field: (HIGH + 1023) as u64,
            mantissa_bits: (HIGH + format.fl()) as u64,
            max: format.max(),
            signed_zero: false,
        }
    }

    /// The number nearest to y in the sense of the rule, of the sign of y and at most the largest, and
    /// whether that is undecided.
    #[inline(always)]
    pub(crate) fn round<R: Rule>(&self, y: f64, rule: R, u: f64) -> (f64, bool) {
        let (value, undecided) = self.unbounded(y, rule, u);
        let value = if value > self.max { self.max } else { value };
        let value = if value < -self.max { -self.max } else { value };
        (value, undecided)
    }

    /// [`Self::round`] on a grid without an upper end.
    #[inline(always)]
    pub(super) fn unbounded<R: Rule>(&self, y: f64, rule: R, u: f64) -> (f64, bool) {
        let field = ((y.to_bits() >> 52) & 0x7ff).max(self.min_field);
        let per_place = f64::from_bits((2046 + self.mantissa_bits).wrapping_sub(field) << 52);
        let place = f64::from_bits((field - self.mantissa_bits) << 52);
        let (n, undecided) = rule.integer(y * per_place, u);
        let value = n * place;
        // −0 + 0 = 0.
        let value = if self.signed_zero { value.copysign(y) } else { value + 0.0 };
        (value, undecided)
    }

    /// The largest finite number.
    pub(super) fn max(&self) -> f64 {
        self.max
    }

    /// The E4M3 number nearest to a positive quotient, as a block scale.
    #[inline(always)]
    pub(crate) fn e4m3_scale(quotient: f64) -> f64 {
        let e4m3 = Self { min_field: 1017, mantissa_bits: 3, max: 448.0, signed_zero: true };
        e4m3.round(quotient, Even, 0.0).0.max(exp2(-9))
    }
}
