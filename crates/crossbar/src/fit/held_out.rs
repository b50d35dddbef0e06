//! [`HeldOut`]: what a fit says of devices that it has not seen.

use numerics::Seed;
use serde::Serialize;

use super::readings::DeviceReadings;
use crate::device::{Device, Draws, Programmed};

/// Devices drawn for each device that is predicted.
const DRAWN: usize = 99;
/// Most devices that are predicted.
const MOST: usize = 4000;

/// Of devices that were left out of a fit, how many readings lie within the interval that the fit predicts: the
/// device of the fit is programmed to the same target, ages and is read at the same time, 99 times.
#[derive(Clone, Debug, Serialize)]
pub struct HeldOut {
    /// Devices that were predicted; stuck ones are not among them.
    pub devices: usize,
    /// Of the first reading of each device.
    pub first: Coverage,
    /// Of its last one, where there are several.
    pub last: Coverage,
    /// Of the last one over the first one: drift and read noise without the programming error.
    pub ratio: Coverage,
}

/// How many of the values lie within predicted intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Values.
    pub count: usize,
    /// Within the middle 50 %.
    pub within_50: usize,
    /// Within the middle 90 %.
    pub within_90: usize,
}

impl Coverage {
    /// Adds a value with its rank among [`DRAWN`] draws, 0 below all.
    fn add(&mut self, rank: usize) {
        let middle = |share: f64| {
            let beyond = 0.5 * (1.0 - share) * (DRAWN + 1) as f64;
            (beyond..=(DRAWN as f64 - beyond)).contains(&(rank as f64))
        };
        self.count += 1;
        self.within_50 += usize::from(middle(0.5));
        self.within_90 += usize::from(middle(0.9));
    }

    /// The share within the middle 90 %.
    pub fn share_90(&self) -> f64 {
        self.within_90 as f64 / self.count as f64
    }

    /// The share within the middle 50 %.
    pub fn share_50(&self) -> f64 {
        self.within_50 as f64 / self.count as f64
    }

    /// Whether the share of the middle 90 % is one that a right prediction gives 999 times in 1000, and five points
    /// more.
    pub fn is_right(&self) -> bool {
        let n = self.count as f64;
        self.count == 0 || (self.share_90() - 0.9).abs() <= 0.05 + 3.29 * (0.9 * 0.1 / n).sqrt()
    }
}

impl HeldOut {
    /// Predicts devices with their targets.
    pub(super) fn test(model: &dyn Device, devices: &[(&DeviceReadings, f64)], seed: Seed) -> Self {
        let step = devices.len().div_ceil(MOST).max(1);
        let mut held = Self {
            devices: 0,
            first: Coverage::default(),
            last: Coverage::default(),
            ratio: Coverage::default(),
        };
        for (index, (device, target)) in devices.iter().step_by(step).enumerate() {
            held.devices += 1;
            let drawn = Drawn::of(model, *target as f32, seed.child(index));
            let (Some((&t_first, &t_last)), Some((&g_first, &g_last))) = (
                device.t_s.first().zip(device.t_s.last()),
                device.g_us.first().zip(device.g_us.last()),
            ) else {
                continue;
            };
            let first = drawn.at(model, t_first, "first");
            held.first.add(rank(&first, g_first, index));
            if device.t_s.len() < 2 {
                continue;
            }
            let last = drawn.at(model, t_last, "last");
            held.last.add(rank(&last, g_last, index));
            if t_last > t_first && g_first > 0.0 {
                let ratios: Vec<f64> = last
                    .iter()
                    .zip(&first)
                    .map(|(last, first)| if *first > 0.0 { last / first } else { 0.0 })
                    .collect();
                held.ratio.add(rank(&ratios, g_last / g_first, index));
            }
        }
        held
    }
}

/// Devices of one target.
struct Drawn {
    target: Vec<f32>,
    programmed: Vec<f32>,
    parameter: Vec<f32>,
    seed: Seed,
}

impl Drawn {
    fn of(model: &dyn Device, target_us: f32, seed: Seed) -> Self {
        let target = vec![target_us.clamp(model.g_min_us(), model.g_max_us()); DRAWN];
        let (mut programmed, mut parameter) = (vec![0.0; DRAWN], vec![0.0; DRAWN]);
        model.program(
            &target,
            &Draws::new(seed.child("programming"), 0),
            &mut programmed,
            &mut parameter,
        );
        Self { target, programmed, parameter, seed }
    }

    fn at(&self, model: &dyn Device, t_s: f64, reading: &str) -> Vec<f64> {
        let devices = Programmed {
            target_us: &self.target,
            programmed_us: &self.programmed,
            parameter: &self.parameter,
        };
        let mut g = vec![0.0; DRAWN];
        model.drift(devices, t_s, &mut g);
        model.read(devices, t_s, &Draws::new(self.seed.child(reading), 0), &mut g);
        g.into_iter().map(f64::from).collect()
    }
}

/// How many draws lie below a value. Among equal ones, as many zeros are, it takes every place in turn.
fn rank(draws: &[f64], value: f64, turn: usize) -> usize {
    // Draws are f32, so a value that is one of them must be compared as one.
    let value = f64::from(value as f32);
    let below = draws.iter().filter(|&&draw| f64::from(draw as f32) < value).count();
    let equal = draws.iter().filter(|&&draw| f64::from(draw as f32) == value).count();
    below + turn % (equal + 1)
}
