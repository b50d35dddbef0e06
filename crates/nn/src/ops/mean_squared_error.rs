//! Mean squared error.
//!
//! ```text
//! loss = (1/n) Σ (y − t)²          ∂loss/∂y = 2 (y − t) / n
//! ```

use std::ops::Range;

use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records the mean squared difference between `y` and the constants `target`; 0 of nothing.
///
/// # Panics
///
/// If they differ in length.
#[track_caller]
pub fn mean_squared_error(step: &mut Step<'_>, y: Var, target: &[f32]) -> Var {
    let values = step.tape.value(y).data();
    assert_eq!(values.len(), target.len(), "{} targets for {} values", target.len(), values.len());
    let sum = |rows: Range<usize>| sum_of_squares(&values[rows.clone()], &target[rows]);
    let (mean, counted) = step.leaves().mean(target.len(), target.len(), sum);
    let loss = Tensor::new(&[], vec![mean as f32]);
    let needs_gradient = step.tape.needs_gradient(y);
    let mut kept = step.tape.scratch(target.len());
    kept.copy_from_slice(target);
    step.tape.record(loss, needs_gradient, MeanSquaredError { y, target: kept, counted })
}

/// Σ (y − t)², in lanes that do not wait for each other.
fn sum_of_squares(y: &[f32], t: &[f32]) -> f64 {
    const LANES: usize = 16;
    let mut sums = [0.0f64; LANES];
    for (y, t) in y.chunks(LANES).zip(t.chunks(LANES)) {
        for ((sum, y), t) in sums.iter_mut().zip(y).zip(t) {
            *sum += f64::from(y - t).powi(2);
        }
    }
    sums.iter().sum()
}

#[derive(Debug)]
struct MeanSquaredError {
    y: Var,
    target: Vec<f32>,
    /// Values of the whole batch.
    counted: usize,
}

impl Operation for MeanSquaredError {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let scale = 2.0 * gradient[0] / self.counted.max(1) as f32;
        context.accumulate(self.y, |dy, y| {
            for ((dy, y), t) in dy.iter_mut().zip(y.data()).zip(&self.target) {
                *dy += scale * (y - t);
            }
        });
    }

    fn recycle(self: Box<Self>, spare: &mut Vec<Vec<f32>>) {
        spare.push(self.target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_in_the_sum() {
        for len in [0, 1, 15, 16, 17, 100] {
            let y: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let t = vec![2.0; len];
            let naive: f64 = (0..len).map(|i| (i as f64 - 2.0).powi(2)).sum();
            assert_eq!(sum_of_squares(&y, &t), naive, "{len} values");
        }
    }
}
