//! [`Grid`]: rounding to elements in f64 without branches, so that the compiler vectorises it.
//!
//! The simple version is [`BlockQuantizer::element_code`](super::BlockQuantizer) and decoding the
//! code. The differences:
//!
//! 1. One formula for normal and subnormal elements, and for fixed point, in which all numbers are
//!    subnormal: the last place is 2^(max(⌊log₂|y|⌋, e_min) − m), read off the bits of y.
//! 2. z = y in units of the last place is exact, and stochastic rounding is ⌊z + U⌋ with U the word
//!    of the element. The sum may round; n = ⌊z + U⌋ is put right by z ≥ n − U, which is exact.
//! 3. Whether 32 bits of U decide is exact, too: they do not if and only if z lies above
//!    n + 1 − U − 2⁻³². Such elements, one in 2³² where z has more bits, are left to the definition.

use super::Element;
use crate::format::exp2;

/// What rounding to an element needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// The exponent field of an f64 in the lowest binade with normal numbers.
    min_field: u64,
    mantissa_bits: u64,
    max: f64,
    /// Whether zero has a sign.
    signed_zero: bool,
}

/// Random bits of one element: U, of 32 bits after the point.
pub(super) const UNIT: f64 = 1.0 / 4_294_967_296.0;

/// z to an integer.
pub(super) trait Rule: Copy {
    /// Whether random words are needed.
    const RANDOM: bool;

    /// The integer for z and U, and whether U does not decide.
    fn integer(self, z: f64, u: f64) -> (f64, bool);
}

/// To the nearest, ties to even.
#[derive(Clone, Copy)]
pub(super) struct Even;

impl Rule for Even {
    const RANDOM: bool = false;

    #[inline(always)]
    fn integer(self, z: f64, _: f64) -> (f64, bool) {
        (z.round_ties_even(), false)
    }
}

/// The carry of z + U: of the magnitude if `MAGNITUDE`; with a look at further bits if `EXACT`.
#[derive(Clone, Copy)]
pub(super) struct Carry<const MAGNITUDE: bool, const EXACT: bool>;

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
    /// The grid of an element format; none for formats without mantissa bits, whose even codes are
    /// not even integers.
    pub(super) fn of(element: Element) -> Option<Self> {
        // All fixed-point numbers lie below this exponent.
        const HIGH: i32 = 512;
        let (min_exponent, mantissa_bits, signed_zero) = match element {
            Element::Float(format) => {
                let bits = format.mantissa_bits() as i32;
                (format.min_exponent(), bits, format.has_negative_zero())
            }
            Element::Fixed(format) => (HIGH, HIGH + format.fl(), false),
        };
        let fits = (-900..=900).contains(&min_exponent) && mantissa_bits > 0;
        fits.then(|| Self {
            min_field: (min_exponent + 1023) as u64,
            mantissa_bits: mantissa_bits as u64,
            max: element.largest(),
            signed_zero,
        })
    }

    /// The element nearest to y in the sense of the rule, of the sign of y, and whether that is
    /// undecided.
    #[inline(always)]
    pub(super) fn round<R: Rule>(&self, y: f64, rule: R, u: f64) -> (f64, bool) {
        let field = ((y.to_bits() >> 52) & 0x7ff).max(self.min_field);
        let per_place = f64::from_bits((2046 + self.mantissa_bits).wrapping_sub(field) << 52);
        let place = f64::from_bits((field - self.mantissa_bits) << 52);
        let (n, undecided) = rule.integer(y * per_place, u);
        let value = n * place;
        let value = if value > self.max { self.max } else { value };
        let value = if value < -self.max { -self.max } else { value };
        // −0 + 0 = 0.
        let value = if self.signed_zero { value.copysign(y) } else { value + 0.0 };
        (value, undecided)
    }

    /// The E4M3 number nearest to a positive quotient, as a block scale.
    pub(super) fn e4m3_scale(quotient: f64) -> f64 {
        let e4m3 = Self { min_field: 1017, mantissa_bits: 3, max: 448.0, signed_zero: true };
        e4m3.round(quotient, Even, 0.0).0.max(exp2(-9))
    }
}
