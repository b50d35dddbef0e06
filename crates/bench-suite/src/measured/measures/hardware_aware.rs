//! One network from f32 to a year of drift: trained, mapped directly, trained with the hardware in
//! mind, programmed again and again, and tested as it ages.
//!
//! Source: [Rasch23 Methods; Tab. 2, Tab. 3].

use nn::{AnyArithmetic, Policy, Run};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::aging::Aging;
use super::trained::Trained;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::networks::workload::{Instance, Workload};
use crate::measured::point::Point;

/// What is done with a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HardwareAware {
    /// The network and its recipe.
    pub trained: Trained,
    /// Whether the float network is mapped directly, too.
    pub direct: bool,
    /// How it is tested.
    pub aging: Aging,
}

/// Test error of the network without noise of devices, on the tiles it was trained on, in %.
pub const HWA_UNPROGRAMMED: &str = "hwa_unprogrammed_percent";

/// The series of test errors in %, one per programming, at a time.
pub fn series(method: &str, t_s: f64) -> String {
    format!("{method}_{t_s}s")
}

impl HardwareAware {
    /// Runs the point whose configuration this is.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the configuration is not one of these; and as [`Self::run`].
    pub fn run_point(point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        let config: Self = serde_json::from_value(point.config.clone())
            .map_err(|error| Error::Usage(format!("configuration of '{}': {error}", point.name)))?;
        config.run(point.seed, context)
    }

    /// Trains, maps, trains on tiles and tests: what [`super::trained::Network`] measured,
    /// [`HWA_UNPROGRAMMED`] and, by [`series`], the errors of `direct` and `hwa`.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`], or what is wrong with data, model or checkpoint.
    pub fn run(&self, seed: u64, context: &Context<'_>) -> Result<Measurements, Error> {
        let workload = self.trained.open(context)?;
        let mut direct = Measurements::default();
        if self.direct {
            let mut network = self.trained.direct(&*workload, seed, context)?;
            self.test("direct", &mut network.instance, (seed, context), &mut direct)?;
        }
        let network = self.trained.hardware_aware(&*workload, seed, context)?;
        let (mut instance, mut measured) = (network.instance, network.measured);
        measured.series.append(&mut direct.series);
        let unprogrammed = Seed::new(seed).child("unprogrammed");
        let error = workload.test_error(&instance, Run::new(&unprogrammed, context.par));
        measured.values.insert(HWA_UNPROGRAMMED.to_owned(), 100.0 * error);
        self.test("hwa", &mut instance, (seed, context), &mut measured)?;
        Ok(measured)
    }

    fn test(
        &self,
        method: &str,
        instance: &mut Instance<'_>,
        (seed, context): (u64, &Context<'_>),
        measured: &mut Measurements,
    ) -> Result<(), Error> {
        let seed = Seed::new(seed).child(method);
        let errors = self.aging.errors(instance, &seed, context)?;
        if let Some(first) = errors.first().filter(|errors| !errors.is_empty()) {
            let mean = first.iter().sum::<f64>() / first.len() as f64;
            context.progress.say(&format!("{method}: {mean:.2} % at first"));
        }
        let names = self.aging.times_s.iter().map(|&t_s| series(method, t_s));
        measured.series.extend(names.zip(errors));
        Ok(())
    }

    /// An amount of work in examples, one of training on tiles counting three.
    pub fn work(&self, workload: &dyn Workload) -> u64 {
        let instance = workload.instance(&Policy::uniform(AnyArithmetic::Float32), &Seed::new(0));
        let methods = 1 + u64::from(self.direct);
        self.trained.work(workload) + methods * self.aging.work(&instance)
    }
}
