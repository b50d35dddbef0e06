//! f32 products by faer, cut into fixed blocks so that threads cannot change the result.

use faer::linalg::matmul::matmul as faer_matmul;
use faer::{Accum, MatMut, MatRef};
use numerics::Par;

/// Rows of the result per block; depends on shapes only, never on threads.
const BLOCK_ROWS: usize = 256;

/// A row-major f32 matrix, or the transpose of one, as an operand.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    transposed: bool,
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
        Self { data, rows, cols, transposed: false }
    }

    /// The transpose.
    #[must_use]
    pub fn t(self) -> Self {
        Self { rows: self.cols, cols: self.rows, transposed: !self.transposed, ..self }
    }

    fn as_mat(&self) -> MatRef<'a, f32> {
        if self.transposed {
            MatRef::from_row_major_slice(self.data, self.cols, self.rows).transpose()
        } else {
            MatRef::from_row_major_slice(self.data, self.rows, self.cols)
        }
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
    assert_eq!(
        a.cols, b.rows,
        "cannot multiply {} × {} by {} × {}",
        a.rows, a.cols, b.rows, b.cols
    );
    assert_eq!(
        out.len(),
        a.rows * b.cols,
        "a {} × {} product does not fill {} values",
        a.rows,
        b.cols,
        out.len()
    );
    if out.is_empty() {
        return;
    }
    let accum = if add { Accum::Add } else { Accum::Replace };
    par.for_each_chunk(out, BLOCK_ROWS * b.cols, |block, out| {
        let rows = out.len() / b.cols;
        let a = a.as_mat().subrows(block * BLOCK_ROWS, rows);
        let out = MatMut::from_row_major_slice_mut(out, rows, b.cols);
        faer_matmul(out, accum, a, b.as_mat(), 1.0, faer::Par::Seq);
    });
}
