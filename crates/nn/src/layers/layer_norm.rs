//! Normalisation of each row.

use super::Builder;
use crate::arithmetic::float32::storage::Floats;
use crate::ops;
use crate::parameters::{ParameterId, Role};
use crate::step::Step;
use crate::tape::Var;

/// y = γ∘(x − mean) / √(variance + ε) + β over the last axis, with γ and β in f32.
///
/// # Shapes
///
/// - x and y: (…, width)
#[derive(Clone, Debug)]
pub struct LayerNorm {
    gamma: ParameterId,
    beta: ParameterId,
    epsilon: f32,
}

impl LayerNorm {
    /// A layer of that name, `name.weight` = γ = 1 and `name.bias` = β = 0.
    #[track_caller]
    pub fn new(builder: &mut Builder<'_>, name: &str, width: usize, epsilon: f32) -> Self {
        let mut add = |part: &str, value: f32| {
            let storage = Floats::new(vec![value; width]);
            builder.parameters.add(format!("{name}.{part}"), Role::Normalization, &[width], storage)
        };
        Self { gamma: add("weight", 1.0), beta: add("bias", 0.0), epsilon }
    }

    /// Records y.
    pub fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        ops::layer_norm(step, x, self.gamma, self.beta, self.epsilon)
    }
}
