//! Converters that a product has, and how the figures scale with their steps.

use serde::{Deserialize, Serialize};

use super::adc::{Scaling, dac_scaling};
use super::encoding::InputEncoding;
use super::figures::CostFigures;
use crate::error::TileError;
use crate::periphery::PeripheryConfig;
use crate::periphery::dac::check_steps;
use crate::tile::AnalogTile;

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

    /// 2^bits of the two.
    fn codes(self) -> [f64; 2] {
        [self.dac, self.adc].map(|steps| f64::from(steps) + 2.0)
    }

    /// Bits of the two, which need not be whole.
    pub fn bits(self) -> [f64; 2] {
        self.codes().map(libm::log2)
    }

    pub(super) fn check(&self) -> Result<(), TileError> {
        check_steps("converters.dac", Some(self.dac))?;
        check_steps("converters.adc", Some(self.adc))
    }
}

impl CostFigures {
    /// The figures as numbers of those converters.
    pub(super) fn scaled_to(&self, converters: ConverterSteps) -> Self {
        let [dac, adc] = converters.codes();
        let Scaling { energy, time, area } = self.adc.scaling(adc);
        let mut figures = self.clone();
        figures.adc_pj = self.adc_pj.scaled(energy);
        figures.adc_ns = self.adc_ns.scaled(time);
        figures.adc_um2 = self.adc_um2.scaled(area);
        if let Some(survey) = &self.adc_survey {
            figures.adc_pj = survey.pj(libm::log2(adc), figures.adc_ns.nominal);
        }
        match self.input_encoding {
            InputEncoding::PulseWidth => {
                figures.integration_ns = self.integration_ns.scaled(dac_scaling(dac));
            }
            InputEncoding::Amplitude => figures.dac_pj = self.dac_pj.scaled(dac_scaling(dac)),
        }
        figures
    }

    /// The converters that one pass of a product of a tile is taken to have.
    pub(super) fn converters_of(&self, tile: &AnalogTile) -> ConverterSteps {
        let whole = self.stored_as(tile);
        let slice = tile.config().periphery.dac.codes_of_slice();
        ConverterSteps { dac: slice.map_or(whole.dac, |codes| codes - DROPPED), ..whole }
    }

    /// Inputs and outputs as they are stored: those of all passes.
    pub(super) fn stored_as(&self, tile: &AnalogTile) -> ConverterSteps {
        let PeripheryConfig { dac, adc, .. } = &tile.config().periphery;
        let eight = ConverterSteps::EIGHT_BIT;
        // A symmetric range drops a code of 2^bits, the others none.
        let steps = |steps: Option<f32>, symmetric: bool, of_eight: f32| match steps {
            Some(steps) if symmetric => steps,
            Some(steps) => steps + 1.0 - DROPPED,
            None => of_eight,
        };
        self.converters.unwrap_or(ConverterSteps {
            dac: steps(dac.steps, dac.range.is_symmetric(), eight.dac),
            adc: steps(adc.steps, adc.range.is_symmetric(), eight.adc),
        })
    }
}

/// Codes of a converter beyond the steps of a symmetric range: 2^bits − 2 of these.
const DROPPED: f32 = 2.0;
