//! The three products of a linear map in f32: matrices by faer, patches read in place.
//!
//! An image is copied once into a border of zeros; from there the kernels of `simd::tiles` read its
//! patches without gathering them. Work is cut by images, so threads do not change a result.

use numerics::Par;

use crate::arithmetic::input::Input;
use crate::float_gemm::{Operand as Matrix, matmul, matmul_by_rows, sum_of_leaves};
use crate::leaves::Leaves;
use crate::rows::{Patches, Rows, rearrange};
use crate::simd::tiles::{self, BLOCK};

/// Writes y = x·Wᵀ + b.
///
/// # Shapes
///
/// - `weight`: (out, in)
/// - `bias`: (out)
/// - `y`: (rows, out)
///
/// # Panics
///
/// If the shapes do not agree.
pub fn forward(x: &Input<'_>, weight: &[f32], bias: Option<&[f32]>, y: &mut [f32], par: Par) {
    let outputs = weight.len() / x.inputs().max(1);
    match &x.rows {
        Rows::Matrix { rows, inputs, .. } => {
            let w = Matrix::new(weight, outputs, *inputs).t();
            let x_rows = Matrix::new(x.values, *rows, *inputs);
            if x.in_leaves {
                matmul_by_rows(y, x_rows, w, par);
            } else {
                matmul(y, x_rows, w, false, par);
            }
            if let Some(bias) = bias {
                for row in y.chunks_exact_mut(outputs) {
                    row.iter_mut().zip(bias).for_each(|(y, &b)| *y += b);
                }
            }
        }
        Rows::Patches(patches) => product(x.values, patches, weight, bias, outputs, y, par),
    }
}

/// Writes δᵀ·x to `gradient`, or adds it.
///
/// # Shapes
///
/// - `errors`: δ, (rows, out)
/// - `gradient`: (out, in)
///
/// # Panics
///
/// If the shapes do not agree.
pub fn gradient(x: &Input<'_>, errors: &[f32], gradient: &mut [f32], add: bool, par: Par) {
    let outputs = gradient.len() / x.inputs().max(1);
    match &x.rows {
        Rows::Matrix { rows, inputs, .. } => {
            let errors = Matrix::new(errors, *rows, outputs).t();
            matmul(gradient, errors, Matrix::new(x.values, *rows, *inputs), add, par);
        }
        Rows::Patches(patches) => {
            gradient_product(x.values, patches, errors, outputs, gradient, add, par);
        }
    }
}

/// [`gradient`] as the sum over the leaves of this process; only where nothing is cut it may be asked
/// to add.
pub(crate) fn gradient_of_leaves(
    x: &Input<'_>,
    errors: &[f32],
    leaves: &Leaves,
    out: &mut [f32],
    add: bool,
    par: Par,
) {
    if !leaves.is_cut() {
        return gradient(x, errors, out, add, par);
    }
    let (rows, outputs) = (leaves.rows(x.count()), out.len() / x.inputs().max(1));
    match &x.rows {
        Rows::Matrix { rows: count, inputs, .. } => {
            let errors = Matrix::new(errors, *count, outputs);
            let x = Matrix::new(x.values, *count, *inputs);
            sum_of_leaves(out, (errors, x), leaves, &rows, par);
        }
        Rows::Patches(_) => leaves.fold(out, |leaf, out| {
            let rows = rows[leaf].clone();
            let errors = &errors[rows.start * outputs..rows.end * outputs];
            gradient(&x.part(rows), errors, out, false, par);
        }),
    }
}

/// Writes dx = δ·W for the rows of `x`, whose values do not matter.
///
/// # Shapes
///
/// - `weight`: (out, in)
/// - `errors`: δ, (rows, out)
/// - `dx`: as x lies in memory
///
/// # Panics
///
/// If the shapes do not agree.
pub fn propagate(x: &Input<'_>, weight: &[f32], errors: &[f32], dx: &mut [f32], par: Par) {
    let outputs = weight.len() / x.inputs().max(1);
    match &x.rows {
        Rows::Matrix { rows, inputs, .. } => {
            let w = Matrix::new(weight, outputs, *inputs);
            let errors = Matrix::new(errors, *rows, outputs);
            if x.in_leaves {
                matmul_by_rows(dx, errors, w, par);
            } else {
                matmul(dx, errors, w, false, par);
            }
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
