//! [`Multiply`]: y = x·Wᵀ + b and its derivative, as one arithmetic does it.
//!
//! ```text
//! forward      y  = x·Wᵀ + b                          gives what its backward pass needs
//! propagate    dx = δ·W,  δ ← 0 where it is stopped   use by use, the last one first
//! accumulate   ∂W += δᵀ·x,  ∂b += Σδ                  of all uses in a step at once
//! ```

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crossbar::Saturation;

use super::analog::devices::Devices;
use super::input::Input;
use crate::leaves::Leaves;
use crate::parameters::{Parameter, ParameterId, Parameters, StateId};
use crate::pass::Pass;
use crate::tape::{Backward, Pool, Proposed};

/// What multiplies by the weights of one layer.
pub trait Multiply: fmt::Debug + Send + Sync + 'static {
    /// What one forward product keeps for its backward pass.
    type Use: fmt::Debug + Send + 'static;

    /// The numbers that it multiplies, for messages, as `Storage::describe` has them.
    fn describe(&self) -> String;

    /// Whether it multiplies by a parameter that is held so.
    fn multiplies(&self, weight: &Parameter, parameters: &Parameters) -> bool;

    /// Writes y = x·Wᵀ + b, and gives what the backward pass needs.
    ///
    /// # Shapes
    ///
    /// - `x`: (rows, in), or images whose patches are the rows
    /// - `y`: (rows, out)
    fn forward(&self, x: &Input<'_>, y: &mut [f32], context: &mut Forward<'_>) -> Self::Use;

    /// Writes the errors dx = δ·W of x, if they are wanted, and stops errors of y by setting them to
    /// zero.
    ///
    /// # Shapes
    ///
    /// - `errors`: δ = ∂loss/∂y, (rows, out)
    /// - `dx`: as x lies in memory
    fn propagate(
        &self,
        used: &mut Self::Use,
        x: &Input<'_>,
        errors: &mut [f32],
        dx: Option<&mut [f32]>,
        context: &mut Backward<'_>,
    );

    /// Adds δᵀ·x and Σδ to the gradients of W and b, after [`Self::propagate`] of every use.
    ///
    /// Sums over the rows are taken by [`Backward::accumulate_rows`], so that a batch may be cut.
    ///
    /// # Shapes
    ///
    /// - `x`, `errors`: the rows of all uses, one use after another; where the batch is cut, those of
    ///   one leaf after those of another
    fn accumulate(
        &self,
        uses: &mut [&mut Self::Use],
        x: &Input<'_>,
        errors: &[f32],
        context: &mut Backward<'_>,
    );

    /// What tiles clipped; `None` if it has no converters.
    fn saturation(&self, used: &Self::Use) -> Option<Saturation> {
        let _ = used;
        None
    }

    /// Hands the buffers that a use kept to `spare`, for later steps.
    fn recycle(&self, used: Self::Use, spare: &mut Vec<Vec<f32>>) {
        let _ = (used, spare);
    }
}

/// What a forward product can reach.
#[derive(Debug)]
pub struct Forward<'a> {
    /// The weights.
    pub parameters: &'a Parameters,
    /// Randomness, mode, threads.
    pub pass: Pass,
    pub(crate) devices: Option<&'a Devices<'a>>,
    pub(crate) pool: &'a mut Pool,
    pub(crate) states: &'a mut Proposed,
    pub(crate) leaves: &'a Leaves,
    pub(crate) of_step: &'a mut OfStep,
    /// Whether an observer is finding input ranges.
    pub(crate) calibrating: bool,
}

impl Forward<'_> {
    /// A buffer of `len` values to be overwritten: it may hold those of earlier steps.
    pub fn scratch(&mut self, len: usize) -> Vec<f32> {
        self.pool.scratch(len)
    }

    /// Takes back a buffer of [`Self::scratch`].
    pub fn recycle(&mut self, buffer: Vec<f32>) {
        self.pool.give(buffer);
    }

    /// How the batch is cut.
    pub fn leaves(&self) -> &Leaves {
        self.leaves
    }

    /// Puts a magnitude before those of earlier steps in a state of these; of several uses in one step
    /// the largest counts. The state changes when the step is run backwards.
    pub(crate) fn note_largest(&mut self, id: StateId, max: f32) {
        if let Some((_, proposed)) = self.states.iter_mut().find(|(proposed, _)| *proposed == id) {
            proposed[0] = proposed[0].max(max);
            return;
        }
        let mut values = self.parameters.state(id).to_vec();
        values.rotate_right(1);
        values[0] = max;
        self.states.push((id, values));
    }

    /// What all uses of a layer share in this step, made at the first: `make` is given that of an
    /// earlier step, for its memory.
    pub fn once_per_step<T: Any + Send + Sync>(
        &mut self,
        weight: ParameterId,
        make: impl FnOnce(Option<T>) -> T,
    ) -> Arc<T> {
        self.of_step.get(weight, make)
    }
}

/// What layers made for the step at hand, and what is left of the last one.
#[derive(Default)]
pub(crate) struct OfStep {
    made: Vec<(ParameterId, Arc<dyn Any + Send + Sync>)>,
    spare: Vec<(ParameterId, Arc<dyn Any + Send + Sync>)>,
}

impl OfStep {
    fn get<T: Any + Send + Sync>(
        &mut self,
        weight: ParameterId,
        make: impl FnOnce(Option<T>) -> T,
    ) -> Arc<T> {
        let of_layer = |(id, _): &(ParameterId, _)| *id == weight;
        let made = self.made.iter().find(|made| of_layer(made));
        if let Some(made) = made.and_then(|(_, made)| Arc::clone(made).downcast().ok()) {
            return made;
        }
        let spare = self.spare.iter().position(of_layer);
        let spare = spare.map(|index| self.spare.swap_remove(index).1);
        let spare = spare.and_then(|spare| spare.downcast().ok()).and_then(Arc::into_inner);
        let made = Arc::new(make(spare));
        self.made.push((weight, Arc::clone(&made) as _));
        made
    }

    /// Ends the step.
    pub(crate) fn clear(&mut self) {
        self.spare = std::mem::take(&mut self.made);
    }
}

impl fmt::Debug for OfStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfStep").field("layers", &self.made.len()).finish_non_exhaustive()
    }
}

/// One use of a linear map, whatever its arithmetic.
pub(crate) struct Used(Box<dyn Any + Send>);

impl fmt::Debug for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Used")
    }
}

/// [`Multiply`] without its type. A use goes back to the map that gave it, so its type fits.
pub(crate) trait Erased: fmt::Debug + Send + Sync {
    fn describe(&self) -> String;
    fn multiplies(&self, weight: &Parameter, parameters: &Parameters) -> bool;
    fn forward(&self, x: &Input<'_>, y: &mut [f32], context: &mut Forward<'_>) -> Used;
    fn propagate(
        &self,
        used: &mut Used,
        x: &Input<'_>,
        errors: &mut [f32],
        dx: Option<&mut [f32]>,
        context: &mut Backward<'_>,
    );
    fn accumulate(
        &self,
        uses: &mut [Used],
        x: &Input<'_>,
        errors: &[f32],
        context: &mut Backward<'_>,
    );
    fn saturation(&self, used: &Used) -> Option<Saturation>;
    fn recycle(&self, used: Used, spare: &mut Vec<Vec<f32>>);
}

const OWN: &str = "a use goes back to the map that gave it";

impl<M: Multiply> Erased for M {
    fn describe(&self) -> String {
        Multiply::describe(self)
    }

    fn multiplies(&self, weight: &Parameter, parameters: &Parameters) -> bool {
        Multiply::multiplies(self, weight, parameters)
    }

    fn forward(&self, x: &Input<'_>, y: &mut [f32], context: &mut Forward<'_>) -> Used {
        Used(Box::new(Multiply::forward(self, x, y, context)))
    }

    fn propagate(
        &self,
        used: &mut Used,
        x: &Input<'_>,
        errors: &mut [f32],
        dx: Option<&mut [f32]>,
        context: &mut Backward<'_>,
    ) {
        let used = used.0.downcast_mut().expect(OWN);
        Multiply::propagate(self, used, x, errors, dx, context);
    }

    fn accumulate(
        &self,
        uses: &mut [Used],
        x: &Input<'_>,
        errors: &[f32],
        context: &mut Backward<'_>,
    ) {
        let mut uses: Vec<&mut M::Use> =
            uses.iter_mut().map(|used| used.0.downcast_mut().expect(OWN)).collect();
        Multiply::accumulate(self, &mut uses, x, errors, context);
    }

    fn saturation(&self, used: &Used) -> Option<Saturation> {
        Multiply::saturation(self, used.0.downcast_ref().expect(OWN))
    }

    fn recycle(&self, used: Used, spare: &mut Vec<Vec<f32>>) {
        Multiply::recycle(self, *used.0.downcast().expect(OWN), spare);
    }
}
