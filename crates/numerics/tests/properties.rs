//! Invariants of Convert for every rounding, on random formats and values.

use numerics::{
    BitSource, Code, Draw, FixedFormat, Fraction, Overflow, Quantizer, Rounding, Seed,
    StochasticBits, StochasticVariant,
};
use proptest::prelude::*;

/// Random bits given by the test: the leading word, then zeros.
struct Given(u32);

impl BitSource for Given {
    fn word(&self, _: u64, depth: u32) -> u32 {
        if depth == 0 { self.0 } else { 0 }
    }
}

fn formats() -> impl Strategy<Value = FixedFormat> {
    (2i8..=32, -8i8..=31).prop_map(|(wl, fl)| FixedFormat::new(wl - fl, fl).unwrap())
}

fn roundings() -> impl Strategy<Value = Rounding> {
    let few = (
        1u8..=31,
        prop_oneof![
            Just(StochasticVariant::A),
            Just(StochasticVariant::B),
            Just(StochasticVariant::C)
        ],
        prop_oneof![Just(Fraction::TwosComplement), Just(Fraction::SignMagnitude)],
    );
    prop_oneof![
        Just(Rounding::NearestTiesDown),
        Just(Rounding::NearestTiesEven),
        Just(Rounding::NearestTiesAway),
        Just(Rounding::TowardZero),
        Just(Rounding::Down),
        Just(Rounding::Up),
        Just(Rounding::ToOdd),
        Just(Rounding::Stochastic),
        few.prop_map(|(bits, variant, fraction)| Rounding::StochasticBits(StochasticBits {
            bits,
            variant,
            fraction
        })),
    ]
}

/// The policies that fixed point has.
fn policies() -> impl Strategy<Value = Overflow> {
    prop_oneof![Just(Overflow::Saturate), Just(Overflow::SaturateFinite), Just(Overflow::Wrap)]
}

/// Whether the rounding has at most as many random bits as a sum has bits to drop.
fn has_few_enough_bits(rounding: Rounding, dropped: i32) -> bool {
    match rounding {
        Rounding::StochasticBits(few) => dropped <= 0 || i32::from(few.bits) <= dropped,
        _ => true,
    }
}

/// Values around the grid of ⟨·, 8⟩, and any f32 at all.
fn values() -> impl Strategy<Value = f32> {
    prop_oneof![
        any::<f32>().prop_filter("a number", |x| !x.is_nan()),
        -300.0f32..300.0,
        (-70_000i32..70_000).prop_map(|k| k as f32 / 512.0),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn results_are_codes_within_one_epsilon(format in formats(), rounding in roundings(), x in values(), word: u32) {
        let code = Quantizer::new(format, rounding).code(f64::from(x), Given(word).at(0));
        prop_assert!(format.contains(code));
        let clamped = f64::from(x).clamp(format.min(), format.max());
        // ≤ and not <: the difference itself is rounded to an f64.
        prop_assert!((format.value(code) - clamped).abs() <= format.epsilon());
    }

    #[test]
    fn grid_points_do_not_move(format in formats(), rounding in roundings(), code: i32, word: u32) {
        let code = format.saturate(i64::from(code));
        let quantizer = Quantizer::new(format, rounding);
        prop_assert_eq!(quantizer.code(format.value(code), Given(word).at(0)), code);
        prop_assume!(has_few_enough_bits(rounding, 20));
        prop_assert_eq!(quantizer.code_of_sum(i64::from(code) << 20, format.fl() + 20, Given(word).at(0)), code);
    }

    #[test]
    fn equal_bits_round_in_order(format in formats(), rounding in roundings(), x in values(), y in values(), word: u32) {
        // Holds for every rule as long as both numbers see the same bits.
        let quantizer = Quantizer::new(format, rounding);
        let (low, high) = if x <= y { (x, y) } else { (y, x) };
        let mirrored = matches!(rounding, Rounding::StochasticBits(StochasticBits { fraction: Fraction::SignMagnitude, .. }));
        prop_assume!(!mirrored || low >= 0.0 || high <= 0.0);
        prop_assert!(quantizer.code(f64::from(low), Given(word).at(0)) <= quantizer.code(f64::from(high), Given(word).at(0)));
    }

    #[test]
    fn nearest_is_never_farther_than_half(format in formats(), x in values()) {
        for rounding in [Rounding::NearestTiesDown, Rounding::NearestTiesEven, Rounding::NearestTiesAway] {
            let y = Quantizer::new(format, rounding).convert(f64::from(x), Given(0).at(0));
            let clamped = f64::from(x).clamp(format.min(), format.max());
            prop_assert!((y - clamped).abs() <= format.epsilon() / 2.0);
        }
    }

    #[test]
    fn slices_equal_their_elements(format in formats(), rounding in roundings(), overflow in policies(), seed: u64, first in 0u64..1 << 40,
                                   x in prop::collection::vec(prop_oneof![values(), Just(f32::NAN)], 0..70)) {
        let quantizer = Quantizer::new(format, rounding).overflow(overflow);
        let stream = Seed::new(seed).stream();
        let mut codes = vec![0i32; x.len()];
        quantizer.quantize(&x, stream.at(first), &mut codes);
        for (i, (&x, &code)) in x.iter().zip(&codes).enumerate() {
            prop_assert_eq!(code, quantizer.code(f64::from(x), stream.at(first + i as u64)), "element {} = {}", i, x);
        }
    }

    #[test]
    fn sums_equal_their_elements(format in formats(), rounding in roundings(), overflow in policies(), seed: u64, fraction_bits in -10i32..60,
                                 z in prop::collection::vec(prop_oneof![any::<i64>(), -100_000i64..100_000], 0..70)) {
        prop_assume!(has_few_enough_bits(rounding, fraction_bits - format.fl()));
        let quantizer = Quantizer::new(format, rounding).overflow(overflow);
        let stream = Seed::new(seed).stream();
        let mut codes = vec![0i32; z.len()];
        quantizer.quantize_sums(&z, fraction_bits, stream.at(0), &mut codes);
        for (i, (&z, &code)) in z.iter().zip(&codes).enumerate() {
            let alone = quantizer.code_of_sum(z, fraction_bits, stream.at(i as u64));
            prop_assert_eq!(code, alone, "element {} = {}", i, z);
        }
    }

    #[test]
    fn wrapped_codes_are_the_low_bits(format in formats(), z in prop_oneof![any::<i64>(), -100_000i64..100_000], shift in -40i32..60, word: u32) {
        let quantizer = Quantizer::new(format, Rounding::Stochastic).overflow(Overflow::Wrap);
        let code = quantizer.code_of_sum(z, format.fl() + shift, Given(word).at(0));
        // ⌊(z + R) / 2^n⌋ in 128 bits, R having the word as its leading bits; then the low bits.
        let exact = match shift {
            ..=0 => i128::from(z) << -shift,
            1..=32 => (i128::from(z) + i128::from(word >> (32 - shift))) >> shift,
            _ => (i128::from(z) + (i128::from(word) << (shift - 32))) >> shift,
        };
        let above = 128 - format.word_length();
        prop_assert_eq!(i128::from(code), exact << above >> above);
        // The same number as an f64, where it is one.
        if z.unsigned_abs() < 1 << 53 && shift <= 32 {
            let x = z as f64 * 2f64.powi(-format.fl() - shift);
            prop_assert_eq!(quantizer.code(x, Given(word).at(0)), code);
        }
    }

    #[test]
    fn far_values_wrap_to_their_low_bits(format in formats(), significand in 1i64 << 52..1 << 53, power in -60i32..70, negative: bool) {
        let signed = if negative { -significand } else { significand };
        let x = signed as f64 * 2f64.powi(power - format.fl());
        let quantizer = Quantizer::new(format, Rounding::Down).overflow(Overflow::Wrap);
        let exact = match power {
            ..0 => i128::from(signed) >> -power,
            0..=64 => i128::from(signed) << power,
            _ => 0,
        };
        let above = 128 - format.word_length();
        prop_assert_eq!(i128::from(quantizer.code(x, Given(0).at(0))), exact << above >> above);
    }

    #[test]
    fn the_update_is_a_conversion_and_a_saturating_sum(format in formats(), rounding in roundings(), overflow in policies(), seed: u64, alpha in -2.0f32..2.0,
                                                       x in prop::collection::vec(prop_oneof![9 => values(), 1 => Just(f32::NAN)], 0..70),
                                                       first in 0u64..1 << 40) {
        let quantizer = Quantizer::new(format, rounding).overflow(overflow);
        let stream = Seed::new(seed).stream();
        let before: Vec<i32> = x.iter().map(|x| format.saturate(i64::from(x.to_bits() as i32))).collect();
        let mut w = before.clone();
        quantizer.axpy(alpha, &x, stream.at(first), &mut w);
        for (i, (&x, &w)) in x.iter().zip(&w).enumerate() {
            let update = quantizer.code(f64::from(alpha * x), stream.at(first + i as u64));
            prop_assert_eq!(w, format.saturate(i64::from(before[i]) + i64::from(update)));
        }
    }

    #[test]
    fn requantized_codes_are_converted_values(format in formats(), from in formats(), rounding in roundings(), overflow in policies(), seed: u64,
                                              codes in prop::collection::vec(any::<i32>(), 0..70)) {
        prop_assume!(has_few_enough_bits(rounding, from.fl() - format.fl()));
        let quantizer = Quantizer::new(format, rounding).overflow(overflow);
        let stream = Seed::new(seed).stream();
        let codes: Vec<i32> = codes.iter().map(|&c| from.saturate(i64::from(c))).collect();
        let mut out = vec![0i32; codes.len()];
        quantizer.requantize(&codes, from, stream.at(5), &mut out);
        for (i, (&code, &out)) in codes.iter().zip(&out).enumerate() {
            prop_assert_eq!(out, quantizer.code(from.value(code), stream.at(5 + i as u64)));
        }
    }

    #[test]
    fn an_exact_slice_is_recognised(format in formats(), codes in prop::collection::vec(any::<i32>(), 1..20)) {
        prop_assume!(format.word_length() <= 24);
        let x: Vec<f32> = codes.iter().map(|&c| format.value(format.saturate(i64::from(c))) as f32).collect();
        let quantizer = Quantizer::new(format, Rounding::Stochastic);
        prop_assert!(quantizer.is_exact(&x));
        prop_assert!(!quantizer.is_exact(&[x[0] + 0.5 * format.epsilon() as f32]) || format.word_length() > 22);
    }

    /// Exact values are converted; one that is not exact, wherever it is, is noticed.
    #[test]
    fn exact_values_need_no_bits(format in formats(), codes in prop::collection::vec(any::<i32>(), 1..70),
                                 at in any::<prop::sample::Index>(), off in any::<f32>()) {
        prop_assume!(format.word_length() <= 24);
        let codes: Vec<i32> = codes.iter().map(|&c| format.saturate(i64::from(c))).collect();
        let mut x: Vec<f32> = codes.iter().map(|&c| format.value(c) as f32).collect();
        let quantizer = Quantizer::new(format, Rounding::Stochastic);
        let mut out = vec![0i32; x.len()];
        prop_assert!(quantizer.quantize_exact(&x, &mut out));
        prop_assert_eq!(&out, &codes);
        x[at.index(codes.len())] = off;
        prop_assert_eq!(quantizer.quantize_exact(&x, &mut out), quantizer.is_exact(&x));
        x[at.index(codes.len())] = f32::NAN;
        prop_assert!(!quantizer.quantize_exact(&x, &mut out));
    }
}

/// An update of several chunks in every width, with factors up to those that leave f32.
#[test]
fn long_updates_equal_their_elements() {
    fn check<C: Code>(format: &str, alpha: f32, len: usize) {
        let format: FixedFormat = format.parse().unwrap();
        let quantizer = Quantizer::new(format, Rounding::Stochastic);
        let stream = Seed::new(7).stream();
        let mut x = vec![0.0; len];
        Seed::new(8).stream().fill_gaussian(0, &mut x);
        let before: Vec<i32> =
            (0..len).map(|i| format.saturate(i as i64 * 7919 - 40_000)).collect();
        let mut w: Vec<C> = before.iter().map(|&w| C::from_i32(w)).collect();
        quantizer.axpy(alpha, &x, stream.at(5), &mut w);
        for i in 0..len {
            let update = quantizer.code(f64::from(alpha * x[i]), stream.at(5 + i as u64));
            let expected = format.saturate(i64::from(before[i]) + i64::from(update));
            assert_eq!(w[i].to_i32(), expected, "{format}, {alpha} · {}, element {i}", x[i]);
        }
    }
    for alpha in [-0.01, 3.0, 0.0, 1e-44, -3e38, f32::INFINITY] {
        for len in [1, 255, 257, 1024, 3001] {
            check::<i8>("<2,6>", alpha, len);
            check::<i16>("<4,12>", alpha, len);
            check::<i16>("<3,7>", alpha, len);
            check::<i32>("<5,18>", alpha, len);
        }
    }
}

/// Values whose fraction and random bits add up to 1, nearly or exactly.
#[test]
fn updates_at_the_carry_equal_the_definition() {
    let format = FixedFormat::new(4, 12).unwrap();
    let quantizer = Quantizer::new(format, Rounding::Stochastic);
    for numerator in [-32_769i64, -300, -256, -255, -128, -1, 0, 1, 3, 128, 255, 256, 32_767] {
        // 8 bits behind the last one of the format.
        let x = numerator as f32 / 256.0 * format.epsilon() as f32;
        // The first word that carries; where nothing can, the first word of all.
        let first = ((256 - numerator.rem_euclid(256)) << 24) as u32;
        for distance in [0, 1, 2, 255, 256, 511, 512, 1023, 1024, 2047, 2048, 2049, 4096, 9999] {
            for word in [first.wrapping_add(distance), first.wrapping_sub(distance)] {
                let mut w = [-7i16];
                quantizer.axpy(1.0, &[x], Given(word).at(0), &mut w);
                let update = quantizer.code(f64::from(x), Given(word).at(0));
                assert_eq!(i32::from(w[0]), update - 7, "{numerator} with {word:#x}");
            }
        }
    }
}

/// Unbiased inside the range: over all 2^n words the mean of the results is the value itself.
#[test]
fn stochastic_rounding_is_unbiased_over_all_words() {
    let format = FixedFormat::new(4, 4).unwrap();
    let quantizer = Quantizer::new(format, Rounding::Stochastic);
    const EXTRA: u32 = 6;
    for numerator in -127 * 64..127 * 64 {
        let x = f64::from(numerator) / f64::from(16 << EXTRA);
        let sum: i64 = (0..1u32 << EXTRA)
            .map(|r| i64::from(quantizer.code(x, Given(r << (32 - EXTRA)).at(0))))
            .sum();
        assert_eq!(sum, i64::from(numerator), "mean of Convert({x})");
    }
}

/// The slice kernel decides like the scalar one where a word leaves the decision open.
#[test]
fn tiny_values_use_their_tail_bits() {
    let format = FixedFormat::new(2, 14).unwrap();
    let quantizer = Quantizer::new(format, Rounding::Stochastic);
    // f = 1 − 2^−60 rounds down only if the first word is 0 and the tail is small: never here,
    // while f = 2^−60 rounds up only if the first word is all ones.
    let stream = Seed::new(9).stream();
    let x = [-(2f32.powi(-74)), 2f32.powi(-74)].repeat(5000);
    let mut codes = vec![0i16; x.len()];
    quantizer.quantize(&x, stream.at(0), &mut codes);
    assert!(codes.iter().all(|&c| c == 0));
}

#[test]
#[should_panic(expected = "16 random bits are more than the 14 bits that are dropped")]
fn more_random_bits_than_dropped_bits_are_refused() {
    let format = FixedFormat::new(2, 14).unwrap();
    let few = StochasticBits {
        bits: 16,
        variant: StochasticVariant::A,
        fraction: Fraction::TwosComplement,
    };
    let quantizer = Quantizer::new(format, Rounding::StochasticBits(few));
    quantizer.code_of_sum(1, 28, Given(0).at(0));
}

#[test]
#[should_panic(expected = "<2,14> has neither infinities nor NaN for an overflow to become")]
fn a_fixed_word_has_nothing_to_propagate() {
    let quantizer = Quantizer::new(FixedFormat::new(2, 14).unwrap(), Rounding::Down);
    quantizer.overflow(Overflow::Propagate).code(3.0, Given(0).at(0));
}

#[test]
fn specials_of_a_fixed_word_are_defined() {
    let format = FixedFormat::new(4, 4).unwrap();
    let quantizer = Quantizer::new(format, Rounding::NearestTiesDown);
    let codes = |overflow| {
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
            .map(|x| quantizer.overflow(overflow).code(x, Given(0).at(0)))
    };
    assert_eq!(codes(Overflow::Saturate), [0, 127, -128]);
    assert_eq!(codes(Overflow::SaturateFinite), [0, 127, -128]);
    assert_eq!(codes(Overflow::Wrap), [0, 0, 0]);
}

#[test]
#[should_panic(expected = "stochastic rounding takes 1 to 31 random bits, not 32")]
fn impossible_numbers_of_random_bits_are_refused() {
    let few = StochasticBits {
        bits: 32,
        variant: StochasticVariant::C,
        fraction: Fraction::SignMagnitude,
    };
    let format = FixedFormat::new(2, 14).unwrap();
    let quantizer = Quantizer::new(format, Rounding::StochasticBits(few));
    // Refused before any element is looked at.
    quantizer.quantize::<i16>(&[], Given(0).at(0), &mut []);
}

/// A value is exact where two conversions that round apart agree on it, in every format: words that
/// no f32 holds, and places above and below all that f32 has.
#[test]
fn exact_is_what_no_rounding_changes() {
    let formats = [
        (1, 25),
        (2, 24),
        (1, 24),
        (26, 0),
        (1, 31),
        (16, 16),
        (8, 24),
        (32, 0),
        (40, -20),
        (64, -62),
        (-32, 64),
        (-20, 30),
        (2, 6),
        (12, 12),
    ];
    for (il, fl) in formats {
        let format = FixedFormat::new(il, fl).unwrap();
        let ends = [format.min(), format.max(), format.epsilon(), 0.0, 1.0, -1.0];
        let more = [f64::from(f32::MIN_POSITIVE), 1e-45, 1e-30, 1e30, 2.0, 32768.0, 128.0, 0.75];
        let around = ends.into_iter().chain(more).flat_map(|x| {
            let x = x as f32;
            [x, -x, x.next_up(), x.next_down(), 0.5 * x, 2.0 * x]
        });
        for x in around.chain([f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX]) {
            let code =
                |rounding| Quantizer::new(format, rounding).code(f64::from(x), Given(0).at(0));
            let (down, up) = (code(Rounding::Down), code(Rounding::Up));
            let exact = down == up && format.value(down) == f64::from(x);
            let quantizer = Quantizer::new(format, Rounding::Stochastic);
            assert_eq!(quantizer.is_exact(&[x]), exact, "{x:e} in {format}");
            let mut codes = [0i32];
            assert_eq!(quantizer.quantize_exact(&[x], &mut codes), exact, "{x:e} in {format}");
            assert!(!exact || codes[0] == down, "{x:e} in {format} became {}", codes[0]);
        }
    }
}

/// Last places beyond every format, up to those that no i32 subtracts from another.
#[test]
fn sums_of_any_last_place_are_converted() {
    let format = FixedFormat::new(4, 4).unwrap();
    for (fraction_bits, up, of_five) in [
        (i32::MAX, 1, 0),
        (i32::MAX - 3, 1, 0),
        (300, 1, 0),
        (-300, 127, 127),
        (i32::MIN + 3, 127, 127),
        (i32::MIN, 127, 127),
    ] {
        for (rounding, code) in [(Rounding::Up, up), (Rounding::NearestTiesEven, of_five)] {
            let quantizer = Quantizer::new(format, rounding);
            assert_eq!(quantizer.code_of_sum(5, fraction_bits, Draw::none()), code);
            let (mut codes, mut values) = ([0i8], [0.0]);
            quantizer.quantize_sums(&[5], fraction_bits, Draw::none(), &mut codes);
            assert_eq!(i32::from(codes[0]), code, "{fraction_bits}");
            quantizer.convert_narrow_sums(&[5], fraction_bits, Draw::none(), &mut values);
            assert_eq!(f64::from(values[0]), format.value(code), "{fraction_bits}");
            let wrapping = quantizer.overflow(Overflow::Wrap);
            let wrapped = wrapping.code_of_sum(5, fraction_bits, Draw::none());
            assert_eq!(wrapped, if code == 127 { 0 } else { code }, "{fraction_bits}");
            assert_eq!(quantizer.tally_sums(&[5], fraction_bits, &codes).count, 1);
        }
    }
}

/// A word that lies at the fraction it is compared with, or a few units beside, at any of its bits: the
/// vector code has 24 of them, and has to say where the others matter.
fn words_at(g: f64) -> impl Iterator<Item = u32> {
    let at = (g * 4_294_967_296.0) as i64;
    let beside = (-3i64..=3).chain([-300, -257, -256, -255, 255, 256, 257, 300]);
    beside.flat_map(move |delta| [at + delta, (1 << 32) - at + delta]).map(|word| word as u32)
}

proptest! {
    #[test]
    fn words_at_the_fraction_are_decided_by_all_their_bits(
        rounding in prop_oneof![
            Just(Rounding::Stochastic),
            roundings().prop_filter("draws", |r| matches!(r, Rounding::StochasticBits(_))),
        ],
        whole in prop_oneof![Just(0), -5i32..=5],
        fraction in prop_oneof![
            0.0f32..1.0,
            (1u32..1 << 20).prop_map(|f| f as f32 / (1 << 20) as f32),
            // Small ones, with bits below 2^−24.
            (1u32 << 23..1 << 24, 24i32..36).prop_map(|(m, e)| m as f32 * 2f32.powi(-e)),
        ],
    ) {
        let format = FixedFormat::new(8, 8).unwrap();
        let quantizer = Quantizer::new(format, rounding);
        let x = (whole as f32 + fraction) / 256.0;
        // The fraction that is left of it.
        let g = f64::from(x) * 256.0;
        for word in words_at(g - g.floor()) {
            let mut codes = [0i16; 40];
            quantizer.quantize(&[x; 40], Given(word).at(0), &mut codes);
            let expected = quantizer.code(f64::from(x), Given(word).at(0));
            prop_assert!(codes.iter().all(|&code| i32::from(code) == expected), "{x}, {word:#x}");
        }
    }
}
