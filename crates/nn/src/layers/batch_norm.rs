//! Batch normalisation.

use super::Builder;
use crate::arithmetic::float32::storage::Floats;
use crate::ops::{self, BatchNormState};
use crate::parameters::Role;
use crate::step::Step;
use crate::tape::Var;

/// Normalises every channel by its statistics over the batch, then scales and shifts it.
///
/// γ, β and the running statistics are f32 under every arithmetic: `name.weight`, `name.bias`,
/// `name.running_mean`, `name.running_var`.
///
/// # Shapes
///
/// - x, y: (…, channels)
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm {
    state: BatchNormState,
}

impl BatchNorm {
    /// A layer of that name with γ = 1, β = 0, running mean 0 and variance 1.
    ///
    /// Assumed: ε = 1e-5 and momentum 0.1, the defaults of PyTorch.
    pub fn new(builder: &mut Builder<'_>, name: &str, channels: usize) -> Self {
        let float = |value| Floats::new(vec![value; channels]);
        let parameters = &mut *builder.parameters;
        let state = BatchNormState {
            scale: parameters.add(
                format!("{name}.weight"),
                Role::Normalization,
                &[channels],
                float(1.0),
            ),
            shift: parameters.add(
                format!("{name}.bias"),
                Role::Normalization,
                &[channels],
                float(0.0),
            ),
            mean: parameters.add_state(format!("{name}.running_mean"), vec![0.0; channels]),
            variance: parameters.add_state(format!("{name}.running_var"), vec![1.0; channels]),
            epsilon: 1e-5,
            momentum: 0.1,
        };
        Self { state }
    }

    /// Records γ·x̂ + β.
    pub fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        ops::batch_norm(step, &self.state, x, None, false)
    }

    /// Records max(γ·x̂ + β, 0).
    pub fn forward_relu(&self, x: Var, step: &mut Step<'_>) -> Var {
        ops::batch_norm(step, &self.state, x, None, true)
    }

    /// Records max(γ·x̂ + β + residual, 0).
    pub fn forward_add_relu(&self, x: Var, residual: Var, step: &mut Step<'_>) -> Var {
        ops::batch_norm(step, &self.state, x, Some(residual), true)
    }
}
