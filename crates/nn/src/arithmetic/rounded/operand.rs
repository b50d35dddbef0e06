//! [`Operand`]: how a matrix is rounded before it is multiplied.

use std::fmt::Debug;

use numerics::{BlockShape, Par, Seed};

/// The rounding of one operand of a product.
pub(crate) trait Operand: Copy + Debug + PartialEq + Send + Sync + 'static {
    /// Whether each element is rounded by itself, wherever it stands. Then an image is rounded in the
    /// place of its patches.
    const ELEMENTWISE: bool;

    /// Past largest magnitudes that the scale looks at, if it is of those.
    fn window(&self) -> Option<usize> {
        None
    }

    /// Whether a matrix becomes the same numbers for a product that sums over its columns as for one
    /// that sums over its rows.
    fn same_both_ways(&self) -> bool;

    /// A matrix may be cut along the sum at multiples of it, and becomes the same numbers.
    fn unit(&self) -> usize;

    /// The scale of a whole tensor from its largest magnitude, or from that of `past` steps.
    fn scale(&self, largest: impl FnOnce() -> f32, past: Option<f32>) -> f32;

    /// By what a product of the rounded numbers is multiplied: the numbers themselves have few bits,
    /// so that products of two are exact in f32.
    fn factor(&self, scale: f32) -> f32;

    /// Writes what a row-major matrix, or a part of one, becomes under the scale of the whole.
    fn round(&self, matrix: Matrix<'_>, scale: f32, bits: Bits<'_>, par: Par, out: &mut [f32]);
}

/// A row-major matrix that is about to be multiplied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// Blocks of this shape lie along the dimension that the product sums over.
    pub(crate) sum: BlockShape,
}

/// The random bits of an operand: those of a name, from a position on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits<'a> {
    pub(crate) name: &'a Seed,
    pub(crate) first: u64,
}
