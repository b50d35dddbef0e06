//! [`Conductances`]: how the conductances of a network are distributed, before and after training on
//! tiles.
//!
//! Source: [Rasch23 Fig. 6].

use crossbar::excess_kurtosis;
use serde::{Deserialize, Serialize};

use super::trained::Trained;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;

/// The network whose conductances are looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conductances {
    /// The network and its recipe.
    pub trained: Trained,
}

/// What is known of every layer on tiles.
///
/// A conductance is the normalised weight: kurtosis does not ask for its unit. One scale for a layer
/// does not change the kurtosis of its weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kurtoses {
    /// Excess kurtosis of the float weights under one scale.
    #[serde(rename = "kurtosis_float_one_scale")]
    pub float_one_scale: Vec<f64>,
    /// … of the float weights under one scale per column and tile.
    #[serde(rename = "kurtosis_float_columns")]
    pub float_columns: Vec<f64>,
    /// … after training on tiles.
    #[serde(rename = "kurtosis_hardware_aware")]
    pub hardware_aware: Vec<f64>,
    /// Number of weights.
    pub weights: Vec<usize>,
}

impl Measure for Conductances {
    type Outcome = Kurtoses;

    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Kurtoses, Error> {
        let Self { trained } = self;
        let workload = trained.open(context)?;
        let float = trained.float(&*workload, seed, context)?.instance.parameters;
        let direct = trained.direct(&*workload, seed, context)?.instance.parameters;
        let aware = trained.hardware_aware(&*workload, seed, context)?.instance.parameters;
        let mut kurtoses = Kurtoses::default();
        for (mapped, trained) in direct.analog().zip(aware.analog()) {
            let weight = format!("{}.weight", mapped.name());
            let weights = float
                .iter()
                .find(|parameter| parameter.name() == weight)
                .expect("a layer on tiles is a layer in f32")
                .values();
            kurtoses.float_one_scale.push(excess_kurtosis(&weights));
            kurtoses.float_columns.push(excess_kurtosis(mapped.normalized(&direct)));
            kurtoses.hardware_aware.push(excess_kurtosis(trained.normalized(&aware)));
            kurtoses.weights.push(weights.len());
        }
        Ok(kurtoses)
    }
}
