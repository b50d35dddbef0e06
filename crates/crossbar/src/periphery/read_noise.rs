//! [`ReadNoise`]: the short-term noise that every product meets anew.

use serde::{Deserialize, Serialize};

use crate::error::TileError;

/// Short-term noise of the devices, summed over a bit line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ReadNoise {
    /// None.
    None,
    /// σ₀ √(Σ_j |w_ij| x_j²): the noise of a PCM device grows as the root of its conductance.
    /// Source: [Rasch23 Eq. 14]; AIHWKit `PCM_READ`.
    Pcm {
        /// σ₀, for a device at g_max and a full input.
        sigma: f32,
    },
    /// σ₀ √(Σ_j x_j²): the same for every device. Source: AIHWKit `ADDITIVE_CONSTANT`.
    Constant {
        /// σ₀, for a full input.
        sigma: f32,
    },
}

impl ReadNoise {
    /// σ₀ of [`Self::Pcm`] from the 1/f fit.
    ///
    /// ```text
    /// σ₀ = 0.0088 √ln((Δt + t_read)/2 t_read)
    /// ```
    ///
    /// # Examples
    ///
    /// ```
    /// use crossbar::ReadNoise;
    ///
    /// let sigma = ReadNoise::pcm_sigma(100.0 * 250e-9, 250e-9);
    /// assert!((sigma - 0.01743).abs() < 1e-5); // printed as 0.0175
    /// ```
    ///
    /// Source: [Rasch23 Eq. 14].
    pub fn pcm_sigma(interval_s: f64, t_read_s: f64) -> f32 {
        (0.008_8 * crate::device::one_over_f_growth(interval_s, t_read_s)) as f32
    }

    pub(crate) fn check(&self) -> Result<(), TileError> {
        match *self {
            Self::None => Ok(()),
            Self::Pcm { sigma } | Self::Constant { sigma } => {
                TileError::check_size("read_noise.sigma", sigma)
            }
        }
    }
}
