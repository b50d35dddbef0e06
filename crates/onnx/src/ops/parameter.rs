//! A parameter as a value of the tape: for weights that no linear map multiplies.

use nn::{Backward, Operation, ParameterId, Step, Tensor, Var};

/// Records the values of a parameter.
pub(crate) fn parameter(step: &mut Step<'_>, id: ParameterId) -> Var {
    let parameter = step.parameters.get(id);
    let value = Tensor::new(parameter.shape(), parameter.values());
    step.tape.record(value, true, OfParameter { id })
}

#[derive(Debug)]
struct OfParameter {
    id: ParameterId,
}

impl Operation for OfParameter {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        context.parameters.accumulate(self.id, |out, add| {
            for (out, dy) in out.iter_mut().zip(&*gradient) {
                *out = if add { *out + dy } else { *dy };
            }
        });
    }
}
