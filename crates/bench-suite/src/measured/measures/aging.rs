//! [`Aging`]: a network on tiles is programmed, ages, and is tested, again and again.
//!
//! Source: [Rasch23 Methods, "AIMC evaluation"].

use crossbar::{TileConfig, TileError};
use nn::{AnalogWeights, Devices, Run, age_and_test};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::networks::workload::{Instance, Tested};

/// Seconds in an hour, after which networks and products are tested with drift compensation. [Rasch23
/// Fig. 3D, Fig. 5]
pub const HOUR_S: f64 = 3600.0;

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
    /// # Errors
    ///
    /// As [`Self::tests`].
    pub fn errors(
        &self,
        instance: &Instance<'_>,
        seed: &Seed,
        context: &Context<'_>,
    ) -> Result<Vec<Vec<f64>>, Error> {
        self.tests(instance, seed, context).map(in_percent)
    }

    /// The tests: for every time one of each programming.
    ///
    /// Devices, read-out and products draw from `seed` by programming and time, so two networks or
    /// two tiles with the same seed see the same draws.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`]; [`Error::Usage`] if the tile cannot be programmed.
    pub fn tests(
        &self,
        instance: &Instance<'_>,
        seed: &Seed,
        context: &Context<'_>,
    ) -> Result<Vec<Vec<Tested>>, Error> {
        let tile = |layer: &AnalogWeights| {
            self.tile.as_ref().unwrap_or_else(|| layer.config().tile()).clone()
        };
        self.tests_programmed(instance, seed, context, |run| {
            Devices::program(&instance.parameters, tile, run)
        })
    }

    /// [`Self::errors`] with the devices that `program` makes from the seed that it is given.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`]; [`Error::Usage`] if `program` fails.
    pub fn errors_programmed<'p>(
        &self,
        instance: &Instance<'_>,
        seed: &Seed,
        context: &Context<'_>,
        program: impl Fn(Run) -> Result<Devices<'p>, TileError>,
    ) -> Result<Vec<Vec<f64>>, Error> {
        self.tests_programmed(instance, seed, context, program).map(in_percent)
    }

    fn tests_programmed<'p>(
        &self,
        instance: &Instance<'_>,
        seed: &Seed,
        context: &Context<'_>,
        program: impl Fn(Run) -> Result<Devices<'p>, TileError>,
    ) -> Result<Vec<Vec<Tested>>, Error> {
        let (examples, par) = (instance.test.len() as u64, context.par);
        let mut tests = vec![Vec::new(); self.times_s.len()];
        for programming in 0..self.programmings {
            let seed = seed.child("programming").child(programming);
            let test = |devices: &Devices<'p>, run: Run| {
                if context.progress.stopped() {
                    return Err(Error::Interrupted);
                }
                let tested = instance.tested_on(devices, run);
                context.progress.advance(examples);
                Ok(tested)
            };
            let curve = age_and_test(&program, &self.times_s, Run::new(&seed, par), test)?;
            tests.iter_mut().zip(curve).for_each(|(tests, tested)| tests.push(tested));
        }
        Ok(tests)
    }

    /// An amount of work in examples.
    pub fn work(&self, instance: &Instance<'_>) -> u64 {
        instance.test.len() as u64 * self.programmings * self.times_s.len() as u64
    }
}

/// The errors of tests in %.
pub(super) fn in_percent(tests: Vec<Vec<Tested>>) -> Vec<Vec<f64>> {
    let percent = |tests: Vec<Tested>| tests.iter().map(|tested| 100.0 * tested.error).collect();
    tests.into_iter().map(percent).collect()
}
