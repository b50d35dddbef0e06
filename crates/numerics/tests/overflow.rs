//! Numbers beyond the largest finite one: every small format, rounding and policy.

mod common;

use common::{DETERMINISTIC, Given, rounded};
use numerics::{BitSource, FloatFormat, FloatQuantizer, Overflow, Rounding, Specials};

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
        let codes = 0..=u32::MAX >> (32 - format.width());
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
