//! [`Policy`]: which layer runs on which arithmetic.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::any::AnyArithmetic;
use crate::parameters::Parameters;

/// Which arithmetic runs which layer: one for all, and exceptions by layer name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The arithmetic of every layer that is not named.
    pub default: AnyArithmetic,
    /// Exceptions by layer name.
    #[serde(default)]
    pub layers: BTreeMap<String, AnyArithmetic>,
}

/// A policy names layers that the network does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no layer '{}'; there are {}", .unknown.join("', '"), .present.join(", "))]
pub struct UnknownLayers {
    /// The names that are none.
    pub unknown: Vec<String>,
    /// The names of the network's linear maps.
    pub present: Vec<String>,
}

impl Policy {
    /// The same arithmetic for every layer.
    pub fn uniform(arithmetic: impl Into<AnyArithmetic>) -> Self {
        Self { default: arithmetic.into(), layers: BTreeMap::new() }
    }

    /// The same with another arithmetic for the layer of that name.
    #[must_use]
    pub fn with(mut self, layer: &str, arithmetic: impl Into<AnyArithmetic>) -> Self {
        self.layers.insert(layer.to_owned(), arithmetic.into());
        self
    }

    /// Whether every layer that it names is one of the network's linear maps.
    ///
    /// # Errors
    ///
    /// [`UnknownLayers`] with the names that are none, and those that there are.
    pub fn check(&self, parameters: &Parameters) -> Result<(), UnknownLayers> {
        let present: Vec<String> = parameters.maps().map(str::to_owned).collect();
        let unknown = self.layers.keys().filter(|layer| !present.contains(layer));
        let unknown: Vec<String> = unknown.cloned().collect();
        if unknown.is_empty() { Ok(()) } else { Err(UnknownLayers { unknown, present }) }
    }

    /// The arithmetic of the layer of that name.
    pub fn of(&self, layer: &str) -> &AnyArithmetic {
        self.layers.get(layer).unwrap_or(&self.default)
    }
}
