//! f32 products by faer, cut into fixed blocks so that threads cannot change the result.

use std::ops::Range;

use faer::linalg::matmul::matmul as faer_matmul;
use faer::{Accum, MatMut, MatRef};
use numerics::Par;

use crate::leaves::Leaves;

/// Rows of the result per block; depends on shapes only, never on threads.
const BLOCK_ROWS: usize = 256;

/// A row-major f32 matrix, or the transpose of one, as an operand.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    mat: MatRef<'a, f32>,
}

impl<'a> Operand<'a> {
    /// The row-major matrix `data` with `rows` rows.
    ///
    /// # Panics
    ///
    /// Unless there are `rows · cols` values.
    #[track_caller]
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        assert_eq!(
            data.len(),
            rows * cols,
            "{} values do not make a {rows} × {cols} matrix",
            data.len()
        );
        Self { mat: MatRef::from_row_major_slice(data, rows, cols) }
    }

    /// The transpose.
    #[must_use]
    pub fn t(self) -> Self {
        Self { mat: self.mat.transpose() }
    }

    /// `count` columns, starting with the column `first`.
    ///
    /// # Panics
    ///
    /// If there are not as many.
    #[must_use]
    #[track_caller]
    pub fn columns(self, first: usize, count: usize) -> Self {
        Self { mat: self.mat.subcols(first, count) }
    }

    /// `count` rows, starting with the row `first`.
    fn rows_from(self, first: usize, count: usize) -> Self {
        Self { mat: self.mat.subrows(first, count) }
    }

    fn rows(&self) -> usize {
        self.mat.nrows()
    }

    fn cols(&self) -> usize {
        self.mat.ncols()
    }
}

/// Writes A·B into the row-major `out`, or adds it if `add` is set.
///
/// The result does not depend on `par`: the rows are cut into the same blocks either way, and each
/// block is one sequential product.
///
/// # Panics
///
/// If the inner dimensions differ or `out` does not hold the product.
#[track_caller]
pub fn matmul(out: &mut [f32], a: Operand<'_>, b: Operand<'_>, add: bool, par: Par) {
    let (rows, cols) = (a.rows(), b.cols());
    assert_inner(&a, &b);
    assert_eq!(
        out.len(),
        rows * cols,
        "a {rows} × {cols} product does not fill {} values",
        out.len()
    );
    if out.is_empty() {
        return;
    }
    let accum = if add { Accum::Add } else { Accum::Replace };
    par.for_each_chunk(out, BLOCK_ROWS * cols, |block, out| {
        let rows = out.len() / cols;
        let a = a.mat.subrows(block * BLOCK_ROWS, rows);
        let out = MatMut::from_row_major_slice_mut(out, rows, cols);
        faer_matmul(out, accum, a, b.mat, 1.0, faer::Par::Seq);
    });
}

/// As [`matmul`], where the bits of a row do not depend on the number of rows.
///
/// faer multiplies a single row in another order, as a vector, and so it does where there are few products
/// altogether: such blocks get rows of zeros.
///
/// # Panics
///
/// As [`matmul`].
#[track_caller]
pub(crate) fn matmul_by_rows(out: &mut [f32], a: Operand<'_>, b: Operand<'_>, par: Par) {
    /// Products up to which faer has kernels of their own.
    const SMALL: usize = 16 * 16 * 16;
    let (cols, inner) = (b.cols(), a.cols());
    let enough = (SMALL / (cols * inner).max(1) + 1).max(2);
    assert_inner(&a, &b);
    par.for_each_chunk(out, (BLOCK_ROWS * cols).max(1), |block, out| {
        let rows = out.len() / cols;
        let a = a.rows_from(block * BLOCK_ROWS, rows);
        if rows >= enough {
            return matmul(out, a, b, false, Par::Seq);
        }
        let mut padded = vec![0.0; enough * inner];
        for (row, padded) in a.mat.row_iter().zip(padded.chunks_exact_mut(inner.max(1))) {
            padded.iter_mut().zip(row.iter()).for_each(|(padded, &x)| *padded = x);
        }
        let mut product = vec![0.0; enough * cols];
        let padded = MatRef::from_row_major_slice(&padded, enough, inner);
        let whole = MatMut::from_row_major_slice_mut(&mut product, enough, cols);
        faer_matmul(whole, Accum::Replace, padded, b.mat, 1.0, faer::Par::Seq);
        out.copy_from_slice(&product[..out.len()]);
    });
}

/// Writes Aᵀ·B into the row-major `out` as the sum over leaves, each of which has the rows of A and B
/// that `rows` says.
///
/// A few rows of the result at a time, so that their sums stay in a second-level cache.
///
/// # Panics
///
/// If A and B do not have the same rows or `out` does not hold the product.
#[track_caller]
pub(crate) fn sum_of_leaves(
    out: &mut [f32],
    (a, b): (Operand<'_>, Operand<'_>),
    leaves: &Leaves,
    rows: &[Range<usize>],
    par: Par,
) {
    /// Elements of a block of the result.
    const BLOCK: usize = 32 << 10;
    let cols = b.cols();
    assert_eq!(out.len(), a.cols() * cols, "the size of a sum over leaves");
    let block_rows = (BLOCK / cols.max(1)).clamp(1, BLOCK_ROWS);
    par.for_each_chunk(out, (block_rows * cols).max(1), |block, out| {
        let count = out.len() / cols;
        let a = a.columns(block * block_rows, count);
        leaves.fold(out, |leaf, out| {
            let Range { start, end } = rows[leaf];
            let (a, b) = (a.rows_from(start, end - start), b.rows_from(start, end - start));
            let out = MatMut::from_row_major_slice_mut(out, count, cols);
            faer_matmul(out, Accum::Replace, a.mat.transpose(), b.mat, 1.0, faer::Par::Seq);
        });
    });
}

/// Writes scale·A·B into columns of the row-major matrix `out`, whose rows have `width` columns,
/// starting with the column `first`; one sequential product.
///
/// # Panics
///
/// If the inner dimensions differ or the product does not fit into `out`.
#[track_caller]
pub(crate) fn matmul_into_columns(
    out: &mut [f32],
    (width, first): (usize, usize),
    scale: f32,
    a: Operand<'_>,
    b: Operand<'_>,
) {
    assert_inner(&a, &b);
    let out = MatMut::from_row_major_slice_mut(out, a.rows(), width).subcols_mut(first, b.cols());
    faer_matmul(out, Accum::Replace, a.mat, b.mat, scale, faer::Par::Seq);
}

#[track_caller]
fn assert_inner(a: &Operand<'_>, b: &Operand<'_>) {
    assert_eq!(
        a.cols(),
        b.rows(),
        "cannot multiply {} × {} by {} × {}",
        a.rows(),
        a.cols(),
        b.rows(),
        b.cols()
    );
}

#[cfg(test)]
mod tests {
    use numerics::Seed;
    use proptest::prelude::*;

    use super::*;

    fn values(name: &str, len: usize) -> Vec<f32> {
        let mut values = vec![0.0; len];
        Seed::new(3).child(name).stream().fill_gaussian(0, &mut values);
        values
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|x| x.to_bits()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// On small and large matrices, which faer multiplies by different kernels.
        #[test]
        fn the_bits_of_a_row_do_not_depend_on_the_others(
            rows in prop_oneof![1..40usize, 250..270usize, Just(513usize)],
            cols in prop_oneof![1..20usize, 100..140usize],
            inner in prop_oneof![1..20usize, 100..140usize, 500..530usize],
            transposed: bool, from in 0..100usize, count in 1..100usize,
        ) {
            let (from, to) = (from.min(rows - 1), (from.min(rows - 1) + count).min(rows));
            let (a, b) = (values("a", rows * inner), values("b", inner * cols));
            let b = if transposed {
                Operand::new(&b, cols, inner).t()
            } else {
                Operand::new(&b, inner, cols)
            };
            let mut whole = vec![0.0; rows * cols];
            matmul_by_rows(&mut whole, Operand::new(&a, rows, inner), b, Par::Seq);
            let mut part = vec![0.0; (to - from) * cols];
            let own = Operand::new(&a[from * inner..to * inner], to - from, inner);
            matmul_by_rows(&mut part, own, b, Par::Rayon);
            prop_assert_eq!(bits(&part), bits(&whole[from * cols..to * cols]));
        }

        /// Blocks of the result change nothing, and the sum is that of the products of the leaves.
        #[test]
        fn a_sum_of_leaves_is_that_of_their_products(
            count in 1..9usize, more in 0..40usize, outputs in 1..300usize, inputs in 1..300usize,
        ) {
            let rows = count + more;
            let leaves = Leaves::new(count, rows, &crate::processes::Processes::one());
            let ranges = leaves.rows(rows);
            let (a, b) = (values("a", rows * outputs), values("b", rows * inputs));
            let operands = (Operand::new(&a, rows, outputs), Operand::new(&b, rows, inputs));
            let sum = |par| {
                let mut sum = vec![0.0; outputs * inputs];
                sum_of_leaves(&mut sum, operands, &leaves, &ranges, par);
                sum
            };
            let fast = sum(Par::Seq);
            prop_assert_eq!(bits(&sum(Par::Rayon)), bits(&fast));
            for (index, &sum) in fast.iter().enumerate().step_by(7) {
                let (output, input) = (index / inputs, index % inputs);
                let term = |row: usize| {
                    f64::from(a[row * outputs + output]) * f64::from(b[row * inputs + input])
                };
                let naive: f64 = (0..rows).map(term).sum();
                let magnitude: f64 = (0..rows).map(|row| term(row).abs()).sum();
                let bound = rows as f64 * f64::from(f32::EPSILON) / 2.0 * magnitude;
                prop_assert!((f64::from(sum) - naive).abs() <= bound, "{} {}", sum, naive);
            }
        }
    }
}
