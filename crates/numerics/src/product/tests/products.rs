//! The fast product against its definition: shapes at the edges, transposes, extreme codes.

use crate::{BitSource, Codes, FixedFormat, FixedMatrix, Product, Quantizer, Rounding, Seed};
use proptest::prelude::*;

/// Codes with a magnitude of at most 2^`bits`, or all at the extreme if `bits` is `None`.
fn matrix(
    format: FixedFormat,
    rows: usize,
    cols: usize,
    seed: u64,
    bits: Option<u32>,
) -> FixedMatrix {
    let mut words = vec![0u32; rows * cols];
    Seed::new(seed).stream().fill_words(0, &mut words);
    let codes: Vec<i32> = words
        .iter()
        .map(|&w| match bits {
            Some(bits) => format.saturate(i64::from(w as i32 >> (31 - bits))),
            None => format.min_code(),
        })
        .collect();
    FixedMatrix::from_codes(format, rows, cols, &codes).unwrap()
}

fn check(a: &FixedMatrix, b: &FixedMatrix, bias: Option<&Codes>) {
    let (rows, inner, cols) = (a.nrows(), a.ncols(), b.ncols());
    let (at, bt) = (transposed(a), transposed(b));
    for (left, right) in
        [(a.view(), b.view()), (at.t(), b.view()), (a.view(), bt.t()), (at.t(), bt.t())]
    {
        let mut product = Product::new(left, right);
        if let Some(bias) = bias {
            product = product.bias(bias, FixedFormat::new(8, 8).unwrap());
        }
        let mut sums = vec![0; rows * cols];
        product.wide(&mut sums);
        assert_eq!(sums, product.wide_naive(), "{rows} × {inner} × {cols}");
        product.par(crate::Par::THREADS).wide(&mut sums);
        assert_eq!(sums, product.wide_naive(), "{rows} × {inner} × {cols} on several threads");
    }
}

fn transposed(m: &FixedMatrix) -> FixedMatrix {
    let codes: Vec<i32> = (0..m.ncols())
        .flat_map(|j| (0..m.nrows()).map(move |i| (i, j)))
        .map(|(i, j)| m.get(i, j))
        .collect();
    FixedMatrix::from_codes(m.format(), m.ncols(), m.nrows(), &codes).unwrap()
}

/// Panels are 6 rows and 16 columns, groups 2 or 4, chunks 512; words of 8, 16 and 24 bits.
#[test]
fn every_edge_of_the_blocking() {
    for (format, a_bits, b_bits) in [((8, 8), 12, 15), ((4, 4), 7, 7), ((12, 12), 23, 20)] {
        let format = FixedFormat::new(format.0, format.1).unwrap();
        for rows in [0, 1, 5, 6, 7, 13] {
            for inner in [0, 1, 2, 3, 5, 511, 512, 513] {
                for cols in [0, 1, 15, 16, 17, 33] {
                    let a = matrix(format, rows, inner, 1, Some(a_bits));
                    let b = matrix(format, inner, cols, 2, Some(b_bits));
                    check(&a, &b, None);
                }
            }
        }
    }
}

/// Sums that no 32 bits hold, of the codes whose bytes are the worst for telling their upper bits:
/// low bytes of the largest magnitude with one sign, pairs that multiply to 2^31, and both ends.
#[test]
fn mixtures_of_adverse_codes_are_exact() {
    let format = FixedFormat::new(2, 14).unwrap();
    let kinds: [&[i32]; 5] = [
        &[-32768, 32767],
        &[-32768, -32768, -32768, 32767],
        &[32512, -32768, 32767, -32513],
        &[-32641, 127, 128, 32640, -128, -129],
        &[-32768, -32767, -1, 0, 1, 255, 256, 32766, 32767],
    ];
    for (kind_a, kind_b) in kinds.iter().flat_map(|a| kinds.iter().map(move |b| (a, b))) {
        for inner in [1, 3, 127, 128, 129, 257, 512, 700, 1153] {
            let pick = |kind: &[i32], len: usize, salt: u32| -> Vec<i32> {
                let mut words = vec![0; len];
                Seed::new(u64::from(salt)).stream().fill_words(0, &mut words);
                words.iter().map(|&word| kind[word as usize % kind.len()]).collect()
            };
            let a = pick(kind_a, 7 * inner, 1);
            let b = pick(kind_b, inner * 17, 2);
            let a = FixedMatrix::from_codes(format, 7, inner, &a).unwrap();
            let b = FixedMatrix::from_codes(format, inner, 17, &b).unwrap();
            check(&a, &b, None);
        }
    }
}

#[test]
fn all_codes_at_the_extreme_do_not_overflow() {
    let formats = [(2, 14), (4, 4), (12, 12)].map(|(il, fl)| FixedFormat::new(il, fl).unwrap());
    for left in formats {
        for right in formats {
            for inner in [1, 2, 3, 256, 511, 512, 1100] {
                let a = matrix(left, 7, inner, 0, None);
                let b = matrix(right, inner, 17, 0, None);
                check(&a, &b, None);
            }
        }
    }
}

/// Codes beyond two limbs take the plain path, alone or with a narrow partner.
#[test]
fn words_of_32_bits_are_exact_where_64_bits_hold_the_sum() {
    let (wide, narrow) = (FixedFormat::new(16, 16).unwrap(), FixedFormat::new(4, 4).unwrap());
    check(&matrix(wide, 3, 1, 1, None), &matrix(wide, 1, 4, 2, None), None);
    check(&matrix(wide, 3, 40, 1, Some(31)), &matrix(narrow, 40, 4, 2, Some(7)), None);
    check(&matrix(narrow, 3, 40, 1, Some(7)), &matrix(wide, 40, 4, 2, Some(31)), None);
}

/// More bits than a word of 32 has are dropped from the sums.
#[test]
fn sums_of_long_words_are_converted_as_their_definition_says() {
    let long = FixedFormat::new(2, 30).unwrap();
    let (a, b) = (matrix(long, 7, 2, 1, Some(29)), matrix(long, 2, 19, 2, Some(29)));
    let product = Product::new(a.view(), b.view());
    let source = Seed::new(3).stream();
    for (il, fl) in [(8, 8), (2, 28), (2, 29), (2, 30), (20, -4)] {
        let format = FixedFormat::new(il, fl).unwrap();
        for rounding in [Rounding::NearestTiesEven, Rounding::Down, Rounding::Stochastic] {
            let quantizer = Quantizer::new(format, rounding);
            let codes = product.convert(quantizer, source.at(0)).codes().to_i32();
            for ((code, z), position) in codes.into_iter().zip(product.wide_naive()).zip(0..) {
                let draw = source.at(position);
                assert_eq!(code, quantizer.code_of_sum(z, product.fraction_bits(), draw));
            }
        }
    }
}

fn filled(format: FixedFormat, rows: usize, cols: usize, code: i32) -> FixedMatrix {
    FixedMatrix::from_codes(format, rows, cols, &vec![code; rows * cols]).unwrap()
}

/// (2^17 − 1)·2^46 is the last multiple of 2^46 below 2^63.
#[test]
fn the_longest_sums_of_24_bit_words_are_exact() {
    let format = FixedFormat::new(2, 22).unwrap();
    let inner = (1 << 17) - 1;
    let (a, b) = (filled(format, 1, inner, -1 << 23), filled(format, inner, 1, -1 << 23));
    let mut sums = [0];
    Product::new(a.view(), b.view()).wide(&mut sums);
    assert_eq!(sums, [i64::MAX - (1 << 46) + 1]);
    assert_eq!(sums.to_vec(), Product::new(a.view(), b.view()).wide_naive());
}

/// One term more and the sum is 2^63: every way to ask for it is refused, the oracle too.
#[test]
fn sums_that_may_not_fit_64_bits_are_refused() {
    let format = FixedFormat::new(2, 22).unwrap();
    let inner = 1 << 17;
    let (a, b) = (filled(format, 1, inner, -1 << 23), filled(format, inner, 1, -1 << 23));
    let nearest = Quantizer::new(format, Rounding::NearestTiesEven);
    let stream = Seed::new(0).stream();
    type Ask<'a> = (&'a str, &'a dyn Fn(Product<'_>));
    let asks: [Ask<'_>; 6] = [
        ("may not fit 64 bits", &|product| product.wide(&mut [0])),
        ("may not fit 64 bits", &|product| product.wide_f32(&mut [0.0])),
        ("may not fit 64 bits", &|product| drop(product.convert(nearest, stream.at(0)))),
        ("may not fit 64 bits", &|product| {
            product.convert_to_f32(nearest, stream.at(0), &mut [0.0])
        }),
        ("does not fit 64 bits", &|product| drop(product.wide_naive())),
        ("does not fit 64 bits", &|product| drop(product.accumulate_naive())),
    ];
    for (i, (message, ask)) in asks.into_iter().enumerate() {
        let product = Product::new(a.view(), b.view());
        let asked = std::panic::AssertUnwindSafe(|| ask(product));
        let error = std::panic::catch_unwind(asked).expect_err("a refusal");
        let text = error.downcast_ref::<String>().expect("a message with numbers");
        assert!(text.contains(message), "way {i}: {text}");
    }
}

/// The codes at hand decide, not the format: 32-bit words around 1 leave room for many terms.
#[test]
fn short_codes_of_long_words_are_not_refused() {
    let format = FixedFormat::new(8, 24).unwrap();
    check(&matrix(format, 3, 500, 1, Some(26)), &matrix(format, 500, 2, 2, Some(26)), None);
}

#[test]
fn mixed_magnitudes_take_both_paths() {
    let format = FixedFormat::new(2, 14).unwrap();
    let small = matrix(format, 24, 600, 1, Some(6));
    let mut codes = small.codes().to_i32();
    codes[600 * 8..600 * 9].fill(-32768);
    let a = FixedMatrix::from_codes(format, 24, 600, &codes).unwrap();
    check(&a, &matrix(format, 600, 40, 2, Some(15)), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn fast_sums_equal_the_definition(rows in 0usize..30, inner in 0usize..600, cols in 0usize..40, seed: u64,
                                      a_bits in 0u32..16, b_bits in 0u32..16, wide: bool, with_bias: bool) {
        let a_format = if wide { FixedFormat::new(8, 12).unwrap() } else { FixedFormat::new(8, 8).unwrap() };
        let b_format = FixedFormat::new(4, 4).unwrap();
        let a = matrix(a_format, rows, inner, seed, Some(a_bits));
        let b = matrix(b_format, inner, cols, seed ^ 1, Some(b_bits.min(7)));
        let bias = matrix(FixedFormat::new(8, 8).unwrap(), 1, cols, seed ^ 2, Some(15));
        check(&a, &b, with_bias.then_some(bias.codes()));
    }

    #[test]
    fn each_element_is_converted_with_its_own_bits(rows in 1usize..20, inner in 1usize..50, cols in 1usize..40, seed: u64) {
        let format = FixedFormat::new(4, 12).unwrap();
        let (a, b) = (matrix(format, rows, inner, seed, Some(13)), matrix(format, inner, cols, seed ^ 1, Some(12)));
        let stream = Seed::new(seed).child("c").stream();
        let quantizer = Quantizer::new(FixedFormat::new(6, 6).unwrap(), Rounding::Stochastic);
        let product = Product::new(a.view(), b.view());
        let c = product.convert(quantizer, stream.at(0));
        let mut values = vec![0.0; rows * cols];
        product.par(crate::Par::THREADS).convert_to_f32(quantizer, stream.at(0), &mut values);
        prop_assert_eq!(&c.to_f32(), &values);
        for (i, z) in product.wide_naive().into_iter().enumerate() {
            prop_assert_eq!(c.codes().get(i), quantizer.code_of_sum(z, 24, stream.at(i as u64)));
        }
        let skipped = rows / 2 * cols;
        let last_rows: Vec<i32> = a.codes().to_i32()[rows / 2 * inner..].to_vec();
        let last_rows = FixedMatrix::from_codes(format, rows - rows / 2, inner, &last_rows).unwrap();
        let rest = Product::new(last_rows.view(), b.view()).first_row(rows as u64 / 2).convert(quantizer, stream.at(0));
        prop_assert_eq!(rest.codes().to_i32(), c.codes().to_i32()[skipped..].to_vec());
        let mut wide = vec![0.0; rows * cols];
        product.wide_f32(&mut wide);
        for (z, y) in product.wide_naive().into_iter().zip(wide) {
            prop_assert_eq!(y, (z as f64 * 2f64.powi(-24)) as f32);
        }
    }
}

/// Where the random bits begin says nothing about which row is scaled.
#[test]
fn scales_belong_to_rows_and_columns_wherever_the_bits_begin() {
    let format = FixedFormat::new(4, 4).unwrap();
    let of = |rows, cols| {
        let codes: Vec<i32> = (0..rows * cols).map(|i| (i * 7 % 30) as i32 - 15).collect();
        FixedMatrix::from_codes(format, rows, cols, &codes).unwrap()
    };
    let (a, b) = (of(3, 4), of(4, 2));
    let (rows, cols) = ([1.0, 2.0, 0.5], [0.25, 3.0]);
    let nearest = Quantizer::new(format, Rounding::NearestTiesEven);
    let product = Product::new(a.view(), b.view()).scale_rows(&rows).scale_cols(&cols);
    let stream = Seed::new(0).stream();
    let values = |product: Product<'_>, first| {
        let mut wide = [0.0; 6];
        product.wide_f32(&mut wide);
        (product.convert(nearest, stream.at(first)), wide)
    };
    assert_eq!(values(product.first_row(500), 77), values(product, 0));
}

#[test]
#[should_panic(expected = "cannot multiply 2 × 3 by 4 × 5: inner dimensions differ")]
fn mismatched_shapes_are_named() {
    let format = FixedFormat::new(2, 14).unwrap();
    let (a, b) = (FixedMatrix::zeros(format, 2, 3), FixedMatrix::zeros(format, 4, 5));
    let _ = Product::new(a.view(), b.view());
}
