//! [`LowPrecision`]: what formats of few bits do to numbers, or to a training.

use serde::{Deserialize, Serialize};

use super::image_classifier::ImageClassifier;
use super::network_training::NetworkTraining;
use super::quantization_error::{QuantizationError, Rounded};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::training::Training;

/// What is done in few bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LowPrecision {
    /// Numbers are rounded, without any training.
    Quantizers(QuantizationError),
    /// A network for images is trained.
    Images(Box<ImageClassifier>),
    /// A network of the register is trained.
    Network(NetworkTraining),
}

/// What a [`LowPrecision`] gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Given {
    /// Of a training.
    Training(Training),
    /// Of [`LowPrecision::Quantizers`].
    Rounded(Rounded),
}

impl Measure for LowPrecision {
    type Outcome = Given;

    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Given, Error> {
        match self {
            Self::Quantizers(error) => error.run(seed, context).map(Given::Rounded),
            Self::Images(classifier) => classifier.run(seed, context).map(Given::Training),
            Self::Network(training) => training.run(seed, context).map(Given::Training),
        }
    }
}
