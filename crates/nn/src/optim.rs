//! Optimisers: what increment a gradient proposes. The arithmetic rounds it into the weights.

use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::Parameters;
use crate::parameters::Rounded;

/// A rule that turns gradients into increments.
pub trait Optimizer {
    /// Updates every parameter that has a gradient.
    ///
    /// Gradients are multiplied by `gradient_scale` first (the inverse of the loss scale); a
    /// rounded update draws from children of `seed` named like the parameters. Returns how many
    /// increments were rounded to zero.
    fn step(
        &self,
        parameters: &mut Parameters,
        learning_rate: f32,
        gradient_scale: f32,
        seed: &Seed,
    ) -> Rounded;
}

/// Stochastic gradient descent with momentum and weight decay.
///
/// ```text
/// ΔW ← μ·ΔW − η·(s·G + λ·W),     W ← W + ΔW
/// ```
///
/// G is the wide, unrounded gradient sum and s the gradient scale; ΔW is what an arithmetic rounds.
///
/// Assumed: this order of operations; [Gupta15] rounds ΔW but does not say how it is formed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// μ, in [0, 1).
    pub momentum: f32,
    /// λ, not negative.
    pub weight_decay: f32,
}

impl Optimizer for Sgd {
    fn step(
        &self,
        parameters: &mut Parameters,
        learning_rate: f32,
        gradient_scale: f32,
        seed: &Seed,
    ) -> Rounded {
        let Self { momentum, weight_decay } = *self;
        let gradient_factor = -learning_rate * gradient_scale;
        let decay_factor = -learning_rate * weight_decay;
        let mut rounded = Rounded::default();
        for parameter in parameters.iter_mut() {
            let stream = seed.child(parameter.name()).stream();
            rounded += parameter.apply(momentum != 0.0, &stream, |gradient, increment, value| {
                momentum * increment + (gradient_factor * gradient + decay_factor * value)
            });
        }
        rounded
    }
}
