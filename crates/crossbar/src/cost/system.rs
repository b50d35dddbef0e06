//! What stands around the arrays: buffers, the network between tiles, digital units and control.
//!
//! ```text
//! E_buffer    = B_in · E_read + B_out · E_write
//! E_network   = (B_in + B_out) · hops · E_hop
//! E_periphery = outputs · E_output + E_product
//! ```
//!
//! for a product of one tile, with B_in = inputs · bits/8 bytes and B_out = outputs · bits/8.
//!
//! Assumed: inputs and outputs have the bits of their converters, also those that are sums over
//! columns or tiles. All of them cross the network, whose tiles are so many hops apart.

use serde::{Deserialize, Serialize};

use super::range::Range;
use crate::error::TileError;

/// Memories beside the tiles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buffers {
    /// Energy of reading an input in pJ per byte.
    pub read_pj_per_byte: Range,
    /// Energy of writing an output in pJ per byte.
    pub write_pj_per_byte: Range,
}

/// The network between tiles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Energy of a hop, a router and the wires to the next, in pJ per byte.
    pub hop_pj_per_byte: Range,
    /// Hops from where a value comes from to where it goes.
    pub hops: Range,
}

/// Digital units that are not in the figures of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigitalUnits {
    /// Energy for each output in pJ: activation function, adding up of tiles.
    pub output_pj: Range,
    /// Energy for each product of a tile in pJ: control and clocks.
    pub product_pj: Range,
}

impl Buffers {
    pub(super) fn pj(&self, [input, output]: [f64; 2]) -> Range {
        self.read_pj_per_byte.scaled(input) + self.write_pj_per_byte.scaled(output)
    }

    pub(super) fn check(&self) -> Result<(), TileError> {
        self.read_pj_per_byte.check("buffers.read_pj_per_byte")?;
        self.write_pj_per_byte.check("buffers.write_pj_per_byte")
    }
}

impl Network {
    pub(super) fn pj(&self, [input, output]: [f64; 2]) -> Range {
        self.hop_pj_per_byte.zip(self.hops, |pj, hops| pj * hops).scaled(input + output)
    }

    pub(super) fn check(&self) -> Result<(), TileError> {
        self.hop_pj_per_byte.check("network.hop_pj_per_byte")?;
        self.hops.check("network.hops")
    }
}

impl DigitalUnits {
    pub(super) fn pj(&self, outputs: usize) -> Range {
        self.output_pj.scaled(outputs as f64) + self.product_pj
    }

    pub(super) fn check(&self) -> Result<(), TileError> {
        self.output_pj.check("digital_units.output_pj")?;
        self.product_pj.check("digital_units.product_pj")
    }
}
