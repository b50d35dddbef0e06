//! Converters that a product has, and how the figures scale with their steps.

use serde::{Deserialize, Serialize};

use super::encoding::InputEncoding;
use super::figures::CostFigures;
use crate::error::TileError;
use crate::periphery::PeripheryConfig;
use crate::periphery::dac::check_steps;
use crate::tile::AnalogTile;

/// 2^bits of the converters that the figures are of.
const EIGHT_BIT_CODES: f64 = 256.0;

/// Steps of the two converters, 2^bits − 2 each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConverterSteps {
    /// Of the inputs.
    pub dac: f32,
    /// Of the outputs.
    pub adc: f32,
}

impl ConverterSteps {
    /// 8 bits: what the figures are of.
    pub const EIGHT_BIT: Self = Self { dac: 254.0, adc: 254.0 };

    pub(super) fn check(&self) -> Result<(), TileError> {
        check_steps("converters.dac", Some(self.dac))?;
        check_steps("converters.adc", Some(self.adc))
    }
}

impl CostFigures {
    /// The figures as numbers of those converters.
    pub(super) fn scaled_to(&self, ConverterSteps { dac, adc }: ConverterSteps) -> Self {
        let factor = |steps: f32| (f64::from(steps) + 2.0) / EIGHT_BIT_CODES;
        let mut figures = self.clone();
        figures.adc_pj = self.adc_pj.scaled(factor(adc));
        figures.adc_ns = self.adc_ns.scaled(factor(adc));
        match self.input_encoding {
            InputEncoding::PulseWidth => {
                figures.integration_ns = self.integration_ns.scaled(factor(dac));
            }
            InputEncoding::Amplitude => figures.dac_pj = self.dac_pj.scaled(factor(dac)),
        }
        figures
    }

    /// The converters that a product of a tile is taken to have.
    pub(super) fn converters_of(&self, tile: &AnalogTile) -> ConverterSteps {
        let PeripheryConfig { dac, adc, .. } = &tile.config().periphery;
        let eight = ConverterSteps::EIGHT_BIT;
        self.converters.unwrap_or(ConverterSteps {
            dac: dac.steps.unwrap_or(eight.dac),
            adc: adc.steps.unwrap_or(eight.adc),
        })
    }
}
