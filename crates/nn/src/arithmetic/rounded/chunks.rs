//! [`Chunks`]: patches of images as the rows of a matrix, a few images at a time.
//!
//! The rows of a whole batch are many times its images; those of a few images stay in the second-level
//! cache while they are transformed, rounded and multiplied.

use std::cell::RefCell;
use std::ops::Range;

use numerics::{BlockShape, Par, RandomHadamard};

use super::operand::{Matrix, largest};
use super::quantize::transform;
use crate::arithmetic::input::Input;
use crate::rows::plan::{Gathered, Reader};

/// Elements of about half a second-level cache.
const CACHE: usize = 96 << 10;

/// Buffers of a thread, for one chunk after another.
#[derive(Default)]
struct Scratch {
    gathered: Gathered<f32>,
    transformed: Vec<f32>,
    out: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The rows of patches, in chunks of whole images.
pub(super) struct Chunks<'a> {
    input: &'a Input<'a>,
    reader: Reader,
    /// Rows of a chunk; the last one may have fewer.
    pub(super) rows: usize,
    hadamard: Option<RandomHadamard>,
    sum: BlockShape,
}

impl<'a> Chunks<'a> {
    /// Chunks of a multiple of `unit` rows, where whole images can have that; and otherwise one.
    pub(super) fn new(
        input: &'a Input<'a>,
        unit: usize,
        hadamard: Option<RandomHadamard>,
        sum: BlockShape,
    ) -> Self {
        let batch = input.rows.batch().max(1);
        let per_image = (input.count() / batch).max(1);
        let wanted = (CACHE / (per_image * input.inputs()).max(1)).max(1);
        let fits = |images: &usize| (images * per_image).is_multiple_of(unit);
        let images = (wanted..batch).find(fits).unwrap_or(batch);
        Self { input, reader: input.rows.reader(), rows: images * per_image, hadamard, sum }
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
        let Scratch { gathered, transformed, out } = &mut scratch;
        let result = self.reader.with_rows(self.input.values, rows.clone(), gathered, |values| {
            let (count, cols) = (rows.len(), self.input.inputs());
            let matrix = Matrix { values, rows: count, cols, sum: self.sum };
            out.resize(values.len(), 0.0);
            let Some(hadamard) = &self.hadamard else { return use_rows(rows, matrix, out) };
            transformed.resize(values.len(), 0.0);
            transform(hadamard, matrix, transformed, Par::Seq);
            use_rows(rows, Matrix { values: transformed, ..matrix }, out)
        });
        SCRATCH.set(scratch);
        result
    }

    /// Number of chunks.
    pub(super) fn count(&self) -> usize {
        self.input.count().div_ceil(self.rows)
    }

    /// The largest magnitude of all transformed rows; without a transform, of the images.
    pub(super) fn largest(&self) -> f32 {
        if self.hadamard.is_none() {
            return largest(self.input.values);
        }
        let chunks = 0..self.count();
        chunks.fold(0.0, |max, i| max.max(self.with(i, |_, matrix, _| largest(matrix.values))))
    }
}
