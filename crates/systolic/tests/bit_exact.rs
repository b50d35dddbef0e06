//! Given the same random bits, the array and the fast product of `numerics` have the same codes.

mod common;

use common::{CODES, Codes, FORMATS, config, matrix, short_lfsrs, stalls};
use numerics::{BitSource, FixedMatrix, Product, Quantizer, Rounding};
use proptest::prelude::*;
use systolic::{ColumnRounding, SystolicArray};

fn check(array: &mut SystolicArray, a: &FixedMatrix, b: &FixedMatrix, seed: u64, percent: u32) {
    let (l, m) = (a.nrows(), b.ncols());
    let bits = array.rounding_words(l, m);
    let (c, trace) = array.multiply_with(a, b, stalls(seed, percent)).unwrap();

    let rounding = match array.config().rounding {
        ColumnRounding::Stochastic(_) => Rounding::Stochastic,
        ColumnRounding::NearestTiesDown => Rounding::NearestTiesDown,
    };
    let quantizer = Quantizer::new(array.config().out, rounding);
    let product = Product::new(a.view(), b.view());
    let mut sums = vec![0; l * m];
    product.wide(&mut sums);
    let (mut high, mut low) = (0, 0);
    for (i, z) in sums.into_iter().enumerate() {
        let code = quantizer.code_of_sum(z, product.fraction_bits(), bits.at(i as u64));
        assert_eq!(c.codes().get(i), code, "element {i} of {l} × {} × {m}", a.ncols());
        // ⌊(z + R) / 2^n⌋ beyond the range: R is in the low bits of the word's n leading ones.
        let drop = product.fraction_bits() - quantizer.format.fl();
        let r = match rounding {
            Rounding::Stochastic if drop > 0 => i64::from(bits.words()[i] >> (32 - drop)),
            Rounding::NearestTiesDown if drop > 0 => (1 << (drop - 1)) - 1,
            _ => 0,
        };
        let kept = (z + r) >> drop;
        high += u64::from(kept > i64::from(quantizer.format.max_code()));
        low += u64::from(kept < i64::from(quantizer.format.min_code()));
    }
    assert_eq!((trace.saturated_high, trace.saturated_low), (high, low));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn products_of_every_shape_equal_the_fast_product(
        n in 1usize..9, l in 1usize..20, k in 1usize..40, m in 1usize..20, row_tiles in 1usize..4,
        formats in 0..FORMATS.len(), stochastic: bool, kinds in (0..CODES.len(), 0..CODES.len()),
        seed: u64, percent in prop_oneof![Just(0u32), 1u32..60],
    ) {
        let mut config = config(n, formats, stochastic, seed);
        config.row_tiles = row_tiles;
        let a = matrix(config.a, l, k, CODES[kinds.0], seed ^ 1);
        let b = matrix(config.b, k, m, CODES[kinds.1], seed ^ 2);
        let mut array = SystolicArray::new(config).unwrap();
        // Twice: the registers run on from one product to the next.
        check(&mut array, &a, &b, seed, percent);
        check(&mut array, &a, &b, seed ^ 3, percent);
    }
}

#[test]
fn the_papers_array_multiplies_a_layer_exactly() {
    let mut config = config(28, 0, true, 2015);
    config.row_tiles = 2;
    let a = matrix(config.a, 100, 784, Codes::Small, 1);
    let b = matrix(config.b, 784, 90, Codes::Small, 2);
    check(&mut SystolicArray::new(config).unwrap(), &a, &b, 0, 0);
}

#[test]
fn the_longest_sums_of_extreme_codes_do_not_overflow() {
    let config = config(2, 0, true, 1);
    let k = (1 << 17) - 1;
    let a = matrix(config.a, 2, k, Codes::Smallest, 0);
    let b = matrix(config.b, k, 2, Codes::Smallest, 0);
    check(&mut SystolicArray::new(config).unwrap(), &a, &b, 0, 0);
}

#[test]
fn short_registers_give_the_same_codes_too() {
    let mut config = config(4, 0, true, 1);
    config.rounding = short_lfsrs(4, 14);
    let a = matrix(config.a, 9, 30, Codes::Small, 1);
    let b = matrix(config.b, 30, 11, Codes::Small, 2);
    check(&mut SystolicArray::new(config).unwrap(), &a, &b, 0, 10);
}
