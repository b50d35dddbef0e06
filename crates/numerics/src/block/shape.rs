//! [`BlockShape`] and [`BlockLayout`]: which elements of a matrix share a scale.

use std::ops::Range;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

/// Which elements of a row-major matrix share a scale, n being the block of the format.
///
/// The last blocks of a row or column are cut where the matrix ends.
///
/// Source: NVIDIA 2025, arXiv:2509.25149 §3: operands in blocks along the dimension that a product
/// sums over, weights in square blocks, so that a matrix and its transpose are the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum BlockShape {
    /// 1 × n: neighbours in a row.
    AlongRows,
    /// n × 1: neighbours in a column.
    AlongColumns,
    /// n × n.
    Square,
}

impl BlockShape {
    /// Blocks of this shape in a (`rows`, `cols`) matrix.
    pub const fn of(self, rows: usize, cols: usize) -> BlockLayout {
        BlockLayout { shape: self, rows, cols }
    }

    /// The shape of the same blocks in the transposed matrix.
    pub const fn transposed(self) -> Self {
        match self {
            Self::AlongRows => Self::AlongColumns,
            Self::AlongColumns => Self::AlongRows,
            Self::Square => Self::Square,
        }
    }

    /// Rows and columns of one whole block of `n`.
    pub const fn block(self, n: usize) -> (usize, usize) {
        match self {
            Self::AlongRows => (1, n),
            Self::AlongColumns => (n, 1),
            Self::Square => (n, n),
        }
    }
}

/// A row-major matrix cut into blocks: see [`BlockShape::of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockLayout {
    /// Which elements share a scale.
    pub shape: BlockShape,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
}

impl BlockLayout {
    /// Rows and columns of blocks of `n`.
    pub const fn grid(self, n: usize) -> (usize, usize) {
        let (height, width) = self.shape.block(n);
        (self.rows.div_ceil(height), self.cols.div_ceil(width))
    }

    /// The blocks of the transposed matrix.
    pub const fn transposed(self) -> Self {
        self.shape.transposed().of(self.cols, self.rows)
    }

    /// The rows and columns of every block of `n`, row by row.
    pub(super) fn blocks(self, n: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        let (height, width) = self.shape.block(n);
        let (grid_rows, grid_cols) = self.grid(n);
        let range = |i: usize, len: usize, end: usize| i * len..(i * len + len).min(end);
        (0..grid_rows).flat_map(move |i| {
            (0..grid_cols).map(move |j| (range(i, height, self.rows), range(j, width, self.cols)))
        })
    }

    /// The indices of the elements of a block, row by row.
    pub(super) fn elements(
        self,
        (rows, cols): &(Range<usize>, Range<usize>),
    ) -> impl Iterator<Item = usize> + Clone {
        let cols = cols.clone();
        rows.clone().flat_map(move |r| cols.clone().map(move |c| r * self.cols + c))
    }

    /// Refuses, at the caller's line, a matrix of another number of elements.
    #[track_caller]
    pub(super) fn assert_holds(self, len: usize) {
        let Self { rows, cols, .. } = self;
        assert!(
            rows.checked_mul(cols) == Some(len),
            "{len} values are no matrix of {rows} rows and {cols} columns"
        );
    }
}
