//! [`Arithmetic`]: what executes a linear map and stores its weights; [`Policy`]: which layer gets
//! which.

mod analog;
mod fixed_point;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Parameters;

pub use analog::{
    Analog, AnalogError, AnalogTraining, InputRange, InputRangeRule, LearnedScales, ScaleUnit,
    WeightStep,
};
pub use fixed_point::{FixedPoint, SignalError, Signals};

/// The arithmetic of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arithmetic {
    /// IEEE f32 products and sums.
    Float32,
    /// Fixed-point words, exact products, one rounding per element.
    FixedPoint(FixedPoint),
    /// Crossbar tiles, with weights and sums in f32 around them.
    Analog(Box<Analog>),
}

/// Which arithmetic runs which layer: one for all, and exceptions by layer name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The arithmetic of every layer that is not named.
    pub default: Arithmetic,
    /// Exceptions by layer name.
    #[serde(default)]
    pub layers: BTreeMap<String, Arithmetic>,
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
    pub fn uniform(arithmetic: Arithmetic) -> Self {
        Self { default: arithmetic, layers: BTreeMap::new() }
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
    pub fn of(&self, layer: &str) -> &Arithmetic {
        self.layers.get(layer).unwrap_or(&self.default)
    }
}

impl Arithmetic {
    /// Brings an input value into the numbers that the first layer reads.
    ///
    /// Assumed: images are rounded once, to nearest; \[Gupta15\] does not say how they enter.
    pub fn input(&self, x: f32) -> f32 {
        match self {
            Self::Float32 | Self::Analog(_) => x,
            Self::FixedPoint(config) => config.input(x),
        }
    }
}
