//! The product as it is defined: the oracle of the fast path, and the path of words over 24 bits.

use crate::matrix::FixedView;

/// All sums b_j + Σ_k a_ik · b_kj.
#[cfg(test)]
pub(super) fn sums(a: &FixedView<'_>, b: &FixedView<'_>, bias: &[i64]) -> Vec<i128> {
    let element = |i: usize, j: usize| {
        let products = (0..a.ncols).map(|k| i128::from(a.get(i, k)) * i128::from(b.get(k, j)));
        i128::from(bias[j]) + products.sum::<i128>()
    };
    (0..a.nrows).flat_map(|i| (0..b.ncols).map(move |j| element(i, j))).collect()
}

/// The sums as 64-bit integers.
#[cfg(test)]
#[track_caller]
pub(super) fn in_64_bits(sums: Vec<i128>) -> Vec<i64> {
    let mut narrow = Vec::with_capacity(sums.len());
    for z in sums {
        match i64::try_from(z) {
            Ok(z) => narrow.push(z),
            Err(_) => panic!("the sum {z} does not fit 64 bits"),
        }
    }
    narrow
}

/// Adds the sums of the rows from `first_row` on, as many as `sums` has room for, modulo 2^64: what a
/// wrapping register needs, and exact for the others, whose sums are known to fit.
pub(super) fn add_sums_of_rows(
    a: &FixedView<'_>,
    b: &FixedView<'_>,
    first_row: usize,
    sums: &mut [i64],
) {
    for (i, row) in sums.chunks_mut(b.ncols.max(1)).enumerate() {
        for k in 0..a.ncols {
            let a_ik = i64::from(a.get(first_row + i, k));
            for (j, z) in row.iter_mut().enumerate() {
                *z = z.wrapping_add(a_ik * i64::from(b.get(k, j)));
            }
        }
    }
}
