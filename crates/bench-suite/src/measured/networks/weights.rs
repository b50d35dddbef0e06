//! Weights and vocabularies that others made.

use std::path::Path;

use datasets::DataSum;
use nn::{Parameters, Policy};
use numerics::Seed;

use crate::measured::error::Error;
use crate::measured::files;

/// What a file of weights adds to [`Workload::data`].
pub(super) fn weights_sum(id: &str, weights: &[u8]) -> DataSum {
    DataSum::of(format!("weights of {id}"), [("weights", weights)])
}

/// A file of weights, which are `what`.
///
/// # Errors
///
/// [`Error::NoData`] if it is not there; [`Error::Io`] or [`Error::Data`] if it cannot be read.
pub(super) fn weights_file(path: &Path, what: &str) -> Result<Vec<u8>, Error> {
    files::read_if_there(path, u64::MAX)?
        .ok_or_else(|| Error::NoData(format!("there are no weights {}, {what}", path.display())))
}

/// No file of a vocabulary is larger, in bytes.
pub(super) const LARGEST_VOCABULARY: u64 = 64 << 20;

/// Parameters of a network in f32, for weights that others trained.
pub(super) fn float_parameters(build: impl FnOnce(&mut nn::layers::Builder<'_>)) -> Parameters {
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(nn::AnyArithmetic::Float32);
    let seed = Seed::new(0);
    build(&mut nn::layers::Builder { parameters: &mut parameters, policy: &policy, seed });
    parameters
}
