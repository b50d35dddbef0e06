//! [`Pass`] and [`Run`]: randomness, threads, mode and step, as one value.

use numerics::{Par, Seed, StreamName};

/// What everything that draws or computes is told: where randomness comes from, and whether threads
/// may be used. Neither the clock nor the number of threads changes a result.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The seed.
    pub seed: Seed,
    /// Whether kernels may use threads.
    pub par: Par,
}

impl Run {
    /// A seed, and whether threads may be used.
    pub fn new(seed: &Seed, par: Par) -> Self {
        Self { seed: *seed, par }
    }

    /// The same under a child of the seed.
    #[must_use]
    pub fn child(self, name: impl StreamName) -> Self {
        Self { seed: self.seed.child(name), ..self }
    }
}

/// What a pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Values are kept for the backward pass.
    Train,
    /// Nothing is kept.
    Eval,
    /// As in evaluation, but on the examples as training sees them, augmented: what a teacher says
    /// of them. See [`Distilled`](crate::Distilled).
    Teach,
}

/// What one forward (and backward) pass is told from outside: randomness, mode, threads.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// The seed of this pass; every layer takes children of it by its own name.
    pub seed: Seed,
    /// Index of the batch's first row in whatever the seed covers, so that a batch may be split.
    pub first_row: u64,
    /// Number of the mini-batch since training began, counted from 0; 0 in evaluation.
    pub step: u64,
    /// What it is for.
    pub mode: Mode,
    /// Whether kernels may use threads.
    pub par: Par,
}
