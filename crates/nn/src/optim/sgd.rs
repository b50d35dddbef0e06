//! Stochastic gradient descent.

use serde::{Deserialize, Serialize};

use super::Update;
use crate::Parameters;
use crate::parameters::Rounded;

/// Stochastic gradient descent with momentum and weight decay.
///
/// ```text
/// ΔW ← μ·ΔW − η·(s·G + λ·W),     W ← W + ΔW
///
/// with Nesterov's momentum:
/// V ← μ·V − η·(s·G + λ·W),       W ← W + μ·V − η·(s·G + λ·W)
/// ```
///
/// G is the wide, unrounded gradient sum and s the gradient scale; ΔW is what an arithmetic rounds.
/// In Nesterov's form it is the increment of W; V stays in f32 under every arithmetic.
///
/// Assumed: this order of operations; \[Gupta15\] rounds ΔW but does not say how it is formed.
///
/// Differs: other libraries often keep ΔW / η instead, which is the same as long as η is constant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// μ, in [0, 1).
    pub momentum: f32,
    /// λ, not negative.
    pub weight_decay: f32,
    /// Whether the gradient counts as taken ahead of the momentum.
    #[serde(default)]
    pub nesterov: bool,
}

impl Sgd {
    pub(super) fn step(&self, parameters: &mut Parameters, update: &Update) -> Rounded {
        let Self { momentum, weight_decay, nesterov } = *self;
        let gradient_factor = -update.learning_rate * update.gradient_scale;
        let decay_factor = -update.learning_rate * weight_decay;
        let mut rounded = Rounded::default();
        for parameter in parameters.iter_mut() {
            let seed = update.seed.child(parameter.name());
            rounded += if nesterov {
                parameter.apply_with_moments(&seed, |gradient, value, [velocity]| {
                    let pull = gradient_factor * gradient + decay_factor * value;
                    let velocity = momentum * velocity + pull;
                    (momentum * velocity + pull, [velocity])
                })
            } else {
                parameter.apply(momentum != 0.0, &seed, |gradient, increment, value| {
                    momentum * increment + (gradient_factor * gradient + decay_factor * value)
                })
            };
        }
        rounded
    }
}
