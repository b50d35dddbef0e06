//! [`LinearMap`]: y = x·Wᵀ + b with W held and multiplied by one arithmetic.
//!
//! An arithmetic acts in four places: the forward product, the taking of errors, the gradient
//! product and the backward product. Each arithmetic has them in a file of its own. Where the rows
//! x come from, a matrix or patches of images, is a value ([`Rows`]), and whoever multiplies asks
//! it for a block at a time.
//!
//! What is multiplied may differ from what is stored: tiles add noise once per mini-batch. Then
//! the weights of a step are made at the first use of the map and kept on the tape
//! ([`LinearMap::step_weights`]).

mod analog;
mod fixed_point;
mod float32;
mod plan;
mod rows;
mod sums;

use std::borrow::Cow;
use std::sync::Arc;

use crossbar::Saturation;
use numerics::{Codes, Seed};

use crate::arithmetic::Signals;
use crate::tape::Backward;
use crate::{Arithmetic, ParameterId, Parameters, Pass, Role, Storage, Tape};

pub(crate) use analog::{StepWeights, tile_scale_start};
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
    executor: Executor,
    readout: Readout,
}

/// What multiplies.
#[derive(Clone, Debug)]
enum Executor {
    Float32,
    FixedPoint(Signals),
    Analog(Arc<analog::Tiles>),
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
    /// Weights, products and clipped outputs of tiles.
    Analog(analog::Use),
}

impl Operand {
    /// A buffer that may serve another step, if it kept one.
    pub(crate) fn into_buffer(self) -> Option<Vec<f32>> {
        match self {
            Self::Analog(used) => Some(used.into_buffer()),
            Self::Tape | Self::Fixed(_) => None,
        }
    }

    /// What tiles clipped; `None` if no tiles multiplied.
    pub(crate) fn saturation(&self) -> Option<Saturation> {
        match self {
            Self::Analog(used) => Some(used.saturation()),
            Self::Tape | Self::Fixed(_) => None,
        }
    }
}

/// The errors δ of a map's outputs, in the arithmetic's numbers.
#[derive(Debug)]
pub(crate) enum Errors<'a> {
    /// Without those that the arithmetic stops.
    Float(Cow<'a, [f32]>),
    Fixed(Codes),
}

impl Errors<'_> {
    /// Hands memory of the pool back.
    pub(crate) fn recycle(self, context: &mut Backward<'_>) {
        if let Self::Float(Cow::Owned(errors)) = self {
            context.recycle(errors);
        }
    }
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
        let float = |values: &[f32]| Storage::Float { values: values.to_vec(), increment: None };
        let (stored, stored_bias) = match arithmetic {
            Arithmetic::Float32 | Arithmetic::Analog(_) => (float(weight), float(&bias_values)),
            Arithmetic::FixedPoint(config) => {
                let s = config.signals();
                let (rule, update) = (s.weight, s.weight_update);
                (
                    fixed_point::storage(weight, outputs, inputs, rule, update, s.bits),
                    fixed_point::storage(&bias_values, 1, outputs, s.bias, s.bias_update, s.bits),
                )
            }
        };
        parameters.add_map(name);
        let id = parameters.add(format!("{name}.weight"), Role::Weight, shape, stored);
        let bias = bias
            .then(|| parameters.add(format!("{name}.bias"), Role::Bias, &[outputs], stored_bias));
        let executor = match arithmetic {
            Arithmetic::Float32 => Executor::Float32,
            Arithmetic::FixedPoint(config) => Executor::FixedPoint(*config.signals()),
            Arithmetic::Analog(config) => Executor::Analog(Arc::new(analog::tiles(
                parameters,
                config,
                name,
                (outputs, inputs),
                (id, bias),
                weight,
            ))),
        };
        Self { name: name.to_owned(), outputs, inputs, weight: id, bias, executor, readout }
    }

    /// The layer's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Panics unless these parameters are those that the map was made with, or the same of another
    /// making. The message names the place where `tape` was begun, so that of the caller of
    /// [`train`](crate::train) or [`evaluate`](crate::evaluate).
    pub(crate) fn assert_own(&self, parameters: &Parameters, tape: &Tape) {
        let (name, place) = (&self.name, tape.place());
        let held = parameters.find(self.weight);
        let Some(held) = held.filter(|p| p.role() == Role::Weight && p.layer() == name) else {
            panic!("the parameters given at {place} are of another network: it has no {name} there")
        };
        let shape = held.shape();
        assert!(
            (shape[0], shape[1..].iter().product()) == (self.outputs, self.inputs),
            "the parameters given at {place} are of another network: {name} is of shape {shape:?}, \
             not {} × {}",
            self.outputs,
            self.inputs
        );
        let tiles = parameters.analog().find(|analog| analog.weight == self.weight);
        let same = match (&self.executor, held.storage(), tiles) {
            (Executor::Float32, Storage::Float { .. }, None) => true,
            (Executor::FixedPoint(signals), Storage::Fixed { codes, .. }, _) => {
                codes.format() == signals.weight.format
            }
            (Executor::Analog(own), _, Some(tiles)) => own.is_of(tiles),
            _ => false,
        };
        if same {
            return;
        }
        let held = match (held.storage(), tiles) {
            (_, Some(_)) => "tiles".to_owned(),
            (Storage::Fixed { codes, .. }, None) => format!("fixed point {}", codes.format()),
            (Storage::Float { .. }, None) => "f32".to_owned(),
        };
        let runs = match &self.executor {
            Executor::Float32 => "f32".to_owned(),
            Executor::FixedPoint(signals) => format!("fixed point {}", signals.weight.format),
            Executor::Analog(_) => "tiles".to_owned(),
        };
        let other = if held == runs { "other " } else { "" };
        panic!(
            "the parameters given at {place} are of another arithmetic: they hold {name} for \
             {held}, and the model runs it on {other}{runs}"
        )
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
        !matches!(self.executor, Executor::FixedPoint(_))
    }

    /// The weights that all uses of the map in this step multiply, if they are not the stored ones.
    pub(crate) fn step_weights(
        &self,
        tape: &mut Tape,
        parameters: &Parameters,
        pass: &Pass,
    ) -> Option<Arc<StepWeights>> {
        let Executor::Analog(tiles) = &self.executor else { return None };
        let calibrating = tape.calibrates();
        let make = |spare| tiles.step_weights(self, parameters, pass, calibrating, spare);
        Some(tape.step_weights(self.weight, make))
    }

    /// How many numbers of f32 the forward product keeps beside y.
    pub(crate) fn kept(&self, rows: &Rows, pass: &Pass) -> usize {
        match &self.executor {
            Executor::Analog(tiles) => tiles.kept(rows, pass),
            Executor::Float32 | Executor::FixedPoint(_) => 0,
        }
    }

    /// Writes y for the rows of x. `weights` are those of [`Self::step_weights`], `kept` is a
    /// buffer of [`Self::kept`] numbers.
    #[expect(clippy::too_many_arguments, reason = "operands, result, and what is kept")]
    pub(crate) fn forward(
        &self,
        parameters: &Parameters,
        weights: Option<&Arc<StepWeights>>,
        x: &[f32],
        rows: &Rows,
        y: &mut [f32],
        kept: Vec<f32>,
        pass: &Pass,
    ) -> Operand {
        match (&self.executor, weights) {
            (Executor::Float32, _) => float32::forward(self, parameters, x, rows, y, pass),
            (Executor::FixedPoint(signals), _) => {
                fixed_point::forward(self, signals, parameters, x, rows, y, pass)
            }
            (Executor::Analog(_), Some(weights)) => {
                Operand::Analog(analog::forward(self, weights, x, rows, y, kept, pass))
            }
            (Executor::Analog(_), None) => unreachable!("tiles have weights of the step"),
        }
    }

    /// Brings the gradient of y into the arithmetic's numbers.
    pub(crate) fn take_errors<'a>(
        &self,
        context: &mut Backward<'_>,
        operand: &Operand,
        gradient: &'a [f32],
        rows: &Rows,
        pass: &Pass,
    ) -> Errors<'a> {
        match (&self.executor, operand) {
            (Executor::FixedPoint(signals), _) => {
                Errors::Fixed(fixed_point::take_errors(self, signals, gradient, rows, pass))
            }
            (Executor::Analog(tiles), Operand::Analog(used)) => {
                Errors::Float(used.stop_saturated(context, tiles, gradient))
            }
            _ => Errors::Float(Cow::Borrowed(gradient)),
        }
    }

    /// Adds to the gradients of what acts on each use by itself: the digital scales and biases of
    /// tiles. `gradient` is that of y.
    pub(crate) fn accumulate_use(
        &self,
        parameters: &mut Parameters,
        operand: &Operand,
        gradient: &[f32],
    ) {
        if let (Executor::Analog(tiles), Operand::Analog(used)) = (&self.executor, operand) {
            analog::accumulate_digital(self, tiles, parameters, used, gradient);
        }
    }

    /// Adds δᵀ·x to the gradient of W, and Σδ to that of b where [`Self::accumulate_use`] has not.
    pub(crate) fn accumulate_gradient(
        &self,
        context: &mut Backward<'_>,
        operand: &Operand,
        x: &[f32],
        rows: &Rows,
        errors: &Errors<'_>,
        pass: &Pass,
    ) {
        let parameters = &mut *context.parameters;
        match (&self.executor, operand, errors) {
            (Executor::FixedPoint(signals), Operand::Fixed(x), Errors::Fixed(errors)) => {
                fixed_point::accumulate_gradient(self, signals, parameters, x, rows, errors, pass);
            }
            (Executor::Float32, Operand::Tape, Errors::Float(errors)) => {
                float32::accumulate_gradient(self, parameters, x, rows, errors, pass);
            }
            (Executor::Analog(tiles), Operand::Analog(used), Errors::Float(errors)) => {
                analog::accumulate_weights(self, tiles, context, used, x, rows, errors, pass);
            }
            _ => unreachable!("operand and errors come from the same arithmetic"),
        }
    }

    /// Adds Σδ, which `sum` adds to a zeroed row, to the gradient of b.
    fn accumulate_bias(&self, parameters: &mut Parameters, sum: impl FnOnce(&mut [f32])) {
        let Some(bias) = self.bias else { return };
        parameters.accumulate(bias, |gradient, add| {
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
        operand: &Operand,
        rows: &Rows,
        errors: &Errors<'_>,
        dx: &mut [f32],
        pass: &Pass,
    ) {
        match (&self.executor, operand, errors) {
            (Executor::FixedPoint(signals), _, Errors::Fixed(errors)) => {
                fixed_point::propagate(self, signals, parameters, rows, errors, dx, pass);
            }
            (Executor::Float32, _, Errors::Float(errors)) => {
                float32::propagate(self, parameters, rows, errors, dx, pass);
            }
            (Executor::Analog(_), Operand::Analog(used), Errors::Float(errors)) => {
                analog::propagate(self, used, rows, errors, dx, pass);
            }
            _ => unreachable!("operand and errors come from the same arithmetic"),
        }
    }

    /// Whether the map itself wants the errors of x.
    pub(crate) fn needs_input_gradient(&self, operand: &Operand, x: &[f32]) -> bool {
        match (&self.executor, operand) {
            (Executor::Analog(tiles), Operand::Analog(used)) => {
                analog::needs_input_gradient(tiles, used, x)
            }
            _ => false,
        }
    }

    /// Writes the errors of x that [`Self::accumulate_range`] looks at, where
    /// [`Self::needs_input_gradient`] wants them and nobody else does; the others are undefined.
    pub(crate) fn propagate_for_range(
        &self,
        operand: &Operand,
        x: &[f32],
        rows: &Rows,
        errors: &Errors<'_>,
        dx: &mut [f32],
        pass: &Pass,
    ) {
        if let (Operand::Analog(used), Errors::Float(errors)) = (operand, errors) {
            analog::propagate_at_range(self, used, x, rows, errors, dx, pass);
        }
    }

    /// Adds to the gradient of the input range of tiles; `dx` may be absent if
    /// [`Self::needs_input_gradient`] does not want it.
    pub(crate) fn accumulate_range(
        &self,
        parameters: &mut Parameters,
        operand: &Operand,
        x: &[f32],
        dx: Option<&[f32]>,
        loss_scale: f32,
    ) {
        if let (Executor::Analog(tiles), Operand::Analog(used)) = (&self.executor, operand) {
            analog::accumulate_range(tiles, parameters, used, x, dx, loss_scale);
        }
    }

    fn seed(&self, pass: &Pass, signal: &str) -> Seed {
        pass.seed.child(&self.name).child(signal)
    }
}
