//! Two tensors, element by element; the smaller one is repeated along axes of length 1 and axes that it
//! lacks.
//!
//! ```text
//! y = a / b           da = dy / b              db = −dy · y / b
//! y = a^b             da = dy · b · a^(b−1)    db = dy · y · ln a
//! y = max(a, b)       the gradient goes to the larger one, to the first if they are equal
//! y = c ? a : b       the gradient goes to the one that was taken
//! ```

use nn::{Backward, Operation, Step, Tensor, Var, ops};

use super::pick::pick;
use crate::error::Reason;
use crate::tensor::{broadcast_shape, repeated};

/// What is computed of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Max,
    Min,
}

impl Binary {
    /// Of an operator.
    pub(crate) fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            "Add" | "Sum" => Self::Add,
            "Sub" => Self::Sub,
            "Mul" => Self::Mul,
            "Div" => Self::Div,
            "Pow" => Self::Pow,
            "Max" => Self::Max,
            "Min" => Self::Min,
            _ => return None,
        })
    }

    /// Of real numbers.
    #[inline]
    pub(crate) fn real(self, a: f32, b: f32) -> f32 {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::Pow => a.powf(b),
            Self::Max => a.max(b),
            Self::Min => a.min(b),
        }
    }

    /// Of integers; a quotient is rounded towards zero.
    pub(crate) fn integer(self, a: i64, b: i64) -> Reason<i64> {
        let result = match self {
            Self::Add => a.checked_add(b),
            Self::Sub => a.checked_sub(b),
            Self::Mul => a.checked_mul(b),
            Self::Div => a.checked_div(b),
            Self::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            Self::Max => Some(a.max(b)),
            Self::Min => Some(a.min(b)),
        };
        result.ok_or_else(|| format!("{a} and {b} have no such integer"))
    }

    /// dy/da and dy/db.
    fn derivatives(self, a: f32, b: f32, y: f32) -> [f32; 2] {
        match self {
            Self::Add => [1.0, 1.0],
            Self::Sub => [1.0, -1.0],
            Self::Mul => [b, a],
            Self::Div => [1.0 / b, -y / b],
            Self::Pow => [b * a.powf(b - 1.0), if a > 0.0 { y * a.ln() } else { 0.0 }],
            Self::Max => {
                if a >= b {
                    [1.0, 0.0]
                } else {
                    [0.0, 1.0]
                }
            }
            Self::Min => {
                if a <= b {
                    [1.0, 0.0]
                } else {
                    [0.0, 1.0]
                }
            }
        }
    }
}

/// Repeats a value to a shape.
pub(crate) fn repeat(step: &mut Step<'_>, x: Var, shape: &[usize]) -> Var {
    if step.tape.value(x).shape() == shape {
        return x;
    }
    let indices = repeated(step.tape.value(x).shape(), shape);
    pick(step, x, shape, indices)
}

/// Records a function of two values.
pub(crate) fn binary(step: &mut Step<'_>, a: Var, b: Var, function: Binary) -> Reason<Var> {
    let shape = {
        let (a, b) = (step.tape.value(a).shape(), step.tape.value(b).shape());
        broadcast_shape(a, b)?
    };
    let a = repeat(step, a, &shape);
    // Sums and products of nn repeat the second along leading axes by themselves.
    let suffix =
        shape.ends_with(step.tape.value(b).shape()) && !step.tape.value(b).data().is_empty();
    match function {
        Binary::Add if suffix => return Ok(ops::add(step, a, b)),
        Binary::Sub if suffix => return Ok(ops::sub(step, a, b)),
        Binary::Mul if suffix => return Ok(ops::mul(step, a, b)),
        _ => {}
    }
    let b = repeat(step, b, &shape);
    let mut out = step.tape.scratch(shape.iter().product());
    let (x, y) = (step.tape.value(a).data(), step.tape.value(b).data());
    for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
        *out = function.real(x, y);
    }
    let needs_gradient = step.tape.needs_gradient(a) || step.tape.needs_gradient(b);
    Ok(step.tape.record(Tensor::new(&shape, out), needs_gradient, Pairs { a, b, function }))
}

#[derive(Debug)]
struct Pairs {
    a: Var,
    b: Var,
    function: Binary,
}

impl Operation for Pairs {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let (a, b) = (context.value(self.a).data(), context.value(self.b).data());
        let y = context.output().data();
        for (which, var) in [self.a, self.b].into_iter().enumerate() {
            context.accumulate(var, |dx, _| {
                for (i, (dx, dy)) in dx.iter_mut().zip(&*gradient).enumerate() {
                    *dx += dy * self.function.derivatives(a[i], b[i], y[i])[which];
                }
            });
        }
    }
}

/// Records a where the condition holds and b elsewhere, all of one shape.
pub(crate) fn select(step: &mut Step<'_>, condition: Vec<bool>, a: Var, b: Var) -> Var {
    let mut out = step.tape.scratch(condition.len());
    let (x, y) = (step.tape.value(a), step.tape.value(b).data());
    for (i, (out, &first)) in out.iter_mut().zip(&condition).enumerate() {
        *out = if first { x.data()[i] } else { y[i] };
    }
    let value = Tensor::new(x.shape(), out);
    let needs_gradient = step.tape.needs_gradient(a) || step.tape.needs_gradient(b);
    step.tape.record(value, needs_gradient, Select { condition, a, b })
}

#[derive(Debug)]
struct Select {
    condition: Vec<bool>,
    a: Var,
    b: Var,
}

impl Operation for Select {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        for (var, taken) in [(self.a, true), (self.b, false)] {
            context.accumulate(var, |dx, _| {
                for ((dx, dy), &first) in dx.iter_mut().zip(&*gradient).zip(&self.condition) {
                    *dx += if first == taken { *dy } else { 0.0 };
                }
            });
        }
    }
}
