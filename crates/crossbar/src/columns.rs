//! [`columns_of`]: some columns of a matrix.

use std::borrow::Cow;
use std::ops::Range;

/// Some columns of the rows of a matrix of `width` columns: what a tile holds, or its inputs.
///
/// # Panics
///
/// If the columns do not fit into a row.
#[track_caller]
pub(crate) fn columns_of<'a>(
    matrix: &'a [f32],
    width: usize,
    columns: &Range<usize>,
) -> Cow<'a, [f32]> {
    if columns.len() == width {
        return Cow::Borrowed(matrix);
    }
    let mut part = Vec::with_capacity(matrix.len() / width * columns.len());
    for row in matrix.chunks_exact(width) {
        part.extend_from_slice(&row[columns.clone()]);
    }
    Cow::Owned(part)
}
