//! y = x·Wᵀ + b through whichever arithmetic holds W.

use std::sync::Arc;

use crate::linear_map::Operand;
use crate::tape::{Backward, Operation};
use crate::{LinearMap, Step, Tensor, Var};

/// Records y = x·Wᵀ + b.
///
/// # Shapes
///
/// - `x`: (…, in)
/// - result: (…, out)
///
/// # Panics
///
/// If the last axis of `x` is not the map's input.
#[track_caller]
pub fn linear(step: &mut Step<'_>, map: &Arc<LinearMap>, x: Var) -> Var {
    let (rows, inputs) = step.tape.value(x).as_matrix();
    assert_eq!(inputs, map.inputs(), "{} takes {} inputs, not {inputs}", map.name(), map.inputs());
    let mut shape = step.tape.value(x).shape().to_vec();
    *shape.last_mut().expect("as_matrix has seen a last axis") = map.outputs();
    let mut y = step.tape.scratch(rows * map.outputs());
    let operand = map.forward(step.parameters, step.tape.value(x).data(), &mut y, &step.pass);
    step.tape.record(Tensor::new(&shape, y), true, Linear { map: Arc::clone(map), x, operand })
}

#[derive(Debug)]
struct Linear {
    map: Arc<LinearMap>,
    x: Var,
    operand: Operand,
}

impl Operation for Linear {
    fn backward(&self, gradient: &[f32], context: &mut Backward<'_>) {
        let x = context.value(self.x);
        let pass = context.pass;
        let errors = self.map.take_errors(gradient, &pass);
        self.map.accumulate_gradient(context.parameters, &self.operand, x.data(), &errors, &pass);
        if context.needs_gradient(self.x) {
            let mut dx = context.scratch(x.data().len());
            self.map.propagate(context.parameters, &errors, &mut dx, &pass);
            context.give(self.x, dx);
        }
    }
}
