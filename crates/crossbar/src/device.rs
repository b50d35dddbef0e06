//! [`Device`]: what a memory device does to the conductance that it should hold.
//!
//! ```text
//! target ĝ ──program──▶ g_P ──drift to t──▶ g_D(t) ──read──▶ g(t)
//!             once per         deterministic         once per evaluation:
//!             programming      given its exponent    accumulated 1/f noise
//! ```
//!
//! Conductances are in µS, times in seconds since the end of programming. Every random number has
//! a position, so the conductance of device i does not depend on how the array is cut up.

mod config;
pub mod fault;
pub mod hermes;
pub mod ideal;
pub mod measured;
pub mod pcm;
pub mod pcm_aihwkit;
pub mod reram_cmo;
pub mod reram_wan;
pub mod state_independent;

pub use config::{DeviceConfig, MeasuredConfig};
pub use fault::{Faults, Stuck, StuckDevices};
pub use hermes::{Hermes, HermesDevices};
pub use ideal::Ideal;
pub use measured::{Measured, MeasuredTable};
pub use pcm::{
    Pcm, drift_exponent_mean, drift_exponent_std, programming_std_us, read_noise_coefficient,
};
pub use pcm_aihwkit::PcmAihwkit;
pub use reram_cmo::{AcceptanceRange, ReRamCmo};
pub use reram_wan::ReRamWan;
pub use state_independent::StateIndependent;

use numerics::Seed;

/// Names the random numbers of one stage: element i of a slice uses position `first + i` of the
/// stream that the device asks for by name.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    seed: Seed,
    first: u64,
}

impl Draws {
    /// The draws under `seed`, starting with position `first`.
    pub fn new(seed: Seed, first: u64) -> Self {
        Self { seed, first }
    }

    /// Writes standard normal numbers of the stream `name` for the whole slice.
    pub fn gaussian(&self, name: &str, out: &mut [f32]) {
        self.seed.child(name).stream().fill_gaussian(self.first, out);
    }
}

/// What is known of programmed devices: three slices of the same length.
#[derive(Clone, Copy, Debug)]
pub struct Programmed<'a> {
    /// Target conductance ĝ in µS.
    pub target_us: &'a [f32],
    /// Conductance right after programming, g_P, in µS.
    pub programmed_us: &'a [f32],
    /// One number per device that [`Device::drift`] uses: for PCM its drift exponent ν.
    pub parameter: &'a [f32],
}

/// A model of a memory device.
///
/// Implementations are total: targets come checked from the mapping, and what the noise pushes
/// beyond the physical range saturates.
pub trait Device: std::fmt::Debug + Send + Sync {
    /// Lowest target conductance in µS: the reset state.
    fn g_min_us(&self) -> f32 {
        0.0
    }

    /// Highest target conductance in µS.
    fn g_max_us(&self) -> f32;

    /// Writes the conductance after programming and the per-device parameter of the drift.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    fn program(
        &self,
        target_us: &[f32],
        draws: &Draws,
        programmed_us: &mut [f32],
        parameter: &mut [f32],
    );

    /// Writes the conductance at `t_s` before read noise.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    fn drift(&self, devices: Programmed<'_>, t_s: f64, g_us: &mut [f32]);

    /// Adds the noise that has accumulated until `t_s` to the drifted conductances `g_us`.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    fn read(&self, devices: Programmed<'_>, t_s: f64, draws: &Draws, g_us: &mut [f32]);
}

#[track_caller]
pub(crate) fn assert_same_len(target: usize, other: usize) {
    assert_eq!(target, other, "{target} target conductances but {other} values");
}

/// √ln((t + t_read) / 2 t_read), and 0 where the logarithm is negative.
pub(crate) fn one_over_f_growth(t_s: f64, t_read_s: f64) -> f64 {
    libm::log((t_s + t_read_s) / (2.0 * t_read_s)).max(0.0).sqrt()
}

/// c₀ + c₁ r + c₂ r² + …
#[inline]
pub(crate) fn polynomial(c: &[f32], r: f32) -> f32 {
    c.iter().rev().fold(0.0, |sum, &c| sum * r + c)
}

/// Power-law drift with one exponent per device: g_P · ((t + t₀) / t₀)^−ν.
pub(crate) fn power_law_drift(devices: Programmed<'_>, t_s: f64, t0_s: f64, g_us: &mut [f32]) {
    assert_same_len(devices.target_us.len(), g_us.len());
    let log_ratio = libm::log((t_s + t0_s) / t0_s) as f32;
    for ((g, &programmed), &nu) in g_us.iter_mut().zip(devices.programmed_us).zip(devices.parameter)
    {
        *g = programmed * libm::expf(-nu * log_ratio);
    }
}
