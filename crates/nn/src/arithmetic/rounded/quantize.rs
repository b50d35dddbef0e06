//! [`Rounds`]: an operand before a product, and what comes after its sums.

use numerics::{
    BitSource, BlockShape, FloatQuantizer, Hadamard, Par, RandomHadamard, Seed, largest_finite,
};

use super::operand::{Bits, Matrix, Operand};
use crate::leaves::Leaves;

/// A rounded matrix, and the factor of its products.
#[derive(Clone, Debug)]
pub(super) struct Quantized {
    pub(super) values: Vec<f32>,
    pub(super) factor: f32,
}

/// The rounding of an operand after the transform of its product.
pub(super) struct Rounds<'a, O> {
    pub(super) operand: Option<&'a O>,
    pub(super) hadamard: Option<Hadamard>,
    /// Those that hold other rows of the matrix.
    pub(super) leaves: &'a Leaves,
    pub(super) par: Par,
}

impl<O: Operand> Rounds<'_, O> {
    /// The rounded matrix, in a buffer of `buffers`; `signs` names the signs of the transform, `past`
    /// is what past steps say of the scale.
    pub(super) fn of(
        &self,
        matrix: Matrix<'_>,
        bits: Bits<'_>,
        signs: &Seed,
        past: Option<f32>,
        buffers: &mut impl Buffers,
    ) -> Quantized {
        self.under(|largest| self.scale(largest, past), matrix, bits, signs, buffers)
    }

    /// As [`Self::of`], under the scale that `scale` makes of the largest magnitude here.
    pub(super) fn under(
        &self,
        scale: impl Fn(&dyn Fn() -> f32) -> f32,
        matrix: Matrix<'_>,
        bits: Bits<'_>,
        signs: &Seed,
        buffers: &mut impl Buffers,
    ) -> Quantized {
        let mut out = buffers.scratch(matrix.values.len());
        let Some(hadamard) = self.hadamard else {
            let scale = scale(&|| largest_finite(matrix.values));
            self.round(matrix, scale, bits, self.par, &mut out);
            return Quantized { values: out, factor: self.factor(scale) };
        };
        let mut transformed = buffers.scratch(matrix.values.len());
        transform(&hadamard.of(signs), matrix, &mut transformed, self.par);
        let scale = scale(&|| largest_finite(&transformed));
        let matrix = Matrix { values: &transformed, ..matrix };
        self.round(matrix, scale, bits, self.par, &mut out);
        buffers.recycle(transformed);
        Quantized { values: out, factor: self.factor(scale) }
    }

    /// The scale of a tensor, of which this process has rows with that largest magnitude.
    pub(super) fn scale(&self, largest: impl FnOnce() -> f32, past: Option<f32>) -> f32 {
        let largest = || self.leaves.largest(largest());
        self.operand.map_or(1.0, |operand| operand.scale(largest, past))
    }

    /// The largest magnitude of a matrix after its transform.
    pub(super) fn largest(
        &self,
        matrix: Matrix<'_>,
        signs: &Seed,
        buffers: &mut impl Buffers,
    ) -> f32 {
        let Some(hadamard) = self.hadamard else { return largest_finite(matrix.values) };
        let mut transformed = buffers.scratch(matrix.values.len());
        transform(&hadamard.of(signs), matrix, &mut transformed, self.par);
        let largest = largest_finite(&transformed);
        buffers.recycle(transformed);
        largest
    }

    /// By what products are multiplied under that scale.
    pub(super) fn factor(&self, scale: f32) -> f32 {
        self.operand.map_or(1.0, |operand| operand.factor(scale))
    }

    /// Rounds a matrix, or a part of one, under the scale of the whole.
    pub(super) fn round(
        &self,
        matrix: Matrix<'_>,
        scale: f32,
        bits: Bits<'_>,
        par: Par,
        out: &mut [f32],
    ) {
        match self.operand {
            Some(operand) => operand.round(matrix, scale, bits, par, out),
            None => out.copy_from_slice(matrix.values),
        }
    }
}

/// Transforms a matrix along the sum of its product.
pub(super) fn transform(hadamard: &RandomHadamard, matrix: Matrix<'_>, out: &mut [f32], par: Par) {
    let Matrix { values, rows, cols, sum } = matrix;
    out.copy_from_slice(values);
    transform_in_place(hadamard, out, (rows, cols), sum, par);
}

/// Transforms a row-major matrix along the sum of its product.
pub(super) fn transform_in_place(
    hadamard: &RandomHadamard,
    values: &mut [f32],
    (rows, cols): (usize, usize),
    sum: BlockShape,
    par: Par,
) {
    match sum {
        BlockShape::AlongColumns => hadamard.along_columns(values, rows, cols, par),
        _ => hadamard.along_rows(values, rows, cols, par),
    }
}

/// Where buffers come from and go to.
pub(super) trait Buffers {
    /// A buffer to be overwritten.
    fn scratch(&mut self, len: usize) -> Vec<f32>;
    /// Takes one back.
    fn recycle(&mut self, buffer: Vec<f32>);
}

impl Buffers for crate::arithmetic::multiply::Forward<'_> {
    fn scratch(&mut self, len: usize) -> Vec<f32> {
        self.scratch(len)
    }

    fn recycle(&mut self, buffer: Vec<f32>) {
        self.recycle(buffer);
    }
}

impl Buffers for crate::tape::Backward<'_> {
    fn scratch(&mut self, len: usize) -> Vec<f32> {
        self.scratch(len)
    }

    fn recycle(&mut self, buffer: Vec<f32>) {
        self.recycle(buffer);
    }
}

/// The buffers of an earlier step.
impl Buffers for Vec<Vec<f32>> {
    fn scratch(&mut self, len: usize) -> Vec<f32> {
        let mut buffer = self.pop().unwrap_or_default();
        buffer.resize(len, 0.0);
        buffer
    }

    fn recycle(&mut self, buffer: Vec<f32>) {
        self.push(buffer);
    }
}

/// Multiplies sums by the factor of their operands, adds a bias, and rounds.
pub(super) fn finish(
    y: &mut [f32],
    factor: f32,
    bias: Option<&[f32]>,
    output: Option<FloatQuantizer>,
    bits: impl FnOnce() -> (Seed, u64),
) {
    if factor != 1.0 {
        y.iter_mut().for_each(|y| *y *= factor);
    }
    if let Some(bias) = bias {
        for y in y.chunks_exact_mut(bias.len().max(1)) {
            y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
        }
    }
    if let Some(output) = output {
        let (name, first) = bits();
        output.convert_slice(y, name.stream().at(first));
    }
}
