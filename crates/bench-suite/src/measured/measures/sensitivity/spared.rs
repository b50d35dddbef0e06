//! [`Spared`]: which layers a network must be spared the errors of tiles in, to be as good as in f32.
//!
//! First each layer alone is free of errors, as if it were digital. Then they are spared one after another,
//! the one that gained most alone first, until the network keeps what it is to keep. At last those that are
//! kept as well on a better tile come onto that, the one that gained least first.

use std::collections::BTreeMap;
use std::fmt;

use crossbar::TileConfig;
use serde::{Deserialize, Serialize};

use super::error_source::ErrorSource;
use crate::measured::error::Error;
use crate::measured::measures::trained::Baseline;
use crate::measured::measures::trial::Trial;

/// Test errors in %, one per programming, by which layers were spared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Spared(pub BTreeMap<Layers, Vec<f64>>);

/// Which layers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Layers {
    /// One alone.
    Alone(String),
    /// One together with those of smaller numbers, which count from 1.
    Together(usize, String),
    /// All that are spared, this one and those of smaller numbers on the better tile.
    Better(usize, String),
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone(layer) => write!(f, "spared alone {layer}"),
            // Of one width, so that names are in the order of numbers.
            Self::Together(number, layer) => write!(f, "spared {number:06} {layer}"),
            Self::Better(number, layer) => write!(f, "better {number:06} {layer}"),
        }
    }
}

impl From<Layers> for String {
    fn from(layers: Layers) -> Self {
        layers.to_string()
    }
}

impl TryFrom<String> for Layers {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let read = |name: &str| {
            let (how, rest) = name.split_once(' ')?;
            let (which, layer) = rest.split_once(' ')?;
            let layer = layer.to_owned();
            match (how, which) {
                ("spared", "alone") => Some(Self::Alone(layer)),
                ("spared", number) => Some(Self::Together(number.parse().ok()?, layer)),
                ("better", number) => Some(Self::Better(number.parse().ok()?, layer)),
                _ => None,
            }
        };
        read(&name).ok_or_else(|| format!("unknown field `{name}`"))
    }
}

impl Spared {
    /// The layers that were spared together, in their order, each with the errors from then on.
    pub fn together(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.0.iter().filter_map(|(layers, errors)| match layers {
            Layers::Together(_, layer) => Some((layer.as_str(), errors.as_slice())),
            Layers::Alone(_) | Layers::Better(..) => None,
        })
    }

    /// Those of them that are on the better tile, in the order in which they came onto it, each with the
    /// errors from then on.
    pub fn better(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.0.iter().filter_map(|(layers, errors)| match layers {
            Layers::Better(_, layer) => Some((layer.as_str(), errors.as_slice())),
            Layers::Alone(_) | Layers::Together(..) => None,
        })
    }

    /// The errors with one layer spared alone.
    pub fn alone(&self, layer: &str) -> Option<&[f64]> {
        self.0.get(&Layers::Alone(layer.to_owned())).map(Vec::as_slice)
    }
}

/// The tile of the recipe, and a better one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiles<'a> {
    pub(super) standard: &'a TileConfig,
    pub(super) better: Option<&'a TileConfig>,
}

/// Spares layers until the loss in % of the accuracy above chance is no larger.
///
/// # Errors
///
/// [`Error::Interrupted`]; [`Error::Usage`] if a tile cannot be programmed.
pub(super) fn search(
    Tiles { standard, better }: Tiles<'_>,
    loss_percent: f64,
    baseline: &Baseline,
    trial: &mut Trial<'_>,
) -> Result<Spared, Error> {
    let ideal = ErrorSource::none(standard);
    let Baseline { float_error_percent: float, chance_error_percent: chance, .. } = *baseline;
    let mean = |errors: &[f64]| errors.iter().sum::<f64>() / errors.len() as f64;
    let loss = |errors: &[f64]| 100.0 * (mean(errors) - float) / (chance - float);
    // The tiles of the layers that are not on the standard one.
    let with = |trial: &mut Trial<'_>, others: &BTreeMap<String, &TileConfig>| {
        trial.errors_on(|layer| TileConfig::clone(others.get(layer.name()).unwrap_or(&standard)))
    };
    let mut found = Spared::default();
    if loss(&with(trial, &BTreeMap::new())?) <= loss_percent {
        return Ok(found);
    }
    let layers = trial.instance().parameters.analog().map(|layer| layer.name().to_owned());
    let layers: Vec<String> = layers.collect();
    let mut gains = Vec::new();
    for layer in layers {
        let errors = with(trial, &BTreeMap::from([(layer.clone(), &ideal)]))?;
        gains.push((mean(&errors), layer.clone()));
        found.0.insert(Layers::Alone(layer), errors);
    }
    // Of equals the first in the network.
    gains.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut others, mut spared, mut enough) = (BTreeMap::new(), Vec::new(), false);
    for (number, (_, layer)) in (1..).zip(gains) {
        others.insert(layer.clone(), &ideal);
        let errors = with(trial, &others)?;
        enough = loss(&errors) <= loss_percent;
        found.0.insert(Layers::Together(number, layer.clone()), errors);
        spared.push(layer);
        if enough {
            break;
        }
    }
    let Some(better) = better.filter(|_| enough) else { return Ok(found) };
    let mut number = 0;
    for layer in spared.into_iter().rev() {
        others.insert(layer.clone(), better);
        let errors = with(trial, &others)?;
        if loss(&errors) <= loss_percent {
            number += 1;
            found.0.insert(Layers::Better(number, layer), errors);
        } else {
            others.insert(layer, &ideal);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::measurements::Measurements;

    #[test]
    fn layers_keep_the_order_in_which_they_were_spared() {
        let mut spared = Spared::default();
        for number in 1..=11 {
            let layer = format!("layer {}", 12 - number);
            spared.0.insert(Layers::Together(number, layer.clone()), vec![number as f64]);
            spared.0.insert(Layers::Better(number, layer.clone()), vec![-(number as f64)]);
            spared.0.insert(Layers::Alone(layer), vec![0.5, -1.0]);
        }
        let measured = Measurements::of(&spared);
        let read: Spared = measured.read().unwrap();
        assert_eq!(read, spared);
        let order: Vec<f64> = read.together().map(|(_, errors)| errors[0]).collect();
        assert_eq!(order, (1..=11).map(f64::from).collect::<Vec<f64>>());
        let order: Vec<f64> = read.better().map(|(_, errors)| errors[0]).collect();
        assert_eq!(order, (1..=11).map(|n| -f64::from(n)).collect::<Vec<f64>>());
        assert_eq!(read.alone("layer 3"), Some([0.5, -1.0].as_slice()));
        assert!(Layers::try_from("spared x y".to_owned()).is_err());
        assert!(Layers::try_from("errors".to_owned()).is_err());
    }
}
