//! [`Sensitivity`]: one thing to know about what imprecise hardware does to one network.
//!
//! Source: [Rasch23 Methods, Fig. 3–5], for a network of anyone's.

mod converters;
mod error_source;
mod layers;

use crossbar::TileConfig;
use serde::{Deserialize, Serialize};

use super::nonideality::Nonideality;
use super::tolerance::Tolerance;
use super::trained::Trained;
use super::trial::{Repeats, Trial};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::point::Point;

pub use converters::{Estimated, Resolutions};
pub use error_source::ErrorSource;
pub use layers::{LayerQuantity, layer_value, layers_of};

/// How the network comes onto tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Trained on noisy tiles.
    HardwareAware,
    /// The float network with ranges and scales tuned.
    Direct,
}

/// A network, the tile of its recipe, and what is asked of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sensitivity {
    /// The network and its recipe, whose tile is the standard that everything is compared with.
    pub trained: Trained,
    /// How it comes onto tiles.
    pub method: Method,
    /// When it is tested, and how often.
    pub repeats: Repeats,
    /// What is measured.
    pub analysis: Analysis,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Analysis {
    /// Test errors with some sources of errors: series [`ERRORS`].
    Budget {
        /// Which.
        case: Case,
    },
    /// What the tiles of every layer do to inputs of the test set: see [`layer_value`].
    Layers {
        /// Number of test examples.
        examples: usize,
    },
    /// Test errors and cost with other converters: see [`Resolutions`].
    Converters(Resolutions),
    /// How much of one nonideality the whole network bears: see [`Tolerance`].
    Tolerance {
        /// What is raised.
        nonideality: Nonideality,
        /// The loss that defines the tolerance, in % of the accuracy above chance.
        loss_percent: f64,
        /// Most evaluations beyond that of the standard tile.
        evaluations: u64,
    },
    /// Test errors with the tiles of one layer worse, and all others as they are: a series
    /// [`Raised::errors`] for each way.
    OneLayer {
        /// The layer.
        layer: String,
        /// What is raised, one after another.
        raised: Vec<Raised>,
    },
}

/// A nonideality at a value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raised {
    /// Which.
    pub nonideality: Nonideality,
    /// Its value.
    pub x: f64,
}

impl Raised {
    /// The series of test errors in %, one per programming, with it raised.
    pub fn errors(self) -> String {
        format!("errors_{}", self.nonideality.id())
    }
}

/// Which sources of errors are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    /// None.
    Nothing,
    /// All of the tile.
    Everything,
    /// One alone.
    Alone(ErrorSource),
    /// All but one.
    Without(ErrorSource),
}

/// The series of test errors in %, one per programming.
pub const ERRORS: &str = "errors";

impl Case {
    /// The tile with these sources.
    pub fn tile(self, standard: &TileConfig) -> TileConfig {
        match self {
            Self::Nothing => ErrorSource::none(standard),
            Self::Everything => standard.clone(),
            Self::Alone(source) => source.alone(standard),
            Self::Without(source) => source.without(standard),
        }
    }
}

impl Sensitivity {
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

    /// Measures: beside what the analysis gives, the errors of the float network and of chance.
    ///
    /// Every point of a network draws from the same seeds by programming, so that they see the same
    /// devices and can be compared programming by programming.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`], or what is wrong with data, model or checkpoint.
    pub fn run(&self, seed: u64, context: &Context<'_>) -> Result<Measurements, Error> {
        let workload = self.trained.open(context)?;
        let network = match self.method {
            Method::HardwareAware => self.trained.hardware_aware(&*workload, seed, context)?,
            Method::Direct => self.trained.direct(&*workload, seed, context)?,
        };
        // The losses of the training are not this point's.
        let mut measured =
            Measurements { values: network.measured.values, ..Measurements::default() };
        let instance = network.instance;
        let mut trial = Trial::of(instance, &self.trained, &*workload, self.repeats, seed, context);
        let standard = self.trained.recipe.analog.tile();
        match &self.analysis {
            Analysis::Budget { case } => {
                let tile = case.tile(standard);
                let errors = trial.errors_on(|_| tile.clone())?;
                measured.series.insert(ERRORS.to_owned(), errors);
            }
            Analysis::Layers { examples } => {
                let (instance, devices) = (trial.instance(), trial.programmed(standard)?);
                let seen = layers::observe(instance, &devices, *examples, seed, context)?;
                layers::report(&devices, &seen, &mut measured);
            }
            Analysis::Converters(resolutions) => {
                resolutions.measure(standard, &mut trial, (seed, context), &mut measured)?;
            }
            Analysis::Tolerance { nonideality, loss_percent, evaluations } => {
                let tolerance = Tolerance {
                    trained: self.trained.clone(),
                    nonideality: *nonideality,
                    loss_percent: *loss_percent,
                    evaluations: *evaluations,
                    repeats: self.repeats,
                };
                let found = tolerance.search(&mut trial, context)?;
                measured.values.extend(found.values);
                measured.series.extend(found.series);
            }
            Analysis::OneLayer { layer, raised } => {
                for raised in raised {
                    let mut worse = standard.clone();
                    raised.nonideality.apply(&mut worse, raised.x)?;
                    let tile = |analog: &nn::AnalogWeights| {
                        let tile = if analog.name() == layer { &worse } else { standard };
                        tile.clone()
                    };
                    measured.series.insert(raised.errors(), trial.errors_on(tile)?);
                }
            }
        }
        Ok(measured)
    }
}
