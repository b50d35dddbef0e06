//! The product as it is defined: the oracle of the fast path, and the path of words over 24 bits.

use crate::FixedView;

/// All sums Σ_k a_ik · b_kj.
pub(super) fn sums(a: &FixedView<'_>, b: &FixedView<'_>) -> Vec<i64> {
    let mut sums = vec![0; a.nrows * b.ncols];
    add_sums_of_rows(a, b, 0, &mut sums);
    sums
}

/// Adds the sums of the rows from `first_row` on, as many as `sums` has room for.
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
                *z += a_ik * i64::from(b.get(k, j));
            }
        }
    }
}
