//! [`EqualError`]: what a nonideality costs a network where it costs a product as much as any other.
//!
//! One nonideality is raised until the error of the standard product is 20 %, and a network that was
//! trained for its hardware is tested with that value.
//!
//! Source: [Rasch23 Fig. 4].

use crossbar::compensation::CompensationScope;
use crossbar::device::DeviceConfig;
use crossbar::{TileConfig, WeightScale, presets};
use numerics::{Par, Seed};
use serde::{Deserialize, Serialize};

use super::nonideality::{Axis, Nonideality};
use super::product::{Product, gaussian, uniform};
use super::trained::Trained;
use super::trial::{Repeats, Trial};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;

/// Standard deviation of the weights. [Rasch23 §"MVM error"]
pub const WEIGHT_STD: f32 = 0.246;
/// Inputs and outputs of the tile. [Rasch23 §"MVM error"]
pub const SIZE: usize = 512;
/// Seconds of accumulated read noise where the paper leaves drift out.
///
/// Assumed: 20 s, the time of the paper's noise injection and the reference time of its drift.
pub const NO_DRIFT_S: f64 = 20.0;
/// Seconds after programming where drift is what is raised. [Rasch23 Fig. 4]
pub const DRIFT_S: f64 = 3600.0;

/// A network and what is raised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EqualError {
    /// The network, trained for its hardware.
    pub trained: Trained,
    /// What is raised.
    pub nonideality: Nonideality,
    /// Error of the product to which it is raised, in %.
    pub error_percent: f64,
    /// Input vectors of the product.
    pub samples: usize,
    /// How the network is tested.
    pub repeats: Repeats,
}

/// What the product errs by, and what that does to the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Equal {
    /// Error of the product with the value, in %; or at the end of the axis, if there is none.
    pub product_error_percent: f64,
    /// Error of the product on the standard tile, in %.
    pub standard_product_error_percent: f64,
    /// The value and the network; absent if the product never errs as much.
    #[serde(flatten)]
    pub network: Option<Raised>,
}

/// A network with the nonideality at a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    /// The value.
    pub x: f64,
    /// Error of the network by chance, in %.
    pub chance_error_percent: f64,
    /// Errors of the network on standard tiles in %, one per programming.
    pub standard_error_percent: Vec<f64>,
    /// Errors of the network with the nonideality, one per programming.
    pub error_percent: Vec<f64>,
}

/// The standard product: a 512 × 512 matrix with normal weights, divided by the largest, and uniform
/// inputs. [Rasch23 Eq. 20, Methods]
#[derive(Clone, Debug)]
pub struct StandardProduct {
    weights: Vec<f32>,
    x: Vec<f32>,
    seed: Seed,
}

/// A value at which the standard product errs as much as wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Boost {
    /// The value; none if the error stays below at the end of the axis.
    pub value: Option<f64>,
    /// Error of the product there, or at the end of the axis, in %.
    pub error_percent: f64,
    /// Error of the product on the standard tile, in %.
    pub standard_percent: f64,
}

/// The tile without drift, which needs no compensation either.
pub fn without_drift(mut config: TileConfig) -> TileConfig {
    if let DeviceConfig::Pcm(pcm) = &mut config.device {
        pcm.drift_scale = 0.0;
    }
    config.compensation.scope = CompensationScope::None;
    config
}

impl StandardProduct {
    /// Draws matrix and inputs.
    pub fn new(samples: usize, seed: &Seed) -> Self {
        Self {
            weights: gaussian(&seed.child("weights"), WEIGHT_STD, SIZE * SIZE),
            x: uniform(&seed.child("inputs"), samples * SIZE),
            seed: seed.child("product"),
        }
    }

    /// Error in % with one nonideality at `x`, without drift; where drift is what is raised, 1 h
    /// after programming and with compensation.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if `x` is out of range.
    pub fn error_percent(&self, axis: &Axis, x: f64, par: Par) -> Result<f64, Error> {
        let mut config = presets::standard_pcm();
        config.mapping.scale = WeightScale::Matrix;
        let drifts = matches!(axis.nonideality, Nonideality::Drift | Nonideality::DriftSpread);
        if !drifts {
            config = without_drift(config);
        }
        axis.nonideality.apply(&mut config, x)?;
        let product = Product {
            config: &config,
            weights: &self.weights,
            inputs: SIZE,
            x: &self.x,
            input_range: 1.0,
            t_s: Some(if drifts { DRIFT_S } else { NO_DRIFT_S }),
        };
        product.error_percent(&self.seed, par)
    }

    /// Raises a nonideality until the error is that wanted, by bisection over ln e with the same
    /// draws throughout; an error that is reached before the axis begins is met at its beginning.
    ///
    /// # Errors
    ///
    /// As [`Self::error_percent`].
    pub fn boost(&self, axis: &Axis, wanted_percent: f64, par: Par) -> Result<Boost, Error> {
        // As a share of the error; of the excess it is about four times as much.
        const CLOSE: f64 = 0.0025;
        const HALVINGS: usize = 24;
        let standard_percent = self.error_percent(axis, axis.standard, par)?;
        let at = |ln_excess: f64| {
            let x = axis.at_excess(ln_excess.exp());
            Ok::<_, Error>((x, self.error_percent(axis, x, par)?))
        };
        let [mut low, mut high] = axis.log_interval();
        let (x, error) = at(low)?;
        let boost = |value, error_percent| Boost { value, error_percent, standard_percent };
        if error >= wanted_percent {
            return Ok(boost(Some(x), error));
        }
        let (x, error) = at(high)?;
        if error < wanted_percent {
            return Ok(boost(None, error));
        }
        let mut found = boost(Some(x), error);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            let (x, error) = at(middle)?;
            found = boost(Some(x), error);
            if (error - wanted_percent).abs() < CLOSE * wanted_percent {
                break;
            }
            if error < wanted_percent {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(found)
    }
}

impl Measure for EqualError {
    type Outcome = Equal;

    /// Finds the value and tests the network with it.
    ///
    /// The value depends on the seed and not on the network, so all networks have the same.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Equal, Error> {
        let axis = self.nonideality.axis();
        let product = StandardProduct::new(self.samples, &Seed::new(seed).child("equal-error"));
        let boost = product.boost(axis, self.error_percent, context.par)?;
        let tested = |x: f64| {
            let workload = self.trained.open(context)?;
            let mut trial = Trial::new(&self.trained, &*workload, self.repeats, seed, context)?;
            Ok::<_, Error>(Raised {
                x,
                chance_error_percent: trial.chance_percent(),
                standard_error_percent: trial.errors(self.nonideality, axis.standard)?,
                error_percent: trial.errors(self.nonideality, x)?,
            })
        };
        Ok(Equal {
            product_error_percent: boost.error_percent,
            standard_product_error_percent: boost.standard_percent,
            network: boost.value.map(tested).transpose()?,
        })
    }
}
