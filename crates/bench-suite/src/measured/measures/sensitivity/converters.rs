//! [`Resolutions`]: how good and how dear a network is with other converters.

use crossbar::cost::{CostFigures, Range};
use crossbar::{Dac, TileConfig};
use serde::{Deserialize, Serialize};

use super::layers;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::trial::Trial;

/// One resolution of the DAC with some of the ADC. Both keep their ranges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolutions {
    /// Bits of the input converters.
    pub dac_bits: u32,
    /// Bits of the output converters, one after another.
    pub adc_bits: Vec<u32>,
    /// Test examples whose inputs the cost is estimated for.
    pub examples: usize,
}

/// A quantity for which a record has a low, a nominal and a high estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimated {
    /// Energy per example in nJ.
    Energy,
    /// Time per example in µs.
    Latency,
}

impl Resolutions {
    /// The series of test errors in %, one per programming, with an ADC of that many bits.
    pub fn errors(adc_bits: u32) -> String {
        format!("errors_adc_{adc_bits}")
    }

    /// The series of the low, the nominal and the high estimate with an ADC of that many bits.
    pub fn estimate(quantity: Estimated, adc_bits: u32) -> String {
        match quantity {
            Estimated::Energy => format!("energy_nj_adc_{adc_bits}"),
            Estimated::Latency => format!("latency_us_adc_{adc_bits}"),
        }
    }

    /// The tile with converters of these resolutions, 2^bits − 2 steps each.
    ///
    /// # Panics
    ///
    /// Unless they have 2 to 24 bits.
    #[track_caller]
    pub fn tile(standard: &TileConfig, dac_bits: u32, adc_bits: u32) -> TileConfig {
        let mut tile = standard.clone();
        tile.periphery.dac.steps = Some(Dac::steps_of_bits(dac_bits));
        tile.periphery.adc.steps = Some(Dac::steps_of_bits(adc_bits));
        tile
    }

    pub(super) fn measure(
        &self,
        standard: &TileConfig,
        trial: &mut Trial<'_>,
        (seed, context): (u64, &Context<'_>),
        measured: &mut Measurements,
    ) -> Result<(), Error> {
        for &adc_bits in &self.adc_bits {
            let tile = Self::tile(standard, self.dac_bits, adc_bits);
            measured.series.insert(Self::errors(adc_bits), trial.errors_on(|_| tile.clone())?);
            let (instance, devices) = (trial.instance(), trial.programmed(&tile)?);
            let seen = layers::observe(instance, &devices, self.examples, seed, context)?;
            let figures = CostFigures::standard();
            let (energy, latency) = layers::cost(&devices, &seen, &figures);
            for (quantity, Range { low, nominal, high }) in
                [(Estimated::Energy, energy), (Estimated::Latency, latency)]
            {
                measured
                    .series
                    .insert(Self::estimate(quantity, adc_bits), vec![low, nominal, high]);
            }
        }
        Ok(())
    }
}
