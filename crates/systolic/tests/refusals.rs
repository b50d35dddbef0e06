//! What cannot be built or computed is refused with the thing's name.

mod common;

use common::{Codes, config, format, matrix, short_lfsrs};
use systolic::{ArrayConfig, ColumnRounding, SystolicArray};

fn refusal(config: ArrayConfig) -> String {
    SystolicArray::new(config).unwrap_err().to_string()
}

fn nearest(n: usize) -> ArrayConfig {
    ArrayConfig::new(n, format(2, 14), ColumnRounding::NearestTiesDown)
}

#[test]
fn sizes_of_zero() {
    assert_eq!(refusal(nearest(0)), "n, the number of rows and columns, is 0");
    let message = |change: fn(&mut ArrayConfig)| {
        let mut config = nearest(4);
        change(&mut config);
        refusal(config)
    };
    assert_eq!(message(|c| c.edge_depth = 0), "the depth of the edge FIFOs is 0");
    assert_eq!(message(|c| c.output_depth = 0), "the depth of the output FIFOs is 0");
    assert_eq!(message(|c| c.row_tiles = 0), "p, the number of row tiles in a block, is 0");

    let mut array = SystolicArray::new(nearest(4)).unwrap();
    let mut product = |l, k, m| {
        let a = matrix(format(2, 14), l, k, Codes::Small, 0);
        let b = matrix(format(2, 14), k, m, Codes::Small, 0);
        array.multiply(&a, &b).unwrap_err().to_string()
    };
    assert_eq!(product(3, 0, 3), "k, the length of the inner products, is 0");
    assert_eq!(product(0, 3, 3), "l, the number of rows of A, is 0");
    assert_eq!(product(3, 3, 0), "m, the number of columns of B, is 0");
}

#[test]
fn sizes_that_no_memory_holds() {
    assert_eq!(
        refusal(nearest(usize::MAX)),
        format!("n, the number of rows and columns, is {}, above 1024", usize::MAX)
    );
    let message = |change: fn(&mut ArrayConfig)| {
        let mut config = nearest(4);
        change(&mut config);
        refusal(config)
    };
    assert_eq!(
        message(|c| c.edge_depth = 1 << 40),
        "the depth of the edge FIFOs is 1099511627776, above 65536"
    );
    assert_eq!(
        message(|c| c.output_depth = usize::MAX),
        format!("the depth of the output FIFOs is {}, above 65536", usize::MAX)
    );
    let ColumnRounding::Stochastic(mut lfsrs) = short_lfsrs(4, 16) else { unreachable!() };
    lfsrs.steps_per_sample = u32::MAX;
    assert_eq!(
        refusal(ArrayConfig { rounding: ColumnRounding::Stochastic(lfsrs), ..nearest(4) }),
        "the number of steps of a register for each sample is 4294967295, above 4096"
    );
}

/// More row tiles in a block than there are rows: all of them are in one.
#[test]
fn a_block_of_any_number_of_row_tiles_is_computed() {
    let product = |row_tiles| {
        let mut array = SystolicArray::new(ArrayConfig { row_tiles, ..nearest(3) }).unwrap();
        let a = matrix(format(2, 14), 10, 5, Codes::Small, 1);
        let b = matrix(format(2, 14), 5, 7, Codes::Small, 2);
        array.multiply(&a, &b).unwrap()
    };
    assert_eq!(product(usize::MAX), product(4));
}

#[test]
fn words_that_do_not_fit_the_multipliers() {
    let config = ArrayConfig { b: format(4, 15), ..nearest(4) };
    assert_eq!(refusal(config), "operand B in <4,15> has 19 bits, but the multipliers take 18");
    let config = ArrayConfig { a: format(8, 24), ..nearest(4) };
    assert_eq!(refusal(config), "operand A in <8,24> has 32 bits, but the multipliers take 18");
}

#[test]
fn sums_that_do_not_fit_the_accumulators() {
    let mut array = SystolicArray::new(nearest(2)).unwrap();
    let k = 1 << 17;
    let a = matrix(format(2, 14), 1, k, Codes::Small, 0);
    let b = matrix(format(2, 14), k, 1, Codes::Small, 0);
    assert_eq!(
        array.multiply(&a, &b).unwrap_err().to_string(),
        "k = 131072 products of <2,14> and <2,14> need 49 bits, but the accumulators have 48"
    );
}

#[test]
fn cuts_that_the_rounding_unit_cannot_make() {
    let config = ArrayConfig { out: format(2, 30), ..nearest(4) };
    assert_eq!(
        refusal(config),
        "from products of <2,14> and <2,14> to <2,30>, -2 bits would be dropped, outside 0..=32"
    );
    let config = ArrayConfig { out: format(12, -5), ..nearest(4) };
    assert_eq!(
        refusal(config),
        "from products of <2,14> and <2,14> to <12,-5>, 33 bits would be dropped, outside 0..=32"
    );
}

#[test]
fn registers_that_do_not_fit_the_columns() {
    let stochastic = |rounding| ArrayConfig { rounding, ..nearest(4) };
    assert_eq!(refusal(stochastic(short_lfsrs(3, 16))), "3 LFSR seeds for 4 columns");
    assert_eq!(
        refusal(stochastic(short_lfsrs(4, 8))),
        "an LFSR of 8 bits cannot fill the 14 bits that are dropped"
    );
    let ColumnRounding::Stochastic(mut lfsrs) = short_lfsrs(4, 16) else { unreachable!() };
    lfsrs.seeds[2] = 0;
    assert_eq!(
        refusal(stochastic(ColumnRounding::Stochastic(lfsrs))),
        "seed 0x0 is no nonzero state of 16 bits"
    );
}

#[test]
fn operands_in_another_format() {
    let config = config(4, 2, true, 1);
    let a = matrix(format(2, 14), 3, 3, Codes::Small, 0);
    assert_eq!(
        SystolicArray::new(config).unwrap().multiply(&a, &a).unwrap_err().to_string(),
        "operand A is in <2,14>, but the array was built for <4,12>"
    );
}

#[test]
#[should_panic(expected = "cannot multiply 2 × 3 by 4 × 5: inner dimensions differ")]
fn mismatched_shapes_are_named() {
    let (a, b) = (format(2, 14), format(2, 14));
    let _ = SystolicArray::new(nearest(2))
        .unwrap()
        .multiply(&matrix(a, 2, 3, Codes::Small, 0), &matrix(b, 4, 5, Codes::Small, 0));
}
