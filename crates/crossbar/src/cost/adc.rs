//! [`AdcKind`]: how an output is converted, and what that takes at another resolution.
//!
//! ```text
//!         energy of a conversion    time of a conversion     area
//! ramp    2^b counts                2^b counts               stays
//! SAR     2^b conversion steps      b comparisons            stays
//! flash   2^b − 1 comparators       one cycle                2^b − 1 comparators
//! ```
//!
//! with b = log₂(steps + 2), which need not be whole; each in units of the figure, that of 8 bits.
//!
//! Assumed: all of it but the counts. A SAR converter's energy is that of a constant figure of merit
//! in fJ per conversion step, b comparisons and an array of 2^b capacitors alike; the thermal noise
//! of many bits, 4^b, is in [`survey`](super::survey) alone. The counter of a ramp and the
//! capacitors of a SAR converter are small beside the rest, so areas stay.

use serde::{Deserialize, Serialize};

/// Bits of the converters that the figures are of.
const BITS: f64 = 8.0;

/// 2^bits of the converters that the figures are of.
const CODES: f64 = 256.0;

/// How an output is converted; see the [module](self).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdcKind {
    /// Counting, from a ramp or of an oscillator. Source: \[Hermes22\], \[LeGallo23\].
    #[default]
    Ramp,
    /// Successive approximation, a comparison for each bit.
    Sar,
    /// A comparator for each step.
    Flash,
}

/// What a converter takes, in units of one of 8 bits of its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scaling {
    pub(super) energy: f64,
    pub(super) time: f64,
    pub(super) area: f64,
}

impl AdcKind {
    /// At 2^bits = `codes`.
    pub(super) fn scaling(self, codes: f64) -> Scaling {
        let steps = codes / CODES;
        match self {
            Self::Ramp => Scaling { energy: steps, time: steps, area: 1.0 },
            Self::Sar => Scaling { energy: steps, time: libm::log2(codes) / BITS, area: 1.0 },
            Self::Flash => {
                let comparators = (codes - 1.0) / (CODES - 1.0);
                Scaling { energy: comparators, time: 1.0, area: comparators }
            }
        }
    }
}

/// In units of 8 bits, what grows with the codes of the input converters.
pub(super) fn dac_scaling(codes: f64) -> f64 {
    codes / CODES
}
