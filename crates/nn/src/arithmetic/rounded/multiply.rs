//! [`RoundedProducts`]: the products of a layer with operands that are rounded first.
//!
//! Patches of images are read in place where every operand is rounded element by element; otherwise
//! they are gathered, for a block of a patch depends on the patch.

use std::borrow::Cow;
use std::sync::Arc;

use numerics::{BitSource, BlockShape, FloatQuantizer, Hadamard, Par, Seed};

use super::config::{
    Accumulator, Forward as ForwardProduct, InputGradient, Products, WeightGradient,
};
use super::exact::{self, Exact};
use super::operand::{Bits, Matrix, Operand, largest};
use crate::arithmetic::float32::products;
use crate::arithmetic::input::Input;
use crate::arithmetic::layer::{Layer, Readout};
use crate::arithmetic::multiply::{Forward, Multiply};
use crate::column_sums::add_rows;
use crate::parameters::{Parameter, Parameters, StateId};
use crate::pass::{Mode, Pass};
use crate::rows::{Rows, rearrange};
use crate::tape::Backward;

/// y = Q(x)·Q(W)ᵀ + b.
#[derive(Debug)]
pub(crate) struct RoundedProducts<O> {
    pub(crate) layer: Layer,
    pub(crate) products: Products<O>,
    pub(crate) describe: String,
    /// Largest magnitudes of the last steps, newest first, of operands whose scale looks at them, in
    /// the order of [`Products::operands`].
    pub(crate) past: [Option<StateId>; 6],
}

/// Indices of [`Products::operands`].
const INPUT: usize = 0;
const WEIGHT: usize = 1;
const BACK_ERROR: usize = 2;
const BACK_WEIGHT: usize = 3;
const UPDATE_ERROR: usize = 4;
const UPDATE_INPUT: usize = 5;

/// A rounded matrix, and the factor of its products.
#[derive(Clone, Debug)]
struct Quantized {
    values: Vec<f32>,
    factor: f32,
}

/// The weights of a step.
#[derive(Debug)]
pub(crate) struct StepWeights {
    forward: Quantized,
    /// For the input gradient; none if it is the same matrix.
    back: Option<Quantized>,
}

/// What a forward product keeps.
#[derive(Debug)]
pub(crate) struct Use {
    weights: Arc<StepWeights>,
    /// That of the forward pass: a map that is used several times draws other bits each time.
    pass: Pass,
}

impl<O: Operand> RoundedProducts<O> {
    /// Adds the states of operands whose scales look at the past.
    pub(crate) fn new(
        layer: Layer,
        products: Products<O>,
        describe: String,
        parameters: &mut Parameters,
    ) -> Self {
        let past = products.operands().map(|(key, operand)| {
            let window = operand.and_then(|operand| operand.window())?;
            let name = format!("{}.largest.{key}", layer.name);
            Some(parameters.add_state(name, vec![0.0; window]))
        });
        Self { layer, products, describe, past }
    }

    /// Whether rows of patches have to lie in memory for this operand.
    fn gathers(&self, operand: Option<&O>, hadamard: Option<Hadamard>) -> bool {
        hadamard.is_some()
            || self.products.accumulator == Accumulator::Exact
            || operand.is_some() && !O::ELEMENTWISE
    }

    /// What past steps say of the scale of an operand.
    fn past(&self, index: usize, parameters: &Parameters) -> Option<f32> {
        let values = parameters.state(self.past[index]?);
        let max = values.iter().fold(0.0f32, |max, &x| max.max(x));
        (max > 0.0).then_some(max)
    }

    /// The weights of a step, in the memory of an earlier one.
    fn weights(
        &self,
        parameters: &Parameters,
        pass: &Pass,
        spare: Option<StepWeights>,
    ) -> StepWeights {
        let (layer, products) = (&self.layer, &self.products);
        let ForwardProduct { weight, hadamard, .. } = &products.forward;
        let InputGradient { weight: back, hadamard: back_hadamard, .. } = &products.input_gradient;
        let (spare, spare_back) = match spare {
            Some(StepWeights { forward, back }) => (forward.values, back.map(|back| back.values)),
            None => Default::default(),
        };
        let values = parameters.get(layer.weight).float();
        let matrix = |sum, index| Matrix {
            values,
            rows: layer.outputs,
            cols: layer.inputs,
            sum,
            past: self.past(index, parameters),
        };
        let operand = Rounds { operand: weight.as_ref(), hadamard: *hadamard, par: pass.par };
        let bits = &layer.seed(pass, "weight");
        let signs = &layer.seed(pass, "forward transform");
        let forward = operand.of(
            matrix(BlockShape::AlongRows, WEIGHT),
            Bits { name: bits, first: 0 },
            signs,
            spare,
        );
        // Square blocks, whole tensors and unrounded weights are the same either way.
        let same = weight == back
            && hadamard.is_none()
            && back_hadamard.is_none()
            && weight.is_none_or(|weight| weight.same_both_ways());
        let back = (pass.mode == Mode::Train && !same).then(|| {
            let operand =
                Rounds { operand: back.as_ref(), hadamard: *back_hadamard, par: pass.par };
            let bits = &layer.seed(pass, "weight of errors");
            let signs = &layer.seed(pass, "input gradient transform");
            operand.of(
                matrix(BlockShape::AlongColumns, BACK_WEIGHT),
                Bits { name: bits, first: 0 },
                signs,
                spare_back.unwrap_or_default(),
            )
        });
        StepWeights { forward, back }
    }

    /// y ← A·Bᵀ, by whatever adds it up: A of `x`'s rows, B (n, k).
    fn product(&self, x: &Input<'_>, b: &[f32], y: &mut [f32], par: Par) {
        match self.products.accumulator {
            Accumulator::F32 => products::forward(x, b, None, y, par),
            Accumulator::Exact => {
                let (count, inner) = (x.count(), x.inputs());
                let a = Exact::new(&x.gathered(), count, inner);
                let b = Exact::new(b, b.len() / inner.max(1), inner).t();
                exact::matmul(y, &a, &b, false, par);
            }
        }
    }

    /// dx ← δ·W, by whatever adds it up.
    fn product_back(&self, rows: &Rows, weight: &[f32], errors: &[f32], dx: &mut [f32], par: Par) {
        let (outputs, inputs) = (self.layer.outputs, self.layer.inputs);
        match (self.products.accumulator, rows) {
            (Accumulator::F32, _) => products::back(rows, weight, errors, dx, par),
            (Accumulator::Exact, Rows::Matrix { rows, .. }) => {
                let errors = Exact::new(errors, *rows, outputs);
                exact::matmul(dx, &errors, &Exact::new(weight, outputs, inputs), false, par);
            }
            (Accumulator::Exact, Rows::Patches(patches)) => {
                // As patches of errors, so that each element of dx is one sum.
                let channels = patches.channels();
                let rearranged = rearrange(weight, outputs, patches.taps(), channels);
                let rows = Rows::Patches(patches.transposed(outputs));
                self.product(&Input { values: errors, rows }, &rearranged, dx, par);
            }
        }
    }
}

/// The rounding of an operand after the transform of its product.
struct Rounds<'a, O> {
    operand: Option<&'a O>,
    hadamard: Option<Hadamard>,
    par: Par,
}

impl<O: Operand> Rounds<'_, O> {
    /// The rounded matrix, in the memory of `spare`.
    fn of(
        &self,
        matrix: Matrix<'_>,
        bits: Bits<'_>,
        signs: &Seed,
        mut spare: Vec<f32>,
    ) -> Quantized {
        let Matrix { values, rows, cols, sum, .. } = matrix;
        let transformed = self.hadamard.map(|hadamard| {
            let mut values = values.to_vec();
            let hadamard = hadamard.of(signs);
            match sum {
                BlockShape::AlongColumns => {
                    hadamard.along_columns(&mut values, rows, cols, self.par);
                }
                _ => hadamard.along_rows(&mut values, rows, cols, self.par),
            }
            values
        });
        let values = transformed.as_deref().unwrap_or(values);
        // Every element is written below.
        spare.resize(values.len(), 0.0);
        let factor = match self.operand {
            Some(operand) => operand.round(Matrix { values, ..matrix }, bits, self.par, &mut spare),
            None => {
                spare.copy_from_slice(values);
                1.0
            }
        };
        Quantized { values: spare, factor }
    }
}

impl<O: Operand> Multiply for RoundedProducts<O> {
    type Use = Use;

    fn describe(&self) -> String {
        self.describe.clone()
    }

    fn multiplies(&self, weight: &Parameter, _: &Parameters) -> bool {
        weight.storage().describe() == self.describe
    }

    fn forward(&self, x: &Input<'_>, y: &mut [f32], context: &mut Forward<'_>) -> Use {
        let (parameters, pass, layer) = (context.parameters, context.pass, &self.layer);
        let weights =
            context.once_per_step(layer.weight, |spare| self.weights(parameters, &pass, spare));
        let ForwardProduct { input, hadamard, .. } = &self.products.forward;
        let gathered = if self.gathers(input.as_ref(), *hadamard) {
            x.gathered()
        } else {
            Cow::Borrowed(x.values)
        };
        let rows = x.count();
        let matrix = Matrix {
            values: &gathered,
            rows,
            cols: gathered.len() / rows.max(1),
            sum: BlockShape::AlongRows,
            past: self.past(INPUT, parameters),
        };
        let operand = Rounds { operand: input.as_ref(), hadamard: *hadamard, par: pass.par };
        let bits = &layer.seed(&pass, "input");
        let bits = Bits { name: bits, first: x.first_position(&pass, gathered.len()) };
        let signs = &layer.seed(&pass, "forward transform");
        let spare = context.scratch(gathered.len());
        let rounded = operand.of(matrix, bits, signs, spare);
        let rows = Rows::Matrix { batch: x.rows.batch(), rows, inputs: layer.inputs };
        let in_place = gathered.len() == x.values.len() && matches!(gathered, Cow::Borrowed(_));
        let input = Input { values: &rounded.values, rows: if in_place { x.rows } else { rows } };
        let Quantized { values, factor } = &weights.forward;
        self.product(&input, values, y, pass.par);
        let factor = factor * rounded.factor;
        let bias = layer.bias.map(|id| parameters.get(id).float());
        finish(
            y,
            factor,
            bias,
            self.products.output.filter(|_| layer.readout == Readout::Layer),
            || {
                let name = layer.seed(&pass, "output");
                (name, x.first_position(&pass, x.count() * layer.outputs))
            },
        );
        context.recycle(rounded.values);
        if pass.mode == Mode::Train {
            for (index, values) in
                [(INPUT, x.values), (WEIGHT, parameters.get(layer.weight).float())]
            {
                if let Some(id) = self.past[index] {
                    context.note_largest(id, largest(values));
                }
            }
        }
        Use { weights, pass }
    }

    fn propagate(
        &self,
        used: &mut Use,
        x: &Input<'_>,
        errors: &mut [f32],
        dx: Option<&mut [f32]>,
        context: &mut Backward<'_>,
    ) {
        let Some(dx) = dx else { return };
        let (layer, pass) = (&self.layer, &used.pass);
        let InputGradient { error, hadamard, .. } = &self.products.input_gradient;
        let operand = Rounds { operand: error.as_ref(), hadamard: *hadamard, par: pass.par };
        let matrix = Matrix {
            values: errors,
            rows: x.count(),
            cols: layer.outputs,
            sum: BlockShape::AlongRows,
            past: self.past(BACK_ERROR, context.parameters),
        };
        let bits = &layer.seed(pass, "error");
        let bits = Bits { name: bits, first: x.first_position(pass, errors.len()) };
        let signs = &layer.seed(pass, "input gradient transform");
        let spare = context.scratch(errors.len());
        let rounded = operand.of(matrix, bits, signs, spare);
        let StepWeights { forward, back } = &*used.weights;
        let Quantized { values, factor } = back.as_ref().unwrap_or(forward);
        self.product_back(&x.rows, values, &rounded.values, dx, pass.par);
        finish(dx, factor * rounded.factor, None, self.products.output, || {
            (layer.seed(pass, "propagated"), x.first_position(pass, x.values.len()))
        });
        context.recycle(rounded.values);
    }

    fn accumulate(
        &self,
        uses: &mut [&mut Use],
        x: &Input<'_>,
        errors: &[f32],
        context: &mut Backward<'_>,
    ) {
        let Some(pass) = uses.first().map(|used| used.pass) else { return };
        let layer = &self.layer;
        let WeightGradient { error, input, hadamard } = &self.products.weight_gradient;
        let signs = &layer.seed(&pass, "weight gradient transform");
        let gathers = self.gathers(input.as_ref(), *hadamard) || error.is_some() && !O::ELEMENTWISE;
        let gathered = if gathers { x.gathered() } else { Cow::Borrowed(x.values) };
        let rows = x.count();
        let mut round = |operand: Option<&O>, values: &[f32], index: usize, name: &str| {
            let matrix = Matrix {
                values,
                rows,
                cols: values.len() / rows.max(1),
                sum: BlockShape::AlongColumns,
                past: self.past(index, context.parameters),
            };
            let bits = &layer.seed(&pass, name);
            let bits = Bits { name: bits, first: x.first_position(&pass, values.len()) };
            let spare = context.scratch(values.len());
            Rounds { operand, hadamard: *hadamard, par: pass.par }.of(matrix, bits, signs, spare)
        };
        let left = round(error.as_ref(), errors, UPDATE_ERROR, "error of the update");
        let right = round(input.as_ref(), &gathered, UPDATE_INPUT, "input of the update");
        let factor = left.factor * right.factor;
        context.parameters.accumulate(layer.weight, |out, add| {
            let mut share = vec![0.0; if add && factor != 1.0 { out.len() } else { 0 }];
            let (target, adds) =
                if share.is_empty() { (&mut *out, add) } else { (&mut share[..], false) };
            match self.products.accumulator {
                Accumulator::F32 => {
                    let inputs = layer.inputs;
                    let matrix = Rows::Matrix { batch: x.rows.batch(), rows, inputs };
                    let rows = if gathers { matrix } else { x.rows };
                    let x = Input { values: &right.values, rows };
                    products::gradient(&x, &left.values, target, adds, pass.par);
                }
                Accumulator::Exact => {
                    let left = Exact::new(&left.values, rows, layer.outputs).t();
                    let right = Exact::new(&right.values, rows, layer.inputs);
                    exact::matmul(target, &left, &right, adds, pass.par);
                }
            }
            if factor != 1.0 {
                target.iter_mut().for_each(|g| *g *= factor);
            }
            out.iter_mut().zip(&share).for_each(|(out, share)| *out += share);
        });
        layer.accumulate_bias(context.parameters, |out| add_rows(errors, out));
        context.recycle(left.values);
        context.recycle(right.values);
        let found = [(BACK_ERROR, errors), (UPDATE_ERROR, errors), (UPDATE_INPUT, x.values)];
        for (index, values) in found {
            if let Some(id) = self.past[index] {
                push(context.parameters, id, largest(values));
            }
        }
        if let Some(id) = self.past[BACK_WEIGHT] {
            let max = largest(context.parameters.get(layer.weight).float());
            push(context.parameters, id, max);
        }
    }
}

/// Puts a magnitude before those of earlier steps.
fn push(parameters: &mut Parameters, id: StateId, max: f32) {
    let mut values = parameters.state(id).to_vec();
    values.rotate_right(1);
    values[0] = max;
    parameters.set_state(id, values);
}

/// Multiplies sums by the factor of their operands, adds a bias, and rounds.
fn finish(
    y: &mut [f32],
    factor: f32,
    bias: Option<&[f32]>,
    output: Option<FloatQuantizer>,
    bits: impl FnOnce() -> (Seed, u64),
) {
    if factor != 1.0 {
        y.iter_mut().for_each(|y| *y *= factor);
    }
    if let Some(bias) = bias {
        for y in y.chunks_exact_mut(bias.len().max(1)) {
            y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
        }
    }
    if let Some(output) = output {
        let (name, first) = bits();
        output.convert_slice(y, name.stream().at(first));
    }
}
