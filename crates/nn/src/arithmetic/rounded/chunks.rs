//! [`Chunks`]: patches of images as the rows of a matrix, some rows at a time.
//!
//! The rows of a whole batch are many times its images; a few stay in the second-level cache while
//! they are transformed, rounded and multiplied.

use std::cell::RefCell;
use std::ops::Range;

use numerics::{BlockShape, Par, RandomHadamard, largest_finite};

use super::operand::Matrix;
use super::quantize::transform_in_place;
use crate::arithmetic::input::Input;
use crate::rows::plan::{Gathered, Reader};

/// Elements of a quarter of a second-level cache.
const CACHE: usize = 64 << 10;
/// Rows from which a product is long enough, however wide they are.
const ROWS: usize = 256;

/// Buffers of a thread, for one chunk after another.
#[derive(Default)]
struct Scratch {
    gathered: Gathered<f32>,
    out: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The rows of patches, in chunks.
pub(super) struct Chunks<'a> {
    input: &'a Input<'a>,
    reader: Reader,
    /// Rows of a chunk; the last one may have fewer.
    pub(super) rows: usize,
    hadamard: Option<RandomHadamard>,
    sum: BlockShape,
}

impl<'a> Chunks<'a> {
    /// Chunks of a multiple of `unit` rows.
    ///
    /// # Panics
    ///
    /// If the rows are those of a matrix.
    pub(super) fn new(
        input: &'a Input<'a>,
        unit: usize,
        hadamard: Option<RandomHadamard>,
        sum: BlockShape,
    ) -> Self {
        assert!(input.is_patches(), "rows of a matrix lie in memory as they are");
        let rows = (CACHE / input.inputs().max(1)).max(ROWS) / unit * unit;
        Self { input, reader: input.rows.reader(), rows: rows.max(unit), hadamard, sum }
    }

    /// All rows as one chunk.
    pub(super) fn whole(mut self) -> Self {
        self.rows = self.input.count().max(1);
        self
    }

    /// Calls `use_rows(rows, matrix, buffer)` with the transformed rows of a chunk and a buffer of as
    /// many elements.
    pub(super) fn with<R>(
        &self,
        index: usize,
        use_rows: impl FnOnce(Range<usize>, Matrix<'_>, &mut [f32]) -> R,
    ) -> R {
        let first = index * self.rows;
        let rows = first..(first + self.rows).min(self.input.count());
        // Taken, not borrowed: while threads are waited for, this one may begin another chunk.
        let mut scratch = SCRATCH.take();
        let Scratch { gathered, out } = &mut scratch;
        let values = self.reader.gather(self.input.values, rows.clone(), gathered);
        let values = values.expect("patches are gathered");
        let (count, cols) = (rows.len(), self.input.inputs());
        if let Some(hadamard) = &self.hadamard {
            transform_in_place(hadamard, values, (count, cols), self.sum, Par::Seq);
        }
        let matrix = Matrix { values, rows: count, cols, sum: self.sum };
        // It only grows, so that little of it is cleared in vain.
        out.resize(out.len().max(values.len()), 0.0);
        let result = use_rows(rows, matrix, &mut out[..values.len()]);
        SCRATCH.set(scratch);
        result
    }

    /// Number of chunks.
    pub(super) fn count(&self) -> usize {
        self.input.count().div_ceil(self.rows)
    }

    /// The largest magnitude of all transformed rows; without a transform, of the images.
    pub(super) fn largest(&self, par: Par) -> f32 {
        if self.hadamard.is_none() {
            return largest_finite(self.input.values);
        }
        let mut maxima = vec![0.0; self.count()];
        par.for_each_chunk(&mut maxima, 1, |index, max| {
            max[0] = self.with(index, |_, matrix, _| largest_finite(matrix.values));
        });
        maxima.into_iter().fold(0.0, f32::max)
    }
}
