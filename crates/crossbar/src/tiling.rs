//! Splits of a matrix that is larger than a tile.
//!
//! Source: [Rasch23 Methods, "tiles"]: as many tiles as needed, of roughly equal size; the first
//! ones take one more, as in AIHWKit 1.1.0, `tiles/array.py`.

use std::borrow::Cow;
use std::ops::Range;

/// Cuts 0..`size` into ⌈size/max⌉ ranges whose lengths differ by at most one.
///
/// # Examples
///
/// ```
/// assert_eq!(crossbar::split(1025, 512), [0..342, 342..684, 684..1025]);
/// assert_eq!(crossbar::split(512, 512), [0..512]);
/// ```
///
/// # Panics
///
/// If `size` or `max` is zero.
#[track_caller]
pub fn split(size: usize, max: usize) -> Vec<Range<usize>> {
    assert!(size > 0 && max > 0, "cannot cut {size} into parts of at most {max}");
    let parts = size.div_ceil(max);
    let (base, extra) = (size / parts, size % parts);
    let starts = (0..=parts).map(|i| i * base + i.min(extra));
    let starts: Vec<usize> = starts.collect();
    starts.windows(2).map(|w| w[0]..w[1]).collect()
}

/// Some columns of the rows of a matrix of `width` columns: what a tile holds, or its inputs.
///
/// # Panics
///
/// If the columns do not fit into a row.
#[track_caller]
pub fn columns_of<'a>(matrix: &'a [f32], width: usize, columns: &Range<usize>) -> Cow<'a, [f32]> {
    if columns.len() == width {
        return Cow::Borrowed(matrix);
    }
    let mut part = Vec::with_capacity(matrix.len() / width * columns.len());
    for row in matrix.chunks_exact(width) {
        part.extend_from_slice(&row[columns.clone()]);
    }
    Cow::Owned(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_equal_up_to_one_and_cover_everything_once() {
        for size in 1..200 {
            for max in 1..70 {
                let parts = split(size, max);
                assert_eq!(parts.len(), size.div_ceil(max));
                assert_eq!((parts[0].start, parts[parts.len() - 1].end), (0, size));
                assert!(parts.windows(2).all(|p| p[0].end == p[1].start));
                let lengths: Vec<usize> = parts.iter().map(Range::len).collect();
                assert!(lengths.windows(2).all(|l| l[0] >= l[1]));
                assert!(lengths[0] <= max && lengths[0] - lengths[lengths.len() - 1] <= 1);
            }
        }
    }
}
