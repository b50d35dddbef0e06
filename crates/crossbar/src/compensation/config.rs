//! [`CompensationConfig`]: what is read out against drift, and what it is compared with.

use serde::{Deserialize, Serialize};

use crate::error::TileError;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompensationScope {
    /// No compensation: every factor is 1.
    None,
    /// Σ|y| over all outputs: one factor per tile.
    Global,
    /// Σ|y| of each output: one factor per column.
    Column,
}

/// Which inputs are read out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ReadoutInputs {
    /// Each input fully on by itself. Source: AIHWKit's code (its documentation says all ones).
    OneHot,
    /// Uniform inputs in [−1, 1], or in [0, 1] if the DAC is unsigned.
    ///
    /// Assumed: the paper reads "some known inputs" and does not say which.
    Uniform {
        /// Number of input vectors.
        samples: usize,
    },
}

/// What the read-out is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompensationReference {
    /// The same noisy read-out right after programming.
    Programmed,
    /// The exact product with the target weights. AIHWKit: `…WithExactReference`.
    Exact,
}

/// Most input vectors of a read-out: its error is then a thousandth of that of one.
const MAX_SAMPLES: usize = 1 << 20;

/// Drift compensation of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompensationConfig {
    /// What shares a factor.
    pub scope: CompensationScope,
    /// The known inputs.
    pub inputs: ReadoutInputs,
    /// The reference.
    pub reference: CompensationReference,
    /// Smallest mean |y| that counts, so that a silent column does not get an infinite factor.
    pub floor: f32,
}

impl CompensationConfig {
    pub(crate) fn check(&self) -> Result<(), TileError> {
        TileError::check_within("compensation.floor", self.floor, 1e-12..=1e12)?;
        match self.inputs {
            ReadoutInputs::OneHot => Ok(()),
            ReadoutInputs::Uniform { samples } => {
                TileError::check_count("compensation.inputs.samples", samples, 1..=MAX_SAMPLES)
            }
        }
    }
}
