//! A fully connected layer.

use std::sync::Arc;

use super::{Builder, Init, Readout};
use crate::linear_map::LinearMap;
use crate::ops;
use crate::step::Step;
use crate::tape::Var;

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
        Self { map: builder.map(name, &[outputs, inputs], init, true, readout) }
    }

    /// Records y.
    pub fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        ops::linear(step, &self.map, x)
    }
}
