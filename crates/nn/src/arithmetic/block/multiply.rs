//! How a matrix becomes blocks that lie along the sum of a product.

use numerics::{BitSource, Par};

use super::config::BlockOperand;
use crate::arithmetic::rounded::operand::{Bits, Matrix, Operand};

impl Operand for BlockOperand {
    const ELEMENTWISE: bool = false;

    fn same_both_ways(&self) -> bool {
        self.square && !self.quantizer.rounding.is_stochastic()
    }

    fn round(&self, matrix: Matrix<'_>, bits: Bits<'_>, par: Par, out: &mut [f32]) -> f32 {
        let Matrix { values, rows, cols, sum, .. } = matrix;
        let layout = self.shape(sum).of(rows, cols);
        let source = bits.name.stream();
        self.quantizer.decode_into(values, layout, source.at(bits.first), par, out)
    }
}
