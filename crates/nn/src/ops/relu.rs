//! max(x, 0).

use crate::tape::{Backward, Operation};
use crate::{Tape, Tensor, Var};

/// Records max(x, 0), elementwise.
///
/// On a fixed-point grid the result stays on the grid, and ReLU(Convert(z)) = Convert(ReLU(z)).
pub fn relu(tape: &mut Tape, x: Var) -> Var {
    let mut out = tape.scratch(tape.value(x).data().len());
    for (y, &x) in out.iter_mut().zip(tape.value(x).data()) {
        *y = x.max(0.0);
    }
    let value = Tensor::new(tape.value(x).shape(), out);
    let needs_gradient = tape.needs_gradient(x);
    tape.record(value, needs_gradient, Relu { x })
}

#[derive(Debug)]
struct Relu {
    x: Var,
}

impl Operation for Relu {
    fn backward(&self, gradient: &[f32], context: &mut Backward<'_>) {
        context.accumulate(self.x, |dx, x| {
            for ((dx, &dy), &x) in dx.iter_mut().zip(gradient).zip(x.data()) {
                *dx += if x > 0.0 { dy } else { 0.0 };
            }
        });
    }
}
