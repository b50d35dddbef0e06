//! [`Sensitivity`]: one thing to know about what imprecise hardware does to one network.
//!
//! Source: [Rasch23 Methods, Fig. 3–5], for a network of anyone's.

mod converters;
mod error_source;
pub(crate) mod layers;
mod spared;

use std::collections::BTreeMap;

use crossbar::TileConfig;
use serde::{Deserialize, Serialize};

use super::nonideality::Nonideality;
use super::tolerance::{Bearing, Tolerance};
use super::trained::{Baseline, Network, Trained};
use super::trial::{Repeats, Trial};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::measurements::named;

pub use converters::{Converted, OnConverters, Resolutions};
pub use error_source::ErrorSource;
pub use layers::{Layer, Layers};
pub use spared::Spared;
use spared::Tiles;

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
    /// Test errors with some sources of errors: [`Analysed::Budget`].
    Budget {
        /// Which.
        case: Case,
    },
    /// What the tiles of every layer do to inputs of the test set: [`Analysed::Layers`].
    Layers {
        /// Number of test examples.
        examples: usize,
    },
    /// Test errors and cost with other converters: [`Analysed::Converters`].
    Converters(Resolutions),
    /// How much of one nonideality the whole network bears: [`Analysed::Tolerance`].
    Tolerance {
        /// What is raised.
        nonideality: Nonideality,
        /// The loss that defines the tolerance, in % of the accuracy above chance.
        loss_percent: f64,
        /// Most evaluations beyond that of the standard tile.
        evaluations: u64,
    },
    /// Test errors with the tiles of one layer worse, and all others as they are:
    /// [`Analysed::OneLayer`].
    OneLayer {
        /// The layer.
        layer: String,
        /// What is raised, one after another.
        raised: Vec<Raised>,
    },
    /// Which layers must be spared the errors of tiles: [`Analysed::Spared`].
    Spared {
        /// The loss that is borne, in % of the accuracy above chance.
        loss_percent: f64,
        /// A better tile, which may be enough for some of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        better: Option<Box<TileConfig>>,
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

/// What is known of the network, and what the analysis gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// What was known before, without the losses of the training: they are not this point's.
    #[serde(flatten)]
    pub baseline: Baseline,
    /// What the analysis gave.
    #[serde(flatten)]
    pub analysed: Analysed,
}

/// What an [`Analysis`] gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Analysed {
    /// Of [`Analysis::Budget`].
    Budget {
        /// Test errors in %, one per programming.
        errors: Vec<f64>,
    },
    /// Of [`Analysis::Tolerance`].
    Tolerance(Bearing),
    /// Of [`Analysis::OneLayer`]: test errors in %, one per programming, with the nonideality raised.
    OneLayer(BTreeMap<WithRaised, Vec<f64>>),
    /// Of [`Analysis::Spared`].
    Spared(Spared),
    /// Of [`Analysis::Layers`].
    Layers(Layers),
    /// Of [`Analysis::Converters`].
    Converters(Converted),
}

/// The name of test errors with one nonideality raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct WithRaised(pub Nonideality);

impl From<WithRaised> for String {
    fn from(WithRaised(nonideality): WithRaised) -> Self {
        format!("errors_{}", nonideality.id())
    }
}

impl TryFrom<String> for WithRaised {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let id = name.strip_prefix("errors_");
        let id = id.ok_or_else(|| format!("unknown field `{name}`"))?;
        named(id).map(Self).map_err(|error: serde::de::value::Error| error.to_string())
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

impl Measure for Sensitivity {
    type Outcome = Reading;

    /// Measures.
    ///
    /// Every point of a network draws from the same seeds by programming, so that they see the same
    /// devices and can be compared programming by programming.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Reading, Error> {
        let workload = self.trained.open(context)?;
        let Network { instance, baseline } = match self.method {
            Method::HardwareAware => self.trained.hardware_aware(&*workload, seed, context)?,
            Method::Direct => self.trained.direct(&*workload, seed, context)?,
        };
        let mut trial = Trial::of(instance, &self.trained, &*workload, self.repeats, seed, context);
        let baseline = Baseline { hwa_train_loss: Vec::new(), ..baseline };
        let analysed = self.analyse(&mut trial, &baseline, (seed, context))?;
        Ok(Reading { baseline, analysed })
    }
}

impl Sensitivity {
    fn analyse(
        &self,
        trial: &mut Trial<'_>,
        baseline: &Baseline,
        (seed, context): (u64, &Context<'_>),
    ) -> Result<Analysed, Error> {
        let standard = self.trained.recipe.analog.tile();
        Ok(match &self.analysis {
            Analysis::Budget { case } => {
                let tile = case.tile(standard);
                Analysed::Budget { errors: trial.errors_on(|_| tile.clone())? }
            }
            Analysis::Layers { examples } => {
                let (instance, devices) = (trial.instance(), trial.programmed(standard)?);
                let seen = layers::observe(instance, &devices, *examples, seed, context)?;
                Analysed::Layers(layers::report(&devices, &seen))
            }
            Analysis::Converters(resolutions) => {
                Analysed::Converters(resolutions.measure(standard, trial, seed, context)?)
            }
            Analysis::Tolerance { nonideality, loss_percent, evaluations } => {
                let tolerance = Tolerance {
                    trained: self.trained.clone(),
                    nonideality: *nonideality,
                    loss_percent: *loss_percent,
                    evaluations: *evaluations,
                    repeats: self.repeats,
                };
                Analysed::Tolerance(tolerance.search(trial, context)?)
            }
            Analysis::Spared { loss_percent, better } => {
                let tiles = Tiles { standard, better: better.as_deref() };
                Analysed::Spared(spared::search(tiles, *loss_percent, baseline, trial)?)
            }
            Analysis::OneLayer { layer, raised } => {
                let mut all = BTreeMap::new();
                for raised in raised {
                    let mut worse = standard.clone();
                    raised.nonideality.apply(&mut worse, raised.x)?;
                    let tile = |analog: &nn::AnalogWeights| {
                        let tile = if analog.name() == layer { &worse } else { standard };
                        tile.clone()
                    };
                    all.insert(WithRaised(raised.nonideality), trial.errors_on(tile)?);
                }
                Analysed::OneLayer(all)
            }
        })
    }
}
