//! [`Resolutions`]: how good and how dear a network is with other converters.

use std::collections::BTreeMap;

use crossbar::cost::{CostFigures, Range};
use crossbar::{Dac, TileConfig};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::layers;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::{read_groups, write_groups};
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

/// Test errors and cost by bits of the output converters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Converted(pub BTreeMap<u32, OnConverters>);

/// Test errors and cost with one pair of converters; low, nominal and high estimates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnConverters {
    /// Test errors in %, one per programming.
    pub errors: Vec<f64>,
    /// Energy per example in nJ.
    pub energy_nj: [f64; 3],
    /// Time per example in µs.
    pub latency_us: [f64; 3],
}

impl Serialize for Converted {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        write_groups(&self.0, |adc_bits, field| format!("{field}_adc_{adc_bits}"), to)
    }
}

impl<'de> Deserialize<'de> for Converted {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let split = |name: &str| {
            let (field, adc_bits) = name.split_once("_adc_")?;
            Some((adc_bits.parse().ok()?, field.to_owned()))
        };
        read_groups(from, split).map(Self)
    }
}

impl Resolutions {
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
        seed: u64,
        context: &Context<'_>,
    ) -> Result<Converted, Error> {
        let mut all = Converted::default();
        for &adc_bits in &self.adc_bits {
            let tile = Self::tile(standard, self.dac_bits, adc_bits);
            let errors = trial.errors_on(|_| tile.clone())?;
            let (instance, devices) = (trial.instance(), trial.programmed(&tile)?);
            let seen = layers::observe(instance, &devices, self.examples, seed, context)?;
            let (energy, latency) = layers::cost(&devices, &seen, &CostFigures::standard());
            let estimates = |Range { low, nominal, high }| [low, nominal, high];
            let (energy_nj, latency_us) = (estimates(energy), estimates(latency));
            all.0.insert(adc_bits, OnConverters { errors, energy_nj, latency_us });
        }
        Ok(all)
    }
}
