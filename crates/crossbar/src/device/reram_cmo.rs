//! [`ReRamCmo`]: filamentary CMO/HfOx resistive RAM (Falcone et al. 2025).
//!
//! Conductances in µS, t in seconds:
//!
//! ```text
//! g_P    = max(ĝ + (c₁ ĝ + c₀) ξ, 0)                c by the acceptance range of write-verify
//! g_D(t) = g_P − 0.08900206 ln t + (0.04201137 ln t + 0.41183342) ξ′      relaxation, t > 0
//! g(t)   = clip(g_D + 0.0277316483 log₁₀(g_D) √ln((t + t_read)/2t_read) ξ″, g_min, g_max)
//! ```
//!
//! with t_read = 1 µs, g_min = 9 µS, g_max = 88.2 µS. One device holds one weight:
//! [`UnitCell::SingleDevice`](crate::UnitCell::SingleDevice).
//!
//! Source: AIHWKit 1.1.0, `inference/noise/reram.py` and `inference/converter/conductance.py`.
//!
//! Differs: log₁₀ g_D and the spread of the relaxation are not allowed below zero, where AIHWKit
//! computes NaN or a mirrored draw; it matters below 1 µS and before 55 µs.
//! Differs: ξ′ is drawn once per device, so that one device has one history; AIHWKit draws it
//! anew at every time.

use serde::{Deserialize, Serialize};

use super::model::{Device, Draws, Programmed, assert_same_len, one_over_f_growth};
use crate::error::TileError;
use crate::limits::at_least;

/// Mean relaxation per ln t in µS.
const RELAXATION_MEAN_US: f64 = -0.089_002_06;
/// Spread of the relaxation in µS: slope over ln t, offset.
const RELAXATION_STD_US: [f64; 2] = [0.042_011_37, 0.411_833_42];
/// Read noise in µS per log₁₀(g in µS).
const READ_NOISE_US: f32 = 0.027_731_648;
/// Duration of one read in seconds.
const T_READ_S: f64 = 1e-6;

/// How close write-verify comes to the target before it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcceptanceRange {
    /// 0.2 % of the target conductance. AIHWKit's default falls back to this one.
    Narrow,
    /// 2 % of the target conductance.
    Wide,
}

impl AcceptanceRange {
    /// Slope over ĝ and offset in µS of the programming error.
    fn coefficients(self) -> [f32; 2] {
        match self {
            Self::Narrow => [0.001_068_79, 0.000_811_07],
            Self::Wide => [0.011_290_274, 0.011_218_539],
        }
    }
}

/// CMO/HfOx resistive RAM; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReRamCmo {
    /// Lowest conductance in µS.
    pub g_min_us: f32,
    /// Highest conductance in µS.
    pub g_max_us: f32,
    /// Precision of the programming.
    pub acceptance: AcceptanceRange,
    /// Multiplies the programming error.
    pub programming_noise_scale: f32,
    /// Multiplies the read noise.
    pub read_noise_scale: f32,
    /// Multiplies mean and spread of the relaxation.
    pub drift_scale: f32,
}

impl ReRamCmo {
    /// The devices with that acceptance range.
    ///
    /// Source: AIHWKit 1.1.0, defaults of `ReRamCMONoiseModel` and of its converter.
    pub fn measured(acceptance: AcceptanceRange) -> Self {
        Self {
            g_min_us: 9.0,
            g_max_us: 88.2,
            acceptance,
            programming_noise_scale: 1.0,
            read_noise_scale: 1.0,
            drift_scale: 1.0,
        }
    }

    pub(crate) fn check(&self) -> Result<(), TileError> {
        TileError::check_within("g_min_us", self.g_min_us, 0.0..=1e5)?;
        TileError::check_conductance_us("g_max_us", self.g_max_us)?;
        let ordered = self.g_min_us < self.g_max_us;
        TileError::check(ordered, "g_min_us", self.g_min_us, "is not below g_max_us")?;
        TileError::check_size("programming_noise_scale", self.programming_noise_scale)?;
        TileError::check_size("read_noise_scale", self.read_noise_scale)?;
        TileError::check_size("drift_scale", self.drift_scale)
    }
}

impl Device for ReRamCmo {
    fn g_min_us(&self) -> f32 {
        self.g_min_us
    }

    fn g_max_us(&self) -> f32 {
        self.g_max_us
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
        draws.gaussian("relaxation", parameter);
        let [slope, offset] = self.acceptance.coefficients();
        for (&target, g) in target_us.iter().zip(programmed_us) {
            let std = self.programming_noise_scale * (slope * target + offset);
            *g = at_least(target + std * *g, 0.0);
        }
    }

    fn drift(&self, devices: Programmed<'_>, t_s: f64, g_us: &mut [f32]) {
        assert_same_len(devices.target_us.len(), g_us.len());
        if t_s == 0.0 {
            g_us.copy_from_slice(devices.programmed_us);
            return;
        }
        let log_t = libm::log(t_s);
        let mean = self.drift_scale * (RELAXATION_MEAN_US * log_t) as f32;
        let [slope, offset] = RELAXATION_STD_US;
        let std = self.drift_scale * (slope * log_t + offset).max(0.0) as f32;
        for ((g, &programmed), &xi) in
            g_us.iter_mut().zip(devices.programmed_us).zip(devices.parameter)
        {
            *g = programmed + mean + std * xi;
        }
    }

    fn read(&self, devices: Programmed<'_>, t_s: f64, draws: &Draws, g_us: &mut [f32]) {
        assert_same_len(devices.target_us.len(), g_us.len());
        if t_s == 0.0 {
            return;
        }
        let growth = self.read_noise_scale * one_over_f_growth(t_s, T_READ_S) as f32;
        let mut noise = vec![0.0; g_us.len()];
        draws.gaussian("read", &mut noise);
        for (g, xi) in g_us.iter_mut().zip(noise) {
            let sigma = READ_NOISE_US * libm::log10f(g.max(1.0)) * growth;
            *g = (*g + sigma * xi).clamp(self.g_min_us, self.g_max_us);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use numerics::Seed;

    #[test]
    fn a_device_stays_within_its_range_whatever_the_noise() {
        let device = ReRamCmo { drift_scale: 40.0, ..ReRamCmo::measured(AcceptanceRange::Wide) };
        let target = vec![9.0; 5000];
        let (mut programmed, mut xi, mut g) = (vec![0.0; 5000], vec![0.0; 5000], vec![0.0; 5000]);
        let draws = Draws::new(Seed::new(5), 0);
        device.program(&target, &draws, &mut programmed, &mut xi);
        let coarse = ReRamCmo { programming_noise_scale: 1e3, ..device };
        coarse.program(&target, &draws, &mut g, &mut xi);
        assert!(g.contains(&0.0) && g.iter().all(|&g| g >= 0.0));
        let devices = Programmed { target_us: &target, programmed_us: &programmed, parameter: &xi };
        device.drift(devices, 3600.0, &mut g);
        assert!(g.iter().any(|&g| g < 0.0), "the test needs a relaxation below zero");
        device.read(devices, 3600.0, &draws, &mut g);
        assert!(g.iter().all(|&g| (9.0..=88.2).contains(&g)));
    }

    #[test]
    fn wide_acceptance_is_ten_times_coarser() {
        let [narrow, wide] = [AcceptanceRange::Narrow, AcceptanceRange::Wide].map(|a| {
            let [slope, offset] = a.coefficients();
            slope * 50.0 + offset
        });
        assert!((9.0..12.0).contains(&(wide / narrow)), "{wide} µS and {narrow} µS at 50 µS");
    }
}
