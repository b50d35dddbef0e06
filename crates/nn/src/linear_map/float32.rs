//! The four actions of a linear map in f32: products by faer over blocks of rows.

use numerics::Par;

use super::rows::{Patches, Rows, rearrange};
use super::{LinearMap, Operand};
use crate::float_gemm::{Operand as Matrix, matmul};
use crate::{Parameters, Pass, Storage};

pub(super) fn storage(values: &[f32]) -> Storage {
    Storage::Float { values: values.to_vec(), increment: None }
}

/// y = x·Wᵀ + b.
pub(super) fn forward(
    map: &LinearMap,
    parameters: &Parameters,
    x: &[f32],
    rows: &Rows,
    y: &mut [f32],
    pass: &Pass,
) -> Operand {
    product(x, rows, parameters.get(map.weight).float(), map.outputs, y, pass.par);
    if let Some(bias) = map.bias {
        let bias = parameters.get(bias).float();
        for row in y.chunks_exact_mut(map.outputs) {
            row.iter_mut().zip(bias).for_each(|(y, &b)| *y += b);
        }
    }
    Operand::Tape
}

/// Adds δᵀ·x and Σδ to the gradients of W and b.
pub(super) fn accumulate_gradient(
    map: &LinearMap,
    parameters: &mut Parameters,
    x: &[f32],
    rows: &Rows,
    errors: &[f32],
    pass: &Pass,
) {
    parameters.get_mut(map.weight).accumulate(|gradient, add| {
        gradient_product(x, rows, errors, map.outputs, gradient, add, pass.par);
    });
    map.accumulate_bias(parameters, |out| {
        for row in errors.chunks_exact(map.outputs) {
            out.iter_mut().zip(row).for_each(|(g, &d)| *g += d);
        }
    });
}

/// dx = δ·W.
pub(super) fn propagate(
    map: &LinearMap,
    parameters: &Parameters,
    rows: &Rows,
    errors: &[f32],
    dx: &mut [f32],
    pass: &Pass,
) {
    let weight = parameters.get(map.weight).float();
    match rows {
        Rows::Matrix { rows, inputs, .. } => {
            let w = Matrix::new(weight, map.outputs, *inputs);
            matmul(dx, Matrix::new(errors, *rows, map.outputs), w, false, pass.par);
        }
        Rows::Patches(patches) => {
            let rearranged = transposed_weights(patches, weight, map.outputs);
            let rows = Rows::Patches(patches.transposed(map.outputs));
            product(errors, &rows, &rearranged, patches.channels(), dx, pass.par);
        }
    }
}

fn transposed_weights(patches: &Patches, weight: &[f32], outputs: usize) -> Vec<f32> {
    rearrange(weight, outputs, patches.taps(), patches.channels())
}

/// y = rows(x)·wᵀ.
fn product(x: &[f32], rows: &Rows, w: &[f32], outputs: usize, y: &mut [f32], par: Par) {
    let inputs = rows.inputs();
    let w = Matrix::new(w, outputs, inputs).t();
    if let Rows::Matrix { rows, .. } = rows {
        return matmul(y, Matrix::new(x, *rows, inputs), w, false, par);
    }
    let block_rows = rows.block_rows(4);
    par.for_each_chunk(y, (block_rows * outputs).max(1), |block, y| {
        let (first, count) = (block * block_rows, y.len() / outputs);
        let mut buffer = Vec::new();
        let x = rows.block(x, first..first + count, &mut buffer);
        matmul(y, Matrix::new(x, count, inputs), w, false, Par::Seq);
    });
}

/// Writes δᵀ·rows(x) to `gradient`, or adds it.
///
/// Rows of patches are cut into a few stretches, whose sums are added in their order: the cut
/// depends on shapes only, so threads do not change the result.
fn gradient_product(
    x: &[f32],
    rows: &Rows,
    errors: &[f32],
    outputs: usize,
    gradient: &mut [f32],
    add: bool,
    par: Par,
) {
    const STRETCHES: usize = 8;
    let inputs = rows.inputs();
    if let Rows::Matrix { rows, .. } = rows {
        let errors = Matrix::new(errors, *rows, outputs).t();
        return matmul(gradient, errors, Matrix::new(x, *rows, inputs), add, par);
    }
    let block_rows = rows.block_rows(4);
    let blocks = rows.count().div_ceil(block_rows);
    let stretch = blocks.div_ceil(STRETCHES).max(1);
    let mut sums = vec![0.0; gradient.len() * blocks.div_ceil(stretch)];
    par.for_each_chunk(&mut sums, gradient.len().max(1), |index, sum| {
        let mut buffer = Vec::new();
        for block in index * stretch..((index + 1) * stretch).min(blocks) {
            let range = block * block_rows..((block + 1) * block_rows).min(rows.count());
            let errors = &errors[range.start * outputs..range.end * outputs];
            let errors = Matrix::new(errors, range.len(), outputs).t();
            let count = range.len();
            let x = rows.block(x, range, &mut buffer);
            matmul(sum, errors, Matrix::new(x, count, inputs), true, Par::Seq);
        }
    });
    if !add {
        gradient.fill(0.0);
    }
    for sum in sums.chunks_exact(gradient.len().max(1)) {
        gradient.iter_mut().zip(sum).for_each(|(g, s)| *g += s);
    }
}
