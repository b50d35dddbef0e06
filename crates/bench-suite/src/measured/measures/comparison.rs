//! One trained network tested in several ways: on other tiles, at other times.

use std::collections::BTreeMap;

use nn::{AnyArithmetic, Policy};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::aging::Aging;
use super::errors::{Errors, Way};
use super::trained::{Baseline, Network, Trained};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::measurements::name_of;
use crate::measured::networks::workload::Workload;

/// A network and the ways in which it is tested.
///
/// All of them see the same draws of devices, read-outs and products, so that they can be compared
/// programming by programming.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "W: Way")]
pub struct Comparison<W> {
    /// The network and its recipe.
    pub trained: Trained,
    /// How it comes onto tiles.
    pub method: Method,
    /// The ways.
    pub variants: BTreeMap<W, Aging>,
}

/// How a float network comes onto tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Mapped, with ranges and scales tuned: [`Trained::direct`].
    Direct,
    /// Trained there: [`Trained::hardware_aware`].
    #[serde(rename = "hwa")]
    HardwareAware,
}

/// What is known of the network, and its test errors by way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "W: Way")]
pub struct Tested<W> {
    /// What was known before.
    #[serde(flatten)]
    pub baseline: Baseline,
    /// The errors.
    #[serde(flatten)]
    pub errors: Errors<W>,
}

impl<W: Way> Measure for Comparison<W> {
    type Outcome = Tested<W>;

    /// Trains the network, unless that was done, and tests it.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Tested<W>, Error> {
        let workload = self.trained.open(context)?;
        // The draws of `HardwareAware`: the same network on the same tile has the same errors there.
        let Network { instance, baseline } = match self.method {
            Method::Direct => self.trained.direct(&*workload, seed, context)?,
            Method::HardwareAware => self.trained.hardware_aware(&*workload, seed, context)?,
        };
        let seed = Seed::new(seed).child(name_of(&self.method).as_str());
        let mut errors = Errors::default();
        for (&way, aging) in &self.variants {
            errors.add(way, &aging.times_s, aging.errors(&instance, &seed, context)?);
        }
        Ok(Tested { baseline, errors })
    }
}

impl<W> Comparison<W> {
    /// An amount of work in examples, one of training on tiles counting three.
    pub fn work(&self, workload: &dyn Workload) -> u64 {
        let instance = workload.instance(&Policy::uniform(AnyArithmetic::Float32), &Seed::new(0));
        let tests: u64 = self.variants.values().map(|aging| aging.work(&instance)).sum();
        self.trained.work(workload) + tests
    }
}
