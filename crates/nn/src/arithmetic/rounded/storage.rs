//! [`RoundedWeights`]: weights in f32 numbers of a coarser grid, rounded after every update.

use std::borrow::Cow;
use std::fmt::Debug;

use numerics::{Draw, FloatQuantizer, Par, Rounding, Seed, largest_finite};

use super::operand::{Bits, Matrix, Operand};
use crate::arithmetic::float32::storage::Floats;
use crate::storage::{Numbers, Propose, Rounded, Saved, Storage};

/// What rounds weights after an update.
pub(crate) trait Grid: Debug + Clone + PartialEq + Send + Sync + 'static {
    /// What the numbers are, for messages and checkpoints.
    fn describe(&self) -> String;

    /// Rounds all values, by random bits of that name.
    fn round(&self, values: &mut [f32], name: &Seed);

    /// Rounds all values as initial values are: to nearest.
    fn round_to_nearest(&self, values: &mut [f32]);
}

/// W ← Q(W + ΔW), with no finer copy behind it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RoundedWeights<G> {
    floats: Floats,
    grid: G,
}

impl<G: Grid> RoundedWeights<G> {
    /// Initial values, rounded to nearest.
    pub(crate) fn new(mut values: Vec<f32>, grid: G) -> Self {
        grid.round_to_nearest(&mut values);
        Self { floats: Floats::new(values), grid }
    }
}

impl<G: Grid> Storage for RoundedWeights<G> {
    fn describe(&self) -> String {
        self.grid.describe()
    }

    fn values(&self) -> Cow<'_, [f32]> {
        self.floats.values()
    }

    fn set_values(&mut self, values: &[f32]) {
        let mut values = values.to_vec();
        self.grid.round_to_nearest(&mut values);
        self.floats.set_values(&values);
    }

    fn increment(&self) -> Option<Cow<'_, [f32]>> {
        self.floats.increment()
    }

    fn set_increment(&mut self, increment: Option<&[f32]>) {
        self.floats.set_increment(increment);
    }

    /// An increment that leaves its weight where it was counts as rounded to zero.
    fn update(&mut self, keep: bool, seed: &Seed, propose: &mut Propose<'_>) -> Rounded {
        let before = self.floats.as_slice().to_vec();
        self.floats.update_with(keep, propose, |_| ());
        let values = self.floats.as_mut_slice();
        self.grid.round(values, seed);
        let to_zero = before.iter().zip(&*values).filter(|(before, after)| before == after).count();
        Rounded { total: values.len(), to_zero }
    }

    fn save(&self) -> Saved {
        let Saved { values, increment } = self.floats.save();
        Saved { values: Numbers { format: Some(self.describe()), ..values }, increment }
    }

    fn restore(&mut self, saved: &Saved) -> Result<(), String> {
        saved.values.to_float_in(&self.describe())?;
        self.floats.restore(saved)
    }

    fn boxed(&self) -> Box<dyn Storage> {
        Box::new(self.clone())
    }
}

/// A floating-point format.
impl Grid for FloatQuantizer {
    fn describe(&self) -> String {
        self.format.to_string()
    }

    fn round(&self, values: &mut [f32], name: &Seed) {
        self.convert_slice(values, name.draw());
    }

    fn round_to_nearest(&self, values: &mut [f32]) {
        let nearest = Self { rounding: Rounding::NearestTiesEven, ..*self };
        nearest.convert_slice(values, Draw::none());
    }
}

/// The numbers of an operand: what rounds a matrix for a product holds it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OperandGrid<O> {
    /// With the rounding of updates.
    pub(crate) update: O,
    /// With that of initial values.
    pub(crate) initial: O,
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    pub(crate) name: String,
}

impl<O: Operand> OperandGrid<O> {
    fn by(&self, operand: &O, values: &mut [f32], name: &Seed) {
        let (rows, cols) = (self.outputs, self.inputs);
        let sum = numerics::BlockShape::AlongRows;
        let from = values.to_vec();
        let matrix = Matrix { values: &from, rows, cols, sum };
        let scale = operand.scale(|| largest_finite(&from), None);
        operand.round(matrix, scale, Bits { name, first: 0 }, Par::Seq, values);
        let factor = operand.factor(scale);
        values.iter_mut().for_each(|w| *w *= factor);
    }
}

impl<O: Operand> Grid for OperandGrid<O> {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn round(&self, values: &mut [f32], name: &Seed) {
        self.by(&self.update, values, name);
    }

    fn round_to_nearest(&self, values: &mut [f32]) {
        self.by(&self.initial, values, &Seed::new(0));
    }
}
