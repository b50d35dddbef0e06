//! Registers, scales and overflow of products: row kernels against their definitions.

use crate::{
    Accumulator, BitSource, Codes, FixedFormat, FixedMatrix, FloatFormat, FloatQuantizer, Fraction,
    Narrow, Overflow, Product, Quantizer, Register, Rounding, Schedule, Seed, StochasticBits,
    StochasticVariant, Stream,
};
use proptest::prelude::*;

fn matrix(il: i8, fl: i8, rows: usize, cols: usize, seed: u64, bits: u32) -> FixedMatrix {
    let format = FixedFormat::new(il, fl).unwrap();
    let mut words = vec![0u32; rows * cols];
    Seed::new(seed).stream().fill_words(0, &mut words);
    let codes: Vec<i32> =
        words.iter().map(|&w| format.saturate(i64::from(w as i32 >> (31 - bits)))).collect();
    FixedMatrix::from_codes(format, rows, cols, &codes).unwrap()
}

fn roundings() -> impl Strategy<Value = Rounding> {
    prop::sample::select(vec![
        Rounding::NearestTiesDown,
        Rounding::NearestTiesEven,
        Rounding::NearestTiesAway,
        Rounding::TowardZero,
        Rounding::Down,
        Rounding::Up,
        Rounding::ToOdd,
        Rounding::Stochastic,
    ])
}

fn schedules() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        Just(Schedule::EachStep),
        (1usize..20).prop_map(Schedule::EachChunk),
        (1usize..20).prop_map(Schedule::ChunkBased),
    ]
}

fn registers() -> impl Strategy<Value = Register> {
    prop_oneof![
        (4i8..20, -2i8..=12)
            .prop_map(|(wl, fl)| Register::Fixed(FixedFormat::new(wl - fl, fl).unwrap())),
        Just(Register::Float(FloatFormat::FP16_E6M9)),
        Just(Register::Float(FloatFormat::BF16)),
        Just(Register::Float(FloatFormat::E5M2)),
    ]
}

fn accumulators() -> impl Strategy<Value = Accumulator> {
    let narrow =
        (registers(), roundings(), schedules()).prop_map(|(register, rounding, schedule)| {
            Accumulator::Narrow(Narrow { register, rounding, schedule })
        });
    prop_oneof![
        1 => Just(Accumulator::Exact),
        1 => (2u8..=63).prop_map(|bits| Accumulator::Saturating { bits }),
        1 => (2u8..=63).prop_map(|bits| Accumulator::Wrapping { bits }),
        1 => Just(Accumulator::FloatGemm),
        5 => narrow,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn row_kernels_equal_the_definition(accumulator in accumulators(), rows in 1usize..12, inner in 0usize..60, cols in 1usize..20,
                                        seed: u64, a_bits in 3u32..16, b_bits in 3u32..16, with_bias: bool) {
        let a = matrix(8, 8, rows, inner, seed, a_bits);
        let b = matrix(11, 5, inner, cols, seed ^ 1, b_bits);
        let bias = matrix(8, 8, 1, cols, seed ^ 2, 15);
        let bits = Seed::new(seed).child("register").stream();
        let mut product = Product::new(a.view(), b.view()).accumulator(accumulator, bits.at(0));
        if with_bias {
            product = product.bias(bias.codes(), bias.format());
        }
        let mut sums = vec![0; rows * cols];
        product.par(crate::Par::THREADS).wide(&mut sums);
        prop_assert_eq!(&sums, &product.accumulate_naive());
        // A split of the batch into rows changes nothing, whatever the register draws.
        let cut = rows / 2;
        let mut parts = vec![0; rows * cols];
        for (first, last, out) in [(0, cut, 0..cut * cols), (cut, rows, cut * cols..rows * cols)] {
            let codes = &a.codes().to_i32()[first * inner..last * inner];
            let part = FixedMatrix::from_codes(a.format(), last - first, inner, codes).unwrap();
            let mut product = Product::new(part.view(), b.view())
                .accumulator(accumulator, bits.at(0))
                .first_row(first as u64);
            if with_bias {
                product = product.bias(bias.codes(), bias.format());
            }
            product.wide(&mut parts[out.clone()]);
            prop_assert_eq!(&parts[out], product.accumulate_naive());
        }
        prop_assert_eq!(&parts, &sums);
    }

    /// Convert(r·s·z) against rational arithmetic on 128-bit integers: the scales are k/2^6.
    #[test]
    fn scales_are_exact(rows in 1usize..8, inner in 0usize..30, cols in 1usize..20, seed: u64, wraps: bool,
                        r in prop::collection::vec(-500i32..500, 8), s in prop::collection::vec(-500i32..500, 20)) {
        let a = matrix(2, 14, rows, inner, seed, 15);
        let b = matrix(2, 14, inner, cols, seed ^ 1, 15);
        let scale = |k: &[i32]| k.iter().map(|&k| k as f32 / 64.0).collect::<Vec<f32>>();
        let (row_scales, col_scales) = (scale(&r[..rows]), scale(&s[..cols]));
        let format = FixedFormat::new(4, 12).unwrap();
        let overflow = if wraps { Overflow::Wrap } else { Overflow::Saturate };
        let quantizer = Quantizer::new(format, Rounding::Stochastic).overflow(overflow);
        let bits = Seed::new(seed).child("c").stream();
        let product = Product::new(a.view(), b.view()).scale_rows(&row_scales).scale_cols(&col_scales);
        let c = product.convert(quantizer, bits.at(0));
        let mut wide = vec![0.0; rows * cols];
        product.wide_f32(&mut wide);
        for (index, z) in product.wide_naive().into_iter().enumerate() {
            let exact = i128::from(z) * i128::from(r[index / cols]) * i128::from(s[index % cols]);
            // 28 + 12 fractional bits; 28 of them are dropped.
            let word = i128::from(bits.word(index as u64) >> 4);
            let code = (exact + word) >> 28;
            let expected = if wraps { i128::from(code as i16) } else { code.clamp(-32768, 32767) };
            prop_assert_eq!(i128::from(c.codes().get(index)), expected, "element {}", index);
            prop_assert_eq!(wide[index], exact as f32 * 2f32.powi(-40));
        }
    }

    #[test]
    fn rows_alone_and_columns_alone_are_scaled(seed: u64, scale in prop_oneof![any::<f32>().prop_filter("finite", |x| x.is_finite()), -4.0f32..4.0]) {
        let (a, b) = (matrix(2, 14, 1, 5, seed, 15), matrix(2, 14, 5, 1, seed ^ 1, 15));
        let quantizer = Quantizer::new(FixedFormat::new(4, 12).unwrap(), Rounding::NearestTiesEven);
        let bits = Seed::new(seed).stream();
        let product = Product::new(a.view(), b.view());
        let scales = [scale];
        let by_row = product.scale_rows(&scales).convert(quantizer, bits.at(0));
        let by_col = product.scale_cols(&scales).convert(quantizer, bits.at(0));
        prop_assert_eq!(&by_row, &by_col);
        // Sums below 2^29 times 24 bits fit an f64 exactly.
        let z = product.wide_naive()[0];
        prop_assume!(z.unsigned_abs() < 1 << 29);
        let expected = quantizer.code(z as f64 * 2f64.powi(-28) * f64::from(scale), bits.at(0));
        prop_assert_eq!(by_row.get(0, 0), expected);
    }

    /// The float simulation is f32 arithmetic on the values themselves.
    #[test]
    fn float_gemm_is_what_f32_computes(inner in 0usize..400, seed: u64) {
        let a = matrix(2, 14, 1, inner, seed, 15);
        let b = matrix(2, 14, inner, 1, seed ^ 1, 15);
        let bits = Seed::new(0).stream();
        let mut out = [0.0];
        Product::new(a.view(), b.view()).accumulator(Accumulator::FloatGemm, bits.at(0)).wide_f32(&mut out);
        let expected = a.to_f32().iter().zip(b.to_f32()).fold(0.0f32, |s, (a, b)| s + a * b);
        prop_assert_eq!(out[0], expected);
    }
}

/// A register of 48 bits holds 2^16 products of two 16-bit words, [Gupta15 §5.2], and no more.
#[test]
fn the_papers_register_is_exact_as_far_as_it_says() {
    let format = FixedFormat::new(2, 14).unwrap();
    let accumulate = |inner: usize, accumulator| {
        let codes = vec![-32768; inner];
        let a = FixedMatrix::from_codes(format, 1, inner, &codes).unwrap();
        let b = FixedMatrix::from_codes(format, inner, 1, &codes).unwrap();
        let bits = Seed::new(0).stream();
        let mut sums = [0];
        Product::new(a.view(), b.view()).accumulator(accumulator, bits.at(0)).wide(&mut sums);
        sums[0]
    };
    let (saturating, wrapping) =
        (Accumulator::Saturating { bits: 48 }, Accumulator::Wrapping { bits: 48 });
    assert_eq!(accumulate((1 << 17) - 1, saturating), ((1 << 17) - 1) << 30);
    assert_eq!(accumulate(1 << 17, saturating), (1 << 47) - 1);
    assert_eq!(accumulate(1 << 17, wrapping), -1 << 47);
}

/// A wrapping register is defined modulo its width: the sum may leave 64 bits on the way.
#[test]
fn a_wrapping_register_wraps_sums_of_any_size() {
    let format = FixedFormat::new(1, 31).unwrap();
    for (inner, bits) in [(2, 48), (2, 63), (3, 63), (4, 63), (9, 2)] {
        let codes = vec![i32::MIN; inner];
        let a = FixedMatrix::from_codes(format, 1, inner, &codes).unwrap();
        let b = FixedMatrix::from_codes(format, inner, 1, &codes).unwrap();
        let stream = Seed::new(0).stream();
        let wrapping = Accumulator::Wrapping { bits };
        let product = Product::new(a.view(), b.view()).accumulator(wrapping, stream.at(0));
        let mut sums = [0];
        product.wide(&mut sums);
        // inner · 2^62 modulo 2^bits.
        let above = 128 - u32::from(bits);
        assert_eq!(i128::from(sums[0]), (inner as i128) << 62 << above >> above, "{bits} bits");
        assert_eq!(product.accumulate_naive(), sums);
    }
}

/// The widest fixed-point registers that 64 bits hold, at the ends of their range.
#[test]
fn wide_registers_are_exact_up_to_64_bits() {
    let format = FixedFormat::new(1, 31).unwrap();
    let of =
        |rows, cols, codes: &[i32]| FixedMatrix::from_codes(format, rows, cols, codes).unwrap();
    let stream = Seed::new(0).stream();
    for (min, schedule) in [
        (i32::MIN, Schedule::EachStep),
        (i32::MIN, Schedule::EachChunk(1)),
        (i32::MIN, Schedule::ChunkBased(2)),
        (i32::MAX, Schedule::EachStep),
    ] {
        let (a, b) = (of(1, 3, &[i32::MIN; 3]), of(3, 1, &[min; 3]));
        let register = Register::Fixed(format);
        let narrow = Narrow { register, rounding: Rounding::NearestTiesEven, schedule };
        let product =
            Product::new(a.view(), b.view()).accumulator(Accumulator::Narrow(narrow), stream.at(0));
        let mut sums = [0];
        product.wide(&mut sums);
        // Three times ±1 in a register that ends at −1 and at 1 − 2^−31.
        let end = if min < 0 { i64::from(i32::MAX) } else { i64::from(i32::MIN) };
        assert_eq!(sums, [end << 31], "{schedule:?}");
        assert_eq!(product.accumulate_naive(), sums);
    }
}

/// 1 + 0.6 in units of 2^−62 fits 64 bits; twice 2^62 in the register before does not.
#[test]
#[should_panic(expected = "a register in <32,0> leaves 64 bits when it adds up products with 62")]
fn a_register_that_leaves_64_bits_is_refused() {
    let format = FixedFormat::new(1, 31).unwrap();
    let a = FixedMatrix::from_codes(format, 1, 2, &[i32::MIN; 2]).unwrap();
    let b = FixedMatrix::from_codes(format, 2, 1, &[i32::MIN, -1_288_490_189]).unwrap();
    let narrow = Narrow {
        register: Register::Fixed(FixedFormat::new(32, 0).unwrap()),
        rounding: Rounding::NearestTiesEven,
        schedule: Schedule::EachStep,
    };
    let stream = Seed::new(0).stream();
    let _ = Product::new(a.view(), b.view()).accumulator(Accumulator::Narrow(narrow), stream.at(0));
}

/// Scaled sums far beyond 64 bits wrap to the low bits of what each rounding makes of them.
#[test]
fn far_scaled_sums_wrap_as_they_round() {
    let (format, one) = (FixedFormat::new(8, 8).unwrap(), FixedFormat::new(32, 0).unwrap());
    let stream = Seed::new(0).stream();
    let a = FixedMatrix::from_codes(one, 1, 1, &[-32_767]).unwrap();
    for (factor, scales) in [
        (2_147_483_647, [1000.37f32, 1.000_122_1]),
        (2_147_483_647, [-1000.37, 1.000_122_1]),
        (2_147_000_001, [3000.7, 250.3]),
        (2_147_000_001, [-1234.5678, 999.9]),
        (2_000_000_001, [1e4, 1.0]),
    ] {
        let b = FixedMatrix::from_codes(one, 1, 1, &[factor]).unwrap();
        // r·s as integers of 24 bits times powers of two, exactly.
        let parts = scales.map(|s| {
            let exponent = s.abs().log2().floor() as i32 - 23;
            ((f64::from(s) * 2f64.powi(-exponent)) as i128, exponent)
        });
        let integer = -32_767 * i128::from(factor) * parts[0].0 * parts[1].0;
        let dropped = -8 - parts[0].1 - parts[1].1;
        let (floor, rest) = (integer >> dropped, integer & ((1 << dropped) - 1));
        let half = 1i128 << (dropped - 1);
        let up = |up: bool| floor + i128::from(up);
        for (rounding, exact) in [
            (Rounding::Down, floor),
            (Rounding::Up, up(rest != 0)),
            (Rounding::TowardZero, up(rest != 0 && integer < 0)),
            (Rounding::NearestTiesDown, up(rest > half)),
            (Rounding::NearestTiesEven, up(rest > half || rest == half && floor & 1 == 1)),
            (Rounding::NearestTiesAway, up(rest > half || rest == half && integer > 0)),
            (Rounding::ToOdd, up(rest != 0 && floor & 1 == 0)),
        ] {
            let [r, s] = scales;
            let quantizer = Quantizer::new(format, rounding).overflow(Overflow::Wrap);
            let (rows, cols) = ([r], [s]);
            let c = Product::new(a.view(), b.view())
                .scale_rows(&rows)
                .scale_cols(&cols)
                .convert(quantizer, stream.at(0));
            assert_eq!(c.get(0, 0), i32::from(exact as i16), "{scales:?} {rounding:?}");
        }
    }
}

/// 4096 products of 2^−8 in a register with 9 mantissa bits: steps stall where the last place
/// exceeds twice the product, chunks of 64 get through to the exact sum.
#[test]
fn chunks_keep_a_narrow_float_register_from_stalling() {
    let inner = 4096;
    let format = FixedFormat::new(4, 4).unwrap();
    let ones = vec![1; inner];
    let a = FixedMatrix::from_codes(format, 1, inner, &ones).unwrap();
    let b = FixedMatrix::from_codes(format, inner, 1, &ones).unwrap();
    let bits = Seed::new(0).stream();
    let sum = |rounding, schedule| {
        let register = Register::Float(FloatFormat::FP16_E6M9);
        let narrow = Accumulator::Narrow(Narrow { register, rounding, schedule });
        let mut sums = [0];
        Product::new(a.view(), b.view()).accumulator(narrow, bits.at(0)).wide(&mut sums);
        sums[0]
    };
    assert_eq!(sum(Rounding::NearestTiesEven, Schedule::EachStep), 1 << 10);
    assert_eq!(sum(Rounding::NearestTiesEven, Schedule::ChunkBased(64)), 4096);
    assert_eq!(sum(Rounding::NearestTiesEven, Schedule::EachChunk(64)), 4096);
    // Stochastic rounding does not stall: each of the last 3072 steps has at most a place of 8 and
    // the variance 1·(8 − 1); five deviations of √(3072·7) are 733.
    let stochastic = sum(Rounding::Stochastic, Schedule::EachStep);
    assert!((stochastic - 4096).abs() < 733, "{stochastic}");
}

/// The scalar register is the float quantizer applied step by step.
#[test]
fn a_float_register_rounds_like_the_quantizer() {
    let (a, b) = (matrix(8, 8, 1, 200, 3, 15), matrix(8, 8, 200, 1, 4, 15));
    let stream = Seed::new(5).stream();
    for rounding in [Rounding::NearestTiesEven, Rounding::Stochastic, Rounding::ToOdd] {
        let format = FloatFormat::FP16_E6M9;
        let narrow =
            Narrow { register: Register::Float(format), rounding, schedule: Schedule::EachStep };
        let product =
            Product::new(a.view(), b.view()).accumulator(Accumulator::Narrow(narrow), stream.at(0));
        let mut sum = [0.0];
        product.wide_f32(&mut sum);
        let quantizer = FloatQuantizer { format, rounding, overflow: Overflow::SaturateFinite };
        // 10 bits at most 2^14 above products of 2^−16: exact in an f64.
        let expected = (0..200).fold(0.0, |s: f64, k| {
            let product = f64::from(a.get(0, k)) * f64::from(b.get(k, 0)) * 2f64.powi(-16);
            quantizer.convert(s + product, stream.at(k as u64))
        });
        assert_eq!(f64::from(sum[0]), expected, "{rounding:?}");
    }
}

/// Rows 50..150 of a product, with registers of every schedule that draw bits, as the whole has them;
/// equal rows draw bits of their own.
#[test]
fn registers_that_draw_bits_are_those_of_their_rows() {
    let (a, b) = (matrix(2, 14, 200, 29, 1, 14), matrix(2, 14, 29, 7, 2, 14));
    let (register, conversion) = (Seed::new(3).stream(), Seed::new(4).stream());
    let quantizer = Quantizer::new(FixedFormat::new(4, 8).unwrap(), Rounding::Stochastic);
    let few = StochasticBits {
        bits: 5,
        variant: StochasticVariant::B,
        fraction: Fraction::TwosComplement,
    };
    for rounding in [Rounding::Stochastic, Rounding::StochasticBits(few)] {
        for schedule in [Schedule::EachStep, Schedule::EachChunk(8), Schedule::ChunkBased(8)] {
            for format in [Register::Fixed(quantizer.format), Register::Float(FloatFormat::BF16)] {
                let narrow = Accumulator::Narrow(Narrow { register: format, rounding, schedule });
                let convert = |rows: std::ops::Range<usize>, position| {
                    let codes = &a.codes().to_i32()[rows.start * 29..rows.end * 29];
                    let part = FixedMatrix::from_codes(a.format(), rows.len(), 29, codes).unwrap();
                    Product::new(part.view(), b.view())
                        .accumulator(narrow, register.at(1000))
                        .first_row(position)
                        .convert(quantizer, conversion.at(77))
                        .codes()
                        .to_i32()
                };
                let whole = convert(0..200, 0);
                assert_eq!(convert(50..150, 50), whole[350..1050], "{narrow:?}");
                assert_ne!(convert(50..150, 0), whole[350..1050], "{narrow:?}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "a draw of 40 positions does not serve the 42 roundings of a register")]
fn a_register_has_bits_for_every_rounding() {
    let (a, b) = (matrix(2, 14, 2, 7, 1, 14), matrix(2, 14, 7, 3, 2, 14));
    let register = Register::Fixed(FixedFormat::new(4, 8).unwrap());
    let (rounding, schedule) = (Rounding::Stochastic, Schedule::EachStep);
    let narrow = Accumulator::Narrow(Narrow { register, rounding, schedule });
    let stream = Seed::new(0).stream();
    let (forty, _) = stream.at(0).split_at(40);
    Product::new(a.view(), b.view()).accumulator(narrow, forty).wide(&mut [0; 6]);
}

/// Random bits of a stochastic register are addressed by element and step.
#[test]
fn a_stochastic_register_is_unbiased() {
    struct Counting(Stream);
    impl BitSource for Counting {
        fn word(&self, position: u64, depth: u32) -> u32 {
            assert!(position < 400 * 8 * 16, "position {position} belongs to no step");
            BitSource::word(&self.0, position, depth)
        }
    }
    let (a, b) = (matrix(2, 14, 400, 8, 1, 12), matrix(2, 14, 8, 16, 2, 12));
    let bits = Counting(Seed::new(6).stream());
    let format = FixedFormat::new(2, 14).unwrap();
    let narrow = Narrow {
        register: Register::Fixed(format),
        rounding: Rounding::Stochastic,
        schedule: Schedule::EachStep,
    };
    let product = Product::new(a.view(), b.view());
    let mut sums = vec![0; 400 * 16];
    product.accumulator(Accumulator::Narrow(narrow), bits.at(0)).wide(&mut sums);
    let exact = product.wide_naive();
    let error: i64 = sums.iter().zip(&exact).map(|(z, e)| z - e).sum();
    // 51,200 roundings of variance ≤ ε²/4 each: four deviations are 4·√51200/2 ε.
    let bound = 4.0 * 51_200f64.sqrt() / 2.0 * 2f64.powi(14);
    assert!((error as f64).abs() < bound, "{error}, {bound}");
    assert!(sums.iter().zip(&exact).any(|(z, e)| z != e));
}

#[test]
fn the_bias_enters_before_the_first_product() {
    let format = FixedFormat::new(8, 0).unwrap();
    let a = FixedMatrix::from_codes(format, 1, 1, &[1]).unwrap();
    let b = FixedMatrix::from_codes(format, 1, 1, &[-50]).unwrap();
    let bias = Codes::from_i32(format, &[120]).unwrap();
    let bits = Seed::new(0).stream();
    let mut sums = [0];
    Product::new(a.view(), b.view())
        .bias(&bias, format)
        .accumulator(Accumulator::Saturating { bits: 7 }, bits.at(0))
        .wide(&mut sums);
    assert_eq!(sums, [13], "63 − 50");
}

#[test]
#[should_panic(expected = "scale 1 of the columns is inf, not a finite number")]
fn scales_must_be_finite() {
    let m = matrix(2, 14, 2, 2, 0, 15);
    let _ = Product::new(m.view(), m.view()).scale_cols(&[1.0, f32::INFINITY]);
}

#[test]
#[should_panic(expected = "a register in <2,30> cannot hold products with 28 fractional bits")]
fn a_register_finer_than_the_products_is_refused() {
    let m = matrix(2, 14, 2, 2, 0, 15);
    let narrow = Narrow {
        register: Register::Fixed(FixedFormat::new(2, 30).unwrap()),
        rounding: Rounding::Down,
        schedule: Schedule::EachStep,
    };
    let bits = Seed::new(0).stream();
    let _ = Product::new(m.view(), m.view()).accumulator(Accumulator::Narrow(narrow), bits.at(0));
}
