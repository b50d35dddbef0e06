//! [`Survey`]: what a network of the paper asks of its hardware.
//!
//! It is built with its own sizes and surveyed in one forward pass that multiplies nothing; nothing
//! is trained.
//!
//! Source: [Rasch23 Tab. 1].

use crossbar::split;
use nn::MapUse;
use serde::{Deserialize, Serialize};

use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::networks::original::Original;
use crate::measured::networks::paper_row::PaperRow;

/// A network and its tiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// The network.
    pub network: PaperRow,
    /// Rows and columns of a tile.
    pub tile: usize,
}

/// What a network asks of its hardware, with one input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Number of parameters.
    pub parameters: usize,
    /// Of those on tiles.
    pub mapped: usize,
    /// Number of tiles.
    pub tiles: usize,
    /// [`HardwareUse::utilisation_percent`].
    pub utilisation_percent: f64,
    /// Products of a tile with a vector.
    pub products: usize,
    /// [`HardwareUse::reuse`].
    pub reuse: f64,
}

impl Measure for Survey {
    type Outcome = Asked;

    /// Surveys the network.
    ///
    /// # Panics
    ///
    /// As [`HardwareUse::of`].
    fn run(&self, _: u64, _: &Context<'_>) -> Result<Asked, Error> {
        let used = HardwareUse::of(Original::of(self.network), self.tile);
        let HardwareUse { parameters, mapped, tiles, products, .. } = used;
        let (utilisation_percent, reuse) = (used.utilisation_percent(), used.reuse());
        Ok(Asked { parameters, mapped, tiles, utilisation_percent, products, reuse })
    }
}

/// A network's use of its hardware, with one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HardwareUse {
    /// Rows and columns of a tile.
    pub tile: usize,
    /// Number of parameters.
    pub parameters: usize,
    /// Of those on tiles.
    pub mapped: usize,
    /// Number of tiles.
    pub tiles: usize,
    /// Products of a tile with a vector.
    pub products: usize,
    /// Multiplications and additions of the linear maps, digital ones included.
    pub macs: usize,
    /// Outputs of the linear maps, digital ones included.
    pub outputs: usize,
}

impl HardwareUse {
    /// Builds the network and passes one input through it without multiplying.
    ///
    /// # Panics
    ///
    /// If a tile is smaller than the kernel of a convolution.
    #[track_caller]
    pub fn of(network: Original, tile: usize) -> Self {
        let (parameters, uses) = network.survey();
        let mut used =
            Self { tile, parameters, mapped: 0, tiles: 0, products: 0, macs: 0, outputs: 0 };
        let mut layers: Vec<MapUse> = Vec::new();
        for used in uses {
            match layers.iter_mut().find(|layer| layer.layer == used.layer) {
                Some(layer) => layer.rows += used.rows,
                None => layers.push(used),
            }
        }
        for layer in &layers {
            used.macs += layer.outputs * layer.inputs * layer.rows;
            used.outputs += layer.outputs * layer.rows;
        }
        let digital = network.digital_layers();
        for layer in layers.iter().filter(|layer| !digital.contains(&layer.layer)) {
            // Channels are not cut: a 3 × 3 convolution has 56 of them on a tile. The paper does
            // not say so, but only so are its numbers of tiles met.
            let channels = split(layer.inputs / layer.taps, tile / layer.taps).len();
            let tiles = split(layer.outputs, tile).len() * channels;
            used.mapped += layer.outputs * layer.inputs;
            used.tiles += tiles;
            used.products += tiles * layer.rows;
        }
        used
    }

    /// Share of the cells of the tiles that hold a weight, in %.
    pub fn utilisation_percent(&self) -> f64 {
        100.0 * self.mapped as f64 / (self.tiles * self.tile * self.tile) as f64
    }

    /// Products per tile.
    pub fn reuse(&self) -> f64 {
        self.products as f64 / self.tiles as f64
    }
}
