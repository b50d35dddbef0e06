//! [`Observer`]: sees what enters the tiles of each layer, and what they make of it.

use std::any::Any;
use std::fmt::Debug;

use crossbar::Saturation;

use crate::rows::Rows;

/// Sees every product of tiles of a [`Workspace`](crate::Workspace).
pub trait Observer: Any + Debug + Send {
    /// Sees one product, after it was done.
    fn see(&mut self, product: &TileProduct<'_>);

    /// Whether input ranges are being found: then weights have no injected noise, and each product
    /// takes the range of its own input.
    fn calibrates(&self) -> bool {
        false
    }
}

/// One use of a matrix on tiles: what went in, what came out, what was clipped.
#[derive(Clone, Copy, Debug)]
pub struct TileProduct<'a> {
    pub(crate) layer: &'a str,
    pub(crate) input: &'a [f32],
    pub(crate) rows: &'a Rows,
    pub(crate) output: &'a [f32],
    pub(crate) saturation: Saturation,
}

impl<'a> TileProduct<'a> {
    /// The layer.
    pub fn layer(&self) -> &'a str {
        self.layer
    }

    /// The input as it lies in memory: the rows of a matrix, or images whose patches are the rows.
    pub fn input(&self) -> &'a [f32] {
        self.input
    }

    /// The output with its bias, (rows, out).
    pub fn output(&self) -> &'a [f32] {
        self.output
    }

    /// What was clipped: inputs counted at the DAC of every tile, outputs at its ADC. A value of an
    /// image that is converted once for many windows counts once.
    pub fn saturation(&self) -> Saturation {
        self.saturation
    }

    /// Number of rows: products of the matrix with a vector.
    pub fn count(&self) -> usize {
        self.rows.count()
    }

    /// The rows that were multiplied, (rows, in); those of images are gathered.
    pub fn rows(&self) -> Vec<f32> {
        let mut rows = Vec::new();
        self.rows.reader().with_rows(
            self.input,
            0..self.rows.count(),
            &mut Default::default(),
            |x| rows.extend_from_slice(x),
        );
        rows
    }
}

/// One use of a linear map, as [`Workspace::survey`](crate::Workspace::survey) finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapUse {
    /// The layer.
    pub layer: String,
    /// Length of y.
    pub outputs: usize,
    /// Length of x.
    pub inputs: usize,
    /// Of those, how many belong to one channel: the taps of a convolution, or 1.
    pub taps: usize,
    /// Rows of x: products of the matrix with a vector.
    pub rows: usize,
}
