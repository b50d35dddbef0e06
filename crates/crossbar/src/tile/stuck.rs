//! What stuck devices do to the weights of a tile.

use super::AnalogTile;
use crate::device::Stuck;
use crate::mapping::UnitCell;

impl AnalogTile {
    /// Number of devices that are stuck.
    pub fn stuck_devices(&self) -> usize {
        self.devices.stuck.len()
    }

    /// With [`UnitCell::ActiveDevice`], the pairs whose inactive device is stuck: their places in the
    /// (out, in) matrix and the conductances in µS of those devices.
    pub fn stuck_partners_us(&self) -> impl Iterator<Item = (usize, f32)> {
        self.devices.stuck.iter().filter_map(|(i, stuck)| match stuck {
            Stuck::Partner(g) if !self.is_exempt(i / self.inputs) => Some((i, g)),
            _ => None,
        })
    }

    /// Overwrites the weights of pairs of which only the active device is modelled and one is stuck.
    /// Those of zero are among them, which ignore what a device was programmed to.
    pub(super) fn read_stuck_pairs(&mut self) {
        let cell = &self.config.mapping.unit_cell;
        if *cell != UnitCell::ActiveDevice {
            return;
        }
        let role = cell.role(0, self.range_us());
        for (i, stuck) in self.devices.stuck.iter() {
            if self.is_exempt(i / self.inputs) {
                continue;
            }
            let (target, now) = (self.target[i], self.devices.now_us[i]);
            let (active, partner) = match stuck {
                Stuck::Device(g) => (g, role.zero_us),
                // Where neither device is active, the one that works is at reset.
                Stuck::Partner(g) => (if target == 0.0 { role.zero_us } else { now }, g),
            };
            self.planes[role.plane].weights[i] = role.of_pair(active, partner, target);
        }
    }
}

#[cfg(test)]
mod tests {
    use numerics::{Par, Seed};

    use super::*;
    use crate::device::Faults;
    use crate::{TileConfig, WeightScale, presets};

    const INPUTS: usize = 80;
    const OUTPUTS: usize = 50;

    fn cells() -> [UnitCell; 5] {
        [
            UnitCell::ActiveDevice,
            UnitCell::DifferentialPair,
            UnitCell::SingleDevice,
            UnitCell::Pairs { significances: vec![1.0, 0.25] },
            UnitCell::BitSliced { bits_per_cell: 2, cells: 4 },
        ]
    }

    fn faults() -> [Faults; 3] {
        [
            Faults { stuck_at_reset: 0.05, ..Faults::default() },
            Faults { stuck_at_g_max: 0.05, ..Faults::default() },
            Faults { stuck_at_random: 0.05, ..Faults::default() },
        ]
    }

    /// Weights between 0.1 and 0.9 in magnitude, of which that share is not zero.
    fn weights(share: f32) -> Vec<f32> {
        let (mut w, mut keep) = (vec![0.0; INPUTS * OUTPUTS], vec![0.0; INPUTS * OUTPUTS]);
        Seed::new(1).stream().fill_uniform(0, &mut w);
        Seed::new(2).stream().fill_uniform(0, &mut keep);
        let weight = |(w, keep): (f32, f32)| {
            let w = 2.0 * w - 1.0;
            if keep < share { (0.1 + 0.8 * w.abs()).copysign(w) } else { 0.0 }
        };
        w.into_iter().zip(keep).map(weight).collect()
    }

    /// Exact devices of 5 to 25 µS.
    fn tile(cell: &UnitCell, faults: Faults, weights: &[f32]) -> AnalogTile {
        let mut config = TileConfig::load("ideal").unwrap();
        config.mapping.unit_cell = cell.clone();
        config.mapping.scale = WeightScale::Unit;
        config.faults = faults;
        AnalogTile::program(&config, weights, INPUTS, &Seed::new(3), Par::Seq).unwrap()
    }

    /// Every weight differs of which one device is stuck elsewhere than at its target, and none
    /// differs of which no device is stuck: in dense matrices and in those with nine zeros of ten.
    /// (Two devices of a pair may be stuck at the same conductance.)
    #[test]
    fn as_many_weights_change_as_have_a_stuck_device() {
        for share in [1.0, 0.1] {
            let w = weights(share);
            for (cell, faults) in cells().iter().flat_map(|cell| faults().map(|f| (cell, f))) {
                let (plain, stuck) = (tile(cell, Faults::default(), &w), tile(cell, faults, &w));
                let targets: Vec<f32> = plain.conductances_us().flatten().copied().collect();
                let reset = plain.range_us()[0];
                // How many devices of a weight are stuck, and how many elsewhere than they should be.
                let mut devices = vec![[0, 0]; w.len()];
                for (i, stuck) in stuck.devices.stuck.iter() {
                    let elsewhere = match stuck {
                        Stuck::Device(g) => g != targets[i],
                        Stuck::Partner(g) => g != reset,
                    };
                    devices[i % w.len()][0] += 1;
                    devices[i % w.len()][1] += usize::from(elsewhere);
                }
                let (mut changed, mut expected) = (0, 0);
                let pairs = plain.weights().into_iter().zip(stuck.weights());
                for ((plain, stuck), [all, elsewhere]) in pairs.zip(devices) {
                    if all < 2 {
                        assert_eq!(plain != stuck, elsewhere == 1, "{cell:?}: {plain}, {stuck}");
                    }
                    changed += usize::from(plain != stuck);
                    expected += usize::from(elsewhere > 0);
                }
                assert!(expected > 0);
                if *cell == UnitCell::ActiveDevice {
                    assert_eq!(changed, expected, "{faults:?}, {share} not zero");
                    if faults.stuck_at_reset == 0.0 {
                        assert_eq!(changed, stuck.stuck_devices(), "{faults:?}, {share} not zero");
                    }
                }
            }
        }
    }

    /// AIHWKit 1.1.0, `PCM_NOISE`: g = 0 becomes g ± g_max.
    #[test]
    fn a_stuck_device_shows_at_a_zero_weight() {
        let w = [0.0; INPUTS * OUTPUTS];
        let all = |faults| {
            let mut config = presets::standard_pcm();
            config.faults = faults;
            let mut tile =
                AnalogTile::program(&config, &w, INPUTS, &Seed::new(3), Par::Seq).unwrap();
            tile.age_to(3600.0, Par::Seq).unwrap();
            tile.weights()
        };
        let at_max = all(Faults { stuck_at_g_max: 1.0, ..Faults::default() });
        assert!(at_max.iter().all(|w| w.abs() == 1.0));
        let random = all(Faults { stuck_at_random: 1.0, ..Faults::default() });
        assert!(random.iter().all(|w| w.abs() <= 1.0));
        // 4000 values that are uniform in [−1, 1]: mean square 1/3, within four standard errors.
        let squares = random.iter().map(|w| f64::from(w * w)).sum::<f64>() / 4000.0;
        assert!((squares - 1.0 / 3.0).abs() < 4.0 * (4.0f64 / 45.0 / 4000.0).sqrt(), "{squares}");
        for found in [at_max, random] {
            let positive = found.iter().filter(|&&w| w > 0.0).count() as f64;
            // Half of 4000 within four standard errors.
            assert!((positive - 2000.0).abs() < 4.0 * 1000f64.sqrt(), "{positive} above zero");
        }
        assert_eq!(all(Faults { stuck_at_reset: 1.0, ..Faults::default() }), w);
        assert_eq!(all(Faults::default()), w, "programming noise does not show");
    }

    #[test]
    fn no_device_of_a_pair_has_a_negative_conductance() {
        let stuck = Faults { stuck_at_g_max: 1.0, ..Faults::default() };
        let tile = tile(&UnitCell::ActiveDevice, stuck, &weights(0.5));
        assert!(tile.conductances_us().flatten().all(|&g| (0.0..=25.0).contains(&g)));
        let partners: Vec<(usize, f32)> = tile.stuck_partners_us().collect();
        assert!(partners.iter().all(|&(_, g)| g == 25.0));
        // All are stuck, half of them at the partner, within four standard errors.
        assert!((partners.len() as f64 - 2000.0).abs() < 4.0 * 1000f64.sqrt());
    }
}
