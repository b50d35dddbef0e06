//! Functions of one number, with their derivatives.
//!
//! | function | y | dy/dx |
//! |---|---|---|
//! | square root | √x | 1 / 2y |
//! | exponential, logarithm | eˣ, ln x | y, 1 / x |
//! | error function | erf x | 2/√π · exp(−x²) |
//! | GELU, tanh form | x/2 · (1 + tanh(√(2/π)(x + 0.044715 x³))) | as it follows |
//! | leaky ReLU, ELU | x, below 0 αx and α(eˣ − 1) | 1, below 0 α and y + α |
//! | hard sigmoid | αx + β within \[0, 1\] | α inside |
//! | hard swish | x · hard sigmoid of α = 1/6, β = 1/2 | as it follows |
//! | clip | x within \[min, max\] | 1 inside |
//! | softplus, softsign, Mish, SiLU | ln(1 + eˣ), x / (1 + \|x\|), x tanh(ln(1 + eˣ)), x σ(x) | as it follows |
//!
//! Source: the operators of ONNX 1.23 of these names.

use nn::{Backward, Operation, Step, Tensor, Var};

use crate::error::Reason;
use crate::graph::Attributes;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unary {
    Sqrt,
    Exp,
    Log,
    Neg,
    Abs,
    Reciprocal,
    Sin,
    Cos,
    Erf,
    Floor,
    Ceil,
    Round,
    GeluTanh,
    LeakyRelu { alpha: f32 },
    Elu { alpha: f32 },
    Celu { alpha: f32 },
    Selu { alpha: f32, gamma: f32 },
    HardSigmoid { alpha: f32, beta: f32 },
    HardSwish,
    Softplus,
    Softsign,
    Mish,
    Silu { alpha: f32 },
    Clip { min: f32, max: f32 },
}

impl Unary {
    /// Of an operator, but for `Clip`, whose limits may be inputs.
    pub(crate) fn of(operator: &str, attributes: &Attributes) -> Reason<Option<Self>> {
        let alpha = |default| attributes.float("alpha", default);
        Ok(Some(match operator {
            "Sqrt" => Self::Sqrt,
            "Exp" => Self::Exp,
            "Log" => Self::Log,
            "Neg" => Self::Neg,
            "Abs" => Self::Abs,
            "Reciprocal" => Self::Reciprocal,
            "Sin" => Self::Sin,
            "Cos" => Self::Cos,
            "Erf" => Self::Erf,
            "Floor" => Self::Floor,
            "Ceil" => Self::Ceil,
            "Round" => Self::Round,
            "LeakyRelu" => Self::LeakyRelu { alpha: alpha(0.01) },
            "Elu" => Self::Elu { alpha: alpha(1.0) },
            "Celu" => Self::Celu { alpha: alpha(1.0) },
            "Selu" => {
                let gamma = attributes.float("gamma", 1.050_701);
                Self::Selu { alpha: alpha(1.673_263_2), gamma }
            }
            "HardSigmoid" => {
                Self::HardSigmoid { alpha: alpha(0.2), beta: attributes.float("beta", 0.5) }
            }
            "HardSwish" => Self::HardSwish,
            "Softplus" => Self::Softplus,
            "Softsign" => Self::Softsign,
            "Mish" => Self::Mish,
            "Swish" => Self::Silu { alpha: alpha(1.0) },
            "Gelu" => match attributes.text("approximate", "none") {
                "none" => return Ok(None),
                "tanh" => Self::GeluTanh,
                other => return Err(format!("a GELU by {other}")),
            },
            _ => return Ok(None),
        }))
    }

    /// y.
    pub(crate) fn value(self, x: f32) -> f32 {
        match self {
            Self::Sqrt => x.sqrt(),
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::Neg => -x,
            Self::Abs => x.abs(),
            Self::Reciprocal => 1.0 / x,
            Self::Sin => x.sin(),
            Self::Cos => x.cos(),
            Self::Erf => libm::erff(x),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
            Self::Round => x.round_ties_even(),
            Self::GeluTanh => 0.5 * x * (1.0 + gelu_argument(x).tanh()),
            Self::LeakyRelu { alpha } => {
                if x < 0.0 {
                    alpha * x
                } else {
                    x
                }
            }
            Self::Elu { alpha } => {
                if x < 0.0 {
                    alpha * x.exp_m1()
                } else {
                    x
                }
            }
            Self::Celu { alpha } => {
                if x < 0.0 {
                    alpha * (x / alpha).exp_m1()
                } else {
                    x
                }
            }
            Self::Selu { alpha, gamma } => gamma * if x < 0.0 { alpha * x.exp_m1() } else { x },
            Self::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
            Self::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::Softplus => softplus(x),
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Mish => x * softplus(x).tanh(),
            Self::Silu { alpha } => x * sigmoid(alpha * x),
            Self::Clip { min, max } => x.max(min).min(max),
        }
    }

    /// dy/dx; steps have none, and it is 0.
    fn derivative(self, x: f32, y: f32) -> f32 {
        match self {
            Self::Sqrt => 0.5 / y,
            Self::Exp => y,
            Self::Log => 1.0 / x,
            Self::Neg => -1.0,
            Self::Abs => {
                if x == 0.0 {
                    0.0
                } else {
                    x.signum()
                }
            }
            Self::Reciprocal => -y * y,
            Self::Sin => x.cos(),
            Self::Cos => -x.sin(),
            Self::Erf => std::f32::consts::FRAC_2_SQRT_PI * (-x * x).exp(),
            Self::Floor | Self::Ceil | Self::Round => 0.0,
            Self::GeluTanh => {
                let t = gelu_argument(x).tanh();
                let inner = GELU * (1.0 + 3.0 * 0.044_715 * x * x);
                0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner
            }
            Self::LeakyRelu { alpha } => {
                if x < 0.0 {
                    alpha
                } else {
                    1.0
                }
            }
            Self::Elu { alpha } => {
                if x < 0.0 {
                    y + alpha
                } else {
                    1.0
                }
            }
            Self::Celu { alpha } => {
                if x < 0.0 {
                    (x / alpha).exp()
                } else {
                    1.0
                }
            }
            Self::Selu { alpha, gamma } => {
                if x < 0.0 {
                    y + alpha * gamma
                } else {
                    gamma
                }
            }
            Self::HardSigmoid { alpha, .. } => {
                if y > 0.0 && y < 1.0 {
                    alpha
                } else {
                    0.0
                }
            }
            Self::HardSwish => match x {
                ..=-3.0 => 0.0,
                3.0.. => 1.0,
                _ => x / 3.0 + 0.5,
            },
            Self::Softplus => sigmoid(x),
            Self::Softsign => (1.0 + x.abs()).powi(-2),
            Self::Mish => {
                let t = softplus(x).tanh();
                t + x * (1.0 - t * t) * sigmoid(x)
            }
            Self::Silu { alpha } => {
                let s = sigmoid(alpha * x);
                s + alpha * x * s * (1.0 - s)
            }
            Self::Clip { min, max } => {
                if x > min && x < max {
                    1.0
                } else {
                    0.0
                }
            }
        }
    }
}

/// √(2/π)
const GELU: f32 = 0.797_884_6;

fn gelu_argument(x: f32) -> f32 {
    GELU * (x + 0.044_715 * x * x * x)
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// ln(1 + eˣ), also where eˣ overflows.
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Records a function of each element.
pub(crate) fn unary(step: &mut Step<'_>, x: Var, function: Unary) -> Var {
    let mut out = step.tape.scratch(step.tape.value(x).data().len());
    let value = step.tape.value(x);
    out.iter_mut().zip(value.data()).for_each(|(y, &x)| *y = function.value(x));
    let value = Tensor::new(value.shape(), out);
    let needs_gradient = step.tape.needs_gradient(x);
    step.tape.record(value, needs_gradient, Each { x, function })
}

#[derive(Debug)]
struct Each {
    x: Var,
    function: Unary,
}

impl Operation for Each {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let y = context.output().data();
        context.accumulate(self.x, |dx, x| {
            for (((dx, dy), &x), &y) in dx.iter_mut().zip(&*gradient).zip(x.data()).zip(y) {
                *dx += dy * self.function.derivative(x, y);
            }
        });
    }
}
