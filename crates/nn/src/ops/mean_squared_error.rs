//! Mean squared error.
//!
//! ```text
//! loss = (1/n) Σ (y − t)²          ∂loss/∂y = 2 (y − t) / n
//! ```

use crate::tape::{Backward, Operation};
use crate::{Tape, Tensor, Var};

/// Records the mean squared difference between `y` and the constants `target`; 0 of nothing.
///
/// # Panics
///
/// If they differ in length.
#[track_caller]
pub fn mean_squared_error(tape: &mut Tape, y: Var, target: &[f32]) -> Var {
    let values = tape.value(y).data();
    assert_eq!(values.len(), target.len(), "{} targets for {} values", target.len(), values.len());
    let sum: f64 = values.iter().zip(target).map(|(y, t)| f64::from(y - t).powi(2)).sum();
    let loss = Tensor::new(&[], vec![(sum / target.len().max(1) as f64) as f32]);
    let needs_gradient = tape.needs_gradient(y);
    tape.record(loss, needs_gradient, MeanSquaredError { y, target: target.to_vec() })
}

#[derive(Debug)]
struct MeanSquaredError {
    y: Var,
    target: Vec<f32>,
}

impl Operation for MeanSquaredError {
    fn backward(&self, gradient: &[f32], context: &mut Backward<'_>) {
        let scale = 2.0 * gradient[0] / self.target.len().max(1) as f32;
        context.accumulate(self.y, |dy, y| {
            for ((dy, y), t) in dy.iter_mut().zip(y.data()).zip(&self.target) {
                *dy += scale * (y - t);
            }
        });
    }
}
