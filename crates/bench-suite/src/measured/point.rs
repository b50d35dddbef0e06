//! [`Point`]: what can run on its own.

use datasets::DataSum;
use serde_json::Value;

/// What can run on its own: a pure function of its configuration, its seed and its data.
#[derive(Clone, Debug)]
pub struct Point {
    /// The experiment.
    pub experiment: &'static str,
    /// Unique name within the experiment and the scale, for people.
    pub name: String,
    /// The complete configuration of the workload.
    pub config: Value,
    /// The seed.
    pub seed: u64,
    /// The data sets it reads.
    pub data: Vec<DataSum>,
    /// Amount of work, in units that all points of an experiment share.
    pub work: u64,
}

impl Point {
    /// Its name beside the points of other experiments.
    pub fn title(&self) -> String {
        format!("{} {}", self.experiment, self.name)
    }
}
