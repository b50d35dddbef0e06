//! [`RoundedProducts`]: the products of a layer with operands that are rounded first.
//!
//! Patches of images are read in place where every operand is rounded element by element; otherwise
//! they are gathered, for a block of a patch depends on the patch.

use std::ops::Range;
use std::sync::Arc;

use numerics::{BlockShape, Hadamard, Par, Seed, largest_finite};

use super::chunks::Chunks;
use super::config::{
    Accumulator, Forward as ForwardProduct, InputGradient, Products, WeightGradient,
};
use super::exact::{self, Exact};
use super::operand::{Bits, Matrix, Operand};
use super::quantize::{Quantized, Rounds, finish};
use crate::arithmetic::float32::products;
use crate::arithmetic::input::Input;
use crate::arithmetic::layer::{Layer, Readout};
use crate::arithmetic::multiply::{Forward, Multiply};
use crate::leaves::Leaves;
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

/// Parts of a weight gradient that threads add up side by side.
const STRETCHES: usize = 8;

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
        let mut buffers: Vec<Vec<f32>> =
            spare.map_or_else(Vec::new, |StepWeights { forward, back }| {
                back.into_iter().chain([forward]).map(|matrix| matrix.values).collect()
            });
        let values = parameters.get(layer.weight).float();
        let matrix = |sum| Matrix { values, rows: layer.outputs, cols: layer.inputs, sum };
        let (par, leaves) = (pass.par, &Leaves::default());
        let operand = Rounds { operand: weight.as_ref(), hadamard: *hadamard, leaves, par };
        let bits = &layer.seed(pass, "weight");
        let signs = &layer.seed(pass, "forward transform");
        let forward = operand.of(
            matrix(BlockShape::AlongRows),
            Bits { name: bits, first: 0 },
            signs,
            self.past(WEIGHT, parameters),
            &mut buffers,
        );
        // Square blocks, whole tensors and unrounded weights are the same either way.
        let same = weight == back
            && hadamard.is_none()
            && back_hadamard.is_none()
            && weight.is_none_or(|weight| weight.same_both_ways());
        let back = (pass.mode == Mode::Train && !same).then(|| {
            let operand = Rounds { operand: back.as_ref(), hadamard: *back_hadamard, leaves, par };
            let bits = &layer.seed(pass, "weight of errors");
            let signs = &layer.seed(pass, "input gradient transform");
            operand.of(
                matrix(BlockShape::AlongColumns),
                Bits { name: bits, first: 0 },
                signs,
                self.past(BACK_WEIGHT, parameters),
                &mut buffers,
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

    /// ∂W ← δᵀ·x, or adds it, by whatever adds it up.
    fn product_of_rows(
        &self,
        x: &Input<'_>,
        errors: &[f32],
        gradient: &mut [f32],
        add: bool,
        par: Par,
    ) {
        match self.products.accumulator {
            Accumulator::F32 => products::gradient(x, errors, gradient, add, par),
            Accumulator::Exact => {
                let left = Exact::new(errors, x.count(), self.layer.outputs).t();
                let right = Exact::new(&x.gathered(), x.count(), self.layer.inputs);
                exact::matmul(gradient, &left, &right, add, par);
            }
        }
    }

    /// dx ← δ·W, by whatever adds it up.
    fn product_back(
        &self,
        x: &Input<'_>,
        weight: &[f32],
        errors: &[f32],
        dx: &mut [f32],
        par: Par,
    ) {
        let (outputs, inputs) = (self.layer.outputs, self.layer.inputs);
        match (self.products.accumulator, &x.rows) {
            (Accumulator::F32, _) => products::propagate(x, weight, errors, dx, par),
            (Accumulator::Exact, Rows::Matrix { rows, .. }) => {
                let errors = Exact::new(errors, *rows, outputs);
                exact::matmul(dx, &errors, &Exact::new(weight, outputs, inputs), false, par);
            }
            (Accumulator::Exact, Rows::Patches(patches)) => {
                // As patches of errors, so that each element of dx is one sum.
                let channels = patches.channels();
                let rearranged = rearrange(weight, outputs, patches.taps(), channels);
                let rows = Rows::Patches(patches.transposed(outputs));
                let x = Input { values: errors, rows, in_leaves: x.in_leaves };
                self.product(&x, &rearranged, dx, par);
            }
        }
    }
}

/// The products of a weight gradient.
impl<O: Operand> RoundedProducts<O> {
    /// δ and x of the update, how they are rounded, and what past steps say of their scales.
    fn operands_of_update<'a>(
        &'a self,
        pass: &Pass,
        leaves: &'a Leaves,
        parameters: &Parameters,
    ) -> [(Rounds<'a, O>, Option<f32>); 2] {
        let WeightGradient { error, input, hadamard } = &self.products.weight_gradient;
        let rounds = |operand: &'a Option<O>| Rounds {
            operand: operand.as_ref(),
            hadamard: *hadamard,
            leaves,
            par: pass.par,
        };
        [
            (rounds(error), self.past(UPDATE_ERROR, parameters)),
            (rounds(input), self.past(UPDATE_INPUT, parameters)),
        ]
    }

    /// The scales of δ and x over the whole batch, each leaf of which is transformed by itself.
    fn scales_of_update(
        &self,
        x: &Input<'_>,
        errors: &[f32],
        pass: &Pass,
        context: &mut Backward<'_>,
    ) -> [f32; 2] {
        let (layer, leaves) = (&self.layer, context.leaves());
        let [left, right] = self.operands_of_update(pass, leaves, context.parameters);
        let signs = &layer.seed(pass, "weight gradient transform");
        let sum = BlockShape::AlongColumns;
        let rows = leaves.rows(x.count());
        let mut buffers = Vec::new();
        let mut largest_error = || {
            let of_leaf = |rows: &Range<usize>| {
                let values = &errors[rows.start * layer.outputs..rows.end * layer.outputs];
                let matrix = Matrix { values, rows: rows.len(), cols: layer.outputs, sum };
                left.0.largest(matrix, signs, &mut buffers)
            };
            rows.iter().map(of_leaf).fold(0.0, f32::max)
        };
        let error = left.0.scale(&mut largest_error, left.1);
        let mut buffers = Vec::new();
        let mut largest_input = || {
            let of_leaf = |rows: &Range<usize>| {
                let x = x.part(rows.clone());
                if x.is_patches() && self.gathers(right.0.operand, right.0.hadamard) {
                    return self.chunks_of_update(&x, &right.0, signs).largest(pass.par);
                }
                let cols = x.values.len() / rows.len().max(1);
                let matrix = Matrix { values: x.values, rows: rows.len(), cols, sum };
                right.0.largest(matrix, signs, &mut buffers)
            };
            rows.iter().map(of_leaf).fold(0.0, f32::max)
        };
        let input = right.0.scale(&mut largest_input, right.1);
        [error, input]
    }

    /// The rows of patches for an update, in chunks.
    fn chunks_of_update<'a>(
        &self,
        x: &'a Input<'a>,
        rounds: &Rounds<'_, O>,
        signs: &Seed,
    ) -> Chunks<'a> {
        let hadamard = rounds.hadamard;
        let unit = rounds.operand.map_or(1, Operand::unit);
        let unit = unit * hadamard.map_or(1, |hadamard| hadamard.size) / gcd(unit, &hadamard);
        let chunks = Chunks::new(x, unit, hadamard.map(|h| h.of(signs)), BlockShape::AlongColumns);
        let exact = self.products.accumulator == Accumulator::Exact;
        if exact { chunks.whole() } else { chunks }
    }

    /// Writes δᵀ·x of these rows and gives the factor by which it is to be multiplied; the scales are
    /// those of the rows unless they are given.
    fn update(
        &self,
        x: &Input<'_>,
        errors: &[f32],
        pass: &Pass,
        scales: Option<[f32; 2]>,
        share: &mut [f32],
        context: &mut Backward<'_>,
    ) -> f32 {
        let (layer, leaves) = (&self.layer, context.leaves());
        let [(rounds, past), (right_rounds, right_past)] =
            self.operands_of_update(pass, leaves, context.parameters);
        let signs = &layer.seed(pass, "weight gradient transform");
        let (rows, sum) = (x.count(), BlockShape::AlongColumns);
        let matrix = Matrix { values: errors, rows, cols: layer.outputs, sum };
        let bits = &layer.seed(pass, "error of the update");
        let bits = Bits { name: bits, first: x.first_position(pass, errors.len()) };
        let scale = |largest: &dyn Fn() -> f32| {
            scales.map_or_else(|| rounds.scale(largest, past), |[error, _]| error)
        };
        let left = rounds.under(scale, matrix, bits, signs, context);
        let rounds = right_rounds;
        let scale = |largest: &dyn Fn() -> f32| {
            scales.map_or_else(|| rounds.scale(largest, right_past), |[_, input]| input)
        };
        let bits = &layer.seed(pass, "input of the update");
        let own = if x.is_patches() && self.gathers(rounds.operand, rounds.hadamard) {
            let chunks = self.chunks_of_update(x, &rounds, signs);
            let scale = scale(&|| chunks.largest(pass.par));
            let first = x.first_position(pass, rows * layer.inputs);
            // The chunks are cut into a few stretches, whose sums are added in their order: the cut
            // depends on shapes only, so threads do not change the result.
            let stretch = chunks.count().div_ceil(STRETCHES).max(1);
            let stretches = chunks.count().div_ceil(stretch);
            let mut sums = context.scratch(share.len() * stretches);
            pass.par.for_each_chunk(&mut sums, share.len().max(1), |index, sums| {
                let first_chunk = index * stretch;
                for index in first_chunk..(first_chunk + stretch).min(chunks.count()) {
                    chunks.with(index, |rows, matrix, out| {
                        let first = first + (rows.start * layer.inputs) as u64;
                        rounds.round(matrix, scale, Bits { name: bits, first }, Par::Seq, out);
                        let errors = rows.start * layer.outputs..rows.end * layer.outputs;
                        let errors = &left.values[errors];
                        let x = Input::matrix(out, 1, rows.len());
                        self.product_of_rows(&x, errors, sums, index > first_chunk, Par::Seq);
                    });
                }
            });
            share.fill(0.0);
            for sums in sums.chunks_exact(share.len().max(1)) {
                share.iter_mut().zip(sums).for_each(|(share, sum)| *share += sum);
            }
            context.recycle(sums);
            rounds.factor(scale)
        } else {
            let bits = Bits { name: bits, first: x.first_position(pass, x.values.len()) };
            let cols = x.values.len() / rows.max(1);
            let matrix = Matrix { values: x.values, rows, cols, sum };
            let right = rounds.under(scale, matrix, bits, signs, context);
            let x = x.with_values(&right.values);
            self.product_of_rows(&x, &left.values, share, false, pass.par);
            context.recycle(right.values);
            right.factor
        };
        context.recycle(left.values);
        left.factor * own
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
        let leaves = context.leaves;
        let weights =
            context.once_per_step(layer.weight, |spare| self.weights(parameters, &pass, spare));
        let ForwardProduct { input, hadamard, .. } = &self.products.forward;
        let rounds = Rounds { operand: input.as_ref(), hadamard: *hadamard, leaves, par: pass.par };
        let past = self.past(INPUT, parameters);
        let (bits, signs) = (&layer.seed(&pass, "input"), &layer.seed(&pass, "forward transform"));
        let Quantized { values: weight, factor } = &weights.forward;
        let own = if x.is_patches() && self.gathers(input.as_ref(), *hadamard) {
            let hadamard = hadamard.map(|hadamard| hadamard.of(signs));
            let chunks = Chunks::new(x, 1, hadamard, BlockShape::AlongRows);
            let scale = rounds.scale(|| chunks.largest(pass.par), past);
            let first = x.first_position(&pass, x.count() * layer.inputs);
            pass.par.for_each_chunk(y, (chunks.rows * layer.outputs).max(1), |index, y| {
                chunks.with(index, |rows, matrix, out| {
                    let first = first + (rows.start * layer.inputs) as u64;
                    rounds.round(matrix, scale, Bits { name: bits, first }, Par::Seq, out);
                    let rows = Input::matrix(out, 1, rows.len());
                    let rows = Input { in_leaves: x.in_leaves, ..rows };
                    self.product(&rows, weight, y, Par::Seq);
                });
            });
            rounds.factor(scale)
        } else {
            let bits = Bits { name: bits, first: x.first_position(&pass, x.values.len()) };
            let cols = x.values.len() / x.count().max(1);
            let (rows, sum) = (x.count(), BlockShape::AlongRows);
            let matrix = Matrix { values: x.values, rows, cols, sum };
            let rounded = rounds.of(matrix, bits, signs, past, context);
            self.product(&x.with_values(&rounded.values), weight, y, pass.par);
            context.recycle(rounded.values);
            rounded.factor
        };
        let factor = factor * own;
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
        if pass.mode == Mode::Train {
            if let Some(id) = self.past[INPUT] {
                context.note_largest(id, leaves.largest(largest_finite(x.values)));
            }
            if let Some(id) = self.past[WEIGHT] {
                let weight = parameters.get(layer.weight).float();
                context.note_largest(id, largest_finite(weight));
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
        let (leaves, par) = (context.leaves(), pass.par);
        let operand = Rounds { operand: error.as_ref(), hadamard: *hadamard, leaves, par };
        let matrix = Matrix {
            values: errors,
            rows: x.count(),
            cols: layer.outputs,
            sum: BlockShape::AlongRows,
        };
        let past = self.past(BACK_ERROR, context.parameters);
        let bits = &layer.seed(pass, "error");
        let bits = Bits { name: bits, first: x.first_position(pass, errors.len()) };
        let signs = &layer.seed(pass, "input gradient transform");
        let rounded = operand.of(matrix, bits, signs, past, context);
        let StepWeights { forward, back } = &*used.weights;
        let Quantized { values, factor } = back.as_ref().unwrap_or(forward);
        self.product_back(x, values, &rounded.values, dx, pass.par);
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
        let (layer, leaves) = (&self.layer, context.leaves());
        let mut share = context.scratch(layer.outputs * layer.inputs);
        let factor = if leaves.is_cut() {
            let scales = self.scales_of_update(x, errors, &pass, context);
            let rows = leaves.rows(x.count());
            let mut factor = 1.0;
            leaves.fold(&mut share, |leaf, out| {
                let rows = rows[leaf].clone();
                let first_row = pass.first_row + (rows.start * x.rows.batch() / x.count()) as u64;
                let errors = &errors[rows.start * layer.outputs..rows.end * layer.outputs];
                let pass = Pass { first_row, ..pass };
                factor = self.update(&x.part(rows), errors, &pass, Some(scales), out, context);
            });
            factor
        } else {
            self.update(x, errors, &pass, None, &mut share, context)
        };
        context.accumulate_scaled(
            layer.weight,
            |_, out| out.copy_from_slice(&share),
            move |sum| sum.iter_mut().for_each(|g| *g *= factor),
        );
        context.recycle(share);
        layer.accumulate_bias(errors, context);
        let found = [(BACK_ERROR, errors), (UPDATE_ERROR, errors), (UPDATE_INPUT, x.values)];
        for (index, values) in found {
            if let Some(id) = self.past[index] {
                let largest = leaves.largest(largest_finite(values));
                push(context.parameters, id, largest);
            }
        }
        if let Some(id) = self.past[BACK_WEIGHT] {
            let max = largest_finite(context.parameters.get(layer.weight).float());
            push(context.parameters, id, max);
        }
    }
}

/// The greatest common divisor of a block and the size of a transform.
fn gcd(block: usize, hadamard: &Option<Hadamard>) -> usize {
    let (mut a, mut b) = (block, hadamard.map_or(1, |hadamard| hadamard.size));
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Puts a magnitude before those of earlier steps.
fn push(parameters: &mut Parameters, id: StateId, max: f32) {
    let mut values = parameters.state(id).to_vec();
    values.rotate_right(1);
    values[0] = max;
    parameters.set_state(id, values);
}
