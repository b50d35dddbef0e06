//! Networks with weights that others trained, against the accuracy that is known for them.

pub mod minilm_stsb;
pub mod registered;
pub mod resnet_cifar10;

use datasets::DataFolder;

use crate::measured::error::Error;

/// One network with its weights and its test.
#[derive(Clone, Copy, Debug)]
pub struct Evaluation {
    /// The name on the command line.
    pub name: &'static str,
    /// What is evaluated, and which files of the data folder it needs.
    pub what: &'static str,
    /// Runs it on the threads of the pool that it is called in.
    pub run: fn(&DataFolder) -> Result<Vec<Value>, Error>,
}

/// A measured value beside the known one.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// What was measured, on which data.
    pub what: String,
    /// The measured value.
    pub ours: f64,
    /// The known value.
    pub known: f64,
    /// How far the two may be apart, and why.
    pub tolerance: (f64, &'static str),
    /// "%" and the like.
    pub unit: &'static str,
}

impl Value {
    /// Whether the measured value is the known one.
    pub fn holds(&self) -> bool {
        (self.ours - self.known).abs() <= self.tolerance.0
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, ours, known, tolerance: (tolerance, reason), unit } = self;
        write!(f, "{what}: {ours:.2} {unit} (known: {known:.2} ± {tolerance:.2} {unit}, {reason})")
    }
}

/// Every evaluation.
pub fn all() -> Vec<Evaluation> {
    [resnet_cifar10::EVALUATIONS, minilm_stsb::EVALUATIONS].concat()
}

/// The evaluation of that name.
///
/// # Errors
///
/// [`Error::Usage`] with all names if there is none.
pub fn find(name: &str) -> Result<Evaluation, Error> {
    all().into_iter().find(|e| e.name == name).ok_or_else(|| {
        let known: Vec<&str> = all().iter().map(|e| e.name).collect();
        Error::Usage(format!("there is no evaluation '{name}'; there are: {}", known.join(", ")))
    })
}
