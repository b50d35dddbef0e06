//! Functions of one element: ReLU, GELU, tanh, sigmoid.
//!
//! ```text
//! relu(x)    = max(x, 0)               dx = dy·[y > 0]            NaN passes both ways
//! gelu(x)    = x·Φ(x)                  dx = dy·(Φ(x) + x·φ(x))      Φ, φ of N(0, 1)
//! tanh(x)                              dx = dy·(1 − y²)
//! sigmoid(x) = 1 / (1 + exp(−x))       dx = dy·y·(1 − y)
//! ```
//!
//! Source: GELU in its exact form, Hendrycks and Gimpel, arXiv:1606.08415.

use crate::functions::{self, normal, normal_cdf, vectorised};
use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records max(x, 0).
///
/// On a fixed-point grid the result stays on the grid, and ReLU(Convert(z)) = Convert(ReLU(z)).
pub fn relu(step: &mut Step<'_>, x: Var) -> Var {
    record(step, x, Activation::Relu)
}

/// Records x·Φ(x), with Φ the normal distribution function.
pub fn gelu(step: &mut Step<'_>, x: Var) -> Var {
    record(step, x, Activation::Gelu)
}

/// Records tanh(x).
pub fn tanh(step: &mut Step<'_>, x: Var) -> Var {
    record(step, x, Activation::Tanh)
}

/// Records 1 / (1 + exp(−x)).
pub fn sigmoid(step: &mut Step<'_>, x: Var) -> Var {
    record(step, x, Activation::Sigmoid)
}

#[derive(Clone, Copy, Debug)]
enum Activation {
    Relu,
    Gelu,
    Tanh,
    Sigmoid,
}

fn record(step: &mut Step<'_>, x: Var, activation: Activation) -> Var {
    let mut out = step.tape.scratch(step.tape.value(x).data().len());
    let pairs = out.iter_mut().zip(step.tape.value(x).data());
    vectorised!(match activation {
        // By comparison: f32::max would make 0 of NaN, and a network that diverged look alive.
        Activation::Relu => pairs.for_each(|(y, &x)| *y = if x < 0.0 { 0.0 } else { x }),
        Activation::Gelu => pairs.for_each(|(y, x)| *y = x * normal_cdf(*x)),
        Activation::Tanh => pairs.for_each(|(y, x)| *y = functions::tanh(*x)),
        Activation::Sigmoid => pairs.for_each(|(y, x)| *y = functions::sigmoid(*x)),
    });
    let value = Tensor::new(step.tape.value(x).shape(), out);
    let needs_gradient = step.tape.needs_gradient(x);
    step.tape.record(value, needs_gradient, Elementwise { x, activation })
}

#[derive(Debug)]
struct Elementwise {
    x: Var,
    activation: Activation,
}

impl Operation for Elementwise {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        if !context.needs_gradient(self.x) {
            return;
        }
        let (x, y) = (context.value(self.x).data(), context.output().data());
        let mut dx = context.scratch(x.len());
        let terms = dx.iter_mut().zip(&*gradient);
        vectorised!(match self.activation {
            Activation::Relu => {
                // By value, so that the compiler may load both and select.
                terms.zip(y).for_each(|((dx, &dy), &y)| *dx = if y <= 0.0 { 0.0 } else { dy });
            }
            Activation::Gelu => terms.zip(x).for_each(|((dx, dy), x)| {
                let (distribution, density) = normal(*x);
                *dx = dy * (distribution + x * density);
            }),
            Activation::Tanh => terms.zip(y).for_each(|((dx, dy), y)| *dx = dy * (1.0 - y * y)),
            Activation::Sigmoid => {
                terms.zip(y).for_each(|((dx, dy), y)| *dx = dy * y * (1.0 - y));
            }
        });
        context.give(self.x, dx);
    }
}
