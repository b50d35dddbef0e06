//! [`Samples`]: inputs that matrices on tiles read block by block.

use std::ops::Range;

use crate::periphery::{Inputs, Windows};

/// Samples of one unit of work: about as many as fill the second-level cache.
pub(crate) const BLOCK: usize = 480;

/// Samples that are made rows or windows a block at a time, so that no more of them than a block
/// has to be in that form at once.
pub trait Samples: Sync {
    /// Number of samples of `inputs` values.
    ///
    /// # Panics
    ///
    /// If they have not that many values.
    fn count(&self, inputs: usize) -> usize;

    /// About `target` samples, at least one: what may be read at once starts and ends at multiples
    /// of it.
    fn per_block(&self, target: usize) -> usize;

    /// Calls `use_inputs` with the samples of a block, which have `inputs` values.
    fn with_inputs<R>(
        &self,
        samples: Range<usize>,
        inputs: usize,
        use_inputs: impl FnOnce(Inputs<'_>) -> R,
    ) -> R;
}

impl Samples for Inputs<'_> {
    #[track_caller]
    fn count(&self, inputs: usize) -> usize {
        self.samples(inputs)
    }

    fn per_block(&self, target: usize) -> usize {
        let together = match self {
            Self::Rows(_) => 1,
            Self::Windows(windows) => windows.starts.len().max(1),
        };
        (target / together).max(1) * together
    }

    fn with_inputs<R>(
        &self,
        samples: Range<usize>,
        inputs: usize,
        use_inputs: impl FnOnce(Inputs<'_>) -> R,
    ) -> R {
        match self {
            Self::Rows(x) => {
                use_inputs(Inputs::Rows(&x[samples.start * inputs..samples.end * inputs]))
            }
            Self::Windows(windows) => {
                let (each, len) = (windows.starts.len().max(1), windows.image_len);
                let images = &windows.images[samples.start / each * len..samples.end / each * len];
                use_inputs(Inputs::Windows(Windows { images, ..*windows }))
            }
        }
    }
}
