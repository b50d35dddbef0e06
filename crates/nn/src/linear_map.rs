//! [`LinearMap`]: y = x·Wᵀ + b with W held and multiplied by one arithmetic.

use std::slice;
use std::sync::Arc;

use crossbar::Saturation;

use crate::arithmetic::input::Input;
use crate::arithmetic::layer::Layer;
use crate::arithmetic::multiply::{Erased, Forward, Multiply, Used};
use crate::parameters::{Parameters, Role};
use crate::tape::Backward;

/// y = x·Wᵀ + b, W of shape (out, in) or, over patches, (out, height, width, in).
///
/// It names its parameters and holds what multiplies by them; the numbers live in [`Parameters`].
/// Layers are written with it and never ask which arithmetic it is of.
#[derive(Clone, Debug)]
pub struct LinearMap {
    layer: Layer,
    multiply: Arc<dyn Erased>,
}

impl LinearMap {
    /// A map whose products `multiply` does.
    pub fn new(layer: Layer, multiply: impl Multiply) -> Self {
        Self { layer, multiply: Arc::new(multiply) }
    }

    /// The layer's name.
    pub fn name(&self) -> &str {
        &self.layer.name
    }

    /// Length of y.
    pub fn outputs(&self) -> usize {
        self.layer.outputs
    }

    /// Length of x.
    pub fn inputs(&self) -> usize {
        self.layer.inputs
    }

    /// Panics unless these parameters are those that the map was made with, or the same of another
    /// making. The message names the `place` where they were given, that of the caller of
    /// [`train`](crate::train) or [`evaluate`](crate::evaluate).
    pub(crate) fn assert_own(
        &self,
        parameters: &Parameters,
        place: &'static std::panic::Location<'static>,
    ) {
        let Layer { name, outputs, inputs, weight, .. } = &self.layer;
        let held = parameters.find(*weight);
        let Some(held) = held.filter(|p| p.role() == Role::Weight && p.layer() == name) else {
            panic!("the parameters given at {place} are of another network: it has no {name} there")
        };
        let shape = held.shape();
        assert!(
            (shape[0], shape[1..].iter().product()) == (*outputs, *inputs),
            "the parameters given at {place} are of another network: {name} is of shape {shape:?}, \
             not {outputs} × {inputs}"
        );
        if self.multiply.multiplies(held, parameters) {
            return;
        }
        let (held, runs) = (held.storage().describe(), self.multiply.describe());
        let other = if held == runs { "other " } else { "" };
        panic!(
            "the parameters given at {place} are of another arithmetic: they hold {name} for \
             {held}, and the model runs it on {other}{runs}"
        )
    }

    /// As [`Multiply::forward`].
    pub(crate) fn forward(&self, x: &Input<'_>, y: &mut [f32], context: &mut Forward<'_>) -> Used {
        self.multiply.forward(x, y, context)
    }

    /// As [`Multiply::propagate`].
    pub(crate) fn propagate(
        &self,
        used: &mut Used,
        x: &Input<'_>,
        errors: &mut [f32],
        dx: Option<&mut [f32]>,
        context: &mut Backward<'_>,
    ) {
        self.multiply.propagate(used, x, errors, dx, context);
    }

    /// As [`Multiply::accumulate`].
    pub(crate) fn accumulate(
        &self,
        uses: &mut [Used],
        x: &Input<'_>,
        errors: &[f32],
        context: &mut Backward<'_>,
    ) {
        self.multiply.accumulate(uses, x, errors, context);
    }

    /// As [`Self::accumulate`], of a single use.
    pub(crate) fn accumulate_one(
        &self,
        used: &mut Used,
        x: &Input<'_>,
        errors: &[f32],
        context: &mut Backward<'_>,
    ) {
        self.multiply.accumulate(slice::from_mut(used), x, errors, context);
    }

    /// As [`Multiply::saturation`].
    pub(crate) fn saturation(&self, used: &Used) -> Option<Saturation> {
        self.multiply.saturation(used)
    }

    /// As [`Multiply::recycle`].
    pub(crate) fn recycle(&self, used: Used, spare: &mut Vec<Vec<f32>>) {
        self.multiply.recycle(used, spare);
    }
}
