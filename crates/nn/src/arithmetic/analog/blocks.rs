//! Rows as tiles read them: those of a matrix as they lie, patches as windows of framed images.

use std::cell::RefCell;
use std::ops::Range;

use crossbar::{Inputs, Samples};

use crate::arithmetic::input::Input;
use crate::rows::plan::{Framed, Reader};

thread_local! {
    /// Images of a block, for the next one.
    static FRAMED: RefCell<Framed> = RefCell::default();
}

/// The rows of x, block by block.
pub(super) struct Blocks<'a> {
    x: Input<'a>,
    reader: Reader,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(x: &Input<'a>) -> Self {
        Self { x: *x, reader: x.rows.reader() }
    }
}

impl Samples for Blocks<'_> {
    fn count(&self, _: usize) -> usize {
        self.x.count()
    }

    fn per_block(&self, target: usize) -> usize {
        self.x.rows.block_rows(target)
    }

    fn with_inputs<R>(
        &self,
        samples: Range<usize>,
        _: usize,
        use_inputs: impl FnOnce(Inputs<'_>) -> R,
    ) -> R {
        let mut framed = FRAMED.take();
        let result = self.reader.with_inputs(self.x.values, samples, &mut framed, use_inputs);
        FRAMED.set(framed);
        result
    }
}
