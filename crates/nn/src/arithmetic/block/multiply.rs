//! How a matrix becomes blocks that lie along the sum of a product.

use numerics::{BitSource, Par};

use super::config::BlockOperand;
use crate::arithmetic::rounded::operand::{Bits, Matrix, Operand};

impl Operand for BlockOperand {
    const ELEMENTWISE: bool = false;

    fn same_both_ways(&self) -> bool {
        self.square && !self.quantizer.rounding.is_stochastic()
    }

    fn unit(&self) -> usize {
        self.quantizer.format.block
    }

    fn scale(&self, largest: impl FnOnce() -> f32, _: Option<f32>) -> f32 {
        if self.quantizer.tensor_scale {
            self.quantizer.tensor_scale_of(largest())
        } else {
            self.quantizer.fixed_tensor_scale()
        }
    }

    fn factor(&self, scale: f32) -> f32 {
        scale
    }

    fn round(&self, matrix: Matrix<'_>, scale: f32, bits: Bits<'_>, par: Par, out: &mut [f32]) {
        let Matrix { values, rows, cols, sum } = matrix;
        let layout = self.shape(sum).of(rows, cols);
        let source = bits.name.stream();
        self.quantizer.decode_scaled_into(values, layout, scale, source.at(bits.first), par, out);
    }
}
