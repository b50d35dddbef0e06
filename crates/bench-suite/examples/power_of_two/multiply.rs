//! [`Shifts`]: the products of a layer whose weights are powers of two.

use std::sync::Arc;

use nn::arithmetic::{Forward, Input, Layer, Multiply, products};
use nn::{Backward, Parameter, Parameters};

use super::config::PowerOfTwo;
use super::storage::PowersOfTwo;

/// y = x·Wᵀ + b. Each product is a shift of x: f32 does it without error, and sums in f32.
#[derive(Debug)]
pub(crate) struct Shifts {
    pub(crate) layer: Layer,
    pub(crate) format: PowerOfTwo,
}

impl Multiply for Shifts {
    /// The decoded weights.
    type Use = Arc<Vec<f32>>;

    fn describe(&self) -> String {
        self.format.to_string()
    }

    fn multiplies(&self, weight: &Parameter, _: &Parameters) -> bool {
        weight.storage().describe() == self.describe()
    }

    fn forward(&self, x: &Input<'_>, y: &mut [f32], context: &mut Forward<'_>) -> Self::Use {
        let (parameters, par) = (context.parameters, context.pass.par);
        let stored: &PowersOfTwo = parameters.get(self.layer.weight).stored();
        let weight = context.once_per_step(self.layer.weight, |_| stored.decoded());
        let bias = self.layer.bias.map(|id| parameters.get(id).float());
        products::forward(x, &weight, bias, y, par);
        weight
    }

    fn propagate(
        &self,
        weight: &mut Self::Use,
        x: &Input<'_>,
        errors: &mut [f32],
        dx: Option<&mut [f32]>,
        context: &mut Backward<'_>,
    ) {
        if let Some(dx) = dx {
            products::propagate(x, weight, errors, dx, context.pass.par);
        }
    }

    fn accumulate(
        &self,
        _: &mut [&mut Self::Use],
        x: &Input<'_>,
        errors: &[f32],
        context: &mut Backward<'_>,
    ) {
        let (par, outputs) = (context.pass.par, self.layer.outputs);
        context.accumulate_rows(self.layer.weight, x.count(), |rows, gradient, add| {
            let errors = &errors[rows.start * outputs..rows.end * outputs];
            products::gradient(&x.part(rows), errors, gradient, add, par);
        });
        self.layer.accumulate_bias(errors, context);
    }
}
