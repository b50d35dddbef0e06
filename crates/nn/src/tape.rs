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

use std::ops::Range;

use crate::leaves::Leaves;
use crate::parameters::{ParameterId, Parameters, StateId};
use crate::pass::Pass;
use crate::shares::{Shares, Terms};
use crate::tensor::Tensor;

/// A value on a [`Tape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Var(usize);

/// An operation on the tape, with what it kept for its derivative.
pub trait Operation: std::fmt::Debug + Send {
    /// Adds this operation's share to the gradients of its inputs and parameters.
    ///
    /// `gradient` is that of the operation's output, with the output's length; nobody looks at it
    /// afterwards.
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>);

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

/// New values of states, which are written when the tape runs backwards.
pub(crate) type Proposed = Vec<(StateId, Vec<f32>)>;

/// Buffers that wait to be used again, any of them for any length.
#[derive(Debug, Default)]
pub(crate) struct Pool(Vec<Vec<f32>>);

impl Pool {
    /// Takes a buffer back.
    pub(crate) fn give(&mut self, buffer: Vec<f32>) {
        self.0.push(buffer);
    }

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
    pub(crate) fn scratch(&mut self, len: usize) -> Vec<f32> {
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
    states: Proposed,
    pool: Pool,
    leaves: Leaves,
}

impl Tape {
    /// An empty tape.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the batch of a step is cut.
    pub fn leaves(&self) -> &Leaves {
        &self.leaves
    }

    /// Cuts the batches of the steps from here on.
    pub fn cut(&mut self, leaves: Leaves) {
        self.leaves = leaves;
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
    }

    /// Proposes new values for a state, which are written when the tape runs backwards.
    pub(crate) fn propose_state(&mut self, id: StateId, values: Vec<f32>) {
        self.states.push((id, values));
    }

    /// A value if one is asked for, and beside it the pool, the proposed states and the cut.
    pub(crate) fn parts(
        &mut self,
        var: Option<Var>,
    ) -> (Option<&Tensor>, &mut Pool, &mut Proposed, &Leaves) {
        let value = var.map(|var| &self.nodes[var.0].value);
        (value, &mut self.pool, &mut self.states, &self.leaves)
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
        parameters.expect_leaves(self.leaves.is_cut());
        let mut shares = Shares::default();
        let mut gradients: Vec<Option<Vec<f32>>> = Vec::new();
        gradients.resize_with(self.nodes.len(), || None);
        gradients[loss.0] = Some(vec![loss_scale]);
        for index in (0..=loss.0).rev() {
            let Some(mut gradient) = gradients[index].take() else { continue };
            let Some(mut operation) = self.nodes[index].operation.take() else {
                gradients[index] = Some(gradient);
                continue;
            };
            let mut context = Backward {
                index,
                nodes: &self.nodes,
                gradients: &mut gradients,
                pool: &mut self.pool,
                parameters,
                leaves: &self.leaves,
                shares: &mut shares,
                pass,
                loss_scale,
            };
            operation.backward(&mut gradient, &mut context);
            self.nodes[index].operation = Some(operation);
            self.pool.0.push(gradient);
        }
        for (id, values) in self.states.drain(..) {
            parameters.set_state(id, values);
        }
        shares.add_up(&self.leaves, parameters);
        parameters.expect_leaves(false);
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
    leaves: &'a Leaves,
    shares: &'a mut Shares,
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

    /// How the batch is cut.
    pub fn leaves(&self) -> &'a Leaves {
        self.leaves
    }

    /// Adds a sum over the rows of the batch to the gradient of a parameter, leaf by leaf:
    /// `write(rows, out, add)` writes the sum over those rows of this process, or adds it.
    ///
    /// # Panics
    ///
    /// Unless the `rows` belong to the examples in equal parts and in their order.
    #[track_caller]
    pub fn accumulate_rows(
        &mut self,
        id: ParameterId,
        rows: usize,
        mut write: impl FnMut(Range<usize>, &mut [f32], bool),
    ) {
        let rows = self.leaves.rows(rows);
        self.accumulate_leaves(id, |leaves, out, add| match &rows[..] {
            [all] if !leaves.is_cut() => write(all.clone(), out, add),
            rows => leaves.fold(out, |leaf, out| write(rows[leaf].clone(), out, false)),
        });
    }

    /// Adds a sum over the batch to the gradient of a parameter: `write(leaves, out, add)` writes that
    /// over the leaves of this process. It is asked to add only where nothing is cut.
    pub(crate) fn accumulate_leaves(
        &mut self,
        id: ParameterId,
        write: impl FnOnce(&Leaves, &mut [f32], bool),
    ) {
        if self.leaves.is_cut() {
            self.accumulate_scaled(id, |leaves, out| write(leaves, out, false), |_| ());
        } else {
            let parameter = self.parameters.get_mut(id);
            parameter.accumulate(|out, add| write(self.leaves, out, add));
        }
    }

    /// As [`Self::accumulate_leaves`]; `scale` is what is done to the sum over the whole batch.
    pub(crate) fn accumulate_scaled(
        &mut self,
        id: ParameterId,
        write: impl FnOnce(&Leaves, &mut [f32]),
        scale: impl FnOnce(&mut [f32]) + 'static,
    ) {
        let (leaves, parameter) = (self.leaves, self.parameters.get_mut(id));
        if !leaves.is_shared() && parameter.gradient().is_none() {
            return parameter.accumulate(|out, _| {
                write(leaves, out);
                scale(out);
            });
        }
        let mut sum = self.pool.scratch(parameter.len());
        write(leaves, &mut sum);
        self.share(id, Terms::Floats(sum), move |sum, out| {
            out.copy_from_slice(&sum.into_floats());
            scale(out);
        });
    }

    /// Adds what `finish` makes of sums over the rows of the batch to the gradient of a parameter:
    /// `write(rows, sums)` adds those of some rows of this process to `width` sums.
    pub(crate) fn accumulate_sums(
        &mut self,
        id: ParameterId,
        (rows, width): (usize, usize),
        mut write: impl FnMut(Range<usize>, &mut [f64]),
        finish: impl FnOnce(&[f64], &mut [f32]) + 'static,
    ) {
        let rows = self.leaves.rows(rows);
        let mut sums = vec![0.0; width];
        self.leaves.fold(&mut sums, |leaf, out| {
            out.fill(0.0);
            write(rows[leaf].clone(), out);
        });
        self.share(id, Terms::Doubles(sums), |sums, out| finish(&sums.into_doubles(), out));
    }

    /// Adds what `finish` makes of the sums over the whole batch to the gradient of a parameter; `sums`
    /// are those over the leaves of this process.
    pub(crate) fn accumulate_shares(
        &mut self,
        id: ParameterId,
        sums: Vec<f32>,
        finish: impl FnOnce(&[f32], &mut [f32]) + 'static,
    ) {
        self.share(id, Terms::Floats(sums), |sums, out| finish(&sums.into_floats(), out));
    }

    /// As [`Self::accumulate_sums`] of integers, which need no order.
    pub(crate) fn accumulate_exact(
        &mut self,
        id: ParameterId,
        sums: Vec<i64>,
        finish: impl FnOnce(&[i64], &mut [f32]) + 'static,
    ) {
        self.share(id, Terms::Integers(sums), |sums, out| finish(&sums.into_integers(), out));
    }

    /// Adds what `finish` makes of the terms of all processes to a gradient: at once where this one is
    /// alone, and otherwise when the pass is over.
    fn share(
        &mut self,
        id: ParameterId,
        terms: Terms,
        finish: impl FnOnce(Terms, &mut [f32]) + 'static,
    ) {
        self.shares.push(id, terms, finish);
        if !self.leaves.is_shared() {
            self.shares.add_up(self.leaves, self.parameters);
        }
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
