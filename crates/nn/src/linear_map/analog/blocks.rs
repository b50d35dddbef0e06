//! Rows as tiles read them: those of a matrix as they lie, patches as windows of framed images.

use std::cell::RefCell;
use std::ops::Range;

use crossbar::{Inputs, Samples};

use super::super::plan::{Framed, Reader};
use super::super::rows::Rows;

thread_local! {
    /// Images of a block, for the next one.
    static FRAMED: RefCell<Framed> = RefCell::default();
}

/// The rows of x, block by block.
pub(super) struct Blocks<'a> {
    rows: &'a Rows,
    reader: Reader,
    x: &'a [f32],
}

impl<'a> Blocks<'a> {
    pub(super) fn new(rows: &'a Rows, x: &'a [f32]) -> Self {
        Self { rows, reader: rows.reader(), x }
    }
}

impl Samples for Blocks<'_> {
    fn count(&self, _: usize) -> usize {
        self.rows.count()
    }

    fn per_block(&self, target: usize) -> usize {
        self.rows.block_rows(target)
    }

    fn with_inputs<R>(
        &self,
        samples: Range<usize>,
        _: usize,
        use_inputs: impl FnOnce(Inputs<'_>) -> R,
    ) -> R {
        let mut framed = FRAMED.take();
        let result = self.reader.with_inputs(self.x, samples, &mut framed, use_inputs);
        FRAMED.set(framed);
        result
    }
}
