//! [`Rounding`]: how a real number becomes an integer, as a pure function of its random bits.
//!
//! Every rule sees the number as ⌊z⌋ + f with f in [0, 1) and decides between ⌊z⌋ and ⌊z⌋ + 1.
//! A stochastic rule adds a random fraction U and keeps the carry,
//!
//! ```text
//! up  ⇔  f + U ≥ 1,      P(up) = f,      E[result] = z
//! ```
//!
//! which is what the hardware of [Gupta15 §5.2] does: add random bits below the cut, then
//! truncate. U is drawn word by word, most significant first, and only as far as the comparison
//! needs: f of at most 32 bits takes one word; longer ones take a second word once in 2³² draws.
//! So the probability is exact, not exact to 32 bits.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::draw::BitSource;
use crate::error::ParameterError;

/// The rule that turns a real number into one of its two neighbouring integers.
///
/// `Nearest*` rules take the nearer neighbour and differ on ties only. Integers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum Rounding {
    /// Nearest, ties toward −∞: +½ becomes 0, −½ becomes −1.
    ///
    /// Source: the cases of [Gupta15 §3.1], whose upper bound is ≤ ε/2.
    NearestTiesDown,
    /// Nearest, ties to the even neighbour (IEEE 754 `roundTiesToEven`).
    NearestTiesEven,
    /// Nearest, ties away from zero (IEEE 754 `roundTiesToAway`).
    NearestTiesAway,
    /// Toward zero (IEEE 754 `roundTowardZero`): drops the fraction of the magnitude.
    TowardZero,
    /// Toward −∞ (IEEE 754 `roundTowardNegative`): what dropping low bits does in two's complement.
    Down,
    /// Toward +∞ (IEEE 754 `roundTowardPositive`).
    Up,
    /// To the odd neighbour, so that a later rounding to fewer bits does not round twice.
    ToOdd,
    /// Up with probability equal to the fraction, exactly. Source: [Gupta15 §3.1].
    Stochastic,
    /// Stochastic with a fixed number of random bits, and so with a bias that depends on it.
    StochasticBits(StochasticBits),
}

/// Stochastic rounding with `bits` random bits R, uniform on 0..2^bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(try_from = "StochasticBitsFields")
)]
pub struct StochasticBits {
    /// Number of random bits, 1..=31.
    pub bits: u8,
    /// How the fraction is brought to that many bits.
    pub variant: StochasticVariant,
    /// Which fraction is meant for a negative number.
    pub fraction: Fraction,
}

/// The fields as a configuration file gives them.
#[cfg(feature = "serde")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StochasticBitsFields {
    bits: u8,
    variant: StochasticVariant,
    fraction: Fraction,
}

#[cfg(feature = "serde")]
impl TryFrom<StochasticBitsFields> for StochasticBits {
    type Error = ParameterError;

    fn try_from(fields: StochasticBitsFields) -> Result<Self, ParameterError> {
        let StochasticBitsFields { bits, variant, fraction } = fields;
        let few = Self { bits, variant, fraction };
        few.check().map(|()| few)
    }
}

impl StochasticBits {
    /// Whether the number of random bits is possible.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] unless it is in 1..=31.
    pub fn check(&self) -> Result<(), ParameterError> {
        if (1..=31).contains(&self.bits) {
            return Ok(());
        }
        let problem = format!("stochastic rounding takes 1 to 31 random bits, not {}", self.bits);
        Err(ParameterError::new("bits", problem))
    }
}

/// The three few-bit rules of IEEE P3109, interim report 4.0 §4.7.4; ν is the fraction, N the bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum StochasticVariant {
    /// Carry of ⌊ν·2^N⌋ + R: cheapest, biased toward truncation by less than 2^−N, by 2^−(N+1) in
    /// the mean over ν.
    A,
    /// Carry of ⌊ν·2^(N+1)⌋ + 2R + 1 one bit further down: nearly unbiased.
    B,
    /// Carry of RNE(ν·2^N) + R, RNE being nearest, ties to even: unbiased.
    C,
}

/// Of which representation the fraction is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum Fraction {
    /// z − ⌊z⌋, as in an adder that drops bits.
    TwosComplement,
    /// |z| − ⌊|z|⌋, as in floating-point units.
    SignMagnitude,
}

impl Rounding {
    /// Whether the rule has a possible number of random bits.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] naming the number that is not.
    pub fn check(self) -> Result<(), ParameterError> {
        if let Self::StochasticBits(few) = self { few.check() } else { Ok(()) }
    }

    /// Whether the rule takes a number beyond the largest finite one back to it: a directed rule
    /// whose direction leads away from the infinity of the number's sign.
    ///
    /// Source: IEEE 754-2019 §7.4; IEEE P3109 interim report 4.0 §4.7.5. To odd is no such rule in
    /// signed formats (§4.7.5), and no nearest or stochastic one is.
    pub(crate) const fn stays_finite(self, negative: bool) -> bool {
        match self {
            Self::TowardZero => true,
            Self::Down => !negative,
            Self::Up => negative,
            _ => false,
        }
    }

    /// Whether the rule consumes random bits.
    pub const fn is_stochastic(self) -> bool {
        matches!(self, Self::Stochastic | Self::StochasticBits(_))
    }
}

/// The one element's bits of a [`BitSource`], with the leading word already drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ElementBits<'a, S: ?Sized> {
    pub(crate) leading: u32,
    pub(crate) position: u64,
    pub(crate) source: &'a S,
}

impl<S: BitSource + ?Sized> ElementBits<'_, S> {
    fn word(&self, depth: u32) -> u32 {
        if depth == 0 { self.leading } else { self.source.word(self.position, depth) }
    }
}

/// A real number split at the binary point: `floor` + `fraction` · 2^−128 (+ a positive rest).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) floor: i64,
    pub(crate) fraction: u128,
    /// Whether something smaller than 2^−128 was cut off.
    pub(crate) rest: bool,
}

impl Split {
    /// Splits `z` · 2^−`shift`.
    pub(crate) const fn of_integer(z: i64, shift: i32) -> Self {
        if shift <= 0 {
            // Beyond 63 bits of left shift every nonzero value is far outside every format.
            let wide = if shift < -64 { (z as i128) << 64 } else { (z as i128) << -shift };
            return Self { floor: clamp_to_i64(wide), fraction: 0, rest: false };
        }
        if shift >= 128 {
            // Formats keep |shift| ≤ 2·64 + 64; what a fraction loses here is below 2^−128.
            let floor = if z < 0 { -1 } else { 0 };
            let cut = (shift - 128) as u32;
            let wide = if cut >= 127 { z as i128 >> 127 } else { (z as i128) >> cut };
            let rest = cut >= 127 && z != 0 || cut < 127 && (wide << cut) != z as i128;
            return Self { floor, fraction: wide as u128, rest };
        }
        let floor = if shift >= 64 { (z as i128 >> shift) as i64 } else { z >> shift };
        Self { floor, fraction: (z as i128 as u128) << (128 - shift), rest: false }
    }

    /// Splits `z` · 2^−`shift` for |z| < 2^120.
    pub(crate) const fn of_wide_integer(z: i128, shift: i32) -> Self {
        if shift <= 0 {
            let room = z.unsigned_abs().leading_zeros() as i32;
            let far = if z < 0 { i128::MIN } else { i128::MAX };
            let wide = if z == 0 || -shift < room { z << (-shift & 127) } else { far };
            return Self { floor: clamp_to_i64(wide), fraction: 0, rest: false };
        }
        if shift < 128 {
            let fraction = (z as u128) << (128 - shift);
            return Self { floor: clamp_to_i64(z >> shift), fraction, rest: false };
        }
        let cut = if shift - 128 > 127 { 127 } else { (shift - 128) as u32 };
        let wide = z >> cut;
        let floor = if z < 0 { -1 } else { 0 };
        Self { floor, fraction: wide as u128, rest: wide << cut != z }
    }

    /// Splits `x` · 2^`scale`; a NaN counts as 0, ±∞ as beyond every format.
    pub(crate) fn of_f64(x: f64, scale: i32) -> Self {
        if x.is_nan() || x == 0.0 {
            return Self { floor: 0, fraction: 0, rest: false };
        }
        if x.is_infinite() {
            let floor = if x > 0.0 { i64::MAX } else { i64::MIN };
            return Self { floor, fraction: 0, rest: false };
        }
        let bits = x.to_bits();
        let exponent = ((bits >> 52) & 0x7ff) as i32;
        let mantissa = (bits & ((1 << 52) - 1)) as i64;
        let significand = if exponent == 0 { mantissa } else { mantissa | (1 << 52) };
        let power = exponent.max(1) - 1075 + scale;
        let signed = if x < 0.0 { -significand } else { significand };
        Self::of_integer(signed, -power)
    }

    /// [`Self::of_f64`] with ⌊z⌋ taken modulo 2^64 instead of clamped; 0 for infinities.
    pub(crate) fn of_f64_modulo(x: f64, scale: i32) -> Self {
        let exponent = ((x.to_bits() >> 52) & 0x7ff) as i32;
        // From 2^63 on the value is an integer whose low bits are the shifted significand's.
        let power = exponent - 1075 + scale;
        if power + 53 <= 63 {
            return Self::of_f64(x, scale);
        }
        let significand = ((x.to_bits() & ((1 << 52) - 1)) | (1 << 52)) as i64;
        let magnitude = significand.checked_shl(power.unsigned_abs()).unwrap_or(0);
        let finite = if exponent == 0x7ff { 0 } else { magnitude };
        let floor = if x < 0.0 { finite.wrapping_neg() } else { finite };
        Self { floor, fraction: 0, rest: false }
    }

    const fn is_integer(self) -> bool {
        self.fraction == 0 && !self.rest
    }

    const fn above(self) -> i64 {
        self.floor.saturating_add(1)
    }
}

const fn clamp_to_i64(wide: i128) -> i64 {
    if wide > i64::MAX as i128 {
        i64::MAX
    } else if wide < i64::MIN as i128 {
        i64::MIN
    } else {
        wide as i64
    }
}

const HALF: u128 = 1 << 127;

/// Rounds a split number: the reference that every fast path is tested against.
pub(crate) fn round<S: BitSource + ?Sized>(
    z: Split,
    rounding: Rounding,
    bits: &ElementBits<'_, S>,
) -> i64 {
    round_with_parity(z, rounding, false, bits)
}

/// [`round`] where the even neighbour may be the one that is odd as an integer.
pub(crate) fn round_with_parity<S: BitSource + ?Sized>(
    z: Split,
    rounding: Rounding,
    swaps_parity: bool,
    bits: &ElementBits<'_, S>,
) -> i64 {
    if z.is_integer() {
        return z.floor;
    }
    let above_half = z.fraction > HALF || z.fraction == HALF && z.rest;
    let tie = z.fraction == HALF && !z.rest;
    let negative = z.floor < 0;
    let odd = (z.floor & 1 == 1) != swaps_parity;
    let up = match rounding {
        Rounding::NearestTiesDown => above_half,
        Rounding::NearestTiesEven => above_half || tie && odd,
        Rounding::NearestTiesAway => above_half || tie && !negative,
        Rounding::TowardZero => negative,
        Rounding::Down => false,
        Rounding::Up => true,
        Rounding::ToOdd => !odd,
        Rounding::Stochastic => carries(z.fraction, bits),
        Rounding::StochasticBits(few) => few.rounds_up(z, bits.leading),
    };
    if up { z.above() } else { z.floor }
}

/// Whether `fraction` · 2^−128 plus a uniform U reaches 1, drawing U word by word.
fn carries<S: BitSource + ?Sized>(fraction: u128, bits: &ElementBits<'_, S>) -> bool {
    for depth in 0..4 {
        let digits = (fraction >> (96 - 32 * depth)) as u32;
        let below = if depth == 3 { 0 } else { fraction << (32 * (depth + 1)) };
        let sum = u64::from(digits) + u64::from(bits.word(depth));
        if sum != u64::from(u32::MAX) || below == 0 {
            return sum > u64::from(u32::MAX);
        }
    }
    false
}

impl StochasticBits {
    /// The word w for which ν + w·2⁻³² ≥ 1 decides as the rule does when its random bits are the
    /// top bits R of `word`: what turns a few-bit rule into the addition of all bits.
    ///
    /// ```text
    /// A: w = R·2^(32−N)
    /// B: w = (2R + 1)·2^(31−N)
    /// C: as B, but a sum of exactly 1, a tie, counts only if R is even: less by one if it is odd
    /// ```
    ///
    /// With C, ν has at most 32 bits or is not within 2⁻³² of the tie.
    pub(crate) fn carry_word(self, word: u32) -> u32 {
        let n = u32::from(self.bits);
        let r = word >> (32 - n);
        let half = 1 << (31 - n);
        (r << (32 - n))
            + match self.variant {
                StochasticVariant::A => 0,
                StochasticVariant::B => half,
                StochasticVariant::C => half - (r & 1),
            }
    }

    /// Whether the rule goes to ⌊z⌋ + 1 when its random bits are the top bits of `word`.
    fn rounds_up(self, z: Split, word: u32) -> bool {
        let n = u32::from(self.bits);
        debug_assert!((1..=31).contains(&n), "checked by every conversion");
        let r = u64::from(word >> (32 - n));
        let mirrored = self.fraction == Fraction::SignMagnitude && z.floor < 0;
        let (nu, rest) = if mirrored {
            (z.fraction.wrapping_neg() - u128::from(z.rest), z.rest)
        } else {
            (z.fraction, z.rest)
        };
        let leading = |bits: u32| (nu >> (128 - bits)) as u64;
        let carry = match self.variant {
            StochasticVariant::A => leading(n) + r >= 1 << n,
            StochasticVariant::B => leading(n + 1) + 2 * r + 1 >= 1 << (n + 1),
            StochasticVariant::C => {
                let (kept, dropped) = (leading(n), nu << n);
                let up = dropped > HALF || dropped == HALF && (rest || kept & 1 == 1);
                kept + u64::from(up) + r >= 1 << n
            }
        };
        carry != mirrored
    }
}

/// ⌊(z + R) / 2^n⌋ with R the top `n` bits of `word`: stochastic rounding as an adder does it.
///
/// For n ≤ 32 this is [`Rounding::Stochastic`] exactly. `z + R` wraps beyond the range of i64.
///
/// # Examples
///
/// ```
/// use numerics::round_stochastic;
///
/// // Over all 2^n random words the mean is z / 2^n: 5/8 of them round 13/8 up.
/// let ups = (0..8u32).filter(|r| round_stochastic(13, 3, r << 29) == 2).count();
/// assert_eq!(ups, 5);
/// ```
///
/// # Panics
///
/// If `n` is above 32.
#[inline(always)]
pub const fn round_stochastic(z: i64, n: u32, word: u32) -> i64 {
    assert!(n <= 32, "one word holds at most 32 random bits");
    let r = ((word as u64) << n) >> 32;
    z.wrapping_add(r as i64) >> n
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Given(u32);
    impl BitSource for Given {
        fn word(&self, _: u64, _: u32) -> u32 {
            self.0
        }
    }

    fn rounded(z: i64, shift: i32, rounding: Rounding, word: u32) -> i64 {
        let source = Given(word);
        round(
            Split::of_integer(z, shift),
            rounding,
            &ElementBits { leading: word, position: 0, source: &source },
        )
    }

    /// Against integers of 128 bits, on both sides of 2^63 and where the significand leaves 64 bits.
    #[test]
    fn far_values_are_split_modulo_two_to_the_64() {
        for exponent in 50..118 {
            for significand in [1.0, 1.0 + f64::EPSILON, 1.5, 1.75 + 3.0 * f64::EPSILON] {
                for x in [significand * 2f64.powi(exponent), -significand * 2f64.powi(exponent)] {
                    let split = Split::of_f64_modulo(x, 0);
                    assert_eq!(split.floor, x.floor() as i128 as i64, "{x}");
                    assert_eq!(Split::of_f64_modulo(x / 1024.0, 10).floor, split.floor, "{x}");
                }
            }
        }
        for x in [f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Split::of_f64_modulo(x, 0).floor, 0);
        }
    }

    #[test]
    fn ties_follow_their_names() {
        // −2.5, −1.5, −0.5, 0.5, 1.5, 2.5
        let halves = [-5, -3, -1, 1, 3, 5];
        let at = |rounding| halves.map(|z| rounded(z, 1, rounding, 0));
        assert_eq!(at(Rounding::NearestTiesDown), [-3, -2, -1, 0, 1, 2]);
        assert_eq!(at(Rounding::NearestTiesEven), [-2, -2, 0, 0, 2, 2]);
        assert_eq!(at(Rounding::NearestTiesAway), [-3, -2, -1, 1, 2, 3]);
        assert_eq!(at(Rounding::TowardZero), [-2, -1, 0, 0, 1, 2]);
        assert_eq!(at(Rounding::Down), [-3, -2, -1, 0, 1, 2]);
        assert_eq!(at(Rounding::Up), [-2, -1, 0, 1, 2, 3]);
        assert_eq!(at(Rounding::ToOdd), [-3, -1, -1, 1, 1, 3]);
    }

    #[test]
    fn stochastic_rounding_is_unbiased_over_all_bits() {
        for n in 1..=8 {
            for z in -600..600 {
                let sum: i64 = (0..1u32 << n)
                    .map(|r| rounded(z, n, Rounding::Stochastic, r << (32 - n)))
                    .sum();
                assert_eq!(sum, z, "{z} / 2^{n}");
                for r in 0..1u32 << n {
                    let word = r << (32 - n);
                    assert_eq!(
                        rounded(z, n, Rounding::Stochastic, word),
                        round_stochastic(z, n as u32, word)
                    );
                }
            }
        }
    }

    #[test]
    fn the_second_word_decides_where_the_first_one_ties() {
        // f = (2^32 − 1 − w)·2^−32 + g: the carry depends on g + U′ ≥ 1.
        struct Two(u32, u32);
        impl BitSource for Two {
            fn word(&self, _: u64, depth: u32) -> u32 {
                if depth == 0 { self.0 } else { self.1 }
            }
        }
        let z = (5 << 32) | (1 << 31); // 5.5 · 2^−32 once shifted by 64
        let up = |first, second| {
            let source = Two(first, second);
            round(
                Split::of_integer(z, 64),
                Rounding::Stochastic,
                &ElementBits { leading: first, position: 0, source: &source },
            )
        };
        assert_eq!(up(u32::MAX - 5, 0), 0, "5.5 + (2^32 − 6) stays below 2^32");
        assert_eq!(up(u32::MAX - 5, 1 << 31), 1, "5.5 + (2^32 − 5.5) reaches 2^32");
        assert_eq!(up(u32::MAX - 4, 0), 1);
        assert_eq!(up(u32::MAX - 6, u32::MAX), 0);
    }

    #[test]
    fn wide_splits_equal_narrow_ones() {
        for z in [0, 1, -1, 5, -7, i64::MAX, i64::MIN, 1 << 40, -(1 << 40) - 1] {
            for shift in -70..200 {
                let wide = Split::of_wide_integer(i128::from(z), shift);
                assert_eq!(wide, Split::of_integer(z, shift), "{z} / 2^{shift}");
            }
        }
        assert_eq!(Split::of_wide_integer(-(3 << 100), 101).floor, -2);
        assert_eq!(Split::of_wide_integer(1 << 110, 20).floor, i64::MAX);
    }

    #[test]
    fn splits_are_exact() {
        assert_eq!(Split::of_f64(-0.75, 1), Split { floor: -2, fraction: 1 << 127, rest: false });
        assert_eq!(Split::of_f64(3.0, 2), Split { floor: 12, fraction: 0, rest: false });
        assert_eq!(Split::of_f64(2f64.powi(-128), 0), Split { floor: 0, fraction: 1, rest: false });
        assert_eq!(
            Split::of_f64(-(2f64.powi(-129)), 0),
            Split { floor: -1, fraction: u128::MAX, rest: true }
        );
        assert_eq!(Split::of_f64(f64::MAX, 0).floor, i64::MAX);
        assert_eq!(Split::of_f64(f64::MIN, 64).floor, i64::MIN);
        assert_eq!(Split::of_f64(f64::NAN, 0).floor, 0);
        assert!(!Split::of_f64(f64::MIN_POSITIVE, -64).is_integer());
    }
}
