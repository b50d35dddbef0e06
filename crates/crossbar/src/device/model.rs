//! [`Device`]: what every model of a memory device does, and what several of them share.

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
