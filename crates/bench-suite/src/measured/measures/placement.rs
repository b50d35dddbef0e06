//! [`Placement`]: which layers of a network are not on the tile of its recipe, but digital or on tiles
//! of their own.
//!
//! ```toml
//! [layers.conv1]
//! on = "digital"          # or a tile: a preset of crossbar, or a TOML file
//! why = "its tiles alone cost 3.1 % of the accuracy above chance"
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use crossbar::TileConfig;
use nn::{Analog, AnyArithmetic, Policy};
use serde::{Deserialize, Serialize};

use crate::measured::error::Error;
use crate::measured::files;

/// No file of placements is larger, in bytes.
const LARGEST: u64 = 1 << 20;
/// What a digital layer is on.
const DIGITAL: &str = "digital";

/// Where layers are that are not on the tile of the recipe, by the layer's name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Placement(BTreeMap<String, Place>);

/// Where a layer is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In f32.
    Digital,
    /// On such tiles.
    Tile(Box<TileConfig>),
}

/// The file of a placement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacementFile {
    /// By the layer's name.
    #[serde(default)]
    pub layers: BTreeMap<String, Placed>,
}

/// A layer in the file of a placement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    /// `digital`, or a tile: a preset or a file.
    pub on: String,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Placed {
    /// In f32, with a reason.
    pub fn digital(why: String) -> Self {
        Self { on: DIGITAL.to_owned(), why: Some(why) }
    }

    /// On such a tile, a preset or a file, with a reason.
    pub fn on_tile(tile: &str, why: String) -> Self {
        Self { on: tile.to_owned(), why: Some(why) }
    }
}

impl Placement {
    /// Reads a file of layers.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read, [`Error::Data`] with the key that is wrong.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = files::read_text(path, LARGEST)?;
        let file: PlacementFile =
            toml::from_str(&text).map_err(|error| Error::toml(path, &text, &error))?;
        let place = |(layer, placed): (String, Placed)| {
            let place =
                match placed.on.as_str() {
                    DIGITAL => Place::Digital,
                    tile => Place::Tile(Box::new(TileConfig::load(tile).map_err(|error| {
                        Error::data(path, format!("layers.{layer}.on: {error}"))
                    })?)),
                };
            Ok((layer, place))
        };
        Ok(Self(file.layers.into_iter().map(place).collect::<Result<_, Error>>()?))
    }

    /// Whether every layer is on the tile of the recipe.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The arithmetic of every layer: these, `digital` ones in f32, all others as `analog` says.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if a tile cannot be trained as `analog` says.
    pub fn policy(&self, digital: Vec<String>, analog: &Analog) -> Result<Policy, Error> {
        let mut layers: BTreeMap<String, AnyArithmetic> =
            digital.into_iter().map(|layer| (layer, AnyArithmetic::Float32)).collect();
        for (layer, place) in &self.0 {
            let arithmetic = match place {
                Place::Digital => AnyArithmetic::Float32,
                Place::Tile(tile) => {
                    let analog = Analog::new(TileConfig::clone(tile), *analog.training());
                    let wrong = |error| Error::Usage(format!("layer '{layer}': {error}"));
                    AnyArithmetic::Analog(Box::new(analog.map_err(wrong)?))
                }
            };
            layers.insert(layer.clone(), arithmetic);
        }
        Ok(Policy { default: AnyArithmetic::Analog(Box::new(analog.clone())), layers })
    }
}

#[cfg(test)]
mod tests {
    use crossbar::presets;

    use super::*;

    #[test]
    fn a_file_says_where_layers_are_and_its_reasons_are_for_people() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Placement::read(&path).map_err(|error| error.to_string())
        };
        let placed = read("[layers.conv1]\non = \"digital\"\nwhy = \"it costs 3 %\"\n").unwrap();
        assert_eq!(placed.0["conv1"], Place::Digital);
        let same = read("[layers.conv1]\non = \"digital\"\n").unwrap();
        assert_eq!(placed, same, "a reason changes nothing");
        let tile = read("[layers.\"a.b\"]\non = \"ideal\"\n").unwrap();
        let analog = Analog::new(presets::standard_pcm(), nn::AnalogTraining::default()).unwrap();
        let policy = tile.policy(vec!["fc".to_owned()], &analog).unwrap();
        assert!(matches!(policy.of("a.b"), AnyArithmetic::Analog(a) if **a != analog));
        assert!(matches!(policy.of("c"), AnyArithmetic::Analog(a) if **a == analog));
        assert!(matches!(policy.of("fc"), AnyArithmetic::Float32));
        for (text, key) in [
            ("[layers.x]\non = \"nothing-like-it\"\n", "layers.x.on"),
            ("[layers.x]\nwhy = \"\"\n", "missing field `on`"),
            ("[layer.x]\non = \"digital\"\n", "unknown field `layer`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(key) && error.contains("policy.toml"), "{error}");
        }
    }
}
