//! Softmax and its logarithm over the last axis.
//!
//! ```text
//! p_j = exp(x_j) / Σ_k exp(x_k)         ∂/∂x_j = p_j · (g_j − Σ_k g_k p_k)
//! ℓ_j = x_j − ln Σ_k exp(x_k)           ∂/∂x_j = g_j − exp(ℓ_j) · Σ_k g_k
//! ```

use crate::functions::{dot, exp, log_sum_exp, sum, vectorised};
use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records the softmax over the last axis.
///
/// # Panics
///
/// If `x` is a scalar.
#[track_caller]
pub fn softmax(step: &mut Step<'_>, x: Var) -> Var {
    record(step, x, Form::Probability)
}

/// Records the logarithm of the softmax over the last axis.
///
/// # Panics
///
/// If `x` is a scalar.
#[track_caller]
pub fn log_softmax(step: &mut Step<'_>, x: Var) -> Var {
    record(step, x, Form::Logarithm)
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Probability,
    Logarithm,
}

#[track_caller]
fn record(step: &mut Step<'_>, x: Var, form: Form) -> Var {
    let (_, columns) = step.tape.value(x).as_matrix();
    let mut out = step.tape.scratch(step.tape.value(x).data().len());
    out.copy_from_slice(step.tape.value(x).data());
    vectorised!({
        for row in out.chunks_exact_mut(columns.max(1)) {
            match form {
                Form::Probability => crate::functions::softmax(row),
                Form::Logarithm => {
                    let shift = log_sum_exp(row);
                    row.iter_mut().for_each(|x| *x -= shift);
                }
            }
        }
    });
    let value = Tensor::new(step.tape.value(x).shape(), out);
    let needs_gradient = step.tape.needs_gradient(x);
    step.tape.record(value, needs_gradient, Softmax { x, form })
}

#[derive(Debug)]
struct Softmax {
    x: Var,
    form: Form,
}

impl Operation for Softmax {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let y = context.output();
        let columns = y.as_matrix().1.max(1);
        let mut dx = context.scratch(gradient.len());
        let rows = dx
            .chunks_exact_mut(columns)
            .zip(gradient.chunks_exact(columns))
            .zip(y.data().chunks_exact(columns));
        vectorised!({
            for ((dx, g), y) in rows {
                match self.form {
                    Form::Probability => {
                        let mean = dot(g, y);
                        for ((dx, g), y) in dx.iter_mut().zip(g).zip(y) {
                            *dx = y * (g - mean);
                        }
                    }
                    Form::Logarithm => {
                        let total = sum(g);
                        for ((dx, g), &y) in dx.iter_mut().zip(g).zip(y) {
                            *dx = g - exp(y) * total;
                        }
                    }
                }
            }
        });
        context.give(self.x, dx);
    }
}
