//! [`Input`]: the rows that a linear map multiplies, as they lie in memory.

use std::ops::Range;

use crate::pass::Pass;
use crate::rows::{Patches, Rows};

/// The rows of a matrix, or images whose patches are the rows.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The values as they lie in memory.
    pub values: &'a [f32],
    pub(crate) rows: Rows,
    /// Whether the batch is cut into leaves: then no row of a product looks at how many there are.
    pub(crate) in_leaves: bool,
}

impl<'a> Input<'a> {
    /// A matrix of that many rows, which belong to `batch` items of the batch in equal parts.
    ///
    /// # Panics
    ///
    /// Unless the rows have one length.
    #[track_caller]
    pub fn matrix(values: &'a [f32], batch: usize, rows: usize) -> Self {
        let inputs = values.len() / rows.max(1);
        assert_eq!(inputs * rows, values.len(), "{} values in {rows} rows", values.len());
        Self { values, rows: Rows::Matrix { batch, rows, inputs }, in_leaves: false }
    }

    /// Number of rows: products of the matrix with a vector.
    pub fn count(&self) -> usize {
        self.rows.count()
    }

    /// Length of a row.
    pub fn inputs(&self) -> usize {
        self.rows.inputs()
    }

    /// Whether the values are images, whose patches are the rows.
    pub fn is_patches(&self) -> bool {
        !self.rows.is_matrix()
    }

    /// The same rows of other values, as the rounded ones of an arithmetic.
    ///
    /// # Panics
    ///
    /// Unless there are as many.
    #[must_use]
    #[track_caller]
    pub fn with_values<'b>(&self, values: &'b [f32]) -> Input<'b> {
        assert_eq!(values.len(), self.values.len(), "as many values as before");
        Input { values, ..*self }
    }

    /// The rows, (count, inputs): those of images are gathered.
    pub fn gathered(&self) -> std::borrow::Cow<'a, [f32]> {
        if self.rows.is_matrix() {
            return self.values.into();
        }
        let mut gathered = Vec::with_capacity(self.count() * self.inputs());
        self.rows.each_block(self.values, |_, block| gathered.extend_from_slice(block));
        gathered.into()
    }

    /// Some of the rows: a range that begins and ends with items of the batch.
    #[must_use]
    pub fn part(&self, rows: Range<usize>) -> Self {
        let per_item = self.count() / self.rows.batch().max(1);
        let values_per_item = self.values.len() / self.rows.batch().max(1);
        let items = rows.start / per_item.max(1)..rows.end / per_item.max(1);
        let values = &self.values[items.start * values_per_item..items.end * values_per_item];
        let rows = match self.rows {
            Rows::Matrix { inputs, .. } => {
                Rows::Matrix { batch: items.len(), rows: rows.len(), inputs }
            }
            Rows::Patches(patches) => Rows::Patches(Patches { batch: items.len(), ..patches }),
        };
        Self { values, rows, ..*self }
    }

    /// Position of the first of `len` elements that belong to the rows' batch, in streams that
    /// cover all batches of a pass: so a batch may be split.
    pub fn first_position(&self, pass: &Pass, len: usize) -> u64 {
        pass.first_row * (len / self.rows.batch().max(1)) as u64
    }
}
