//! One network from f32 to a year of drift: trained, mapped directly, trained with the hardware in
//! mind, programmed again and again, and tested as it ages.
//!
//! Source: [Rasch23 Methods; Tab. 2, Tab. 3].

use nn::{AnyArithmetic, Policy, Run};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::aging::{Aging, in_percent};
use super::comparison::Method;
use super::errors::Errors;
use super::trained::{Baseline, Network, Trained};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::measurements::name_of;
use crate::measured::networks::workload::{Instance, Workload};
use crate::measured::statistics::sampling_error;

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
    /// What the sampling of the test set adds to the difference of the mean over programmings and the float
    /// network's error, in percentage points: its standard error after each time, mapped directly. Empty where
    /// a test error is no mean over examples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub direct_sampling_percent: Vec<f64>,
    /// The same of the network that was trained on tiles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hwa_sampling_percent: Vec<f64>,
    /// The errors.
    #[serde(flatten)]
    pub errors: Errors<Method>,
}

impl Aged {
    /// What the sampling of the test set adds, after each time.
    pub fn sampling_percent(&self, method: Method) -> &[f64] {
        match method {
            Method::Direct => &self.direct_sampling_percent,
            Method::HardwareAware => &self.hwa_sampling_percent,
        }
    }
}

impl Measure for HardwareAware {
    type Outcome = Aged;

    /// Trains, maps, trains on tiles and tests.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Aged, Error> {
        let workload = self.trained.open(context)?;
        let reference = self.trained.reference(&*workload, seed, context)?.instance;
        let run = Run::new(&Seed::new(seed).child("float"), context.par);
        let reference = reference.tested_on(&reference.parameters, run).examples;
        let mut tested =
            Tests { aging: &self.aging, seed, context, reference, errors: Errors::default() };
        let mut direct = Vec::new();
        if self.direct {
            let network = self.trained.direct(&*workload, seed, context)?;
            direct = tested.add(Method::Direct, &network.instance)?;
        }
        let Network { instance, baseline } =
            self.trained.hardware_aware(&*workload, seed, context)?;
        let unprogrammed = Seed::new(seed).child("unprogrammed");
        let unprogrammed =
            100.0 * workload.test_error(&instance, Run::new(&unprogrammed, context.par));
        let trained = tested.add(Method::HardwareAware, &instance)?;
        Ok(Aged {
            baseline,
            hwa_unprogrammed_percent: unprogrammed,
            direct_sampling_percent: direct,
            hwa_sampling_percent: trained,
            errors: tested.errors,
        })
    }
}

/// The tests of a network under all methods.
struct Tests<'a> {
    aging: &'a Aging,
    seed: u64,
    context: &'a Context<'a>,
    /// What each example has in the error of the float network.
    reference: Option<Vec<f64>>,
    errors: Errors<Method>,
}

impl Tests<'_> {
    /// Adds those under one, and returns what the sampling of the test set adds after each time.
    fn add(&mut self, method: Method, instance: &Instance<'_>) -> Result<Vec<f64>, Error> {
        let name = name_of(&method);
        let seed = Seed::new(self.seed).child(name.as_str());
        let tests = self.aging.tests(instance, &seed, self.context)?;
        let sampling = self.reference.iter().flat_map(|reference| {
            tests.iter().filter_map(|tests| {
                let examples: Option<Vec<_>> = tests.iter().map(|t| t.examples.clone()).collect();
                examples
                    .filter(|tests| !tests.is_empty())
                    .map(|e| 100.0 * sampling_error(&e, reference))
            })
        });
        let sampling = sampling.collect();
        let found = in_percent(tests);
        if let Some(first) = found.first().filter(|errors| !errors.is_empty()) {
            let mean = first.iter().sum::<f64>() / first.len() as f64;
            self.context.progress.say(&format!("{name}: {mean:.2} % at first"));
        }
        self.errors.add(method, &self.aging.times_s, found);
        Ok(sampling)
    }
}

impl HardwareAware {
    /// An amount of work in examples, one of training on tiles counting three.
    pub fn work(&self, workload: &dyn Workload) -> u64 {
        let instance = workload.instance(&Policy::uniform(AnyArithmetic::Float32), &Seed::new(0));
        let methods = 1 + u64::from(self.direct);
        self.trained.work(workload) + methods * self.aging.work(&instance)
    }
}
