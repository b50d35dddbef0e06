//! One trained network tested in several ways: on other tiles, at other times.

use std::collections::BTreeMap;

use nn::{AnyArithmetic, Policy};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::aging::Aging;
use super::hardware_aware::series;
use super::trained::Trained;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::networks::workload::Workload;
use crate::measured::point::Point;

/// A network and the ways in which it is tested.
///
/// All of them see the same draws of devices, read-outs and products, so that they can be compared
/// programming by programming.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The network and its recipe.
    pub trained: Trained,
    /// How it comes onto tiles.
    pub method: Method,
    /// The ways by name.
    pub variants: BTreeMap<String, Aging>,
}

/// How a float network comes onto tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Mapped, with ranges and scales tuned: [`Trained::direct`].
    Direct,
    /// Trained there: [`Trained::hardware_aware`].
    #[serde(rename = "hwa")]
    HardwareAware,
}

impl Comparison {
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

    /// Trains the network, unless that was done, and tests it: what [`super::trained::Network`]
    /// measured and, by [`series`], the errors of every variant.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`], or what is wrong with data, model or checkpoint.
    pub fn run(&self, seed: u64, context: &Context<'_>) -> Result<Measurements, Error> {
        let workload = self.trained.open(context)?;
        // The draws of `HardwareAware`: the same network on the same tile has the same errors there.
        let (mut network, name) = match self.method {
            Method::Direct => (self.trained.direct(&*workload, seed, context)?, "direct"),
            Method::HardwareAware => {
                (self.trained.hardware_aware(&*workload, seed, context)?, "hwa")
            }
        };
        let seed = Seed::new(seed).child(name);
        for (variant, aging) in &self.variants {
            let errors = aging.errors(&network.instance, &seed, context)?;
            let names = aging.times_s.iter().map(|&t_s| series(variant, t_s));
            network.measured.series.extend(names.zip(errors));
        }
        Ok(network.measured)
    }

    /// An amount of work in examples, one of training on tiles counting three.
    pub fn work(&self, workload: &dyn Workload) -> u64 {
        let instance = workload.instance(&Policy::uniform(AnyArithmetic::Float32), &Seed::new(0));
        let tests: u64 = self.variants.values().map(|aging| aging.work(&instance)).sum();
        self.trained.work(workload) + tests
    }
}
