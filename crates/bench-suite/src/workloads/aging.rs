//! [`Aging`]: a network on tiles is programmed, ages, and is tested, again and again.
//!
//! Source: [Rasch23 Methods, "AIMC evaluation"].

use crossbar::{TileConfig, TileError};
use nn::{AnalogWeights, Parameters};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::networks::{Instance, Workload};
use crate::Error;
use crate::experiment::Context;

/// How a network on tiles is tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aging {
    /// The tile that is programmed, if it is another than the one that was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tile: Option<TileConfig>,
    /// Seconds after programming.
    pub times_s: Vec<f64>,
    /// How often the network is programmed anew.
    pub programmings: u64,
}

impl Aging {
    /// The test errors in %: for every time one of each programming.
    ///
    /// Devices, read-out and products draw from `seed` by programming and time, so two networks or
    /// two tiles with the same seed see the same draws.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`]; [`Error::Usage`] if the tile cannot be programmed.
    pub fn errors(
        &self,
        workload: &dyn Workload,
        instance: &mut Instance<'_>,
        seed: &Seed,
        context: &Context<'_>,
    ) -> Result<Vec<Vec<f64>>, Error> {
        let tile = |layer: &AnalogWeights| {
            self.tile.as_ref().unwrap_or_else(|| layer.config().tile()).clone()
        };
        self.errors_programmed(workload, instance, seed, context, |parameters, seed| {
            parameters.program(tile, seed, context.par)
        })
    }

    /// [`Self::errors`] with devices that `program` puts in place, from the seed that it is given.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`]; [`Error::Usage`] if `program` fails.
    pub fn errors_programmed(
        &self,
        workload: &dyn Workload,
        instance: &mut Instance<'_>,
        seed: &Seed,
        context: &Context<'_>,
        program: impl Fn(&mut Parameters, &Seed) -> Result<(), TileError>,
    ) -> Result<Vec<Vec<f64>>, Error> {
        let wrong = |error: TileError| Error::Usage(error.to_string());
        let par = context.par;
        let mut errors = vec![Vec::new(); self.times_s.len()];
        for programming in 0..self.programmings {
            let seed = seed.child("programming").child(programming);
            program(&mut instance.parameters, &seed.child("devices")).map_err(wrong)?;
            for (errors, &t_s) in errors.iter_mut().zip(&self.times_s) {
                if context.progress.stopped() {
                    return Err(Error::Interrupted);
                }
                instance.parameters.age_to(t_s, &seed.child("read-out"), par).map_err(wrong)?;
                let seed = seed.child("test").child(t_s.to_bits());
                errors.push(100.0 * workload.test_error(instance, &seed, par));
                context.progress.advance(instance.test.len() as u64);
            }
        }
        instance.parameters.erase();
        Ok(errors)
    }

    /// An amount of work in examples.
    pub fn work(&self, instance: &Instance<'_>) -> u64 {
        instance.test.len() as u64 * self.programmings * self.times_s.len() as u64
    }
}
