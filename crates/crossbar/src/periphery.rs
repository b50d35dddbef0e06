//! What stands between digital numbers and the array: converters, their noise, their errors.
//!
//! One product of a tile, in this order:
//!
//! ```text
//! x ──÷ α──▶ round, clip (DAC) ──+ σ_in ξ──▶ array: Σ_j w_ij x_j
//!                                              │ − IR drop
//!                                              │ + read noise
//!                                              ▼
//! y ◀──× α γ_i, + β_i── clip, round (ADC) ◀── gain, offset ◀──+ σ_out ξ── S-shape
//! ```
//!
//! Source: [Rasch23 Eq. 1–2, 5–6] and, for the order, AIHWKit 1.1.0,
//! `rpu_forward_backward_pass.cpp`. Values are normalised: weights and DAC outputs in [−1, 1].

pub mod adc;
mod chunk;
mod clip_mask;
pub mod dac;
mod draw;
mod epilogue;
mod forward;
mod inputs;
pub(crate) mod integer;
mod operands;
mod pack;
mod product;
mod read_noise;
mod results;
pub(crate) mod simd;
mod windows;

pub use adc::{Adc, SShape};
pub use clip_mask::{ClipMask, ClipMasks};
pub use dac::{
    BoundManagement, ConverterRounding, Dac, NoiseManagement, mean_abs_max, mean_scaled_std,
};
pub use forward::Periphery;
pub use operands::{Accum, Digital, Kept, MvmNoise, Saturation};
pub use pack::ArrayWeights;
pub use read_noise::ReadNoise;
pub use windows::{Inputs, Windows};

use serde::{Deserialize, Serialize};

use crate::TileError;

/// The periphery of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeripheryConfig {
    /// Digital-to-analog conversion of the inputs.
    pub dac: Dac,
    /// Short-term noise of the devices, drawn for every product.
    pub read_noise: ReadNoise,
    /// Standard deviation σ_a of a_ij: negative inputs see the weights w_ij (1 + a_ij).
    /// Source: [Rasch23 Methods, "weight asymmetry"].
    #[serde(default)]
    pub polarity_asymmetry: f32,
    /// Analog-to-digital conversion of the outputs.
    pub adc: Adc,
}

impl PeripheryConfig {
    pub(crate) fn check(&self) -> Result<(), TileError> {
        self.dac.check()?;
        self.read_noise.check()?;
        TileError::check_size("polarity_asymmetry", self.polarity_asymmetry)?;
        self.adc.check()
    }
}
