//! [`FloatProducts`]: the stored weights, as they are.

use super::products;
use crate::arithmetic::input::Input;
use crate::arithmetic::layer::Layer;
use crate::arithmetic::multiply::{Forward, Multiply};
use crate::parameters::{Parameter, Parameters};
use crate::tape::Backward;

/// y = x·Wᵀ + b in f32.
#[derive(Debug)]
pub(super) struct FloatProducts(pub(super) Layer);

impl Multiply for FloatProducts {
    /// Nothing: x is on the tape.
    type Use = ();

    fn describe(&self) -> String {
        "f32".to_owned()
    }

    fn multiplies(&self, weight: &Parameter, _: &Parameters) -> bool {
        weight.storage().describe() == self.describe()
    }

    fn forward(&self, x: &Input<'_>, y: &mut [f32], context: &mut Forward<'_>) {
        let parameters = context.parameters;
        let bias = self.0.bias.map(|id| parameters.get(id).float());
        products::forward(x, parameters.get(self.0.weight).float(), bias, y, context.pass.par);
    }

    fn propagate(
        &self,
        (): &mut (),
        x: &Input<'_>,
        errors: &mut [f32],
        dx: Option<&mut [f32]>,
        context: &mut Backward<'_>,
    ) {
        let Some(dx) = dx else { return };
        let weight = context.parameters.get(self.0.weight).float();
        products::propagate(x, weight, errors, dx, context.pass.par);
    }

    fn accumulate(
        &self,
        _: &mut [&mut ()],
        x: &Input<'_>,
        errors: &[f32],
        context: &mut Backward<'_>,
    ) {
        let par = context.pass.par;
        context.accumulate_leaves(self.0.weight, |leaves, out, add| {
            products::gradient_of_leaves(x, errors, leaves, out, add, par);
        });
        self.0.accumulate_bias(errors, context);
    }
}
