//! [`Hermes`]: 14 nm phase-change memory of the IBM HERMES Project Chip.
//!
//! The model is that of [`PcmAihwkit`](super::PcmAihwkit) with other fits, in pieces over
//! r = ĝ/g_max:
//!
//! ```text
//! μ_ν: r < 0.0945  clip(−0.0387 ln r − 0.0182, 0.0720, 0.13)   else −0.0436 r² − 0.0126 r + 0.0736
//!                         one device per polarity                 two devices per polarity
//! σ_P: c₀…c₃ (µS)   0.15781817 2.32443916 −2.16310839 0.68841818   0.16603222 4.71806468 −8.48101252 4.68961419
//! σ_ν: r < 0.3039   clip(−0.0120 ln r − 0.0023, 0.0124, 0.04)     r < 0.3055  clip(−0.0117 ln r − 0.0057, 0.0091, 0.04)
//!      else         −0.0165 r² + 0.0116 r + 0.0104                else        −0.0118 r² + 0.0093 r + 0.0073
//! Q:   r < 0.1591   clip(−0.0078 ln r + 0.0038, 0.0179, 0.04)     r < 0.16    clip(−0.0117 ln r − 0.0069, 0.015, 0.04)
//!      else         0.0664 r³ − 0.1352 r² + 0.0768 r + 0.0088     else        0.0069 r³ − 0.0280 r² + 0.0211 r + 0.0123
//! g_max, t₀         10.35 µS, 200 s                               20.7 µS, 300 s
//! ```
//!
//! Source: AIHWKit 1.1.0, `inference/noise/hermes.py`.

use serde::{Deserialize, Serialize};

use super::model::{
    Device, Draws, Programmed, assert_same_len, one_over_f_growth, polynomial, power_law_drift,
};
use super::pcm::add_read_noise;
use crate::error::TileError;
use crate::limits::at_least;

/// Below a limit a clipped line in ln r, above it a polynomial in r.
#[derive(Debug)]
struct Piecewise {
    limit: f32,
    /// Slope, offset, lower and upper limit.
    line: [f32; 4],
    polynomial: &'static [f32],
}

impl Piecewise {
    fn at(&self, r: f32) -> f32 {
        if r < self.limit {
            let [slope, offset, low, high] = self.line;
            // Zero conductance is the upper limit: ln r falls without bound.
            (slope * libm::logf(r.max(1e-7)) + offset).clamp(low, high)
        } else {
            polynomial(self.polynomial, r)
        }
    }
}

const NU_MEAN: Piecewise = Piecewise {
    limit: 0.094_5,
    line: [-0.038_7, -0.018_2, 0.072, 0.13],
    polynomial: &[0.073_6, -0.012_6, -0.043_6],
};

#[derive(Debug)]
struct Fits {
    programming_us: [f32; 4],
    nu_std: Piecewise,
    read: Piecewise,
}

const ONE: Fits = Fits {
    programming_us: [0.157_818_17, 2.324_439_2, -2.163_108_3, 0.688_418_2],
    nu_std: Piecewise {
        limit: 0.303_9,
        line: [-0.012_0, -0.002_3, 0.012_4, 0.04],
        polynomial: &[0.010_4, 0.011_6, -0.016_5],
    },
    read: Piecewise {
        limit: 0.159_1,
        line: [-0.007_8, 0.003_8, 0.017_9, 0.04],
        polynomial: &[0.008_8, 0.076_8, -0.135_2, 0.066_4],
    },
};

const TWO: Fits = Fits {
    programming_us: [0.166_032_22, 4.718_065, -8.481_013, 4.689_614_3],
    nu_std: Piecewise {
        limit: 0.305_5,
        line: [-0.011_7, -0.005_7, 0.009_1, 0.04],
        polynomial: &[0.007_3, 0.009_3, -0.011_8],
    },
    read: Piecewise {
        limit: 0.16,
        line: [-0.011_7, -0.006_9, 0.015, 0.04],
        polynomial: &[0.012_3, 0.021_1, -0.028_0, 0.006_9],
    },
};

/// Devices that hold one polarity of a weight on the HERMES chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HermesDevices {
    /// One device, conventional programming.
    One,
    /// Two devices in parallel, programmed to the same state.
    Two,
}

/// HERMES phase-change memory; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hermes {
    /// Which of the two characterised programming methods.
    pub devices: HermesDevices,
    /// Duration of one read in seconds.
    pub t_read_s: f64,
    /// Multiplies the programming error.
    pub programming_noise_scale: f32,
    /// Multiplies the accumulated read noise.
    pub read_noise_scale: f32,
    /// Multiplies every drift exponent.
    pub drift_scale: f32,
}

impl Hermes {
    /// The chip with that programming method.
    ///
    /// Source: AIHWKit 1.1.0, `inference/noise/hermes.py`, defaults.
    pub fn chip(devices: HermesDevices) -> Self {
        Self {
            devices,
            t_read_s: 512e-9,
            programming_noise_scale: 1.0,
            read_noise_scale: 1.0,
            drift_scale: 1.0,
        }
    }

    pub(crate) fn check(&self) -> Result<(), TileError> {
        TileError::check_duration_s("t_read_s", self.t_read_s)?;
        TileError::check_size("programming_noise_scale", self.programming_noise_scale)?;
        TileError::check_size("read_noise_scale", self.read_noise_scale)?;
        TileError::check_size("drift_scale", self.drift_scale)
    }

    fn t0_s(&self) -> f64 {
        match self.devices {
            HermesDevices::One => 200.0,
            HermesDevices::Two => 300.0,
        }
    }

    fn fits(&self) -> &'static Fits {
        match self.devices {
            HermesDevices::One => &ONE,
            HermesDevices::Two => &TWO,
        }
    }
}

impl Device for Hermes {
    fn g_max_us(&self) -> f32 {
        match self.devices {
            HermesDevices::One => 10.35,
            HermesDevices::Two => 20.7,
        }
    }

    fn program(
        &self,
        target_us: &[f32],
        draws: &Draws,
        programmed_us: &mut [f32],
        parameter: &mut [f32],
    ) {
        assert_same_len(target_us.len(), programmed_us.len());
        assert_same_len(target_us.len(), parameter.len());
        draws.gaussian("programming", programmed_us);
        draws.gaussian("drift", parameter);
        let fits = self.fits();
        for ((&target, g), nu) in target_us.iter().zip(programmed_us).zip(parameter) {
            let r = target / self.g_max_us();
            let sigma = self.programming_noise_scale * polynomial(&fits.programming_us, r);
            *g = at_least(target + sigma * *g, 0.0);
            *nu = self.drift_scale * (NU_MEAN.at(r) + fits.nu_std.at(r) * *nu).abs();
        }
    }

    fn drift(&self, devices: Programmed<'_>, t_s: f64, g_us: &mut [f32]) {
        power_law_drift(devices, t_s, self.t0_s(), g_us);
    }

    fn read(&self, devices: Programmed<'_>, t_s: f64, draws: &Draws, g_us: &mut [f32]) {
        assert_same_len(devices.target_us.len(), g_us.len());
        let growth = one_over_f_growth(t_s + self.t0_s(), self.t_read_s) as f32;
        let read = &self.fits().read;
        add_read_noise(g_us, draws, |i, g| {
            let q = read.at(devices.programmed_us[i] / self.g_max_us());
            self.read_noise_scale * growth * g * q
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_of_every_fit_meet() {
        // The published pieces were fitted apart; they meet within the rounding of their printed
        // coefficients (four digits, at most three terms: 1.5·10⁻⁴) plus the slope over the last
        // digit of the limit.
        for piece in [&NU_MEAN, &ONE.nu_std, &TWO.nu_std, &ONE.read, &TWO.read] {
            let (below, above) = (piece.at(piece.limit - 1e-6), piece.at(piece.limit));
            assert!((below - above).abs() < 1.5e-3, "{below} and {above} at {}", piece.limit);
        }
    }

    #[test]
    fn a_reset_device_drifts_most() {
        assert_eq!(NU_MEAN.at(0.0), 0.13);
        assert!(NU_MEAN.at(1.0) < 0.02);
    }
}
