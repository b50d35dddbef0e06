//! [`Ideal`]: the control, a device that remembers exactly.

use serde::{Deserialize, Serialize};

use super::model::{Device, Draws, Programmed, assert_same_len};

/// A device without programming error, drift or read noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ideal {
    /// Conductance of the largest weight in µS.
    pub g_max_us: f32,
}

impl Device for Ideal {
    fn g_max_us(&self) -> f32 {
        self.g_max_us
    }

    fn program(
        &self,
        target_us: &[f32],
        _: &Draws,
        programmed_us: &mut [f32],
        parameter: &mut [f32],
    ) {
        assert_same_len(target_us.len(), parameter.len());
        programmed_us.copy_from_slice(target_us);
        parameter.fill(0.0);
    }

    fn drift(&self, devices: Programmed<'_>, _: f64, g_us: &mut [f32]) {
        g_us.copy_from_slice(devices.programmed_us);
    }

    fn read(&self, _: Programmed<'_>, _: f64, _: &Draws, _: &mut [f32]) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use numerics::Seed;

    #[test]
    fn an_ideal_device_keeps_its_target_for_a_year() {
        let device = Ideal { g_max_us: 25.0 };
        let target = [0.0, 12.5, 25.0];
        let (mut programmed, mut parameter, mut g) = ([0.0; 3], [1.0; 3], [0.0; 3]);
        let draws = Draws::new(Seed::new(1), 0);
        device.program(&target, &draws, &mut programmed, &mut parameter);
        let devices =
            Programmed { target_us: &target, programmed_us: &programmed, parameter: &parameter };
        device.drift(devices, 31_536_000.0, &mut g);
        device.read(devices, 31_536_000.0, &draws, &mut g);
        assert_eq!(g, target);
    }
}
