//! [`Run`]: a measure with its seed and data; [`Point`]: a run of whatever type.

use std::sync::Arc;

use datasets::DataSum;
use serde_json::Value;

use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::{AnyMeasure, Measure};
use crate::measured::measurements::Measurements;

/// A measure with all else that determines its outcome.
#[derive(Clone, Debug)]
pub struct Run<M> {
    /// Unique name within the experiment and the scale, for people.
    pub label: String,
    /// What is measured.
    pub measure: M,
    /// The seed.
    pub seed: u64,
    /// The data sets it reads.
    pub data: Vec<DataSum>,
    /// Amount of work, in units that all runs of an experiment share.
    pub work: u64,
}

/// What can run on its own: a pure function of its configuration, its seed and its data.
#[derive(Clone, Debug)]
pub struct Point {
    /// The experiment.
    pub experiment: &'static str,
    /// Unique name within the experiment and the scale, for people.
    pub name: String,
    /// The measure, as it is written.
    pub config: Value,
    /// The seed.
    pub seed: u64,
    /// The data sets it reads.
    pub data: Vec<DataSum>,
    /// Amount of work, in units that all points of an experiment share.
    pub work: u64,
    measure: Arc<dyn AnyMeasure>,
}

impl Point {
    /// The run of an experiment.
    ///
    /// # Panics
    ///
    /// If the measure cannot be written as JSON: if a map of it has other keys than strings.
    pub fn new<M: Measure>(experiment: &'static str, run: Run<M>) -> Self {
        let Run { label, measure, seed, data, work } = run;
        let config = serde_json::to_value(&measure).expect("a measure is plain data");
        Self { experiment, name: label, config, seed, data, work, measure: Arc::new(measure) }
    }

    /// The measure, if it is of that type.
    pub fn measure<M: Measure>(&self) -> Option<&M> {
        self.measure.as_any().downcast_ref()
    }

    /// Runs it; see [`Measure::run`].
    ///
    /// # Errors
    ///
    /// As [`Measure::run`].
    pub fn run(&self, context: &Context<'_>) -> Result<Measurements, Error> {
        self.measure.run(self.seed, context)
    }

    /// What keeps these measurements from being those of this point.
    pub(crate) fn check(&self, measurements: &Measurements) -> Result<(), String> {
        self.measure.check(measurements)
    }

    /// Its name beside the points of other experiments.
    pub fn title(&self) -> String {
        format!("{} {}", self.experiment, self.name)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::measured::measurements::Measured;

    /// A measure that is written as it is said to be, and gives whatever a record of it has.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Anything(Value);

    impl Measure for Anything {
        type Outcome = BTreeMap<String, Measured>;

        fn run(&self, _: u64, _: &Context<'_>) -> Result<Self::Outcome, Error> {
            Ok(BTreeMap::new())
        }
    }

    /// A point for what does not run it.
    pub(crate) fn point(experiment: &'static str, name: &str, config: Value, seed: u64) -> Point {
        let (label, measure) = (name.to_owned(), Anything(config));
        Point::new(experiment, Run { label, measure, seed, data: Vec::new(), work: 1 })
    }
}
