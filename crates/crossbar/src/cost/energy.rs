//! [`Energy`] and [`Cost`] of products.

use super::programming::Programming;
use super::range::Range;

/// Energy of one product by component, in pJ.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Energy {
    /// Input conversions.
    pub dac_pj: Range,
    /// Currents through the devices.
    pub array_pj: Range,
    /// Output conversions.
    pub adc_pj: Range,
    /// Scale, bias, accumulation.
    pub digital_pj: Range,
    /// Reading inputs from memories and writing outputs.
    pub buffer_pj: Range,
    /// Carrying both between tiles.
    pub network_pj: Range,
    /// Digital units beside the tiles, and control.
    pub periphery_pj: Range,
}

impl Energy {
    /// The components with their names.
    pub fn components(&self) -> [(&'static str, Range); 7] {
        [
            ("DAC", self.dac_pj),
            ("array", self.array_pj),
            ("ADC", self.adc_pj),
            ("digital", self.digital_pj),
            ("buffers", self.buffer_pj),
            ("network", self.network_pj),
            ("periphery", self.periphery_pj),
        ]
    }

    /// Sum over the components.
    pub fn total_pj(&self) -> Range {
        self.components().into_iter().fold(Range::default(), |sum, (_, range)| sum + range)
    }
}

impl std::ops::Add for Energy {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            dac_pj: self.dac_pj + other.dac_pj,
            array_pj: self.array_pj + other.array_pj,
            adc_pj: self.adc_pj + other.adc_pj,
            digital_pj: self.digital_pj + other.digital_pj,
            buffer_pj: self.buffer_pj + other.buffer_pj,
            network_pj: self.network_pj + other.network_pj,
            periphery_pj: self.periphery_pj + other.periphery_pj,
        }
    }
}

/// Cost of one product of a tile or matrix, averaged over the inputs it was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Cost {
    /// Energy of one product.
    pub energy: Energy,
    /// Time of one product in ns. Tiles work at the same time.
    pub latency_ns: Range,
    /// Silicon area in µm².
    pub area_um2: Range,
    /// Multiply-accumulate operations of one product.
    pub macs: u64,
    /// Writing the weights, once.
    pub programming: Programming,
}

impl Cost {
    /// Of two arrays that work at the same time: energies and areas add up, the slower one sets the
    /// times.
    #[must_use]
    pub fn beside(&self, other: &Self) -> Self {
        let later = |a: Range, b: Range| if a.nominal >= b.nominal { a } else { b };
        Self {
            energy: self.energy + other.energy,
            latency_ns: later(self.latency_ns, other.latency_ns),
            area_um2: self.area_um2 + other.area_um2,
            macs: self.macs + other.macs,
            programming: Programming {
                energy_pj: self.programming.energy_pj + other.programming.energy_pj,
                time_ns: later(self.programming.time_ns, other.programming.time_ns),
            },
        }
    }

    /// Nominal efficiency in 10¹² operations per second and watt, a multiplication and an addition
    /// counting as two.
    pub fn tops_per_watt(&self) -> f64 {
        2.0 * self.macs as f64 / self.energy.total_pj().nominal
    }
}
