//! A fully connected layer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Builder, Readout};
use crate::{LinearMap, Step, Var, ops};

/// The distribution of initial weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Init {
    /// N(0, `std_dev`²).
    Normal {
        /// The standard deviation, finite and not negative.
        std_dev: f32,
    },
}

/// y = x·Wᵀ + b.
///
/// # Shapes
///
/// - x: (…, in)
/// - y: (…, out)
#[derive(Clone, Debug)]
pub struct Linear {
    map: Arc<LinearMap>,
}

impl Linear {
    /// A layer of that name; weights from `init`, biases zero.
    pub fn new(
        builder: &mut Builder<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
        init: Init,
        readout: Readout,
    ) -> Self {
        let Init::Normal { std_dev } = init;
        let mut weight = vec![0.0; outputs * inputs];
        builder.seed.child(name).child("weight").stream().fill_gaussian(0, &mut weight);
        weight.iter_mut().for_each(|w| *w *= std_dev);
        let arithmetic = builder.policy.of(name);
        let map = LinearMap::new(
            builder.parameters,
            arithmetic,
            name,
            &[outputs, inputs],
            &weight,
            true,
            readout,
        );
        Self { map: Arc::new(map) }
    }

    /// Records y.
    pub fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        ops::linear(step, &self.map, x)
    }
}
