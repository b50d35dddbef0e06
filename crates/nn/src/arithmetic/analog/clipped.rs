//! Errors of the few inputs that are at the end of the range: all that the input range of a first
//! layer needs.

use numerics::Par;

use super::multiply::{Tiles, Use};
use crate::arithmetic::float32::products;
use crate::arithmetic::input::Input;
use crate::rows::{Axis, Patches, Rows, rearrange};
use crate::tape::Backward;

/// One in so many inputs may be at the end of the range; from more on the whole product is faster.
const FEW: usize = 16;

impl Tiles {
    /// Writes dx = δ_m·(γ ⊙ W̃) where x is at the end of the range; what else is in `dx` is undefined.
    /// Which way is faster is asked leaf by leaf, for it decides about the last bits.
    pub(super) fn propagate_at_range(
        &self,
        used: &Use,
        x: &Input<'_>,
        errors: &[f32],
        dx: &mut [f32],
        context: &Backward<'_>,
    ) {
        let (outputs, mut rest) = (self.layer.outputs, dx);
        for rows in context.leaves().rows(x.count()) {
            let errors = &errors[rows.start * outputs..rows.end * outputs];
            let x = x.part(rows);
            let dx = rest.split_off_mut(..x.values.len()).expect("an error for each input");
            self.propagate_rows_at_range(used, &x, errors, dx, context.pass.par);
        }
    }

    fn propagate_rows_at_range(
        &self,
        used: &Use,
        x: &Input<'_>,
        errors: &[f32],
        dx: &mut [f32],
        par: Par,
    ) {
        let map = &self.layer;
        let weights = used.perturbed().matrix.effective();
        let indices: Vec<usize> = used.kept.at_range(x.values).collect();
        if indices.len() * FEW > x.values.len() {
            return products::propagate(x, weights, errors, dx, par);
        }
        match &x.rows {
            Rows::Matrix { inputs, .. } => {
                for i in indices {
                    let (row, column) = (i / inputs, i % inputs);
                    let errors = &errors[row * map.outputs..][..map.outputs];
                    let weights = weights.iter().skip(column).step_by(*inputs);
                    dx[i] = errors.iter().zip(weights).map(|(d, w)| d * w).sum();
                }
            }
            Rows::Patches(patches) => {
                patches_at(patches, weights, map.outputs, errors, &indices, dx);
            }
        }
    }
}
/// The elements of dx with those indices, each as one sum over the windows that read it.
fn patches_at(
    patches: &Patches,
    weights: &[f32],
    outputs: usize,
    errors: &[f32],
    indices: &[usize],
    dx: &mut [f32],
) {
    let (taps, channels) = (patches.taps(), patches.channels());
    let weights = rearrange(weights, outputs, taps, channels);
    let back = patches.transposed(outputs);
    let [lines, columns] = back.axes.each_ref().map(readers);
    let [height, width] = back.axes.map(|axis| axis.len);
    let errors_len = height * width * outputs;
    let [_, line_len] = patches.axes.map(|axis| axis.len);
    for &i in indices {
        let (image, at) = (i / patches.image_len(), i % patches.image_len());
        let (pixel, channel) = (at / channels, at % channels);
        let errors = &errors[image * errors_len..][..errors_len];
        let weights = &weights[channel * taps * outputs..][..taps * outputs];
        let mut sum = 0.0;
        for &(tap_y, y) in &lines[pixel / line_len] {
            for &(tap_x, x) in &columns[pixel % line_len] {
                let errors = &errors[(y * width + x) * outputs..][..outputs];
                let tap = tap_y * back.axes[1].taps + tap_x;
                sum += dot(errors, &weights[tap * outputs..][..outputs]);
            }
        }
        dx[i] = sum;
    }
}

/// For every pixel of an axis, the taps through which it is read and the outputs that read it.
fn readers(axis: &Axis) -> Vec<Vec<(usize, usize)>> {
    let of = |row| (0..axis.taps).filter_map(move |tap| Some((tap, axis.pixel(row, tap)?)));
    (0..axis.rows).map(|row| of(row).collect()).collect()
}

/// Σ a b, in eight sums that are added in the end.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0f32; 8];
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::tests::windows;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn single_errors_are_those_of_the_whole_product(
            (window, shape) in windows(),
            outputs in 1..20usize,
        ) {
            let value = |i: usize| (i * 7919 % 23) as f32 - 11.0;
            let patches = Patches::new(&window, shape);
            let rows = Rows::Patches(patches);
            // Small integers: every sum is exact, in whatever order.
            let errors: Vec<f32> = (0..rows.count() * outputs).map(value).collect();
            let weights: Vec<f32> = (7..outputs * rows.inputs() + 7).map(value).collect();
            let mut whole = vec![0.0; shape.iter().product()];
            let x = Input { values: &vec![0.0; whole.len()], rows, in_leaves: false };
            products::propagate(&x, &weights, &errors, &mut whole, Par::Seq);
            let mut single = vec![0.5; whole.len()];
            let indices: Vec<usize> = (0..whole.len()).step_by(3).collect();
            patches_at(&patches, &weights, outputs, &errors, &indices, &mut single);
            for (i, (single, whole)) in single.iter().zip(whole).enumerate() {
                prop_assert_eq!(*single, if i % 3 == 0 { whole } else { 0.5 });
            }
        }
    }
}
