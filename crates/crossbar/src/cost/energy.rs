//! [`Energy`] and [`Cost`] of products.

use super::range::Range;

/// Energy of one product by component, in pJ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Energy {
    /// Input conversions.
    pub dac_pj: Range,
    /// Currents through the devices.
    pub array_pj: Range,
    /// Output conversions.
    pub adc_pj: Range,
    /// Scale, bias, accumulation.
    pub digital_pj: Range,
}

impl Energy {
    /// Sum over the components.
    pub fn total_pj(&self) -> Range {
        self.dac_pj + self.array_pj + self.adc_pj + self.digital_pj
    }
}

/// Cost of one product of a tile or matrix, averaged over the inputs it was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Energy of one product.
    pub energy: Energy,
    /// Time of one product in ns. Tiles work at the same time.
    pub latency_ns: Range,
    /// Silicon area in µm².
    pub area_um2: Range,
    /// Multiply-accumulate operations of one product.
    pub macs: u64,
}

impl Cost {
    /// Nominal efficiency in 10¹² operations per second and watt, a multiplication and an addition
    /// counting as two.
    pub fn tops_per_watt(&self) -> f64 {
        2.0 * self.macs as f64 / self.energy.total_pj().nominal
    }
}
