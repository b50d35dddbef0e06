//! The four actions of a linear map in f32: matrices by faer, patches read in place.
//!
//! An image is copied once into a border of zeros; from there the kernels of `simd::tiles` read its
//! patches without gathering them. Work is cut by images, so threads do not change a result.

use numerics::Par;

use super::rows::{Patches, Rows, rearrange};
use super::sums::add_rows;
use super::{LinearMap, Operand};
use crate::float_gemm::{Operand as Matrix, matmul};
use crate::simd::tiles::{self, BLOCK};
use crate::{Parameters, Pass};

/// y = x·Wᵀ + b.
pub(super) fn forward(
    map: &LinearMap,
    parameters: &Parameters,
    x: &[f32],
    rows: &Rows,
    y: &mut [f32],
    pass: &Pass,
) -> Operand {
    let weight = parameters.get(map.weight).float();
    let bias = map.bias.map(|id| parameters.get(id).float());
    match rows {
        Rows::Matrix { rows, inputs, .. } => {
            let w = Matrix::new(weight, map.outputs, *inputs).t();
            matmul(y, Matrix::new(x, *rows, *inputs), w, false, pass.par);
            if let Some(bias) = bias {
                for row in y.chunks_exact_mut(map.outputs) {
                    row.iter_mut().zip(bias).for_each(|(y, &b)| *y += b);
                }
            }
        }
        Rows::Patches(patches) => product(x, patches, weight, bias, map.outputs, y, pass.par),
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
    parameters.accumulate(map.weight, |out, add| {
        gradient(x, rows, errors, map.outputs, out, add, pass.par);
    });
    map.accumulate_bias(parameters, |out| add_rows(errors, out));
}

/// Writes δᵀ·x to `gradient`, or adds it.
pub(super) fn gradient(
    x: &[f32],
    rows: &Rows,
    errors: &[f32],
    outputs: usize,
    gradient: &mut [f32],
    add: bool,
    par: Par,
) {
    match rows {
        Rows::Matrix { rows, inputs, .. } => {
            let errors = Matrix::new(errors, *rows, outputs).t();
            matmul(gradient, errors, Matrix::new(x, *rows, *inputs), add, par);
        }
        Rows::Patches(patches) => {
            gradient_product(x, patches, errors, outputs, gradient, add, par);
        }
    }
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
    back(parameters.get(map.weight).float(), map.outputs, rows, errors, dx, pass.par);
}

/// dx = δ·w for weights of shape (out, in).
pub(super) fn back(
    weight: &[f32],
    outputs: usize,
    rows: &Rows,
    errors: &[f32],
    dx: &mut [f32],
    par: Par,
) {
    match rows {
        Rows::Matrix { rows, inputs, .. } => {
            let w = Matrix::new(weight, outputs, *inputs);
            matmul(dx, Matrix::new(errors, *rows, outputs), w, false, par);
        }
        Rows::Patches(patches) => {
            let channels = patches.channels();
            let rearranged = rearrange(weight, outputs, patches.taps(), channels);
            let patches = patches.transposed(outputs);
            product(errors, &patches, &rearranged, None, channels, dx, par);
        }
    }
}

/// y = patches(x)·wᵀ + b.
fn product(
    x: &[f32],
    patches: &Patches,
    w: &[f32],
    bias: Option<&[f32]>,
    outputs: usize,
    y: &mut [f32],
    par: Par,
) {
    let (frame, plans) = patches.plans();
    let inputs = patches.taps() * patches.channels();
    let packed: Vec<Vec<f32>> =
        plans.iter().map(|plan| tiles::pack(plan, w, inputs, outputs)).collect();
    let panels = tiles::panels(outputs);
    let (image_len, result_len) = (patches.image_len(), patches.rows_per_image() * outputs);
    // A few images at a time, so that a border is made rarely.
    let images = 4;
    par.for_each_chunk(y, (images * result_len).max(1), |chunk, y| {
        let mut buffer = Vec::new();
        for (i, y) in y.chunks_exact_mut(result_len).enumerate() {
            let image = &x[(chunk * images + i) * image_len..][..image_len];
            let image = frame.around(image, &mut buffer);
            for panel in &panels {
                let mut initial = [0.0; 16];
                if let Some(bias) = bias {
                    initial[..panel.width].copy_from_slice(&bias[panel.column..][..panel.width]);
                }
                for (plan, packed) in plans.iter().zip(&packed) {
                    let w = &packed[panel.part(plan.inner())];
                    tiles::multiply(plan, image, w, &initial, y, outputs, panel);
                }
            }
        }
    });
}

/// Writes δᵀ·patches(x) to `gradient`, or adds it.
///
/// The images are cut into a few stretches, whose sums are added in their order: the cut depends on
/// shapes only, so threads do not change the result.
fn gradient_product(
    x: &[f32],
    patches: &Patches,
    errors: &[f32],
    outputs: usize,
    gradient: &mut [f32],
    add: bool,
    par: Par,
) {
    const STRETCHES: usize = 8;
    let (frame, plans) = patches.plans();
    let inputs = patches.taps() * patches.channels();
    let panels = tiles::panels(outputs);
    let stretch = patches.batch.div_ceil(STRETCHES).max(1);
    let (image_len, result_len) = (patches.image_len(), patches.rows_per_image() * outputs);
    let len = panels.last().map_or(0, |panel| panel.part(inputs).end);
    let mut sums = vec![0.0; len * patches.batch.div_ceil(stretch)];
    par.for_each_chunk(&mut sums, len.max(1), |index, sums| {
        let mut buffer = Vec::new();
        let mut packed = Vec::new();
        for image in index * stretch..((index + 1) * stretch).min(patches.batch) {
            let framed = frame.around(&x[image * image_len..][..image_len], &mut buffer);
            let errors = &errors[image * result_len..][..result_len];
            for plan in &plans {
                for first in (0..plan.rows.len()).step_by(BLOCK) {
                    let rows = &plan.rows[first..(first + BLOCK).min(plan.rows.len())];
                    for panel in &panels {
                        packed.clear();
                        for &row in rows {
                            let line = packed.len();
                            let errors = &errors[row * outputs + panel.column..][..panel.width];
                            packed.extend_from_slice(errors);
                            packed.resize(line + panel.padded, 0.0);
                        }
                        let sums = &mut sums[panel.part(inputs)];
                        let (count, padded) = (rows.len(), panel.padded);
                        tiles::accumulate(plan, first, count, framed, &packed, sums, padded);
                    }
                }
            }
        }
    });
    if !add {
        gradient.fill(0.0);
    }
    for sums in sums.chunks_exact(len.max(1)) {
        for panel in &panels {
            let lines = sums[panel.part(inputs)].chunks_exact(panel.padded);
            for (k, line) in lines.enumerate() {
                for (j, sum) in line[..panel.width].iter().enumerate() {
                    gradient[(panel.column + j) * inputs + k] += sum;
                }
            }
        }
    }
}
