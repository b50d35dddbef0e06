//! f32 products by faer, cut into fixed blocks so that threads cannot change the result.

use faer::linalg::matmul::matmul as faer_matmul;
use faer::{Accum, MatMut, MatRef};
use numerics::Par;

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
