//! Elements in another order, repeated, left out, or added up: whatever moves numbers and changes none.
//!
//! ```text
//! pick     y[i] = x[indices[i]], 0 where there is none      dx[indices[i]] += dy[i]
//! scatter  y[indices[i]] += x[i]                             dx[i] = dy[indices[i]]
//! ```

use std::sync::Arc;

use nn::{Backward, Operation, Step, Tensor, Var};

use crate::tensor::NOTHING;

/// Records y\[i\] = x\[indices\[i\]\].
pub(crate) fn pick(step: &mut Step<'_>, x: Var, shape: &[usize], indices: Vec<u32>) -> Var {
    let mut out = step.tape.scratch(indices.len());
    let values = step.tape.value(x).data();
    for (y, &i) in out.iter_mut().zip(&indices) {
        *y = values.get(i as usize).copied().unwrap_or(0.0);
    }
    let needs_gradient = step.tape.needs_gradient(x);
    let pick = Pick { x, indices: indices.into() };
    step.tape.record(Tensor::new(shape, out), needs_gradient, pick)
}

#[derive(Debug)]
struct Pick {
    x: Var,
    indices: Arc<[u32]>,
}

impl Operation for Pick {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        context.accumulate(self.x, |dx, _| {
            for (dy, &i) in gradient.iter().zip(&*self.indices) {
                if i != NOTHING {
                    dx[i as usize] += dy;
                }
            }
        });
    }
}

/// Records y\[indices\[i\]\] += x\[i\] into zeros of a shape.
pub(crate) fn scatter(step: &mut Step<'_>, x: Var, shape: &[usize], indices: Vec<u32>) -> Var {
    let mut out = vec![0.0; shape.iter().product()];
    for (x, &i) in step.tape.value(x).data().iter().zip(&indices) {
        if i != NOTHING {
            out[i as usize] += x;
        }
    }
    let needs_gradient = step.tape.needs_gradient(x);
    step.tape.record(Tensor::new(shape, out), needs_gradient, Scatter { x, indices })
}

#[derive(Debug)]
struct Scatter {
    x: Var,
    indices: Vec<u32>,
}

impl Operation for Scatter {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        context.accumulate(self.x, |dx, _| {
            for (dx, &i) in dx.iter_mut().zip(&self.indices) {
                if i != NOTHING {
                    *dx += gradient[i as usize];
                }
            }
        });
    }
}
