//! [`CostFigures`]: what the components of a tile cost, by name.

use serde::{Deserialize, Serialize};

use super::adc::AdcKind;
use super::converters::ConverterSteps;
use super::encoding::InputEncoding;
use super::programming::ProgrammingFigures;
use super::range::Range;
use super::survey::SurveyedAdc;
use super::system::{Buffers, DigitalUnits, Network};
use crate::error::TileError;

pub(super) const STANDARD: &str = include_str!("../../presets/cost-standard.toml");
pub(super) const CHIP: &str = include_str!("../../presets/cost-chip.toml");

/// What the components of a tile cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostFigures {
    /// Energy of one input conversion in pJ.
    pub dac_pj: Range,
    /// Energy of one output conversion in pJ.
    pub adc_pj: Range,
    /// Energy of scale, bias and accumulation per output in pJ.
    pub digital_pj: Range,
    /// Amplitude of a full input in V.
    pub read_v: Range,
    /// Time for which the inputs drive the array in ns.
    pub integration_ns: Range,
    /// Time of the input conversion in ns.
    pub dac_ns: Range,
    /// Time of one output conversion in ns.
    pub adc_ns: Range,
    /// Time of the digital arithmetic in ns.
    pub digital_ns: Range,
    /// Area of one device with its selector in µm².
    pub cell_um2: Range,
    /// Area of one input converter in µm².
    pub dac_um2: Range,
    /// Area of one output converter in µm².
    pub adc_um2: Range,
    /// Area of the digital arithmetic per output in µm².
    pub digital_um2: Range,
    /// Columns that share one output converter, at least 1.
    pub columns_per_adc: usize,
    /// How an output is converted.
    #[serde(default)]
    pub adc: AdcKind,
    /// Energy of an output conversion as surveyed converters take it, in place of [`Self::adc_pj`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adc_survey: Option<SurveyedAdc>,
    /// What of a word line carries an input.
    #[serde(default)]
    pub input_encoding: InputEncoding,
    /// Converters that every product is taken to have; those of each tile if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub converters: Option<ConverterSteps>,
    /// Memories beside the tiles; free if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffers: Option<Buffers>,
    /// The network between tiles; free if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// Digital units beside the arithmetic of the tiles; free if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digital_units: Option<DigitalUnits>,
    /// Writing of the weights; free if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub programming: Option<ProgrammingFigures>,
}

impl CostFigures {
    /// Figures whose totals are those of published 8-bit AIMC macros; the comments of
    /// `presets/cost-standard.toml` say which parts are known and which assumed.
    ///
    /// # Panics
    ///
    /// Never: a test reads the file.
    pub fn standard() -> Self {
        Self::from_toml(STANDARD).expect("the shipped figures are read by a test")
    }

    /// The standard figures with buffers, network, digital units and programming, as
    /// `presets/cost-chip.toml` has them.
    ///
    /// # Panics
    ///
    /// Never: a test reads the files.
    pub fn chip() -> Self {
        Self::from_toml(&format!("{STANDARD}\n{CHIP}"))
            .expect("the shipped figures are read by a test")
    }

    /// Reads figures.
    ///
    /// # Errors
    ///
    /// [`TileError::Syntax`] for text that is no table of figures; [`TileError::Config`] for a
    /// negative figure or one outside its own range.
    pub fn from_toml(text: &str) -> Result<Self, TileError> {
        let figures: Self = toml::from_str(text).map_err(|e| TileError::Syntax(e.to_string()))?;
        figures.check()?;
        Ok(figures)
    }

    /// The figures for products that have these converters, whatever those of the tile are; see the
    /// [module](super) for how they scale.
    ///
    /// # Panics
    ///
    /// Unless both numbers of steps are finite and at least 2.
    #[must_use]
    #[track_caller]
    pub fn at_steps(&self, dac: f32, adc: f32) -> Self {
        let converters = ConverterSteps { dac, adc };
        if let Err(error) = converters.check() {
            panic!("{error}");
        }
        Self { converters: Some(converters), ..self.clone() }
    }

    pub(super) fn check(&self) -> Result<(), TileError> {
        for (field, range) in [
            ("dac_pj", self.dac_pj),
            ("adc_pj", self.adc_pj),
            ("digital_pj", self.digital_pj),
            ("read_v", self.read_v),
            ("integration_ns", self.integration_ns),
            ("dac_ns", self.dac_ns),
            ("adc_ns", self.adc_ns),
            ("digital_ns", self.digital_ns),
            ("cell_um2", self.cell_um2),
            ("dac_um2", self.dac_um2),
            ("adc_um2", self.adc_um2),
            ("digital_um2", self.digital_um2),
        ] {
            range.check(field)?;
        }
        self.adc_survey.map_or(Ok(()), |survey| survey.check())?;
        self.buffers.map_or(Ok(()), |buffers| buffers.check())?;
        self.network.map_or(Ok(()), |network| network.check())?;
        self.digital_units.map_or(Ok(()), |units| units.check())?;
        self.programming.map_or(Ok(()), |programming| programming.check())?;
        self.converters.map_or(Ok(()), |converters| converters.check())?;
        let columns = self.columns_per_adc as f64;
        TileError::check(self.columns_per_adc > 0, "columns_per_adc", columns, "is not ≥ 1")
    }
}
