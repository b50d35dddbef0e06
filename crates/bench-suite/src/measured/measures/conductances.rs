//! [`Conductances`]: how the conductances of a network are distributed, before and after training on
//! tiles.
//!
//! Source: [Rasch23 Fig. 6].

use crossbar::excess_kurtosis;
use serde::{Deserialize, Serialize};

use super::trained::Trained;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::point::Point;

/// The network whose conductances are looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conductances {
    /// The network and its recipe.
    pub trained: Trained,
}

/// Series of the excess kurtosis of every layer, the float weights under one scale.
pub const FLOAT_ONE_SCALE: &str = "kurtosis_float_one_scale";
/// … the float weights under one scale per column and tile.
pub const FLOAT_COLUMNS: &str = "kurtosis_float_columns";
/// … after training on tiles.
pub const HARDWARE_AWARE: &str = "kurtosis_hardware_aware";
/// Series of the number of weights of every layer.
pub const WEIGHTS: &str = "weights";

impl Conductances {
    /// Runs the point whose configuration this is: [`FLOAT_ONE_SCALE`], [`FLOAT_COLUMNS`],
    /// [`HARDWARE_AWARE`] and [`WEIGHTS`], one number per layer on tiles.
    ///
    /// A conductance is the normalised weight: kurtosis does not ask for its unit. One scale for a
    /// layer does not change the kurtosis of its weights, so the first series is that of the weights.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the configuration is not one of these; [`Error::Interrupted`], or what is
    /// wrong with data, model or checkpoint.
    pub fn run_point(point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        let Self { trained } = serde_json::from_value(point.config.clone())
            .map_err(|error| Error::Usage(format!("configuration of '{}': {error}", point.name)))?;
        let workload = trained.open(context)?;
        let float = trained.float(&*workload, point.seed, context)?.instance.parameters;
        let direct = trained.direct(&*workload, point.seed, context)?.instance.parameters;
        let aware = trained.hardware_aware(&*workload, point.seed, context)?.instance.parameters;
        let mut measured = Measurements::default();
        for (mapped, trained) in direct.analog().zip(aware.analog()) {
            let weight = format!("{}.weight", mapped.name());
            let weights = float
                .iter()
                .find(|parameter| parameter.name() == weight)
                .expect("a layer on tiles is a layer in f32")
                .values();
            for (name, kurtosis) in [
                (FLOAT_ONE_SCALE, excess_kurtosis(&weights)),
                (FLOAT_COLUMNS, excess_kurtosis(mapped.normalized(&direct))),
                (HARDWARE_AWARE, excess_kurtosis(trained.normalized(&aware))),
                (WEIGHTS, weights.len() as f64),
            ] {
                measured.series.entry(name.to_owned()).or_default().push(kurtosis);
            }
        }
        Ok(measured)
    }
}
