//! [`PeripheryConfig`]: what stands at the edges of an array.

use serde::{Deserialize, Serialize};

use super::adc::Adc;
use super::dac::Dac;
use super::read_noise::ReadNoise;
use crate::error::TileError;

/// The periphery of a tile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// How many conversions of the ADC an output takes, those of the slices of its inputs. An output
    /// whose weights are sliced takes as many for each slice of them.
    pub fn conversions(&self) -> usize {
        self.dac.slices()
    }

    pub(crate) fn check(&self) -> Result<(), TileError> {
        self.dac.check()?;
        self.read_noise.check()?;
        TileError::check_size("polarity_asymmetry", self.polarity_asymmetry)?;
        self.adc.check()
    }
}
