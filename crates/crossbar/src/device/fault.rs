//! [`Faults`]: devices that no longer follow their programming.

use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::error::TileError;

/// Fractions of devices that are stuck, at random places. Source: [Rasch23 Methods, "yield"].
///
/// Where only the active device of a pair is modelled, a stuck device is one of its two: see
/// [`Self::draw`].
///
/// Differs: AIHWKit gives every weight the sign of its target again after the stuck devices, so that
/// a partner that conducts more than the active device never turns a weight around; here it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Fraction stuck at g_min.
    #[serde(default)]
    pub stuck_at_reset: f32,
    /// Fraction stuck at g_max.
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

    /// Draws which of `devices` devices are stuck, and where; device i draws at position i.
    ///
    /// With `pairs`, device i is the active one of a pair that holds the weight `pairs[i]`, and
    /// what is stuck may be its partner:
    ///
    /// - at g_max as often as the active device, so that the pair holds the programmed conductance
    ///   less g_max, and a weight of zero becomes ±1. Source: AIHWKit 1.1.0,
    ///   `weight_modifier_cuda.cu`, `PCM_NOISE`.
    /// - at random only where neither is active, which is where the weight is zero.
    ///
    /// Assumed: the active device of a weight of zero is the positive one, and of those that are
    /// stuck at random half are its partner; AIHWKit takes one sign for all of them.
    ///
    /// # Panics
    ///
    /// If there are pairs, but not one for each device.
    #[track_caller]
    pub fn draw(
        &self,
        devices: usize,
        pairs: Option<&[f32]>,
        range_us: [f32; 2],
        seed: &Seed,
    ) -> StuckDevices {
        assert!(
            pairs.is_none_or(|pairs| pairs.len() == devices),
            "there is not one pair for each of {devices} devices"
        );
        let Self { stuck_at_reset, stuck_at_g_max, stuck_at_random } = *self;
        let total = stuck_at_reset + stuck_at_g_max + stuck_at_random;
        if total == 0.0 {
            return StuckDevices { devices: Vec::new() };
        }
        let [g_min, g_max] = range_us;
        let uniform = |name: &str| {
            let mut values = vec![0.0; devices];
            seed.child(name).stream().fill_uniform(0, &mut values);
            values
        };
        let (which, at) = (uniform("stuck"), uniform("stuck-value"));
        let side = if pairs.is_some() { uniform("stuck-side") } else { Vec::new() };
        let stuck = |(i, (&u, &v)): (usize, (&f32, &f32))| {
            let pair = pairs.map(|pairs| pairs[i]);
            let stuck = if u < stuck_at_reset {
                Stuck::Device(g_min)
            } else if u < stuck_at_reset + stuck_at_g_max {
                if pair.is_some() && v < 0.5 { Stuck::Partner(g_max) } else { Stuck::Device(g_max) }
            } else if u < total {
                let g = g_min + v * (g_max - g_min);
                if pair == Some(0.0) && side[i] < 0.5 {
                    Stuck::Partner(g)
                } else {
                    Stuck::Device(g)
                }
            } else {
                return None;
            };
            Some((i, stuck))
        };
        StuckDevices { devices: which.iter().zip(&at).enumerate().filter_map(stuck).collect() }
    }
}

/// Which devices are stuck, and at which conductance.
#[derive(Clone, Debug, PartialEq)]
pub struct StuckDevices {
    devices: Vec<(usize, Stuck)>,
}

/// What is stuck, at a conductance in µS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stuck {
    /// The device itself.
    Device(f32),
    /// The other device of its pair.
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

    /// The devices by number, in rising order, and what is stuck of each.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Stuck)> {
        self.devices.iter().copied()
    }

    /// Overwrites the conductances of the stuck devices. Those of partners are not among `g_us`.
    ///
    /// # Panics
    ///
    /// If there are fewer conductances than devices that were drawn for.
    pub fn apply(&self, g_us: &mut [f32]) {
        for (i, stuck) in self.iter() {
            if let Stuck::Device(g) = stuck {
                g_us[i] = g;
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
        let stuck = faults.draw(n, None, [0.0, 25.0], &Seed::new(4));
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

    /// Shares of all devices within four standard errors.
    fn assert_shares(faults: Faults, weight: f32, shares: [(&str, f64); 2]) {
        let n = 100_000;
        let stuck = faults.draw(n, Some(&vec![weight; n]), [0.0, 25.0], &Seed::new(4));
        let partners = stuck.iter().filter(|(_, s)| matches!(s, Stuck::Partner(_))).count();
        let counts = [stuck.len() - partners, partners];
        for ((what, share), count) in shares.into_iter().zip(counts) {
            let (mean, std) = (share * n as f64, (n as f64 * share * (1.0 - share)).sqrt());
            assert!((count as f64 - mean).abs() <= 4.0 * std, "{what} {count} times, not {mean}");
        }
    }

    #[test]
    fn of_an_active_device_at_g_max_half_are_its_partner() {
        let faults = Faults { stuck_at_g_max: 0.1, ..Faults::default() };
        for weight in [0.0, 0.2, -0.2] {
            assert_shares(faults, weight, [("itself", 0.05), ("its partner", 0.05)]);
        }
    }

    #[test]
    fn of_an_active_device_at_random_it_is_the_partner_only_where_neither_is_active() {
        let faults = Faults { stuck_at_random: 0.1, ..Faults::default() };
        assert_shares(faults, 0.0, [("itself", 0.05), ("its partner", 0.05)]);
        assert_shares(faults, -0.2, [("itself", 0.1), ("its partner", 0.0)]);
    }

    #[test]
    fn fractions_beyond_all_devices_are_refused() {
        let faults = Faults { stuck_at_reset: 0.7, stuck_at_g_max: 0.4, ..Faults::default() };
        assert!(faults.check().unwrap_err().to_string().contains("lies outside [0, 1]"));
    }
}
