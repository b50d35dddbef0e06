//! Every code of every small format under every rounding rule, against rational arithmetic.
//!
//! The oracle knows no binary fractions: it compares integers on a common denominator, and counts
//! the random draws that a formula asks for.

mod common;

use common::{DETERMINISTIC, Given, rounded};
use numerics::{
    BitSource, FixedFormat, FloatFormat, FloatQuantizer, Fraction, Overflow, Quantizer, Rounding,
    Specials, StochasticBits, StochasticVariant,
};

/// Of the 2^N draws R, how many take n / 2^d to the upper neighbour (of the magnitude, if the
/// fraction is the magnitude's): the formulas of IEEE P3109 in integers.
fn ups(nu: i64, d: u32, few: StochasticBits) -> i64 {
    let n = u32::from(few.bits);
    let scaled = |bits: u32| (nu << bits) >> d;
    (0..1i64 << n)
        .filter(|r| match few.variant {
            StochasticVariant::A => scaled(n) + r >= 1 << n,
            StochasticVariant::B => scaled(n + 1) + 2 * r + 1 >= 1 << (n + 1),
            StochasticVariant::C => {
                rounded(nu << n, d, Rounding::NearestTiesEven, |k| k % 2 == 0) + r >= 1 << n
            }
        })
        .count() as i64
}

/// Every format of 2 to 8 bits, every multiple of ε/32 from beyond one end of the range to beyond
/// the other, every deterministic rule, saturating and wrapping.
#[test]
fn small_fixed_formats_round_as_the_rules_say() {
    const D: u32 = 5;
    for word_length in 2..=8i8 {
        for fl in [-3, 0, 2, word_length] {
            let format = FixedFormat::new(word_length - fl, fl).unwrap();
            let reach = i64::from(format.max_code() + 3) << D;
            for n in -reach..=reach {
                let x = n as f64 / f64::from(1 << D) * format.epsilon();
                for rounding in DETERMINISTIC {
                    let expected = rounded(n, D, rounding, |k| k % 2 == 0);
                    let quantizer = Quantizer::new(format, rounding);
                    let (min, max) = (i64::from(format.min_code()), i64::from(format.max_code()));
                    let code = i64::from(quantizer.code(x, Given(0).at(0)));
                    assert_eq!(code, expected.clamp(min, max), "{x} in {format}, {rounding:?}");
                    let sum = quantizer.code_of_sum(n, format.fl() + D as i32, Given(0).at(0));
                    assert_eq!(i64::from(sum), code, "{n} in {format}, {rounding:?}");
                    let wrapping = quantizer.overflow(Overflow::Wrap);
                    let wrapped = wrapping.code(x, Given(0).at(0));
                    let modulus = 2 * (max + 1);
                    assert_eq!(i64::from(wrapped), (expected - min).rem_euclid(modulus) + min);
                }
            }
        }
    }
}

/// All 2^r draws of the exact rule: f·2^r of them round up, so the mean is the value itself.
#[test]
fn stochastic_rounding_has_exactly_its_probability() {
    let format = FixedFormat::new(4, 4).unwrap();
    let quantizer = Quantizer::new(format, Rounding::Stochastic);
    for d in 1..=8u32 {
        for n in -130i64 << d..=130 << d {
            let sum: i64 = (0..1u32 << d)
                .map(|r| {
                    i64::from(quantizer.code_of_sum(n, 4 + d as i32, Given(r << (32 - d)).at(0)))
                })
                .sum();
            let exact = n.clamp(-128 << d, 127 << d);
            assert_eq!(sum, exact, "{n} / 2^{d}");
        }
    }
}

/// The slice kernels of the few-bit rules against the definition: all draws, ties included, with
/// other bits below the random ones.
#[test]
fn few_bit_slices_equal_their_elements() {
    let format = FixedFormat::new(8, 0).unwrap();
    for bits in 1..=5u8 {
        for variant in [StochasticVariant::A, StochasticVariant::B, StochasticVariant::C] {
            for fraction in [Fraction::TwosComplement, Fraction::SignMagnitude] {
                let few = StochasticBits { bits, variant, fraction };
                let quantizer = Quantizer::new(format, Rounding::StochasticBits(few));
                for d in u32::from(bits)..=7 {
                    let sums: Vec<i64> = (-3i64 << d..=3 << d).collect();
                    let values: Vec<f32> =
                        sums.iter().map(|&n| n as f32 / (1 << d) as f32).collect();
                    for r in 0..1u32 << bits {
                        let word = Given(r << (32 - bits) | 0x0234_5678 >> bits);
                        let mut codes = vec![0i8; sums.len()];
                        quantizer.quantize(&values, word.at(0), &mut codes);
                        let mut of_sums = vec![0i8; sums.len()];
                        quantizer.quantize_sums(&sums, d as i32, word.at(0), &mut of_sums);
                        for (i, &x) in values.iter().enumerate() {
                            let expected = quantizer.code(f64::from(x), word.at(0));
                            assert_eq!(i32::from(codes[i]), expected, "{x}, {r}, {few:?}");
                            assert_eq!(i32::from(of_sums[i]), expected, "{x}, {r}, {few:?}");
                        }
                    }
                }
            }
        }
    }
}

/// All draws of the few-bit rules, N = 1..=5, D = 1..=7 dropped bits, both representations.
#[test]
fn few_bit_rules_have_the_probabilities_of_their_formulas() {
    let format = FixedFormat::new(8, 0).unwrap();
    for bits in 1..=5u8 {
        for variant in [StochasticVariant::A, StochasticVariant::B, StochasticVariant::C] {
            for fraction in [Fraction::TwosComplement, Fraction::SignMagnitude] {
                let few = StochasticBits { bits, variant, fraction };
                let quantizer = Quantizer::new(format, Rounding::StochasticBits(few));
                for d in 1..=7u32 {
                    for n in -3i64 << d..=3 << d {
                        let x = n as f64 / f64::from(1u32 << d);
                        let count = (0..1u32 << bits)
                            .filter(|r| {
                                let word = Given(r << (32 - bits));
                                f64::from(quantizer.code(x, word.at(0))) > x
                            })
                            .count() as i64;
                        let magnitude = fraction == Fraction::SignMagnitude && n < 0;
                        let nu = if magnitude { -n } else { n }.rem_euclid(1 << d);
                        let away = ups(nu, d, few);
                        let expected = match (nu, magnitude) {
                            (0, _) => 0,
                            (_, true) => (1 << bits) - away,
                            (_, false) => away,
                        };
                        assert_eq!(count, expected, "{x}, {few:?}");
                    }
                }
            }
        }
    }
}

/// The mean errors of P3109's variants over all inputs of D > N bits, by full enumeration:
/// A: −(2^−(N+1) − 2^−(D+1)), B: +2^−(D+1), C: 0 ulp.
#[test]
fn few_bit_rules_have_the_bias_they_are_known_for() {
    for n in 1..=4u8 {
        for d in u32::from(n) + 1..=8 {
            let bias = |variant| {
                let few = StochasticBits { bits: n, variant, fraction: Fraction::SignMagnitude };
                // Σ over inputs of ups − ν·2^N, in units of 2^−D ulp: an integer.
                (0..1i64 << d).map(|nu| (ups(nu, d, few) << d) - (nu << n)).sum::<i64>()
            };
            let (n, d) = (i64::from(n), i64::from(d));
            // One ulp of mean error is 2^(N + D + D) units.
            let ulp = |exponent: i64| 1i64 << (n + 2 * d - exponent);
            assert_eq!(bias(StochasticVariant::A), ulp(d + 1) - ulp(n + 1));
            assert_eq!(bias(StochasticVariant::B), ulp(d + 1));
            assert_eq!(bias(StochasticVariant::C), 0);
        }
    }
}

fn small_floats() -> Vec<FloatFormat> {
    let mut formats = vec![
        FloatFormat::E4M3,
        FloatFormat::E5M2,
        FloatFormat::E3M2,
        FloatFormat::E2M3,
        FloatFormat::E2M1,
        FloatFormat::E4M3FNUZ,
        FloatFormat::E5M2FNUZ,
        FloatFormat::new(4, 2, 4, Specials::P3109Finite).unwrap(),
    ];
    formats.extend((1..=7).map(|p| FloatFormat::p3109(8, p).unwrap()));
    formats
}

/// Every code of every 8-bit format, and every sixteenth between it and the next, both signs.
#[test]
fn small_float_formats_round_as_the_rules_say() {
    const D: u32 = 4;
    for format in small_floats() {
        for code in 0..format.max_code() {
            let (low, high) = (format.decode(code), format.decode(code + 1));
            for k in 0..=1i64 << D {
                // Neighbours differ by a power of two: sixteenths between them are exact.
                let magnitude = low + (high - low) * k as f64 / f64::from(1 << D);
                for sign in [1, -1] {
                    let x = magnitude * sign as f64;
                    for rounding in DETERMINISTIC {
                        // The code is the integer between whose neighbours x lies.
                        let n = sign * ((i64::from(code) << D) + k);
                        let expected = rounded(n, D, rounding, |k| k % 2 == 0);
                        let value = format.decode(expected.unsigned_abs() as u32) * sign as f64;
                        let quantizer =
                            FloatQuantizer { format, rounding, overflow: Overflow::Saturate };
                        let y = quantizer.convert(x, Given(0).at(0));
                        assert_eq!(y, value, "{x} in {format:?}, {rounding:?}");
                    }
                }
            }
            // All 16 draws of four bits: k of them go up.
            let quantizer = FloatQuantizer {
                format,
                rounding: Rounding::Stochastic,
                overflow: Overflow::Saturate,
            };
            for k in 0..1u32 << D {
                let x = low + (high - low) * f64::from(k) / f64::from(1 << D);
                let up = |r: &u32| quantizer.convert(x, Given(r << (32 - D)).at(0)) > low;
                assert_eq!((0..1u32 << D).filter(up).count() as u32, k, "{x} in {format:?}");
            }
        }
    }
}

#[test]
fn every_code_converts_to_itself() {
    let wide = [FloatFormat::F16, FloatFormat::BF16, FloatFormat::FP16_E6M9];
    for format in small_floats().into_iter().chain(wide) {
        for code in 0..=u32::MAX >> (32 - format.width()) {
            let x = format.decode(code);
            for rounding in DETERMINISTIC.into_iter().chain([Rounding::Stochastic]) {
                for overflow in [Overflow::Saturate, Overflow::Propagate] {
                    let quantizer = FloatQuantizer { format, rounding, overflow };
                    let back = quantizer.code(x, Given(u32::MAX).at(0));
                    assert!(back == code || x.is_nan(), "{code:#x} became {back:#x}");
                    assert_eq!(x.is_nan(), format.decode(back).is_nan());
                }
            }
        }
    }
}

/// All 65,536 16-bit floats down to every 8-bit format: the neighbours are found by search among
/// the format's codes, nearest by comparing distances.
#[test]
fn all_16_bit_floats_convert_down_to_the_nearest() {
    for source in [FloatFormat::F16, FloatFormat::BF16] {
        for format in small_floats() {
            let max = format.max_code();
            let values: Vec<f64> = (0..=max).map(|code| format.decode(code)).collect();
            let quantizer = FloatQuantizer {
                format,
                rounding: Rounding::NearestTiesEven,
                overflow: Overflow::SaturateFinite,
            };
            for code in 0..=0xffff {
                let x = source.decode(code);
                let y = quantizer.convert(x, Given(0).at(0));
                if x.is_nan() {
                    assert!(y.is_nan() || format.nan_code().is_none() && y == 0.0);
                    continue;
                }
                let above = values.partition_point(|&v| v < x.abs());
                let expected = match above.checked_sub(1) {
                    _ if above == values.len() => values[above - 1],
                    None => values[0],
                    Some(below) => {
                        let (low, high) = (x.abs() - values[below], values[above] - x.abs());
                        let even = if below % 2 == 0 { below } else { above };
                        if low < high {
                            values[below]
                        } else if high < low {
                            values[above]
                        } else {
                            values[even]
                        }
                    }
                };
                assert_eq!(y.abs(), expected, "{x} in {format:?}");
                assert!(y == 0.0 || y.is_sign_negative() == x.is_sign_negative());
            }
        }
    }
}

/// `half` converts to nearest even with infinities: all 16-bit patterns extended by 16 bits that
/// straddle every tie, as f32.
#[test]
fn the_half_crate_converts_alike() {
    let quantizer = |format| FloatQuantizer {
        format,
        rounding: Rounding::NearestTiesEven,
        overflow: Overflow::Propagate,
    };
    let (f16, bf16) = (quantizer(FloatFormat::F16), quantizer(FloatFormat::BF16));
    for high in 0..=u16::MAX {
        for low in [0u16, 1, 0x0fff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001, 0xffff] {
            let x = f32::from_bits(u32::from(high) << 16 | u32::from(low));
            let check = |ours: f64, theirs: f64| {
                let same = ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan();
                assert!(same, "{x:e}: {ours:e}, {theirs:e}");
            };
            let x64 = f64::from(x);
            check(f16.convert(x64, Given(0).at(0)), half::f16::from_f32(x).to_f64());
            check(bf16.convert(x64, Given(0).at(0)), half::bf16::from_f32(x).to_f64());
        }
    }
}

#[test]
fn only_formats_within_f32_convert_slices_of_it() {
    let of = |exponent_bits, mantissa_bits, bias| {
        FloatFormat::new(exponent_bits, mantissa_bits, bias, Specials::None).unwrap()
    };
    assert!(FloatFormat::BF16.fits_f32() && FloatFormat::p3109(16, 8).unwrap().fits_f32());
    assert!(of(8, 7, 143).fits_f32() && !of(8, 7, 144).fits_f32(), "2^−149 is the smallest f32");
    assert!(of(8, 7, 128).fits_f32() && !of(8, 7, 127).fits_f32(), "2^128 is none");
    for format in small_floats() {
        for code in 0..=u32::MAX >> (32 - format.width()) {
            let x = format.decode(code);
            assert!(x.is_nan() || f64::from(x as f32) == x, "{x} in {format:?}");
        }
    }
}

#[test]
#[should_panic(expected = "an f32 does not hold the numbers of")]
fn a_slice_of_f32_is_not_converted_beyond_f32() {
    let format = FloatFormat::new(8, 7, 512, Specials::None).unwrap();
    let quantizer = FloatQuantizer { format, rounding: Rounding::Up, overflow: Overflow::Saturate };
    assert_eq!(quantizer.convert(1e-40, Given(0).at(0)), format.max(), "f64 has room for it");
    quantizer.convert_slice(&mut [1e-40], Given(0).at(0));
}

/// Up-counts that an independent implementation tests for E5M2 and three or five random bits:
/// 259, 277, 288 and 311 between 256 and 320.
#[test]
fn known_probabilities_of_e5m2_come_out() {
    let ups = |x: f64, bits: u8| {
        let few = StochasticBits {
            bits,
            variant: StochasticVariant::C,
            fraction: Fraction::SignMagnitude,
        };
        let quantizer = FloatQuantizer {
            format: FloatFormat::E5M2,
            rounding: Rounding::StochasticBits(few),
            overflow: Overflow::Saturate,
        };
        let up = |r: &u32| quantizer.convert(x, Given(r << (32 - bits)).at(0)) > 256.0;
        (0..1u32 << bits).filter(up).count()
    };
    assert_eq!(ups(259.0, 3), 0);
    assert_eq!(ups(259.0, 5), 2);
    assert_eq!(ups(277.0, 3), 3);
    assert_eq!(ups(288.0, 3), 4);
    assert_eq!(ups(311.0, 3), 7);
}
