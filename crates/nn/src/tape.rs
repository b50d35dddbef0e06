//! [`Tape`]: operations recorded in order and run backwards (reverse-mode differentiation).
//!
//! ```text
//! forward   v₀ → v₁ → … → v_n = loss        each value is kept
//! backward  g_n = S;  g_i += Σ over users j of (∂v_j/∂v_i)ᵀ g_j,  from n down to 0
//! ```
//!
//! S is the loss scale. An operation knows its own derivative and nothing of its neighbours, so
//! any topology works without a hand-written backward. Buffers go back to a pool when the tape is
//! cleared and serve the next step.

use std::any::Any;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use numerics::{Par, Seed};

use crate::linear_map::{Operand, Rows, StepWeights};
use crate::observer::{Observer, TileProduct};
use crate::{LinearMap, ParameterId, Parameters, StateId, Tensor};

/// A value on a [`Tape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Var(usize);

/// What a pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Values are kept for the backward pass.
    Train,
    /// Nothing is kept.
    Eval,
    /// As in evaluation, but on the examples as training sees them, augmented: what a teacher says
    /// of them. See [`Distilled`](crate::Distilled).
    Teach,
}

/// What one forward (and backward) pass is told from outside: randomness, mode, threads.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// The seed of this pass; every layer takes children of it by its own name.
    pub seed: Seed,
    /// Index of the batch's first row in whatever the seed covers, so that a batch may be split.
    pub first_row: u64,
    /// Number of the mini-batch since training began, counted from 0; 0 in evaluation.
    pub step: u64,
    /// What it is for.
    pub mode: Mode,
    /// Whether kernels may use threads.
    pub par: Par,
}

/// Everything a layer needs to add itself to a pass.
#[derive(Debug)]
pub struct Step<'a> {
    /// Where operations are recorded.
    pub tape: &'a mut Tape,
    /// The weights.
    pub parameters: &'a Parameters,
    /// Randomness, mode, threads.
    pub pass: Pass,
}

impl Step<'_> {
    /// Proposes new values for a state (running statistics). They are written when the step is run
    /// backwards, so a forward pass alone changes nothing.
    pub fn set_state(&mut self, id: StateId, values: Vec<f32>) {
        self.tape.states.push((id, values));
    }
}

/// An operation on the tape, with what it kept for its derivative.
pub trait Operation: std::fmt::Debug + Send {
    /// Adds this operation's share to the gradients of its inputs and parameters.
    ///
    /// `gradient` is that of the operation's output, with the output's length.
    fn backward(&self, gradient: &[f32], context: &mut Backward<'_>);

    /// Hands the buffers that it kept to `spare` for later steps; an operation that keeps none has
    /// nothing to do.
    fn recycle(self: Box<Self>, spare: &mut Vec<Vec<f32>>) {
        let _ = spare;
    }
}

#[derive(Debug)]
struct Node {
    value: Tensor,
    operation: Option<Box<dyn Operation>>,
    needs_gradient: bool,
}

/// Buffers that wait to be used again, any of them for any length.
#[derive(Debug, Default)]
struct Pool(Vec<Vec<f32>>);

impl Pool {
    /// A buffer of zeros.
    fn zeros(&mut self, len: usize) -> Vec<f32> {
        let mut buffer = self.scratch(len);
        buffer.fill(0.0);
        buffer
    }

    /// A buffer whose content is whatever was there: the smallest spare one that is large enough.
    ///
    /// If there is none, the largest one makes way for it. So there are never more buffers than were
    /// in use at once, although the lengths of sentences change from step to step.
    fn scratch(&mut self, len: usize) -> Vec<f32> {
        if len == 0 {
            return Vec::new();
        }
        let capacity = |i: &usize| self.0[*i].capacity();
        let fitting = (0..self.0.len()).filter(|i| capacity(i) >= len).min_by_key(capacity);
        if let Some(fitting) = fitting {
            let mut buffer = self.0.swap_remove(fitting);
            buffer.resize(len, 0.0);
            return buffer;
        }
        if let Some(largest) = (0..self.0.len()).max_by_key(capacity) {
            self.0.swap_remove(largest);
        }
        vec![0.0; len]
    }
}

/// The recorded operations of one step.
#[derive(Debug, Default)]
pub struct Tape {
    nodes: Vec<Node>,
    states: Vec<(StateId, Vec<f32>)>,
    pool: Pool,
    /// Weights that are made once per step: see [`LinearMap::step_weights`].
    step_weights: HashMap<ParameterId, Arc<StepWeights>>,
    /// Those of the last step, for their memory.
    spare_weights: HashMap<ParameterId, StepWeights>,
    observer: Option<Box<dyn Observer>>,
    survey: Option<Vec<MapUse>>,
    place: Place,
}

/// Where a tape was begun.
#[derive(Clone, Copy, Debug)]
struct Place(&'static Location<'static>);

impl Default for Place {
    #[track_caller]
    fn default() -> Self {
        Self(Location::caller())
    }
}

/// An input that an observer is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown<'a> {
    Var(Var),
    Values(&'a [f32]),
}

/// One use of a linear map, as [`Tape::survey`] finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapUse {
    /// The layer.
    pub layer: String,
    /// Length of y.
    pub outputs: usize,
    /// Length of x.
    pub inputs: usize,
    /// Of those, how many belong to one channel: the taps of a convolution, or 1.
    pub taps: usize,
    /// Rows of x: products of the matrix with a vector.
    pub rows: usize,
}

impl Tape {
    /// An empty tape. It remembers the caller's line, for messages about what a step is given.
    #[track_caller]
    pub fn new() -> Self {
        Self { place: Place(Location::caller()), ..Self::default() }
    }

    /// The line that began the tape.
    pub(crate) fn place(&self) -> &'static Location<'static> {
        self.place.0
    }

    /// Forgets the step and keeps its buffers.
    pub fn clear(&mut self) {
        for node in self.nodes.drain(..) {
            self.pool.0.push(node.value.into_data());
            if let Some(operation) = node.operation {
                operation.recycle(&mut self.pool.0);
            }
        }
        self.pool.0.retain(|buffer| buffer.capacity() > 0);
        self.states.clear();
        for (id, weights) in self.step_weights.drain() {
            // Devices are not memory to be used again, and belong to their network.
            if let Ok(weights @ StepWeights::Perturbed(_)) = Arc::try_unwrap(weights) {
                self.spare_weights.insert(id, weights);
            }
        }
    }

    /// The weights of a map in this step, made if they are not there yet, perhaps in the memory of
    /// those of the last step.
    pub(crate) fn step_weights(
        &mut self,
        weight: ParameterId,
        make: impl FnOnce(Option<StepWeights>) -> StepWeights,
    ) -> Arc<StepWeights> {
        let Self { step_weights, spare_weights, .. } = self;
        let weights = step_weights
            .entry(weight)
            .or_insert_with(|| Arc::new(make(spare_weights.remove(&weight))));
        Arc::clone(weights)
    }

    /// Lets `observer` see every product of tiles from here on.
    pub fn observe(&mut self, observer: impl Observer) {
        self.observer = Some(Box::new(observer));
    }

    /// The observer of [`Self::observe`], which sees nothing more; `None` if there is none, or of
    /// another type.
    pub fn observed<T: Observer>(&mut self) -> Option<T> {
        let observer: Box<dyn Any> = self.observer.take()?;
        observer.downcast().ok().map(|observer| *observer)
    }

    /// From here on linear maps do not multiply: each gives zeros, and its use is noted. So a
    /// forward pass tells what a network asks of its hardware at little cost.
    pub fn survey(&mut self) {
        self.survey = Some(Vec::new());
    }

    /// The uses of linear maps since [`Self::survey`], in their order.
    pub fn surveyed(&mut self) -> Vec<MapUse> {
        self.survey.take().unwrap_or_default()
    }

    /// Notes a use; whether the tape only surveys.
    pub(crate) fn surveys(&mut self, map: &LinearMap, rows: usize, taps: usize) -> bool {
        let Some(uses) = &mut self.survey else { return false };
        let (layer, outputs, inputs) = (map.name().to_owned(), map.outputs(), map.inputs());
        uses.push(MapUse { layer, outputs, inputs, taps, rows });
        true
    }

    /// Whether an observer is finding input ranges.
    pub(crate) fn calibrates(&self) -> bool {
        self.observer.as_ref().is_some_and(|observer| observer.calibrates())
    }

    /// Shows a product that is done to the observer, if there is one and tiles did it.
    pub(crate) fn show(
        &mut self,
        map: &LinearMap,
        x: Shown<'_>,
        rows: &Rows,
        output: &[f32],
        operand: &Operand,
    ) {
        let (Some(observer), Some(saturation)) = (&mut self.observer, operand.saturation()) else {
            return;
        };
        let input = match x {
            Shown::Var(x) => self.nodes[x.0].value.data(),
            Shown::Values(x) => x,
        };
        observer.see(&TileProduct { layer: map.name(), input, rows, output, saturation });
    }

    /// A buffer of `len` values to be overwritten: it may hold those of earlier steps.
    pub fn scratch(&mut self, len: usize) -> Vec<f32> {
        self.pool.scratch(len)
    }

    /// Records a value that has no gradient.
    pub fn constant(&mut self, value: Tensor) -> Var {
        self.push(value, None, false)
    }

    /// Records a value whose gradient is wanted: see [`Gradients::of`].
    pub fn variable(&mut self, value: Tensor) -> Var {
        self.push(value, None, true)
    }

    /// Records the result of an operation; it has a gradient if `needs_gradient` says so.
    pub fn record(
        &mut self,
        value: Tensor,
        needs_gradient: bool,
        operation: impl Operation + 'static,
    ) -> Var {
        self.push(value, needs_gradient.then(|| Box::new(operation) as _), needs_gradient)
    }

    fn push(
        &mut self,
        value: Tensor,
        operation: Option<Box<dyn Operation>>,
        needs_gradient: bool,
    ) -> Var {
        self.nodes.push(Node { value, operation, needs_gradient });
        Var(self.nodes.len() - 1)
    }

    /// The value of a variable.
    pub fn value(&self, var: Var) -> &Tensor {
        &self.nodes[var.0].value
    }

    /// Whether a variable takes part in differentiation.
    pub fn needs_gradient(&self, var: Var) -> bool {
        self.nodes[var.0].needs_gradient
    }

    /// Runs the tape backwards from the scalar `loss`, whose gradient is set to `loss_scale`, and
    /// adds the gradients of weights to `parameters`. States that the forward pass proposed are
    /// written there too.
    ///
    /// # Panics
    ///
    /// If `loss` is not one number.
    #[track_caller]
    pub fn backward(
        &mut self,
        loss: Var,
        loss_scale: f32,
        parameters: &mut Parameters,
        pass: Pass,
    ) -> Gradients {
        assert_eq!(self.value(loss).data().len(), 1, "the loss must be one number");
        let mut gradients: Vec<Option<Vec<f32>>> = Vec::new();
        gradients.resize_with(self.nodes.len(), || None);
        gradients[loss.0] = Some(vec![loss_scale]);
        for index in (0..=loss.0).rev() {
            let Some(operation) = &self.nodes[index].operation else { continue };
            let Some(gradient) = gradients[index].take() else { continue };
            let mut context = Backward {
                index,
                nodes: &self.nodes,
                gradients: &mut gradients,
                pool: &mut self.pool,
                parameters,
                pass,
                loss_scale,
            };
            operation.backward(&gradient, &mut context);
            self.pool.0.push(gradient);
        }
        for (id, values) in self.states.drain(..) {
            parameters.set_state(id, values);
        }
        Gradients(gradients)
    }

    /// Takes back the memory of gradients that nobody looks at any more, for later steps.
    pub fn recycle(&mut self, gradients: Gradients) {
        self.pool.0.extend(gradients.0.into_iter().flatten());
    }
}

/// What an operation can reach while the tape runs backwards.
#[derive(Debug)]
pub struct Backward<'a> {
    index: usize,
    nodes: &'a [Node],
    gradients: &'a mut [Option<Vec<f32>>],
    pool: &'a mut Pool,
    /// The weights and their gradients.
    pub parameters: &'a mut Parameters,
    /// Randomness, mode, threads.
    pub pass: Pass,
    /// The gradient of the loss itself.
    pub loss_scale: f32,
}

impl<'a> Backward<'a> {
    /// The value of a variable.
    pub fn value(&self, var: Var) -> &'a Tensor {
        &self.nodes[var.0].value
    }

    /// The value of the operation's own result.
    pub fn output(&self) -> &'a Tensor {
        &self.nodes[self.index].value
    }

    /// Whether the gradient of `var` is wanted.
    pub fn needs_gradient(&self, var: Var) -> bool {
        self.nodes[var.0].needs_gradient
    }

    /// A buffer of `len` values to be overwritten and then given to [`Self::give`].
    pub fn scratch(&mut self, len: usize) -> Vec<f32> {
        self.pool.scratch(len)
    }

    /// Takes back a buffer of [`Self::scratch`] that was needed for a moment.
    pub fn recycle(&mut self, buffer: Vec<f32>) {
        self.pool.0.push(buffer);
    }

    /// Adds a finished share to the gradient of `var`, which becomes the gradient if it is first.
    pub fn give(&mut self, var: Var, share: Vec<f32>) {
        match &mut self.gradients[var.0] {
            Some(sum) => {
                sum.iter_mut().zip(&share).for_each(|(sum, share)| *sum += share);
                self.pool.0.push(share);
            }
            empty => *empty = Some(share),
        }
    }

    /// Lets `add` add to the gradient of `var`, given the value; nothing happens if unwanted.
    pub fn accumulate(&mut self, var: Var, add: impl FnOnce(&mut [f32], &Tensor)) {
        let node = &self.nodes[var.0];
        if !node.needs_gradient {
            return;
        }
        let len = node.value.data().len();
        let gradient = self.gradients[var.0].get_or_insert_with(|| self.pool.zeros(len));
        add(gradient, &node.value);
    }
}

/// The gradients of the variables that have no operation of their own.
#[derive(Debug)]
pub struct Gradients(Vec<Option<Vec<f32>>>);

impl Gradients {
    /// The gradient with respect to a [`Tape::variable`], if the loss depends on it.
    pub fn of(&self, var: Var) -> Option<&[f32]> {
        self.0.get(var.0)?.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_does_not_grow_with_the_lengths_it_saw() {
        let mut pool = Pool::default();
        for len in 1..50 {
            let buffers = [pool.scratch(len), pool.scratch(2 * len), pool.zeros(3 * len)];
            assert_eq!(buffers.each_ref().map(Vec::len), [len, 2 * len, 3 * len]);
            assert!(buffers[2].iter().all(|&x| x == 0.0));
            pool.0.extend(buffers);
            assert_eq!(pool.0.len(), 3);
        }
    }
}
