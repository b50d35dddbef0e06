//! Rounding f32 numbers to a format in 32-bit integers: sixteen at a time, and no f64 on the way.
//!
//! ```text
//! |x| = S · 2^(E − 150)                            S of 24 bits, E ≥ 1 the exponent field
//! d   = 23 − m + max(E_min − E, 0)                 bits of S below the last place
//! n   = (S + r) >> d,   |y| = n · 2^(max(E, E_min) − 127 − m)
//! r   = 2^(d−1) − 1 + (bit d of S)                 to the nearest, ties to even
//!       w or, below zero, 2^d − 1 − w              stochastic, w the leading d bits of the word
//! ```
//!
//! The simple version is [`FloatQuantizer::code`] and decoding the code. A word decides where d is at
//! most 31, for S / 2^d has no more bits than the word; numbers below that are left to others.

use super::FloatQuantizer;
use super::slice::Rest;
use crate::rounding::Rounding;
use crate::simd::{Kernel, dispatch_512};

/// What rounding to a format needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Integers {
    /// E_min: the exponent field of an f32 in the lowest binade with normal numbers.
    lowest: u32,
    mantissa_bits: u32,
    stochastic: bool,
    signed_zero: bool,
    max: f32,
    over: f32,
    infinity: f32,
    nan: f32,
}

impl Integers {
    /// For rounding to nearest, ties to even, and stochastically, to formats with a sign and mantissa
    /// bits whose smallest number is a normal f32, or whose exponents are those of f32.
    pub(super) fn of(quantizer: &FloatQuantizer) -> Option<Self> {
        let format = quantizer.format;
        let stochastic = match quantizer.rounding {
            Rounding::NearestTiesEven => false,
            Rounding::Stochastic => true,
            _ => return None,
        };
        let (mantissa_bits, lowest) = (format.mantissa_bits(), format.min_exponent() + 127);
        let fits = lowest == 1 || lowest > mantissa_bits as i32;
        if !(fits && format.is_signed() && format.fits_f32() && (1..=22).contains(&mantissa_bits)) {
            return None;
        }
        let Rest { over, infinity, nan } = Rest::of(quantizer);
        Some(Self {
            lowest: lowest.unsigned_abs(),
            mantissa_bits,
            stochastic,
            signed_zero: format.has_negative_zero(),
            max: format.max() as f32,
            over: over as f32,
            infinity: infinity as f32,
            nan: nan as f32,
        })
    }

    /// Writes the values of numbers in the format; false, with anything in `out`, if a word does not
    /// decide.
    pub(super) fn convert(self, x: &[f32], words: &[u32], out: &mut [f32]) -> bool {
        let mut undecided = 0;
        let by = Convert { of: self, x, words, out, undecided: &mut undecided };
        match (self.stochastic, self.lowest == 1) {
            (false, false) => dispatch_512(Variant::<false, false>(by)),
            (false, true) => dispatch_512(Variant::<false, true>(by)),
            (true, false) => dispatch_512(Variant::<true, false>(by)),
            (true, true) => dispatch_512(Variant::<true, true>(by)),
        }
        undecided == 0
    }
}

struct Convert<'a> {
    of: Integers,
    x: &'a [f32],
    words: &'a [u32],
    out: &'a mut [f32],
    undecided: &'a mut u32,
}

/// With random words or without; for the exponents of f32, whose subnormal numbers it has, or fewer.
struct Variant<'a, const RANDOM: bool, const OF_F32: bool>(Convert<'a>);

impl<const RANDOM: bool, const OF_F32: bool> Kernel for Variant<'_, RANDOM, OF_F32> {
    #[inline(always)]
    fn run(self) {
        let Convert { of, x, words, out, undecided } = self.0;
        let mut any = 0;
        for ((&x, &word), out) in x.iter().zip(words).zip(out) {
            let (value, far) = of.value::<RANDOM, OF_F32>(x, word);
            any |= u32::from(far);
            *out = value;
        }
        *undecided |= any;
    }
}

impl Integers {
    /// The value of one number, and whether its word does not decide.
    #[inline(always)]
    fn value<const RANDOM: bool, const OF_F32: bool>(&self, x: f32, word: u32) -> (f32, bool) {
        let bits = x.to_bits();
        let magnitude = bits & (u32::MAX >> 1);
        let field = magnitude >> 23;
        let implicit = if field == 0 { 0 } else { 1 << 23 };
        let significand = (magnitude & ((1 << 23) - 1)) | implicit;
        let binade = field.max(1);
        let dropped = 23 - self.mantissa_bits + self.lowest.max(binade) - binade;
        let far = RANDOM && dropped > 31 && magnitude != 0;
        let dropped = dropped.min(31);
        let low = (1 << dropped) - 1;
        let added = if RANDOM {
            let leading = (word >> 1) >> (31 - dropped);
            if bits >> 31 == 0 { leading } else { low - leading }
        } else {
            (low >> 1) + ((significand >> dropped) & 1)
        };
        let value = if OF_F32 {
            // A carry out of the significand goes into the exponent.
            f32::from_bits((magnitude + added) & !low)
        } else {
            let n = (significand + added) >> dropped;
            let place = (self.lowest.max(binade) - self.mantissa_bits) << 23;
            n as i32 as f32 * f32::from_bits(place)
        };
        let value = if value > self.max { self.over } else { value };
        let value = if x.is_infinite() { self.infinity } else { value };
        let zero = value == 0.0 && !self.signed_zero;
        let value = if zero { 0.0 } else { value.copysign(x) };
        let value = if x.is_nan() { self.nan } else { value };
        // One NaN for all.
        (if value.is_nan() { f32::NAN } else { value }, far)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::BitSource;
    use crate::{FloatFormat, Overflow, Seed};

    const FORMATS: [FloatFormat; 11] = [
        FloatFormat::F16,
        FloatFormat::BF16,
        FloatFormat::TF32,
        FloatFormat::E4M3,
        FloatFormat::E5M2,
        FloatFormat::E4M3FNUZ,
        FloatFormat::E5M2FNUZ,
        FloatFormat::E3M2,
        FloatFormat::E2M3,
        FloatFormat::E2M1,
        FloatFormat::FP16_E6M9,
    ];

    /// Numbers of every exponent and sign, with long and short mantissas, specials among them.
    fn numbers() -> Vec<f32> {
        let mut words = vec![0; 40_000];
        Seed::new(3).stream().fill_words(0, &mut words);
        let short = words.iter().map(|w| w & 0xfff0_0000);
        let ties = words.iter().map(|w| (w & 0xffe0_0000) | 1 << 20);
        let all = words.iter().copied().chain(short).chain(ties);
        let near_one =
            words.iter().map(|w| (w & 0x80ff_ffff) | 0x3a00_0000 | ((w >> 3) & 0x0700_0000));
        all.chain(near_one).map(f32::from_bits).collect()
    }

    #[test]
    fn every_number_is_rounded_as_by_its_code() {
        let x = numbers();
        let stream = Seed::new(4).stream();
        let mut words = vec![0; x.len()];
        stream.fill_words(0, &mut words);
        for format in FORMATS {
            for rounding in [Rounding::NearestTiesEven, Rounding::Stochastic] {
                for overflow in [Overflow::Saturate, Overflow::SaturateFinite, Overflow::Propagate]
                {
                    let quantizer = FloatQuantizer { format, rounding, overflow };
                    let fast = Integers::of(&quantizer).expect("a format that it covers");
                    let mut y = [0.0];
                    let mut decided = 0;
                    for (i, &x) in x.iter().enumerate() {
                        if fast.convert(&[x], &words[i..=i], &mut y) {
                            decided += 1;
                            let code = quantizer.code(f64::from(x), stream.at(i as u64));
                            let expected = format.decode(code) as f32;
                            assert!(
                                y[0].to_bits() == expected.to_bits()
                                    || y[0].is_nan() && expected.is_nan(),
                                "{quantizer:?}: {x:e} to {:e}, not {expected:e}",
                                y[0]
                            );
                        }
                    }
                    assert!(decided > x.len() / 4, "{format}: {decided}");
                }
            }
        }
        let nearest = FloatQuantizer {
            format: FloatFormat::E4M3,
            rounding: Rounding::NearestTiesEven,
            overflow: Overflow::Saturate,
        };
        let fast = Integers::of(&nearest).unwrap();
        assert!(fast.convert(&x, &words, &mut vec![0.0; x.len()]), "the nearest is always decided");
    }

    #[test]
    fn what_it_does_not_cover_is_left_to_others() {
        let of = |format: &str, rounding| {
            let format = format.parse().unwrap();
            Integers::of(&FloatQuantizer { format, rounding, overflow: Overflow::Saturate })
        };
        for format in ["Binary8p1se", "Binary8p3ue", "Binary16p5se"] {
            assert!(of(format, Rounding::NearestTiesEven).is_none(), "{format}");
        }
        assert!(of("e4m3", Rounding::TowardZero).is_none());
        assert!(of("Binary8p3se", Rounding::Stochastic).is_some());
    }
}
