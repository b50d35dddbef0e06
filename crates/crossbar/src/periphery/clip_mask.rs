//! [`ClipMask`]: which numbers a converter clipped, for gradients that stop there.

use super::layout::LANES;
use super::simd::Kernel;

/// One bit for every element of a (batch, columns) matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClipMask {
    columns: usize,
    /// Rows of ⌈columns / 16⌉ words, the lowest bit first; no bit is set beyond the last column.
    words: Vec<u16>,
}

impl ClipMask {
    /// Whether the element was clipped.
    ///
    /// # Panics
    ///
    /// If there is no such element.
    #[track_caller]
    pub fn is_clipped(&self, row: usize, column: usize) -> bool {
        let columns = self.columns;
        assert!(column < columns, "column {column} of a mask with {columns} columns");
        self.words[row * self.stride() + column / LANES] >> (column % LANES) & 1 == 1
    }

    /// The columns of the clipped elements of a row, in their order.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    #[track_caller]
    pub fn clipped_in(&self, row: usize) -> impl Iterator<Item = usize> {
        let words = &self.words[row * self.stride()..][..self.stride()];
        words.iter().enumerate().filter(|(_, word)| **word != 0).flat_map(|(at, &word)| {
            (0..LANES).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * LANES + bit)
        })
    }

    /// Number of clipped elements.
    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        if self.columns == 0 { 0 } else { self.words.len() / self.stride() }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.rows() * self.columns
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets the clipped elements of a matrix of the mask's shape to zero: the straight-through
    /// gradient of a quantiser that clips.
    ///
    /// # Panics
    ///
    /// If the shape differs.
    #[track_caller]
    pub fn zero_clipped(&self, values: &mut [f32]) {
        self.zero_clipped_columns(values, self.columns, 0);
    }

    /// [`Self::zero_clipped`] for a mask of the columns from `first` on of a matrix of rows of
    /// `width` values.
    ///
    /// # Panics
    ///
    /// If the shape differs, or the columns do not fit into a row.
    #[track_caller]
    pub fn zero_clipped_columns(&self, values: &mut [f32], width: usize, first: usize) {
        let (rows, columns) = (self.rows(), self.columns);
        assert_eq!(
            values.len(),
            rows * width,
            "{} values for a mask of {rows} × {columns} in rows of {width}",
            values.len(),
        );
        assert!(first + columns <= width, "columns {first} + {columns} of rows of {width}");
        let stride = self.stride().max(1);
        for (row, words) in
            values.chunks_exact_mut(width.max(1)).zip(self.words.chunks_exact(stride))
        {
            for (values, &word) in row[first..first + columns].chunks_mut(LANES).zip(words) {
                if word != 0 {
                    for (bit, value) in values.iter_mut().enumerate() {
                        if word >> bit & 1 == 1 {
                            *value = 0.0;
                        }
                    }
                }
            }
        }
    }

    fn stride(&self) -> usize {
        self.columns.div_ceil(LANES)
    }

    /// Clears every bit.
    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Makes room for a matrix, every bit being clear.
    pub(super) fn reset(&mut self, rows: usize, columns: usize) {
        self.columns = columns;
        self.words.clear();
        self.words.resize(rows * self.stride(), 0);
    }

    /// The words of `rows` rows at a time.
    pub(super) fn chunks_mut(&mut self, rows: usize) -> impl Iterator<Item = &mut [u16]> {
        let stride = self.stride();
        self.words.chunks_mut((rows * stride).max(1))
    }
}

/// Where the inputs of one sample lie beyond the range; the condition of `Convert`.
pub(super) struct Beyond<'a> {
    pub(super) x: &'a [f32],
    pub(super) scale: f32,
    pub(super) low: f32,
    pub(super) high: f32,
    pub(super) words: &'a mut [u16],
}

impl Kernel for Beyond<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (x, word) in self.x.chunks(LANES).zip(self.words) {
            let mut bits = [0u16; LANES];
            for (i, (&x, bit)) in x.iter().zip(&mut bits).enumerate() {
                *bit = u16::from(is_beyond(x * self.scale, self.low, self.high)) << i;
            }
            *word = bits.iter().fold(0, |word, bit| word | bit);
        }
    }
}

/// Whether an input in units of codes lies beyond the range.
#[inline(always)]
pub(super) fn is_beyond(k: f32, low: f32, high: f32) -> bool {
    // Division may round an input at the end of the range one place beyond it.
    let beyond = |end: f32| end * (1.0 + f32::EPSILON);
    k > beyond(high) || k < beyond(low) || k.is_nan()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipped_elements_become_zero_and_no_others() {
        let mut mask = ClipMask::default();
        mask.reset(2, 19);
        for (row, words) in mask.chunks_mut(1).enumerate() {
            words[1] = 1 << row;
        }
        assert_eq!(mask.count(), 2);
        let mut values: Vec<f32> = (1..=38).map(|i| i as f32).collect();
        mask.zero_clipped(&mut values);
        for row in 0..2 {
            for column in 0..19 {
                let clipped = column == 16 + row;
                assert_eq!(mask.is_clipped(row, column), clipped);
                assert_eq!(values[row * 19 + column] == 0.0, clipped);
            }
        }
    }

    #[test]
    fn an_empty_mask_fits_an_empty_matrix() {
        let mut mask = ClipMask::default();
        mask.zero_clipped(&mut []);
        mask.reset(0, 5);
        mask.zero_clipped(&mut []);
        assert_eq!(mask.count(), 0);
    }
}
