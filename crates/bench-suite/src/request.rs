//! [`Request`]: which points of an experiment are wanted.

use datasets::DataFolder;

use crate::measured::scale::Scale;

/// Which points of an experiment are wanted.
#[derive(Clone, Debug)]
pub struct Request {
    /// The scale.
    pub scale: Scale,
    /// The first seed.
    pub seed: u64,
    /// Number of seeds, counted up from the first; `None` for the scale's own number.
    pub seeds: Option<u64>,
    /// Where data sets are read from.
    pub data: DataFolder,
}
