//! [`HwaRecipe`]: how a network is trained for its hardware, as data.

use nn::ops::Distillation;
use nn::{Analog, RangeStatistic, Recipe};
use serde::{Deserialize, Serialize};

/// How a network is trained for its hardware: what a recipe file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HwaRecipe {
    /// Tile and training rules of every layer that is not digital.
    pub analog: Analog,
    /// How input ranges begin.
    pub calibration: Calibration,
    /// Epochs, learning rate, optimiser.
    pub training: Recipe,
    /// Whether what it is compared with is the float network after as many more epochs of the same training in
    /// f32. Without it A* of a network that was not trained to its end is flattered, for training on tiles is
    /// further training, whatever else it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub control: bool,
    /// The float network as a teacher, for networks of classes: temperature and mix.
    ///
    /// Source: [Rasch23 Methods]: 10 and 0.75.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distillation: Option<Distillation>,
}

/// Input ranges from data, and what follows in direct mapping.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// What of the inputs becomes the range.
    #[serde(default)]
    pub statistic: RangeStatistic,
    /// Mini-batches that are observed.
    pub batches: usize,
    /// In direct mapping, mini-batches in which ranges, scales and the statistics of batch
    /// normalisations are then trained, with all weights and biases as they are and no noise
    /// injected.
    ///
    /// Source: [Rasch23 Tab. 2]: 500 after 500.
    pub tuning: usize,
}
