//! Every code of every small format under every rounding rule, against rational arithmetic.
//!
//! The oracle knows no binary fractions: it compares integers on a common denominator, and counts
//! the random draws that a formula asks for.

use numerics::{
    BitSource, FixedFormat, FloatFormat, FloatQuantizer, Fraction, Overflow, Quantizer, Rounding,
    Specials, StochasticBits, StochasticVariant,
};

/// The leading word, then zeros.
struct Given(u32);

impl BitSource for Given {
    fn word(&self, _: u64, depth: u32) -> u32 {
        if depth == 0 { self.0 } else { 0 }
    }
}

const DETERMINISTIC: [Rounding; 7] = [
    Rounding::NearestTiesDown,
    Rounding::NearestTiesEven,
    Rounding::NearestTiesAway,
    Rounding::TowardZero,
    Rounding::Down,
    Rounding::Up,
    Rounding::ToOdd,
];

/// n / 2^d to an integer, from the words of each rule; `even` says which of two neighbours is even.
fn rounded(n: i64, d: u32, rounding: Rounding, even: impl Fn(i64) -> bool) -> i64 {
    let unit = 1 << d;
    let (floor, rest) = (n.div_euclid(unit), n.rem_euclid(unit));
    let ceiling = if rest == 0 { floor } else { floor + 1 };
    let nearer = |tie: i64| match (2 * rest).cmp(&unit) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Equal => tie,
        std::cmp::Ordering::Greater => ceiling,
    };
    match rounding {
        Rounding::NearestTiesDown => nearer(floor),
        Rounding::NearestTiesEven => nearer(if even(floor) { floor } else { ceiling }),
        Rounding::NearestTiesAway => nearer(if n < 0 { floor } else { ceiling }),
        Rounding::TowardZero => n / unit,
        Rounding::Down => floor,
        Rounding::Up => ceiling,
        Rounding::ToOdd => {
            if rest == 0 || !even(floor) {
                floor
            } else {
                ceiling
            }
        }
        Rounding::Stochastic | Rounding::StochasticBits(_) => unreachable!("counted instead"),
    }
}

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
                    let quantizer = Quantizer { format, rounding };
                    let (min, max) = (i64::from(format.min_code()), i64::from(format.max_code()));
                    let code = i64::from(quantizer.code(x, Given(0).at(0)));
                    assert_eq!(code, expected.clamp(min, max), "{x} in {format}, {rounding:?}");
                    let sum = quantizer.code_of_sum(n, format.fl() + D as i32, Given(0).at(0));
                    assert_eq!(i64::from(sum), code, "{n} in {format}, {rounding:?}");
                    let wrapped = quantizer.code_with(Overflow::Wrap, x, Given(0).at(0));
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
    let quantizer = Quantizer { format, rounding: Rounding::Stochastic };
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
                let quantizer = Quantizer { format, rounding: Rounding::StochasticBits(few) };
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
                let quantizer = Quantizer { format, rounding: Rounding::StochasticBits(few) };
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
                        let value = format.decode(expected.unsigned_abs() as u16) * sign as f64;
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
        for code in 0..=u16::MAX >> (16 - format.width()) {
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
            for code in 0..=u16::MAX {
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

/// Facts of P3109 and of OCP at the upper end, for every policy.
#[test]
fn overflow_policies_do_what_their_table_says() {
    let binary8p4 = FloatFormat::p3109(8, 4).unwrap();
    let convert = |format, rounding, overflow, x: f64| {
        FloatQuantizer { format, rounding, overflow }.convert(x, Given(0).at(0))
    };
    let even = Rounding::NearestTiesEven;
    let infinity = f64::INFINITY;
    // 224 is the largest number and 240 would be the next: 232 is a tie that goes to even, 224.
    for (x, saturate, finite, propagate) in [
        (232.0, 224.0, 224.0, 224.0),
        (232.1, 224.0, 224.0, infinity),
        (240.0, 224.0, 224.0, infinity),
        (infinity, infinity, 224.0, infinity),
    ] {
        for sign in [1.0, -1.0] {
            let at = |overflow| sign * convert(binary8p4, even, overflow, sign * x);
            assert_eq!(at(Overflow::Saturate), saturate, "{x}");
            assert_eq!(at(Overflow::SaturateFinite), finite, "{x}");
            assert_eq!(at(Overflow::Propagate), propagate, "{x}");
        }
    }
    // Directed rounding stays finite on its own side.
    let propagate = |rounding, x| convert(binary8p4, rounding, Overflow::Propagate, x);
    assert_eq!(propagate(Rounding::Down, 239.0), 224.0);
    assert_eq!(propagate(Rounding::Up, 224.1), infinity);
    assert_eq!(propagate(Rounding::Down, -224.1), -infinity);
    assert_eq!(propagate(Rounding::NearestTiesAway, 232.0), infinity);
    // E4M3 has no infinity; FP4 has neither infinity nor NaN.
    assert_eq!(convert(FloatFormat::E4M3, even, Overflow::Propagate, 464.0), 448.0);
    assert!(convert(FloatFormat::E4M3, even, Overflow::Propagate, 464.1).is_nan());
    assert_eq!(convert(FloatFormat::E2M1, even, Overflow::Propagate, infinity), 6.0);
    assert_eq!(convert(FloatFormat::E2M1, even, Overflow::Saturate, f64::NAN), 0.0);
    // Zero keeps its sign where there are two.
    assert!(convert(FloatFormat::E4M3, even, Overflow::Saturate, -0.0).is_sign_negative());
    assert!(convert(binary8p4, even, Overflow::Saturate, -1e-9).is_sign_positive());
}

/// What a format has for numbers too large for it.
#[derive(Clone, Copy, PartialEq)]
enum Beyond {
    Infinity,
    Nan,
    Largest,
}

/// The end of every small format, every sixteenth of a place around it and far beyond, both signs,
/// every rule and policy. Whether the rounded number is too large is a comparison of integers, what
/// becomes of it a table of the specifications.
#[test]
fn finite_overflow_goes_where_the_rounding_leads() {
    const D: u32 = 4;
    let finite = |e, m, bias| FloatFormat::new(e, m, bias, Specials::P3109Finite).unwrap();
    let mut formats = vec![
        (FloatFormat::E4M3, Beyond::Nan),
        (FloatFormat::E4M3FNUZ, Beyond::Nan),
        (FloatFormat::E5M2FNUZ, Beyond::Nan),
        (FloatFormat::E5M2, Beyond::Infinity),
        (FloatFormat::F16, Beyond::Infinity),
        (FloatFormat::BF16, Beyond::Infinity),
        (FloatFormat::E3M2, Beyond::Largest),
        (FloatFormat::E2M3, Beyond::Largest),
        (FloatFormat::E2M1, Beyond::Largest),
        (finite(4, 3, 8), Beyond::Largest),
        (finite(7, 0, 64), Beyond::Largest),
    ];
    formats.extend((1..=7).map(|p| (FloatFormat::p3109(8, p).unwrap(), Beyond::Infinity)));
    let policies = [Overflow::Saturate, Overflow::SaturateFinite, Overflow::Propagate];
    for (format, beyond) in formats {
        let (max_code, max) = (i64::from(format.max_code()), format.max());
        // One in the last place of the largest number's binade.
        let place = 2f64.powi(max.log2().floor() as i32 - format.mantissa_bits() as i32);
        for (sixteenths, sign) in (0..40).chain([1000, 1 << 40]).flat_map(|k| [(k, 1), (k, -1)]) {
            let x = sign as f64 * (max + place * (sixteenths as f64 / f64::from(1 << D)));
            let n = sign * ((max_code << D) + sixteenths);
            for rounding in DETERMINISTIC {
                let too_large = rounded(n, D, rounding, |k| k % 2 == 0).abs() > max_code;
                let away = match rounding {
                    Rounding::TowardZero => false,
                    Rounding::Down => sign < 0,
                    Rounding::Up => sign > 0,
                    _ => true,
                };
                for overflow in policies {
                    let propagates = overflow == Overflow::Propagate && too_large && away;
                    let expected = match (propagates, beyond) {
                        (true, Beyond::Infinity) => f64::INFINITY,
                        (true, Beyond::Nan) => f64::NAN,
                        _ => max,
                    };
                    let quantizer = FloatQuantizer { format, rounding, overflow };
                    let y = quantizer.convert(x, Given(0).at(0)) * sign as f64;
                    let same = y == expected || y.is_nan() && expected.is_nan();
                    assert!(same, "{x} in {format:?}, {rounding:?}, {overflow:?}: {y}");
                    // A slice has the same codes.
                    let (as_f32, mut codes) = (x as f32, [0]);
                    if f64::from(as_f32) == x {
                        quantizer.quantize(&[as_f32], Given(0).at(0), &mut codes);
                        assert_eq!(codes[0], quantizer.code(x, Given(0).at(0)));
                    }
                }
            }
            // Stochastic: of the 16 draws, as many leave the range as there are sixteenths.
            let propagate = FloatQuantizer {
                format,
                rounding: Rounding::Stochastic,
                overflow: Overflow::Propagate,
            };
            let leaves = |r: &u32| {
                let y = propagate.convert(x, Given(r << (32 - D)).at(0));
                !y.is_finite()
            };
            let left = (0..1u32 << D).filter(leaves).count() as i64;
            let possible = beyond != Beyond::Largest;
            assert_eq!(left, if possible { sixteenths.min(16) } else { 0 }, "{x} in {format:?}");
        }
    }
}

/// An infinity is no overflow: its direction is given, whatever the rounding.
#[test]
fn infinities_stay_what_the_format_has_for_them() {
    for rounding in DETERMINISTIC {
        for sign in [1.0, -1.0] {
            let convert = |format| {
                FloatQuantizer { format, rounding, overflow: Overflow::Propagate }
                    .convert(sign * f64::INFINITY, Given(0).at(0))
            };
            assert_eq!(convert(FloatFormat::F16), sign * f64::INFINITY);
            assert_eq!(convert(FloatFormat::p3109(8, 3).unwrap()), sign * f64::INFINITY);
            assert!(convert(FloatFormat::E4M3).is_nan());
            assert!(convert(FloatFormat::E5M2FNUZ).is_nan());
            let finite = FloatFormat::new(4, 3, 8, Specials::P3109Finite).unwrap();
            assert_eq!(convert(finite), sign * 240.0);
            assert_eq!(convert(FloatFormat::E2M1), sign * 6.0);
        }
    }
}

/// Directed roundings of IEEE 754 by order alone: down is the largest number of the format, its
/// infinities included, that is not above x.
#[test]
fn directed_roundings_are_the_neighbours_in_order() {
    for format in [FloatFormat::F16, FloatFormat::BF16, FloatFormat::E5M2] {
        let codes = 0..=u16::MAX >> (16 - format.width());
        let mut values: Vec<f64> =
            codes.map(|c| format.decode(c)).filter(|v| !v.is_nan()).collect();
        values.sort_by(f64::total_cmp);
        let convert = |rounding, x| {
            FloatQuantizer { format, rounding, overflow: Overflow::Propagate }
                .convert(x, Given(0).at(0))
        };
        for high in 0..=u16::MAX {
            for low in [0u16, 1, 0x0fff, 0x1000, 0x1001, 0x8000, 0xffff] {
                let x = f64::from(f32::from_bits(u32::from(high) << 16 | u32::from(low)));
                if x.is_nan() {
                    continue;
                }
                let down = values[values.partition_point(|&v| v <= x) - 1];
                let up = values[values.partition_point(|&v| v < x)];
                assert_eq!(convert(Rounding::Down, x), down, "{x:e} down in {format:?}");
                assert_eq!(convert(Rounding::Up, x), up, "{x:e} up in {format:?}");
                let zero = if x < 0.0 { up } else { down };
                assert_eq!(convert(Rounding::TowardZero, x), zero, "{x:e} in {format:?}");
            }
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
        for code in 0..=u16::MAX >> (16 - format.width()) {
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
