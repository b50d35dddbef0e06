//! [`Faults`]: devices that no longer follow their programming.

use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::TileError;

/// Fractions of devices that are stuck, at random places. Source: [Rasch23 Methods, "yield"].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Fraction stuck at g_min.
    #[serde(default)]
    pub stuck_at_reset: f32,
    /// Fraction stuck at g_max. Where only the active device of a pair is modelled it is as often
    /// its partner that is stuck: then the pair holds the programmed conductance less g_max.
    /// Source: AIHWKit 1.1.0, `weight_modifier_cuda.cu`, `PCM_NOISE`.
    #[serde(default)]
    pub stuck_at_g_max: f32,
    /// Fraction stuck at a value that is uniform between g_min and g_max.
    #[serde(default)]
    pub stuck_at_random: f32,
}

impl Faults {
    pub(crate) fn check(&self) -> Result<(), TileError> {
        let Self { stuck_at_reset, stuck_at_g_max, stuck_at_random } = *self;
        for (field, value) in [
            ("stuck_at_reset", stuck_at_reset),
            ("stuck_at_g_max", stuck_at_g_max),
            ("stuck_at_random", stuck_at_random),
            ("sum of the stuck fractions", stuck_at_reset + stuck_at_g_max + stuck_at_random),
        ] {
            TileError::check((0.0..=1.0).contains(&value), field, value, "lies outside [0, 1]")?;
        }
        Ok(())
    }

    /// Draws which of `devices` devices are stuck, and where; device i draws at position i. With
    /// `partners` a device stands for a pair of which it is the active one.
    pub fn draw(
        &self,
        devices: usize,
        partners: bool,
        range_us: [f32; 2],
        seed: &Seed,
    ) -> StuckDevices {
        let Self { stuck_at_reset, stuck_at_g_max, stuck_at_random } = *self;
        let total = stuck_at_reset + stuck_at_g_max + stuck_at_random;
        if total == 0.0 {
            return StuckDevices { devices: Vec::new() };
        }
        let [g_min, g_max] = range_us;
        let (mut which, mut at) = (vec![0.0; devices], vec![0.0; devices]);
        seed.child("stuck").stream().fill_uniform(0, &mut which);
        seed.child("stuck-value").stream().fill_uniform(0, &mut at);
        let stuck = |(i, (&u, &v)): (usize, (&f32, &f32))| {
            if u < stuck_at_reset {
                Some((i, Stuck::At(g_min)))
            } else if u < stuck_at_reset + stuck_at_g_max {
                let partner = partners && v < 0.5;
                Some((i, if partner { Stuck::Partner(g_max - g_min) } else { Stuck::At(g_max) }))
            } else if u < total {
                Some((i, Stuck::At(g_min + v * (g_max - g_min))))
            } else {
                None
            }
        };
        StuckDevices { devices: which.iter().zip(&at).enumerate().filter_map(stuck).collect() }
    }
}

/// Which devices are stuck, and at which conductance.
#[derive(Clone, Debug, PartialEq)]
pub struct StuckDevices {
    devices: Vec<(usize, Stuck)>,
}

/// What is stuck, in µS.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stuck {
    /// The device itself.
    At(f32),
    /// The other device of its pair, so far above reset.
    Partner(f32),
}

impl StuckDevices {
    /// Number of stuck devices.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether every device works.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// Overwrites the conductances of the stuck devices; one whose partner is stuck holds the
    /// difference of both, which may be negative.
    ///
    /// # Panics
    ///
    /// If there are fewer conductances than devices that were drawn for.
    pub fn apply(&self, g_us: &mut [f32]) {
        for &(i, stuck) in &self.devices {
            match stuck {
                Stuck::At(g) => g_us[i] = g,
                Stuck::Partner(g) => g_us[i] -= g,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fractions_of_stuck_devices_are_met() {
        let faults = Faults { stuck_at_reset: 0.02, stuck_at_g_max: 0.01, stuck_at_random: 0.03 };
        let n = 100_000;
        let stuck = faults.draw(n, false, [0.0, 25.0], &Seed::new(4));
        let mut g = vec![-1.0; n];
        stuck.apply(&mut g);
        for (count, p) in [
            (g.iter().filter(|&&g| g == 0.0).count(), 0.02),
            (g.iter().filter(|&&g| g == 25.0).count(), 0.01),
            (g.iter().filter(|&&g| g > 0.0 && g < 25.0).count(), 0.03f64),
        ] {
            // Four standard errors: false alarm 6·10⁻⁵ per count for an unlucky seed.
            let (mean, std) = (p * n as f64, (n as f64 * p * (1.0 - p)).sqrt());
            assert!((count as f64 - mean).abs() < 4.0 * std, "{count} for {mean}");
        }
    }

    #[test]
    fn of_an_active_device_at_g_max_half_are_its_partner() {
        let faults = Faults { stuck_at_g_max: 0.1, ..Faults::default() };
        let n = 100_000;
        let mut g = vec![5.0; n];
        faults.draw(n, true, [0.0, 25.0], &Seed::new(4)).apply(&mut g);
        for stuck_us in [25.0, -20.0] {
            let count = g.iter().filter(|&&g| g == stuck_us).count() as f64;
            // 5 % of all within four standard errors.
            assert!((count - 5000.0).abs() < 4.0 * (5000.0f64 * 0.95).sqrt(), "{count}");
        }
    }

    #[test]
    fn fractions_beyond_all_devices_are_refused() {
        let faults = Faults { stuck_at_reset: 0.7, stuck_at_g_max: 0.4, ..Faults::default() };
        assert!(faults.check().unwrap_err().to_string().contains("lies outside [0, 1]"));
    }
}
