//! [`Pcm`]: phase-change memory as the paper models it (doped GST mushroom cells, 90 nm).
//!
//! With r = ĝ/g_max and ξ standard normal:
//!
//! ```text
//! g_P    = max(ĝ + σ_P(r) ξ, 0)            σ_P(r) = 0.26348 + 1.9650 r − 1.1731 r²  µS
//! g_D(t) = g_P ((t + t₀)/t₀)^−ν            ν ~ N(μ_ν(r), σ_ν(r)), drawn once per device
//! g(t)   = max(g_D + ĝ Q(r) √ln((t + t_read)/2t_read) ξ′, 0)
//!
//! μ_ν(r) = clip(−0.0155 ln r + 0.0244, 0.049, 0.1)
//! σ_ν(r) = clip(−0.0125 ln r − 0.0059, 0.008, 0.045)
//! Q(r)   = clip(0.0088 r^−0.65, 0, 0.2)
//! ```
//!
//! Source: [Rasch23 Eq. 7–13]; constants as in AIHWKit 1.1.0, `inference/noise/pcm.py`.
//! [`PcmAihwkit`](super::PcmAihwkit) differs where that code differs from the paper. The amplitude of the
//! read noise after a long time is the largest difference: ĝ Q(r) as in Eq. 10, or g_D Q(r), whose ratio to the
//! conductance does not grow while that drifts; [`ReadNoiseOf`] has both.
//!
//! Assumed: σ_P, given in µS for g_max = 25 µS, scales with g_max, as in AIHWKit.
//! Assumed: g_P is cut at 0 before drift; the paper cuts only the final conductance.

use serde::{Deserialize, Serialize};

use super::model::{
    Device, Draws, Programmed, assert_same_len, one_over_f_growth, polynomial, power_law_drift,
};
use crate::error::TileError;
use crate::limits::at_least;

/// Programming error σ_P in µS over r, for g_max = 25 µS. Source: [Rasch23 Eq. 7].
const PROGRAMMING_US: [f32; 3] = [0.263_48, 1.965_0, -1.173_1];
/// g_max in µS for which [`PROGRAMMING_US`] was fitted. Source: AIHWKit 1.1.0, `pcm.py`.
const FITTED_G_MAX_US: f32 = 25.0;
/// Slope, offset and limits of μ_ν over ln r. Source: [Rasch23 Eq. 9].
const NU_MEAN: [f32; 4] = [-0.015_5, 0.024_4, 0.049, 0.1];
/// Slope, offset and limits of σ_ν over ln r. Source: [Rasch23 Eq. 9].
const NU_STD: [f32; 4] = [-0.012_5, -0.005_9, 0.008, 0.045];
/// Amplitude, exponent and upper limit of Q(r). Source: [Rasch23 Eq. 11].
const READ_NOISE: [f32; 3] = [0.008_8, -0.65, 0.2];
/// Relative conductance below which the logarithm is not followed further. Source: AIHWKit 1.1.0,
/// `pcm.py`.
const R_FLOOR: f32 = 1e-7;

/// Phase-change memory; see the [module](self) for the model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pcm {
    /// Conductance of the largest weight in µS.
    pub g_max_us: f32,
    /// Reference time t₀ of the drift in seconds.
    pub t0_s: f64,
    /// Duration t_read of one read in seconds.
    pub t_read_s: f64,
    /// Multiplies the programming error.
    pub programming_noise_scale: f32,
    /// Multiplies the accumulated read noise.
    pub read_noise_scale: f32,
    /// Multiplies every drift exponent ν.
    pub drift_scale: f32,
    /// Multiplies σ_ν, by which the exponents of devices in the same state differ, before
    /// [`Self::drift_scale`] does.
    #[serde(default = "one")]
    pub drift_spread_scale: f32,
    /// Which conductance the amplitude of the accumulated read noise is a share of.
    #[serde(default, skip_serializing_if = "ReadNoiseOf::is_target")]
    pub read_noise_of: ReadNoiseOf,
}

/// Which conductance the amplitude of the accumulated read noise is a share of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadNoiseOf {
    /// The target ĝ, to the letter of [Rasch23 Eq. 10]: while the conductance drifts, the noise grows beside
    /// it.
    #[default]
    Target,
    /// The drifted g_D, as in the program that the paper's authors ran (AIHWKit 1.1.0,
    /// `inference/noise/pcm.py`).
    Drifted,
}

impl ReadNoiseOf {
    /// For serde.
    pub(super) fn is_target(&self) -> bool {
        *self == Self::Target
    }
}

/// The scale of what is not scaled.
fn one() -> f32 {
    1.0
}

/// σ_P(r) in µS, for a device with that g_max.
///
/// # Examples
///
/// ```
/// use crossbar::device::programming_std_us;
///
/// assert_eq!(programming_std_us(0.0, 25.0), 0.26348);
/// assert!((programming_std_us(1.0, 25.0) - 1.05538).abs() < 1e-6);
/// ```
pub fn programming_std_us(r: f32, g_max_us: f32) -> f32 {
    polynomial(&PROGRAMMING_US, r) * (g_max_us / FITTED_G_MAX_US)
}

/// Mean drift exponent μ_ν(r).
///
/// # Examples
///
/// ```
/// use crossbar::device::drift_exponent_mean;
///
/// assert_eq!(drift_exponent_mean(1.0), 0.049); // crystalline devices drift least
/// assert_eq!(drift_exponent_mean(0.0), 0.1); // amorphous ones most
/// ```
pub fn drift_exponent_mean(r: f32) -> f32 {
    clipped_line(NU_MEAN, libm::logf(r.max(R_FLOOR)))
}

/// Standard deviation σ_ν(r) of the drift exponent over devices.
pub fn drift_exponent_std(r: f32) -> f32 {
    clipped_line(NU_STD, libm::logf(r.max(R_FLOOR)))
}

/// Relative read noise Q(r) at √ln(…) = 1.
pub fn read_noise_coefficient(r: f32) -> f32 {
    let [amplitude, exponent, limit] = READ_NOISE;
    (amplitude * libm::expf(exponent * libm::logf(r.max(R_FLOOR)))).min(limit)
}

fn clipped_line([slope, offset, low, high]: [f32; 4], x: f32) -> f32 {
    (slope * x + offset).clamp(low, high)
}

impl Pcm {
    /// The devices of the paper, g_max = 25 µS.
    ///
    /// Source: [Rasch23 Eq. 7–13]; g_max from AIHWKit 1.1.0, `inference/noise/pcm.py`, since the
    /// paper prints none.
    pub fn paper() -> Self {
        Self {
            g_max_us: FITTED_G_MAX_US,
            t0_s: 20.0,
            t_read_s: 250e-9,
            programming_noise_scale: 1.0,
            read_noise_scale: 1.0,
            drift_scale: 1.0,
            drift_spread_scale: 1.0,
            read_noise_of: ReadNoiseOf::Target,
        }
    }

    pub(crate) fn check(&self) -> Result<(), TileError> {
        TileError::check_conductance_us("g_max_us", self.g_max_us)?;
        TileError::check_duration_s("t0_s", self.t0_s)?;
        TileError::check_duration_s("t_read_s", self.t_read_s)?;
        TileError::check_size("programming_noise_scale", self.programming_noise_scale)?;
        TileError::check_size("read_noise_scale", self.read_noise_scale)?;
        TileError::check_size("drift_scale", self.drift_scale)?;
        TileError::check_size("drift_spread_scale", self.drift_spread_scale)
    }

    /// Programming shared with the AIHWKit variant; `fold` turns a drawn ν into the one used.
    pub(super) fn program_with(
        &self,
        target_us: &[f32],
        draws: &Draws,
        programmed_us: &mut [f32],
        parameter: &mut [f32],
        fold: impl Fn(f32) -> f32,
    ) {
        assert_same_len(target_us.len(), programmed_us.len());
        assert_same_len(target_us.len(), parameter.len());
        draws.gaussian("programming", programmed_us);
        draws.gaussian("drift", parameter);
        for ((&target, g), nu) in target_us.iter().zip(programmed_us).zip(parameter) {
            let r = target / self.g_max_us;
            let sigma = self.programming_noise_scale * programming_std_us(r, self.g_max_us);
            *g = at_least(target + sigma * *g, 0.0);
            let log_r = libm::logf(r.max(R_FLOOR));
            let std = self.drift_spread_scale * clipped_line(NU_STD, log_r);
            *nu = self.drift_scale * fold(clipped_line(NU_MEAN, log_r) + std * *nu);
        }
    }
}

impl Device for Pcm {
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
        self.program_with(target_us, draws, programmed_us, parameter, |nu| nu);
    }

    fn drift(&self, devices: Programmed<'_>, t_s: f64, g_us: &mut [f32]) {
        power_law_drift(devices, t_s, self.t0_s, g_us);
    }

    fn read(&self, devices: Programmed<'_>, t_s: f64, draws: &Draws, g_us: &mut [f32]) {
        assert_same_len(devices.target_us.len(), g_us.len());
        let growth = self.read_noise_scale * one_over_f_growth(t_s, self.t_read_s) as f32;
        add_read_noise(g_us, draws, |i, drifted| {
            let target = devices.target_us[i];
            let share = match self.read_noise_of {
                ReadNoiseOf::Target => target,
                ReadNoiseOf::Drifted => drifted,
            };
            growth * share * read_noise_coefficient(target / self.g_max_us)
        });
    }
}

/// g ← max(g + σ(i, g) ξ, 0), ξ from the stream "read".
pub(super) fn add_read_noise(g_us: &mut [f32], draws: &Draws, sigma: impl Fn(usize, f32) -> f32) {
    let mut noise = vec![0.0; g_us.len()];
    draws.gaussian("read", &mut noise);
    for (i, (g, xi)) in g_us.iter_mut().zip(noise).enumerate() {
        *g = at_least(*g + sigma(i, *g) * xi, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use numerics::Seed;

    #[test]
    fn the_limits_of_the_fits_are_the_papers() {
        assert_eq!(drift_exponent_std(1.0), 0.008);
        assert_eq!(drift_exponent_std(0.0), 0.045);
        assert_eq!(read_noise_coefficient(1.0), 0.008_8);
        assert_eq!(read_noise_coefficient(0.0), 0.2);
    }

    /// Without a spread of exponents what has drifted to half its conductance has half the noise, draw by
    /// draw.
    #[test]
    fn read_noise_is_a_share_of_what_it_is_said_to_be() {
        let target = vec![20.0; 1000];
        let (programmed, parameter) = (target.clone(), vec![0.0; 1000]);
        let devices =
            Programmed { target_us: &target, programmed_us: &programmed, parameter: &parameter };
        let drifted = 10.0;
        let noise = |read_noise_of| {
            let pcm = Pcm { read_noise_of, ..Pcm::paper() };
            let mut g = vec![drifted; 1000];
            pcm.read(devices, 3600.0, &Draws::new(Seed::new(5), 0), &mut g);
            g.iter().map(|g| g - drifted).collect::<Vec<f32>>()
        };
        let (whole, half) = (noise(ReadNoiseOf::Target), noise(ReadNoiseOf::Drifted));
        assert!(whole.iter().any(|noise| noise.abs() > 0.5), "no noise to compare");
        for (whole, half) in whole.iter().zip(half) {
            assert!((0.5 * whole - half).abs() < 2e-6, "{whole}, {half}");
        }
    }

    #[test]
    fn drift_never_raises_conductance() {
        let pcm = Pcm { drift_scale: 1.0, ..Pcm::paper() };
        let target: Vec<f32> = (0..1000).map(|i| i as f32 * 0.025).collect();
        let (mut programmed, mut nu) = (vec![0.0; 1000], vec![0.0; 1000]);
        pcm.program(&target, &Draws::new(Seed::new(3), 0), &mut programmed, &mut nu);
        // The normal ν of the paper is negative for about one device in fifty at low conductance.
        for nu in &mut nu {
            *nu = nu.max(0.0);
        }
        let devices = Programmed { target_us: &target, programmed_us: &programmed, parameter: &nu };
        let (mut early, mut late) = (vec![0.0; 1000], vec![0.0; 1000]);
        pcm.drift(devices, 1.0, &mut early);
        pcm.drift(devices, 3600.0, &mut late);
        assert!(early.iter().zip(&programmed).all(|(e, p)| e <= p));
        assert!(late.iter().zip(&early).all(|(l, e)| l <= e));
    }

    /// For each device ν = μ_ν + σ_ν ξ with the same ξ, so the distance from the mean doubles.
    #[test]
    fn the_spread_of_drift_exponents_scales_without_their_mean() {
        let exponents = |drift_spread_scale: f32| {
            let pcm = Pcm { drift_spread_scale, ..Pcm::paper() };
            let (mut g, mut nu) = ([0.0; 64], [0.0; 64]);
            pcm.program(&[12.5; 64], &Draws::new(Seed::new(5), 0), &mut g, &mut nu);
            nu
        };
        let mean = drift_exponent_mean(0.5);
        assert_eq!(exponents(0.0), [mean; 64]);
        for (once, twice) in exponents(1.0).into_iter().zip(exponents(2.0)) {
            // Three roundings of numbers below 1/4.
            assert!((twice - mean - 2.0 * (once - mean)).abs() < 1e-7, "{once}, {twice}");
        }
        let negative = Pcm { drift_spread_scale: -1.0, ..Pcm::paper() };
        let error = negative.check().unwrap_err().to_string();
        assert!(error.starts_with("drift_spread_scale = -1"), "{error}");
    }

    /// Made by this code; a change here is a value-breaking change.
    #[test]
    fn value_stability() {
        let (mut g, mut nu) = ([0.0; 2], [0.0; 2]);
        Pcm::paper().program(&[5.0, 25.0], &Draws::new(Seed::new(2023), 7), &mut g, &mut nu);
        assert_eq!((g, nu), VALUES);
    }

    const VALUES: ([f32; 2], [f32; 2]) =
        ([3.916_280_7, 24.746_813], [0.051_814_448, 0.032_657_467]);
}
