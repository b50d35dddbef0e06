//! Optimisers: what increment a gradient proposes. The arithmetic rounds it into the weights.

pub(crate) mod adam;
pub(crate) mod group;
pub(crate) mod schedule;
pub(crate) mod sgd;

use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::checked::checked_on_reading;
use crate::parameters::Parameters;
use crate::storage::Rounded;

pub use adam::Adam;
pub use group::Group;
pub use schedule::{Decay, Plateau, Schedule};
pub use sgd::{Sgd, Velocity};

/// A rule that turns gradients into increments.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", remote = "Self")]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam, or AdamW.
    Adam(Adam),
}

checked_on_reading!(Optimizer);

/// What one update of all parameters is told from outside.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// η.
    pub learning_rate: f32,
    /// What gradients are multiplied by first: the inverse of the loss scale, and less if they are
    /// clipped.
    pub gradient_scale: f32,
    /// The number of this update, counted from 1.
    pub step: u64,
    /// Rounded increments draw from children of it that are named like the parameters.
    pub seed: Seed,
    /// Parameters that are updated in another way.
    pub groups: &'a [Group],
}

impl Optimizer {
    /// Updates every parameter that has a gradient, and forgets the gradients. Returns how many
    /// increments were rounded, and how many of them to zero.
    pub fn step(&self, parameters: &mut Parameters, update: &Update<'_>) -> Rounded {
        let rounded = match self {
            Self::Sgd(sgd) => sgd.step(parameters, update),
            Self::Adam(adam) => adam.step(parameters, update),
        };
        parameters.after_update(update.step);
        rounded
    }

    /// Whether its numbers make sense.
    ///
    /// # Errors
    ///
    /// A clause that names the field and its value.
    pub fn check(&self) -> Result<(), String> {
        let (fractions, others) = match self {
            Self::Sgd(Sgd { momentum, weight_decay, .. }) => {
                (vec![("momentum", *momentum)], vec![("weight_decay", *weight_decay)])
            }
            Self::Adam(Adam { beta1, beta2, epsilon, weight_decay, .. }) => (
                vec![("beta1", *beta1), ("beta2", *beta2)],
                vec![("epsilon", *epsilon), ("weight_decay", *weight_decay)],
            ),
        };
        for (field, value) in fractions {
            if !(0.0..1.0).contains(&value) {
                return Err(format!("{field} = {value} must be at least 0 and less than 1"));
            }
        }
        for (field, value) in others {
            if !value.is_finite() || value < 0.0 {
                return Err(format!("{field} = {value} must be finite and not negative"));
            }
        }
        Ok(())
    }
}
