//! [`Group`]: parameters that are updated in another way than the others.

use serde::{Deserialize, Serialize};

use crate::checked::checked_on_reading;
use crate::parameters::{Parameter, Parameters, Role};

/// Parameters with a learning rate or a decay of their own.
///
/// A parameter is in a group if its role and its layer are named there; where a list is empty, all
/// are. The first group of a recipe that a parameter is in counts.
///
/// The scales and input ranges of tiles never decay, whatever a group says: the logical weights
/// w = γ·w̆ decay through w̆ alone, at the rate λ that the float network would have.
///
/// ```toml
/// [[groups]]                                # decay of the weights only
/// roles = ["bias", "normalization"]
/// weight_decay = 0.0
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, remote = "Self")]
pub struct Group {
    /// Roles of its parameters.
    pub roles: Vec<Role>,
    /// Layers of its parameters.
    pub layers: Vec<String>,
    /// The factor of η, not negative.
    pub learning_rate: f32,
    /// The factor of λ, not negative.
    pub weight_decay: f32,
}

checked_on_reading!(Group);

impl Default for Group {
    /// All parameters, updated as without a group.
    fn default() -> Self {
        Self { roles: Vec::new(), layers: Vec::new(), learning_rate: 1.0, weight_decay: 1.0 }
    }
}

impl Group {
    /// Whether its numbers make sense.
    ///
    /// # Errors
    ///
    /// A clause that names the field and its value.
    pub fn check(&self) -> Result<(), String> {
        let factors = [("learning_rate", self.learning_rate), ("weight_decay", self.weight_decay)];
        for (field, value) in factors {
            if !value.is_finite() || value < 0.0 {
                return Err(format!("groups.{field} = {value} must be finite and not negative"));
            }
        }
        Ok(())
    }

    /// Whether the network has its layers.
    ///
    /// # Errors
    ///
    /// A clause that names the layer, and those that there are.
    pub(crate) fn check_layers(&self, parameters: &Parameters) -> Result<(), String> {
        let mut present: Vec<&str> = parameters.iter().map(Parameter::layer).collect();
        present.dedup();
        match self.layers.iter().find(|layer| !present.contains(&&***layer)) {
            Some(layer) => {
                let present = present.join(", ");
                Err(format!("groups.layers: there is no layer '{layer}'; there are {present}"))
            }
            None => Ok(()),
        }
    }

    fn contains(&self, parameter: &Parameter) -> bool {
        (self.roles.is_empty() || self.roles.contains(&parameter.role()))
            && (self.layers.is_empty() || self.layers.iter().any(|l| l == parameter.layer()))
    }

    /// The factors of η and λ for a parameter.
    pub(super) fn factors(groups: &[Self], parameter: &Parameter) -> (f32, f32) {
        let group = groups.iter().find(|group| group.contains(parameter));
        let (rate, decay) = group.map_or((1.0, 1.0), |g| (g.learning_rate, g.weight_decay));
        (rate, if parameter.role().decays() { decay } else { 0.0 })
    }
}
