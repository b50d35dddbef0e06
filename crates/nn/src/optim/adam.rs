//! Adam and AdamW.

use serde::{Deserialize, Serialize};

use super::{Group, Update};
use crate::parameters::Parameters;
use crate::storage::Rounded;

/// Adam; with `decoupled` decay AdamW.
///
/// ```text
/// G ← s·G (+ λ·W if not decoupled)
/// M ← β₁·M + (1 − β₁)·G,     V ← β₂·V + (1 − β₂)·G²
/// ΔW = −η·( M/(1 − β₁ᵗ) / (√(V/(1 − β₂ᵗ)) + ε)  (+ λ·W if decoupled) )
/// ```
///
/// t counts the updates from 1. M and V stay in f32 under every arithmetic; ΔW is what an
/// arithmetic rounds.
///
/// Source: Kingma and Ba 2015, Algorithm 1; Loshchilov and Hutter 2019, Algorithm 2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    /// β₁, in [0, 1).
    pub beta1: f32,
    /// β₂, in [0, 1).
    pub beta2: f32,
    /// ε, not negative.
    pub epsilon: f32,
    /// λ, not negative.
    #[serde(default)]
    pub weight_decay: f32,
    /// Whether weight decay bypasses M and V.
    #[serde(default)]
    pub decoupled: bool,
}

impl Default for Adam {
    /// β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸, no decay: the values of Kingma and Ba.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, decoupled: false }
    }
}

impl Adam {
    pub(super) fn step(&self, parameters: &mut Parameters, update: &Update<'_>) -> Rounded {
        let Self { beta1, beta2, epsilon, weight_decay, decoupled } = *self;
        let Update { learning_rate, gradient_scale, step, .. } = *update;
        // In f64: β₂ᵗ of a young network is close to 1.
        let correction = |beta: f32| (1.0 - f64::from(beta).powf(step as f64)) as f32;
        let (first, second) = (1.0 / correction(beta1), 1.0 / correction(beta2));
        let mut rounded = Rounded::default();
        for parameter in parameters.iter_mut() {
            let (rate, decay) = Group::factors(update.groups, parameter);
            let (learning_rate, weight_decay) = (rate * learning_rate, decay * weight_decay);
            let (coupled, direct) =
                if decoupled { (0.0, weight_decay) } else { (weight_decay, 0.0) };
            let seed = update.seed.child(parameter.name());
            rounded += parameter.apply_with_moments(&seed, |gradient, value, [m, v]| {
                let gradient = gradient_scale * gradient + coupled * value;
                let m = beta1 * m + (1.0 - beta1) * gradient;
                let v = beta2 * v + (1.0 - beta2) * gradient * gradient;
                let direction = m * first / ((v * second).sqrt() + epsilon);
                (-learning_rate * (direction + direct * value), [m, v])
            });
        }
        rounded
    }
}
