//! [`Measure`]: what can run on its own, as a value that runs itself.

use std::any::Any;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;

/// The complete configuration of something that is measured: with a seed and data a pure function.
///
/// How it is written, by serde, is part of the name of its record.
pub trait Measure:
    Clone + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// What it gives: numbers and sequences of numbers by name, which a record keeps as
    /// [`Measurements`].
    type Outcome: fmt::Debug + Serialize + DeserializeOwned;

    /// Measures.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if it was stopped, [`Error::Usage`] if it asks for what there is not, or
    /// what is wrong with its data, its model or its checkpoint.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Self::Outcome, Error>;
}

/// A [`Measure`] of some type.
pub(crate) trait AnyMeasure: fmt::Debug + Send + Sync {
    /// Runs it; see [`Measure::run`].
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Measurements, Error>;

    /// What keeps these measurements from being an outcome of this measure.
    fn check(&self, measurements: &Measurements) -> Result<(), String>;

    /// The measure, to be asked for its type.
    fn as_any(&self) -> &dyn Any;
}

impl<M: Measure> AnyMeasure for M {
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Measurements, Error> {
        Measure::run(self, seed, context).map(|outcome| Measurements::of(&outcome))
    }

    fn check(&self, measurements: &Measurements) -> Result<(), String> {
        measurements.read::<M::Outcome>().map(drop)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
