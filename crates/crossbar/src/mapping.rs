//! How signed weights become conductances, and back.
//!
//! ```text
//! γ_i = max_j |w_ij|,   w̆_ij = w_ij / γ_i ∈ [−1, 1],   ĝ = encode(w̆)        [Rasch23 Eq. 21–22]
//! ```
//!
//! Matrices are (out, in) row-major: outputs are bit lines (columns of the array), inputs are word
//! lines (rows of the array).

mod levels;
pub mod scale;
pub mod unit_cell;

pub(crate) use levels::Levels;
pub use scale::{WeightScale, weight_scales};
pub(crate) use scale::{check_weights, largest_magnitude};
pub use unit_cell::{ArrayRole, UnitCell};

use serde::{Deserialize, Serialize};

use crate::error::TileError;

/// Most lines of a tile in either direction: a thousand times what is built.
const MAX_LINES: usize = 1 << 20;

/// How a weight matrix is laid out on tiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingConfig {
    /// The devices that hold one weight.
    pub unit_cell: UnitCell,
    /// Over which part of the matrix the largest weight sets the digital scale.
    pub scale: WeightScale,
    /// Quantises the scales to this many levels, see [`weight_scales`].
    #[serde(default)]
    pub scale_levels: Option<u32>,
    /// How many conductances a device can be programmed to, both ends of its range included and evenly spaced; any
    /// if absent. Weights are rounded to what their devices can hold, when they are programmed and in training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<u32>,
    /// Most inputs (word lines) of a tile.
    pub max_inputs: usize,
    /// Most outputs (bit lines) of a tile; no limit if absent.
    #[serde(default)]
    pub max_outputs: Option<usize>,
}

impl MappingConfig {
    pub(crate) fn check(&self) -> Result<(), TileError> {
        self.unit_cell.check()?;
        if let Some(levels) = self.scale_levels {
            // Scales are f32: finer levels are none.
            TileError::check_within("scale_levels", levels, 1.0..=f64::from(1 << 24))?;
        }
        if let Some(levels) = self.levels {
            TileError::check_within("mapping.levels", levels, 2.0..=f64::from(1 << 16))?;
            let sliced = matches!(self.unit_cell, UnitCell::BitSliced { .. });
            TileError::check(
                !sliced,
                "mapping.levels",
                levels as f32,
                "is not for a bit-sliced unit cell, whose devices have 2^bits_per_cell levels",
            )?;
        }
        TileError::check_count("max_inputs", self.max_inputs, 1..=MAX_LINES)?;
        TileError::check_count("max_outputs", self.max_outputs.unwrap_or(1), 1..=MAX_LINES)
    }
}
