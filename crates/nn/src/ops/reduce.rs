//! Sums and means, over everything or over neighbouring axes.
//!
//! ```text
//! y[o, i] = Σ_n x[o, n, i] / d      dx[o, n, i] = dy[o, i] / d      d = 1, or the number of terms
//! ```

use std::ops::Range;

use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records the sum of all elements, one number.
///
/// # Panics
///
/// If the batch is cut into leaves, of which this would be the sum of some.
#[track_caller]
pub fn sum(step: &mut Step<'_>, x: Var) -> Var {
    let axes = step.tape.value(x).shape().len();
    reduce(step, x, 0..axes, false)
}

/// Records the mean of all elements, one number; NaN without any.
///
/// # Panics
///
/// As [`sum`].
#[track_caller]
pub fn mean(step: &mut Step<'_>, x: Var) -> Var {
    let axes = step.tape.value(x).shape().len();
    reduce(step, x, 0..axes, true)
}

/// Records the sum over the axes in the range, which the result does not have.
///
/// # Panics
///
/// If `x` does not have these axes; or as [`sum`], if they are that of the examples too.
#[track_caller]
pub fn sum_axes(step: &mut Step<'_>, x: Var, axes: Range<usize>) -> Var {
    reduce(step, x, axes, false)
}

/// Records the mean over the axes in the range, which the result does not have.
///
/// # Panics
///
/// If `x` does not have these axes; or as [`sum`], if they are that of the examples too.
#[track_caller]
pub fn mean_axes(step: &mut Step<'_>, x: Var, axes: Range<usize>) -> Var {
    reduce(step, x, axes, true)
}

#[track_caller]
fn reduce(step: &mut Step<'_>, x: Var, axes: Range<usize>, mean: bool) -> Var {
    let shape = step.tape.value(x).shape();
    assert!(
        axes.start <= axes.end && axes.end <= shape.len(),
        "a tensor of shape {shape:?} does not have axes {axes:?}"
    );
    assert!(
        !(step.leaves().is_cut() && axes.contains(&0)),
        "a sum over the examples of a batch that is cut into leaves is that of its loss"
    );
    let count: usize = shape[axes.clone()].iter().product();
    let inner: usize = shape[axes.end..].iter().product();
    let kept: Vec<usize> = [&shape[..axes.start], &shape[axes.end..]].concat();
    let divisor = if mean { count as f32 } else { 1.0 };
    let mut out = step.tape.scratch(kept.iter().product());
    let data = step.tape.value(x).data();
    if inner == 1 {
        // Pairs of partial sums keep the rounding of long sums small.
        for (o, y) in out.iter_mut().enumerate() {
            *y = pairwise_sum(&data[o * count..][..count]) / divisor;
        }
    } else {
        for (o, out) in out.chunks_mut(inner.max(1)).enumerate() {
            out.fill(0.0);
            for x in data[o * count * inner..][..count * inner].chunks_exact(inner) {
                out.iter_mut().zip(x).for_each(|(y, x)| *y += x);
            }
            out.iter_mut().for_each(|y| *y /= divisor);
        }
    }
    let needs_gradient = step.tape.needs_gradient(x);
    step.tape.record(Tensor::new(&kept, out), needs_gradient, Reduce { x, count, inner, divisor })
}

fn pairwise_sum(x: &[f32]) -> f32 {
    if x.len() <= 64 {
        return x.iter().sum();
    }
    let (left, right) = x.split_at(x.len() / 2);
    pairwise_sum(left) + pairwise_sum(right)
}

#[derive(Debug)]
struct Reduce {
    x: Var,
    count: usize,
    inner: usize,
    divisor: f32,
}

impl Operation for Reduce {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        context.accumulate(self.x, |dx, _| {
            if dx.is_empty() {
                return;
            }
            let rows = dx.chunks_exact_mut(self.count * self.inner);
            for (dx, dy) in rows.zip(gradient.chunks_exact(self.inner)) {
                for dx in dx.chunks_exact_mut(self.inner) {
                    dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy / self.divisor);
                }
            }
        });
    }
}
