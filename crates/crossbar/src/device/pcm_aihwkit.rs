//! [`PcmAihwkit`]: the PCM model as AIHWKit computes it.
//!
//! ```text
//! ν      = |N(μ_ν(r), σ_ν(r))|                                    no negative drift
//! g(t)   = max(g_D + g_D Q(g_P/g_max) √ln((t + t₀ + t_read)/2t_read) ξ, 0)
//! ```
//!
//! Everything else is [`Pcm`]. The read noise starts to accumulate t₀ before the end of
//! programming, its amplitude follows the drifted conductance, and Q is taken at the programmed
//! one. That the reset device of a pair is programmed too is a property of the unit cell:
//! [`UnitCell::DifferentialPair`](crate::UnitCell::DifferentialPair).
//!
//! Source: AIHWKit 1.1.0, `inference/noise/pcm.py`, `PCMLikeNoiseModel`.

use serde::{Deserialize, Serialize};

use super::model::{
    Device, Draws, Programmed, assert_same_len, one_over_f_growth, power_law_drift,
};
use super::pcm::add_read_noise;
use super::pcm::{Pcm, read_noise_coefficient};

/// Phase-change memory with AIHWKit's conventions; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PcmAihwkit(pub Pcm);

impl Device for PcmAihwkit {
    fn g_max_us(&self) -> f32 {
        self.0.g_max_us
    }

    fn program(
        &self,
        target_us: &[f32],
        draws: &Draws,
        programmed_us: &mut [f32],
        parameter: &mut [f32],
    ) {
        self.0.program_with(target_us, draws, programmed_us, parameter, f32::abs);
    }

    fn drift(&self, devices: Programmed<'_>, t_s: f64, g_us: &mut [f32]) {
        power_law_drift(devices, t_s, self.0.t0_s, g_us);
    }

    fn read(&self, devices: Programmed<'_>, t_s: f64, draws: &Draws, g_us: &mut [f32]) {
        assert_same_len(devices.target_us.len(), g_us.len());
        let growth = one_over_f_growth(t_s + self.0.t0_s, self.0.t_read_s) as f32;
        add_read_noise(g_us, draws, |i, g| {
            let q = read_noise_coefficient(devices.programmed_us[i] / self.0.g_max_us);
            self.0.read_noise_scale * growth * g * q
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use numerics::Seed;

    #[test]
    fn no_device_has_a_negative_drift_exponent() {
        let (mut g, mut nu) = (vec![0.0; 20_000], vec![0.0; 20_000]);
        let draws = Draws::new(Seed::new(1), 0);
        PcmAihwkit(Pcm::paper()).program(&vec![0.0; 20_000], &draws, &mut g, &mut nu);
        assert!(nu.iter().all(|&nu| nu >= 0.0));
    }

    #[test]
    fn read_noise_starts_t0_before_the_end_of_programming() {
        // √ln(20 s / 500 ns) against √ln((250 ns)/(500 ns)) = 0 in the paper's model.
        let (target, nu) = ([25.0; 2], [0.0; 2]);
        let devices = Programmed { target_us: &target, programmed_us: &target, parameter: &nu };
        let draws = Draws::new(Seed::new(1), 0);
        let (mut paper, mut aihwkit) = (target, target);
        Pcm::paper().read(devices, 0.0, &draws, &mut paper);
        PcmAihwkit(Pcm::paper()).read(devices, 0.0, &draws, &mut aihwkit);
        assert_eq!(paper, target);
        assert_ne!(aihwkit, target);
    }
}
