//! [`LinearMap`]: y = x·Wᵀ + b with W held and multiplied by one arithmetic.
//!
//! The four places where an arithmetic acts are the four methods: the forward product, the
//! taking of errors, the gradient product and the backward product. Each arithmetic has them in a
//! file of its own. Where the rows x come from, a matrix or patches of images, is a value
//! ([`Rows`]), and whoever multiplies asks it for a block at a time.

mod fixed_point;
mod float32;
mod plan;
mod rows;

use numerics::{Codes, Seed};

use crate::{Arithmetic, ParameterId, Parameters, Pass};

pub(crate) use plan::{Plan, Run};
pub use rows::Window;
pub(crate) use rows::{Patches, Rows};

/// y = x·Wᵀ + b, W of shape (out, in) or, over patches, (out, height, width, in).
///
/// It names its parameters and its arithmetic; the numbers live in [`Parameters`].
#[derive(Clone, Debug)]
pub struct LinearMap {
    name: String,
    outputs: usize,
    inputs: usize,
    weight: ParameterId,
    bias: Option<ParameterId>,
    arithmetic: Arithmetic,
    readout: Readout,
}

/// What leaves a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readout {
    /// The output of a layer, in the arithmetic's output numbers.
    Layer,
    /// Logits: the sums before their rounding, for a softmax in f32.
    ///
    /// Assumed: \[Gupta15\] counts the softmax's probabilities as the last layer's Y. Rounding the
    /// logits to ⟨2, 14⟩ would clip them to [−2, 2) and training would fail.
    Wide,
}

/// What the forward pass keeps of x for the gradient.
#[derive(Debug)]
pub(crate) enum Operand {
    /// x itself, which the tape keeps.
    Tape,
    /// The codes that were multiplied.
    Fixed(Codes),
}

/// The errors δ of a map's outputs, in the arithmetic's numbers.
#[derive(Debug)]
pub(crate) enum Errors<'a> {
    Float(&'a [f32]),
    Fixed(Codes),
}

impl LinearMap {
    /// Adds W and b (if `bias`) to `parameters`, with the initial values `weight` and zeros.
    ///
    /// The first axis of `shape` is the output, all others together are the input.
    ///
    /// # Panics
    ///
    /// Unless there are as many weights as `shape` says, and the names are new.
    #[track_caller]
    pub fn new(
        parameters: &mut Parameters,
        arithmetic: &Arithmetic,
        name: &str,
        shape: &[usize],
        weight: &[f32],
        bias: bool,
        readout: Readout,
    ) -> Self {
        assert_eq!(
            weight.len(),
            shape.iter().product::<usize>(),
            "{} weights for {name} of shape {shape:?}",
            weight.len()
        );
        let outputs = shape[0];
        let inputs = shape[1..].iter().product();
        let bias_values = vec![0.0; outputs];
        let (weight, bias_storage) = match arithmetic {
            Arithmetic::Float32 => (float32::storage(weight), float32::storage(&bias_values)),
            Arithmetic::FixedPoint(config) => {
                let s = config.signals();
                (
                    fixed_point::storage(
                        weight,
                        outputs,
                        inputs,
                        s.weight,
                        s.weight_update,
                        s.bits,
                    ),
                    fixed_point::storage(&bias_values, 1, outputs, s.bias, s.bias_update, s.bits),
                )
            }
        };
        let weight = parameters.add(format!("{name}.weight"), shape, weight);
        let bias = bias.then(|| parameters.add(format!("{name}.bias"), &[outputs], bias_storage));
        Self {
            name: name.to_owned(),
            outputs,
            inputs,
            weight,
            bias,
            arithmetic: arithmetic.clone(),
            readout,
        }
    }

    /// The layer's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Length of y.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Length of x.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Whether the gradients of several uses of the map may be had from one product over the rows
    /// of all of them: where errors are not brought into other numbers, use by use.
    pub(crate) fn joins_uses(&self) -> bool {
        self.arithmetic == Arithmetic::Float32
    }

    /// Writes y for the rows of x.
    pub(crate) fn forward(
        &self,
        parameters: &Parameters,
        x: &[f32],
        rows: &Rows,
        y: &mut [f32],
        pass: &Pass,
    ) -> Operand {
        match &self.arithmetic {
            Arithmetic::Float32 => float32::forward(self, parameters, x, rows, y, pass),
            Arithmetic::FixedPoint(config) => {
                fixed_point::forward(self, config.signals(), parameters, x, rows, y, pass)
            }
        }
    }

    /// Brings the gradient of y into the arithmetic's numbers.
    pub(crate) fn take_errors<'a>(
        &self,
        gradient: &'a [f32],
        rows: &Rows,
        pass: &Pass,
    ) -> Errors<'a> {
        match &self.arithmetic {
            Arithmetic::Float32 => Errors::Float(gradient),
            Arithmetic::FixedPoint(config) => Errors::Fixed(fixed_point::take_errors(
                self,
                config.signals(),
                gradient,
                rows,
                pass,
            )),
        }
    }

    /// Adds δᵀ·x and Σδ to the gradients of W and b.
    pub(crate) fn accumulate_gradient(
        &self,
        parameters: &mut Parameters,
        operand: &Operand,
        x: &[f32],
        rows: &Rows,
        errors: &Errors<'_>,
        pass: &Pass,
    ) {
        match (&self.arithmetic, operand, errors) {
            (Arithmetic::FixedPoint(config), Operand::Fixed(x), Errors::Fixed(errors)) => {
                let signals = config.signals();
                fixed_point::accumulate_gradient(self, signals, parameters, x, rows, errors, pass);
            }
            (Arithmetic::Float32, Operand::Tape, Errors::Float(errors)) => {
                float32::accumulate_gradient(self, parameters, x, rows, errors, pass);
            }
            _ => unreachable!("operand and errors come from the same arithmetic"),
        }
    }

    /// Adds Σδ, which `sum` adds to a zeroed row, to the gradient of b.
    fn accumulate_bias(&self, parameters: &mut Parameters, sum: impl FnOnce(&mut [f32])) {
        let Some(bias) = self.bias else { return };
        parameters.get_mut(bias).accumulate(|gradient, add| {
            if !add {
                gradient.fill(0.0);
            }
            sum(gradient);
        });
    }

    /// Writes the errors δ·W of x.
    pub(crate) fn propagate(
        &self,
        parameters: &Parameters,
        rows: &Rows,
        errors: &Errors<'_>,
        dx: &mut [f32],
        pass: &Pass,
    ) {
        match (&self.arithmetic, errors) {
            (Arithmetic::FixedPoint(config), Errors::Fixed(errors)) => {
                let signals = config.signals();
                fixed_point::propagate(self, signals, parameters, rows, errors, dx, pass);
            }
            (Arithmetic::Float32, Errors::Float(errors)) => {
                float32::propagate(self, parameters, rows, errors, dx, pass);
            }
            _ => unreachable!("errors come from the same arithmetic"),
        }
    }

    fn seed(&self, pass: &Pass, signal: &str) -> Seed {
        pass.seed.child(&self.name).child(signal)
    }
}
