//! Stochastic gradient descent.

use serde::{Deserialize, Serialize};

use super::{Group, Update};
use crate::parameters::Parameters;
use crate::storage::Rounded;

/// Stochastic gradient descent with momentum and weight decay.
///
/// ```text
/// D = s·G + λ·W
///
/// velocity of gradients     V ← μ·V + D,             ΔW = −η·V
/// … with Nesterov's         V ← μ·V + D,             ΔW = −η·(D + μ·V)
/// velocity of increments    ΔW ← μ·ΔW − η·D
/// … with Nesterov's         V ← μ·V − η·D,           ΔW = μ·V − η·D
///
/// W ← W + ΔW
/// ```
///
/// G is the wide, unrounded gradient sum and s the gradient scale; ΔW is what an arithmetic rounds.
/// V stays in f32 under every arithmetic; the increment ΔW is kept in the arithmetic's numbers.
///
/// Source: the velocity of gradients is that of PyTorch 2.13, `torch.optim.SGD` with dampening 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// μ, in [0, 1).
    pub momentum: f32,
    /// λ, not negative.
    #[serde(default)]
    pub weight_decay: f32,
    /// Whether the gradient counts as taken ahead of the momentum.
    #[serde(default)]
    pub nesterov: bool,
    /// What momentum keeps.
    #[serde(default)]
    pub velocity: Velocity,
}

/// What momentum keeps from step to step. Both are the same as long as η is constant; where it
/// falls, velocities of increments still carry the larger steps of before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Velocity {
    /// A sum of gradients, η outside of it.
    #[default]
    Gradients,
    /// The last increment, η inside of it.
    ///
    /// Assumed: \[Gupta15\], which rounds ΔW but does not say how it is formed, and keeps no wider
    /// number beside the weights.
    Increments,
}

impl Sgd {
    pub(super) fn step(&self, parameters: &mut Parameters, update: &Update<'_>) -> Rounded {
        let Self { momentum, weight_decay, nesterov, velocity } = *self;
        let mut rounded = Rounded::default();
        for parameter in parameters.iter_mut() {
            let (rate, decay) = Group::factors(update.groups, parameter);
            let (learning_rate, weight_decay) = (rate * update.learning_rate, decay * weight_decay);
            let gradient_factor = -learning_rate * update.gradient_scale;
            let decay_factor = -learning_rate * weight_decay;
            let seed = update.seed.child(parameter.name());
            rounded += match (velocity, nesterov) {
                _ if momentum == 0.0 => parameter.apply(false, &seed, |gradient, _, value| {
                    gradient_factor * gradient + decay_factor * value
                }),
                (Velocity::Gradients, _) => {
                    parameter.apply_with_moments(&seed, |gradient, value, [velocity]| {
                        let pull = update.gradient_scale * gradient + weight_decay * value;
                        let velocity = momentum * velocity + pull;
                        let ahead = if nesterov { pull + momentum * velocity } else { velocity };
                        (-learning_rate * ahead, [velocity])
                    })
                }
                (Velocity::Increments, true) => {
                    parameter.apply_with_moments(&seed, |gradient, value, [velocity]| {
                        let pull = gradient_factor * gradient + decay_factor * value;
                        let velocity = momentum * velocity + pull;
                        (momentum * velocity + pull, [velocity])
                    })
                }
                (Velocity::Increments, false) => {
                    parameter.apply(true, &seed, |gradient, increment, value| {
                        momentum * increment + (gradient_factor * gradient + decay_factor * value)
                    })
                }
            };
        }
        rounded
    }
}
