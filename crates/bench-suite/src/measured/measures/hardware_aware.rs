//! One network from f32 to a year of drift: trained, mapped directly, trained with the hardware in
//! mind, programmed again and again, and tested as it ages.
//!
//! Source: [Rasch23 Methods; Tab. 2, Tab. 3].

use nn::{AnyArithmetic, Policy, Run};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::aging::Aging;
use super::comparison::Method;
use super::errors::Errors;
use super::trained::{Baseline, Network, Trained};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::measurements::name_of;
use crate::measured::networks::workload::{Instance, Workload};

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

/// What is known of the network, and its test errors by method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aged {
    /// What was known before.
    #[serde(flatten)]
    pub baseline: Baseline,
    /// Test error of the network that was trained on tiles, there and without noise of devices, in %.
    pub hwa_unprogrammed_percent: f64,
    /// The errors.
    #[serde(flatten)]
    pub errors: Errors<Method>,
}

impl Measure for HardwareAware {
    type Outcome = Aged;

    /// Trains, maps, trains on tiles and tests.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Aged, Error> {
        let workload = self.trained.open(context)?;
        let mut errors = Errors::default();
        if self.direct {
            let network = self.trained.direct(&*workload, seed, context)?;
            self.test(Method::Direct, &network.instance, (seed, context), &mut errors)?;
        }
        let Network { instance, baseline } =
            self.trained.hardware_aware(&*workload, seed, context)?;
        let unprogrammed = Seed::new(seed).child("unprogrammed");
        let unprogrammed =
            100.0 * workload.test_error(&instance, Run::new(&unprogrammed, context.par));
        self.test(Method::HardwareAware, &instance, (seed, context), &mut errors)?;
        Ok(Aged { baseline, hwa_unprogrammed_percent: unprogrammed, errors })
    }
}

impl HardwareAware {
    fn test(
        &self,
        method: Method,
        instance: &Instance<'_>,
        (seed, context): (u64, &Context<'_>),
        errors: &mut Errors<Method>,
    ) -> Result<(), Error> {
        let name = name_of(&method);
        let seed = Seed::new(seed).child(name.as_str());
        let found = self.aging.errors(instance, &seed, context)?;
        if let Some(first) = found.first().filter(|errors| !errors.is_empty()) {
            let mean = first.iter().sum::<f64>() / first.len() as f64;
            context.progress.say(&format!("{name}: {mean:.2} % at first"));
        }
        errors.add(method, &self.aging.times_s, found);
        Ok(())
    }

    /// An amount of work in examples, one of training on tiles counting three.
    pub fn work(&self, workload: &dyn Workload) -> u64 {
        let instance = workload.instance(&Policy::uniform(AnyArithmetic::Float32), &Seed::new(0));
        let methods = 1 + u64::from(self.direct);
        self.trained.work(workload) + methods * self.aging.work(&instance)
    }
}
