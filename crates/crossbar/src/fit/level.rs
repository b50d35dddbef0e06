//! [`Level`]: a state with what its devices have in common.

use numerics::{Par, Seed};
use serde::Serialize;

use super::curve::Curve;
use super::error::FitError;
use super::interval::Interval;
use super::moments::{Fixed, Moments, Spread, Sums};
use super::readings::{DeviceReadings, State};
use super::robust::median;

/// Targets that are each a state of their own; more are cut into ranges.
const FEW: usize = 32;
/// Devices that a state should have where targets are cut into ranges.
const DEVICES_OF_RANGE: usize = 100;
/// Most ranges.
const RANGES: usize = 16;

/// A state and what is known of its devices.
#[derive(Clone, Debug, Serialize)]
pub struct Level {
    /// Target conductance in µS; mean of those of a range; of a pulse, the mean that it leaves.
    pub target_us: f64,
    /// The pulse, where devices were programmed by pulses.
    pub pulse: Option<String>,
    /// Devices that are not stuck.
    pub devices: usize,
    /// Their readings.
    pub readings: usize,
    /// Mean conductance after programming in µS.
    pub g_mean_us: Interval,
    /// Its standard deviation over devices in µS.
    pub g_std_us: Interval,
    /// Mean drift exponent, where devices were read at several times.
    pub nu_mean: Option<Interval>,
    /// Its standard deviation over devices.
    pub nu_std: Option<Interval>,
    /// Standard deviation of the read noise in µS, where devices were read several times.
    pub read_std_us: Option<Interval>,
    /// The share of devices that lie at 0.
    pub at_zero: f64,
}

/// Devices of one state, by their places.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) target_us: Option<f64>,
    pub(super) pulse: Option<String>,
    pub(super) devices: Vec<usize>,
}

/// Devices by their states, from the lowest target up; pulses in the order of their conductances.
pub(super) fn groups(devices: &[DeviceReadings], curves: &[Curve]) -> Result<Vec<Group>, FitError> {
    let aimed = devices.iter().filter(|d| matches!(d.state, State::Target(_))).count();
    if aimed != 0 && aimed != devices.len() {
        return Err(FitError::Data(
            "some devices have a target, and some only a pulse: fit them one after the other"
                .to_owned(),
        ));
    }
    let mut groups = if aimed == 0 { by_pulse(devices, curves) } else { by_target(devices) };
    groups.retain(|group| !group.devices.is_empty());
    if groups.len() < 2 {
        return Err(FitError::Data(format!(
            "{} devices in one state: a device of a tile needs its lowest and its highest",
            devices.len()
        )));
    }
    Ok(groups)
}

fn by_pulse(devices: &[DeviceReadings], curves: &[Curve]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (at, device) in devices.iter().enumerate() {
        let State::Pulse(pulse) = &device.state else { continue };
        match groups.iter_mut().find(|group| group.pulse.as_ref() == Some(pulse)) {
            Some(group) => group.devices.push(at),
            None => groups.push(Group {
                target_us: None,
                pulse: Some(pulse.clone()),
                devices: vec![at],
            }),
        }
    }
    let middle = |group: &Group| {
        let mut a: Vec<f64> = group.devices.iter().map(|&at| curves[at].a_us).collect();
        median(&mut a)
    };
    groups.sort_by(|a, b| f64::total_cmp(&middle(a), &middle(b)));
    groups
}

fn by_target(devices: &[DeviceReadings]) -> Vec<Group> {
    let target = |at: usize| match devices[at].state {
        State::Target(target) => target,
        State::Pulse(_) => f64::NAN,
    };
    let mut order: Vec<usize> = (0..devices.len()).collect();
    order.sort_by(|&a, &b| f64::total_cmp(&target(a), &target(b)));
    let group = |devices: &[usize]| {
        let sum: f64 = devices.iter().map(|&at| target(at)).sum();
        let (first, last) = (target(devices[0]), target(devices[devices.len() - 1]));
        let mean = if first == last { first } else { sum / devices.len() as f64 };
        Group { target_us: Some(mean), pulse: None, devices: devices.to_vec() }
    };
    let exact: Vec<&[usize]> = order.chunk_by(|&a, &b| target(a) == target(b)).collect();
    if exact.len() <= FEW {
        return exact.into_iter().map(group).collect();
    }
    let ranges = (devices.len() / DEVICES_OF_RANGE).clamp(2, RANGES);
    let cut = |range: usize| range * order.len() / ranges;
    (0..ranges).map(|range| group(&order[cut(range)..cut(range + 1)])).collect()
}

/// What all devices of a state, and what resamples of them, say.
#[derive(Clone, Debug)]
pub(super) struct Estimated {
    pub(super) moments: Moments,
    pub(super) resamples: Vec<Moments>,
}

impl Estimated {
    /// With so many resamples, whose devices are drawn under `seed`.
    ///
    /// In a range the errors a − target, shifted to the mean target, stand in the place of conductances, so that the
    /// width of the range is not taken for a spread.
    pub(super) fn of(curves: &[Curve], resamples: usize, seed: Seed, par: Par) -> Self {
        let fixed = Fixed::of(curves);
        let moments = Sums::over(curves, &fixed).moments(&fixed);
        let mut drawn = vec![moments; resamples];
        let n = curves.len();
        par.for_each_chunk(&mut drawn, 8, |chunk, part| {
            let mut words = vec![0; n];
            for (i, moments) in part.iter_mut().enumerate() {
                seed.child(8 * chunk + i).stream().fill_words(0, &mut words);
                let mut sums = Sums::default();
                for &word in &words {
                    // The bias is below n · 2^−32.
                    sums.add(&curves[((u64::from(word) * n as u64) >> 32) as usize], &fixed);
                }
                *moments = sums.moments(&fixed);
            }
        });
        Self { moments, resamples: drawn }
    }

    /// As a level.
    pub(super) fn level(&self, group: &Group, curves: &[Curve]) -> Level {
        let n = curves.len();
        let Self { moments, resamples } = self;
        let spread = |of: fn(&Moments) -> Option<Spread>| {
            let drawn: Vec<Spread> = resamples.iter().filter_map(of).collect();
            of(moments).map(|value| Interval::of_spread(value, &drawn, n))
        };
        let known = |of: fn(&Moments) -> Option<f64>| {
            let drawn: Vec<f64> = resamples.iter().filter_map(of).collect();
            of(moments).map(|value| (value, drawn))
        };
        let freedom = curves.iter().map(|c| c.freedom).sum();
        let means: Vec<f64> = resamples.iter().map(|m| m.mean).collect();
        let spreads: Vec<Spread> = resamples.iter().map(|m| m.spread).collect();
        let g_mean_us = Interval::of_mean(moments.mean, &means, n);
        Level {
            target_us: group.target_us.unwrap_or(g_mean_us.value),
            pulse: group.pulse.clone(),
            devices: n,
            readings: curves.iter().map(|c| c.freedom + 1 + usize::from(c.drift.is_some())).sum(),
            g_mean_us,
            g_std_us: Interval::of_spread(moments.spread, &spreads, n),
            nu_mean: known(|m| m.nu_mean).map(|(mean, drawn)| Interval::of_mean(mean, &drawn, n)),
            nu_std: spread(|m| m.nu_spread),
            read_std_us: known(|m| m.read_std)
                .map(|(std, drawn)| Interval::of_std(std, &drawn, n, freedom)),
            at_zero: moments.at_zero,
        }
    }
}
