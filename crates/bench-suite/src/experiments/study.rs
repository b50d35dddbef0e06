//! [`Study`]: which network is asked about, and what stands beside it.

use std::path::PathBuf;

use crossbar::{TileConfig, presets as tiles};
use nn::arithmetic::presets as formats;
use nn::{Analog, AnyArithmetic, FixedPoint};
use numerics::{FixedFormat, Rounding};

use super::custom::LARGEST_DESCRIPTION;
use super::rasch2023::networks;
use crate::measured::error::Error;
use crate::measured::files;
use crate::measured::measures::fine_tuning::Hardware;
use crate::measured::measures::hwa_recipe::HwaRecipe;
use crate::measured::measures::placement::Placement;
use crate::measured::measures::trained::weights::{Taken, WeightsFile};
use crate::measured::measures::trained::{Stage, Trained};
use crate::measured::models::Models;
use crate::measured::networks::subject::{Sources, Subject};
use crate::measured::scale::Scale;

/// How a network of the user's own is trained for its tiles where no recipe says otherwise.
const OWN_RECIPE: &str = include_str!("../../recipes/own.toml");

/// A network, and what is said about its hardware and its training.
#[derive(Clone, Debug)]
pub struct Study {
    /// The network.
    pub network: Subject,
    /// The scale.
    pub scale: Scale,
    /// The tile, a preset of crossbar or a file; that of the recipe if none is named.
    pub tile: Option<String>,
    /// The file of its recipe; the network's own if none is named.
    pub recipe: Option<PathBuf>,
    /// The file of layers that are not on that tile.
    pub policy: Option<PathBuf>,
    /// What of the recipe is other.
    pub changes: Changes,
    /// Weights to take instead of trained ones.
    pub weights: Option<WeightsFile>,
}

/// A network that can be asked about on tiles.
#[derive(Debug)]
pub struct Prepared {
    /// The network, with its weights if they came from a file.
    pub trained: Trained,
    /// How far these are; in f32 where it is trained anew.
    pub stage: Stage,
    /// What is to be known of weights from a file.
    pub notes: Vec<String>,
}

/// What is other than in a recipe.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Changes {
    /// Epochs of training for the hardware [default: that of the recipe].
    #[arg(long, value_name = "N", value_parser = epochs())]
    pub epochs: Option<usize>,
    /// Examples of a mini-batch [default: that of the recipe].
    #[arg(long, value_name = "N", value_parser = batch())]
    pub batch: Option<usize>,
    /// The learning rate of training for the hardware [default: that of the recipe].
    #[arg(long, value_name = "X")]
    pub learning_rate: Option<f32>,
}

fn epochs() -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser;
    clap::value_parser!(u64).range(..=1_000_000).map(|n| n as usize)
}

fn batch() -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser;
    clap::value_parser!(u64).range(1..=1_000_000).map(|n| n as usize)
}

impl Study {
    /// The network with its recipe, and what it is trained for.
    ///
    /// # Errors
    ///
    /// As [`Self::trained`]; [`Error::Usage`] if there is no such hardware.
    pub fn trained_for(&self, hardware: Option<&str>) -> Result<(Trained, Hardware), Error> {
        let trained =
            |tile: Option<&str>| Self { tile: tile.map(str::to_owned), ..self.clone() }.trained();
        match hardware {
            None => Ok((trained(None)?, Hardware::Tiles)),
            Some(name) => match arithmetic(name)? {
                Some(format) => Ok((trained(None)?, Hardware::Arithmetic(Box::new(format)))),
                None => Ok((trained(Some(name))?, Hardware::Tiles)),
            },
        }
    }

    /// Takes the weights of its file, if it names one, and keeps them in `models`.
    ///
    /// # Errors
    ///
    /// What is wrong with the file.
    pub fn take_weights(
        &self,
        trained: &mut Trained,
        sources: Sources<'_>,
        models: &Models,
    ) -> Result<Option<Taken>, Error> {
        let take = |file: &WeightsFile| trained.keep_weights(file, sources, models);
        self.weights.as_ref().map(take).transpose()
    }

    /// The network with its recipe and the weights of its file, which are kept in `models`.
    ///
    /// # Errors
    ///
    /// As [`Self::trained`]; what is wrong with the file of its weights.
    pub fn prepared(&self, sources: Sources<'_>, models: &Models) -> Result<Prepared, Error> {
        let mut trained = self.trained()?;
        let (stage, notes) = match self.take_weights(&mut trained, sources, models)? {
            Some(Taken { stage, notes }) => (stage, notes),
            None => (Stage::Float, Vec::new()),
        };
        Ok(Prepared { trained, stage, notes })
    }

    /// The network with its recipe.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if there is no such tile; what is wrong with a file.
    pub fn trained(&self) -> Result<Trained, Error> {
        let mut trained = match self.network {
            Subject::Registered(id) => networks::trained(id, self.scale)?,
            Subject::Own => Trained {
                network: Subject::Own,
                scale: self.scale,
                recipe: toml::from_str(OWN_RECIPE)
                    .map_err(|error| Error::Usage(format!("recipe of one's own: {error}")))?,
                weights: None,
                placement: Placement::default(),
            },
        };
        if let Some(file) = &self.recipe {
            let text = files::read_text(file, LARGEST_DESCRIPTION)?;
            trained.recipe =
                toml::from_str(&text).map_err(|error| Error::toml(file, &text, &error))?;
            trained.recipe.training.check().map_err(|reason| Error::data(file, reason))?;
        }
        if let Some(tile) = &self.tile {
            let wrong = |error: &dyn std::fmt::Display| Error::Usage(format!("--tile: {error}"));
            let tile = TileConfig::load(tile).map_err(|error| wrong(&error))?;
            let training = *trained.recipe.analog.training();
            trained.recipe.analog = Analog::new(tile, training).map_err(|error| wrong(&error))?;
        }
        if let Some(file) = &self.policy {
            trained.placement = Placement::read(file)?;
        }
        self.changes.apply(&mut trained.recipe)?;
        Ok(trained)
    }
}

/// The arithmetic that a word of the command line names; `None` for a tile.
///
/// # Errors
///
/// [`Error::Usage`] with all names if there is neither.
fn arithmetic(name: &str) -> Result<Option<AnyArithmetic>, Error> {
    let format = if name == "fixed" { "<8,8>" } else { name };
    if format.starts_with('<') {
        let wrong =
            |error: &dyn std::fmt::Display| Error::Usage(format!("--hardware {name}: {error}"));
        let format: FixedFormat = format.parse().map_err(|error| wrong(&error))?;
        let fixed =
            FixedPoint::uniform(format, Rounding::Stochastic).map_err(|error| wrong(&error))?;
        return Ok(Some(fixed.into()));
    }
    if let Ok(format) = AnyArithmetic::named(name) {
        return Ok(Some(format));
    }
    if tiles::text(name).is_some() || std::path::Path::new(name).is_file() {
        return Ok(None);
    }
    let formats: Vec<&str> = formats::names().collect();
    let tiles: Vec<&str> = tiles::names().collect();
    Err(Error::Usage(format!(
        "--hardware {name}: there is no such file; formats are fixed, <IL,FL>, float32, {}; tiles are {}",
        formats.join(", "),
        tiles.join(", ")
    )))
}

impl Changes {
    /// Changes a recipe.
    fn apply(self, recipe: &mut HwaRecipe) -> Result<(), Error> {
        let training = &mut recipe.training;
        training.epochs = self.epochs.unwrap_or(training.epochs);
        training.batch = self.batch.unwrap_or(training.batch);
        training.learning_rate = self.learning_rate.unwrap_or(training.learning_rate);
        training.check().map_err(Error::Usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ones_own_has_a_recipe_that_can_be_changed() {
        let study = Study {
            network: Subject::Own,
            scale: Scale::Desk,
            tile: Some("ideal".to_owned()),
            recipe: None,
            policy: None,
            weights: None,
            changes: Changes { epochs: Some(7), batch: None, learning_rate: Some(0.5) },
        };
        let trained = study.trained().unwrap();
        assert_eq!((trained.recipe.training.epochs, trained.recipe.training.batch), (7, 64));
        assert_eq!(*trained.recipe.analog.tile(), TileConfig::load("ideal").unwrap());
        let changes = Changes { learning_rate: Some(f32::NAN), ..Changes::default() };
        assert!(Study { changes, ..study }.trained().is_err());
    }
}
