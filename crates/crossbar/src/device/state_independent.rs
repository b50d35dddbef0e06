//! [`StateIndependent`]: programming error and drift that do not know the conductance.
//!
//! ```text
//! g_P    = max(ĝ + 0.2 µS ξ, 0)
//! g_D(t) = g_P ((t + t₀)/t₀)^−ν,     ν = |0.1 + 0.05 ξ′|
//! g(t)   = max(g_D + (1 µS) (g_D/g_max) √ln((t + t₀ + t_read)/2t_read) ξ″, 0)
//! ```
//!
//! A control for the state dependence of [`Pcm`](super::Pcm).
//!
//! Source: AIHWKit 1.1.0, `inference/noise/custom.py`, `StateIndependentNoiseModel`.

use serde::{Deserialize, Serialize};

use super::model::{
    Device, Draws, Programmed, assert_same_len, one_over_f_growth, power_law_drift,
};
use super::pcm::add_read_noise;
use crate::error::TileError;
use crate::limits::at_least;

/// A device whose errors do not depend on its state; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateIndependent {
    /// Conductance of the largest weight in µS.
    pub g_max_us: f32,
    /// Standard deviation of the programming error in µS.
    pub programming_std_us: f32,
    /// Mean drift exponent.
    pub nu_mean: f32,
    /// Standard deviation of the drift exponent over devices.
    pub nu_std: f32,
    /// Reference time t₀ of the drift in seconds.
    pub t0_s: f64,
    /// Duration of one read in seconds.
    pub t_read_s: f64,
    /// Read noise in µS of a device at g_max where √ln(…) = 1.
    pub read_std_us: f32,
}

impl StateIndependent {
    /// AIHWKit's default values.
    pub fn aihwkit() -> Self {
        Self {
            g_max_us: 25.0,
            programming_std_us: 0.2,
            nu_mean: 0.1,
            nu_std: 0.05,
            t0_s: 20.0,
            t_read_s: 250e-9,
            read_std_us: 1.0,
        }
    }

    pub(crate) fn check(&self) -> Result<(), TileError> {
        TileError::check_conductance_us("g_max_us", self.g_max_us)?;
        TileError::check_size("programming_std_us", self.programming_std_us)?;
        TileError::check_size("nu_mean", self.nu_mean)?;
        TileError::check_size("nu_std", self.nu_std)?;
        TileError::check_duration_s("t0_s", self.t0_s)?;
        TileError::check_duration_s("t_read_s", self.t_read_s)?;
        TileError::check_size("read_std_us", self.read_std_us)
    }
}

impl Device for StateIndependent {
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
        draws.gaussian("drift", parameter);
        for ((&target, g), nu) in target_us.iter().zip(programmed_us).zip(parameter) {
            *g = at_least(target + self.programming_std_us * *g, 0.0);
            *nu = (self.nu_mean + self.nu_std * *nu).abs();
        }
    }

    fn drift(&self, devices: Programmed<'_>, t_s: f64, g_us: &mut [f32]) {
        power_law_drift(devices, t_s, self.t0_s, g_us);
    }

    fn read(&self, devices: Programmed<'_>, t_s: f64, draws: &Draws, g_us: &mut [f32]) {
        assert_same_len(devices.target_us.len(), g_us.len());
        let growth = one_over_f_growth(t_s + self.t0_s, self.t_read_s) as f32;
        add_read_noise(g_us, draws, |_, g| self.read_std_us * growth * g / self.g_max_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use numerics::Seed;

    #[test]
    fn the_programming_error_is_the_same_at_every_state() {
        let device = StateIndependent::aihwkit();
        let draws = Draws::new(Seed::new(9), 0);
        let error = |target: f32| {
            let (mut g, mut nu) = ([0.0; 8], [0.0; 8]);
            device.program(&[target; 8], &draws, &mut g, &mut nu);
            g.map(|g| g - target)
        };
        // Same draws, so the same errors up to the rounding of g at 20 µS.
        for (a, b) in error(5.0).into_iter().zip(error(20.0)) {
            assert!((a - b).abs() <= 2.0 * f32::EPSILON * 20.0, "{a} and {b}");
        }
    }
}
