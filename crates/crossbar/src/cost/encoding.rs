//! [`InputEncoding`]: what of a word line carries an input, and so what an input costs the array.
//!
//! ```text
//! pulse width   E = V² t Σ_ij g_ij |x_j|     a full amplitude V for the share |x| of t
//! amplitude     E = V² t Σ_ij g_ij x_j²      an amplitude V |x| for all of t
//! ```
//!
//! Inputs of 0 and ±1 cost the same in both, those in between more as widths. How often widths fit
//! into a resolution, 2^bits slots, is the time t; an amplitude has its time whatever its
//! resolution, and a converter of 2^bits units behind it.

use serde::{Deserialize, Serialize};

/// What of a word line carries an input; see the [module](self).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputEncoding {
    /// The width of a pulse of full amplitude. Source: \[Hermes22\], \[LeGallo23\].
    #[default]
    PulseWidth,
    /// The amplitude of a pulse of full width.
    Amplitude,
}

impl InputEncoding {
    /// Energy of an input x, in units of that of a full one: |x| or x².
    pub fn energy_of(self, x: f64) -> f64 {
        match self {
            Self::PulseWidth => x.abs(),
            Self::Amplitude => x * x,
        }
    }
}

#[cfg(test)]
mod tests;
