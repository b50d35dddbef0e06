//! [`DeviceFit`]: what a fit finds, and the device that it makes.

use numerics::{Par, Seed};
use serde::Serialize;

use super::checks;
use super::curve::{Clock, Curve, Points};
use super::error::FitError;
use super::held_out::HeldOut;
use super::interval::Interval;
use super::level::{Estimated, Group, Level, groups};
use super::moments::Moments;
use super::readings::{DeviceReadings, Readings, State};
use super::robust::{median, without_outliers};
use super::shape;
use super::stuck::{Place, Sorted};
use crate::device::{ErrorShape, Faults, Measured, MeasuredConfig, MeasuredTable, ReadNoiseOf};

/// How measurements are fitted.
#[derive(Clone, Debug)]
pub struct FitOptions {
    /// Reference time of the drift in seconds; the earliest time above 0 if absent.
    pub t0_s: Option<f64>,
    /// Duration of one read in seconds, for read noise that grows as 1/f noise does; constant noise if absent.
    pub t_read_s: Option<f64>,
    /// Which conductance the read noise is a share of; what makes the readings more likely if absent.
    pub read_noise_of: Option<ReadNoiseOf>,
    /// The share of the devices of every state that is held out for a test, below 1; 0 for none. The device is
    /// that of all of them.
    pub held_out: f64,
    /// How often devices are resampled for the intervals, at least 40.
    pub resamples: usize,
    /// What draws held-out devices and resamples.
    pub seed: Seed,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            t0_s: None,
            t_read_s: None,
            read_noise_of: None,
            held_out: 0.2,
            resamples: 400,
            seed: Seed::new(0),
        }
    }
}

impl FitOptions {
    fn check(&self) -> Result<(), FitError> {
        let refuse =
            |option, value: String, problem| Err(FitError::Option { option, value, problem });
        for (option, duration) in [("t0", self.t0_s), ("read time", self.t_read_s)] {
            if let Some(s) = duration.filter(|s| !(1e-15..=1e15).contains(s)) {
                return refuse(option, format!("{s} s"), "lies outside [1e-15, 1e15]");
            }
        }
        if !(0.0..=0.9).contains(&self.held_out) {
            return refuse("held-out share", self.held_out.to_string(), "lies outside [0, 0.9]");
        }
        if !(40..=100_000).contains(&self.resamples) {
            return refuse("resamples", self.resamples.to_string(), "lies outside [40, 100000]");
        }
        Ok(())
    }
}

/// Shares of devices that are stuck.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StuckShares {
    /// At the lowest conductance, of those whose states are far from it.
    pub at_reset: Interval,
    /// At the highest, likewise.
    pub at_g_max: Interval,
    /// Elsewhere, of all.
    pub elsewhere: Interval,
}

/// One device as it was fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FittedDevice {
    /// Its target in µS; for a pulse the mean that the pulse leaves.
    pub target_us: f64,
    /// Its conductance after programming in µS.
    pub g_us: f64,
    /// Its drift exponent, where it was read at several times.
    pub nu: Option<f64>,
    /// Whether it counts for the statistics; otherwise it is stuck.
    pub follows: bool,
}

/// What a fit finds; see the [module](super).
#[derive(Clone, Debug, Serialize)]
pub struct DeviceFit {
    /// Devices, stuck ones among them.
    pub devices: usize,
    /// Their readings.
    pub readings: usize,
    /// The states, from the lowest conductance up.
    pub levels: Vec<Level>,
    /// Reference time of the drift in seconds.
    pub t0_s: f64,
    /// Duration of one read in seconds, if the read noise was taken to grow.
    pub t_read_s: Option<f64>,
    /// Which conductance the amplitude of the read noise is a share of.
    pub read_noise_of: ReadNoiseOf,
    /// The shape of the programming errors.
    pub error_shape: ErrorShape,
    /// Correlation of programming error and drift exponent, where both were measured.
    pub correlation: Option<Interval>,
    /// Shares of stuck devices.
    pub stuck: StuckShares,
    /// Readings that no noise explains, which were left out.
    pub outliers: usize,
    /// The test on devices that were held out.
    pub held_out: Option<HeldOut>,
    /// What to know before the device is believed.
    pub warnings: Vec<String>,
    /// The devices, in the order of the readings'.
    #[serde(skip)]
    pub fitted: Vec<FittedDevice>,
}

/// Devices and their curves, sorted by states.
pub(super) struct Fitted<'a> {
    pub(super) devices: &'a [DeviceReadings],
    /// That of all devices, without fading.
    pub(super) clock: Clock,
    /// One for each device.
    pub(super) clocks: Vec<Clock>,
    pub(super) curves: Vec<Curve>,
    /// Of devices that are not stuck.
    pub(super) groups: Vec<Group>,
}

impl DeviceFit {
    /// Fits a device to readings.
    ///
    /// The same bits for any number of threads.
    ///
    /// # Errors
    ///
    /// [`FitError::Option`] for an option out of range; [`FitError::Data`] for readings of fewer than two
    /// states, or from which no device of a tile follows.
    pub fn fit(readings: &Readings, options: &FitOptions, par: Par) -> Result<Self, FitError> {
        options.check()?;
        if readings.is_empty() {
            return Err(FitError::Data("there are no readings".to_owned()));
        }
        let devices = readings.devices();
        let times = || devices.iter().flat_map(|device| device.t_s.iter().copied());
        let earliest = times().filter(|&t| t > 0.0).fold(f64::INFINITY, f64::min);
        let t0_s = options.t0_s.unwrap_or(if earliest.is_finite() { earliest } else { 1.0 });
        let clock = Clock { t0_s, t_read_s: options.t_read_s, fading: 0.0 };

        let first = fit_curves(devices, &vec![clock; devices.len()], par);
        let all = groups(devices, &first)?;
        let Noise { read_noise_of, clocks, mut curves } =
            Noise::of(devices, &all, clock, first, options.read_noise_of, par);
        let outliers = leave_outliers_out(devices, &all, &clocks, &mut curves, par);
        level_targets(devices, &all, &mut curves);
        let sorted = Sorted::of(&all, &curves);
        let follows = |at: &usize| sorted.places[*at] == Place::Follows;
        let kept = |group: &Group| Group {
            devices: group.devices.iter().copied().filter(follows).collect(),
            ..group.clone()
        };
        let groups: Vec<Group> = all.iter().map(kept).collect();
        if let Some(group) = groups.iter().find(|group| group.devices.is_empty()) {
            let state = group.pulse.clone().or(group.target_us.map(|t| format!("{t} µS")));
            return Err(FitError::Data(format!(
                "no device follows the state {}",
                state.unwrap_or_default()
            )));
        }
        take_errors_in_the_middle(devices, &groups, &clocks, &mut curves);
        let fitted = Fitted { devices, clock, clocks, curves, groups };

        let estimated = fitted.estimate(options.resamples, options.seed.child("resamples"), par);
        let stuck_of = |place, exposed| Interval::of_share(sorted.count(place), exposed);
        let mut fit = Self {
            devices: devices.len(),
            readings: readings.len(),
            levels: fitted.levels(&estimated),
            t0_s,
            t_read_s: options.t_read_s,
            read_noise_of,
            error_shape: fitted.shape(&estimated),
            correlation: correlation(&estimated),
            stuck: StuckShares {
                at_reset: stuck_of(Place::AtReset, sorted.exposed[0]),
                at_g_max: stuck_of(Place::AtMax, sorted.exposed[1]),
                elsewhere: stuck_of(Place::Elsewhere, devices.len()),
            },
            outliers,
            held_out: None,
            warnings: readings.notes().to_vec(),
            fitted: Vec::new(),
        };
        fit.fitted = fitted.devices_of(&all, &fit.levels, &sorted);
        fit.held_out = fitted.hold_out(&fit, options, par)?;
        fit.warnings.extend(checks::warnings(&fit, &fitted));
        // What cannot be a device of a tile is said now, and not where it is used.
        Measured::of(fit.measured()).map_err(|error| FitError::Data(error.to_string()))?;
        Ok(fit)
    }

    /// The device of a tile.
    ///
    /// Means that fall from one state to the next, as those of a few devices may, are replaced by the mean of both;
    /// a mean below 0, which is that of a distribution that is cut at 0, by 0. A correlation is used where its interval
    /// is not around 0.
    pub fn measured(&self) -> MeasuredConfig {
        let column =
            |of: &dyn Fn(&Level) -> f64| self.levels.iter().map(|l| of(l) as f32).collect();
        let value = |interval: Option<Interval>| interval.map_or(0.0, |interval| interval.value);
        let weights: Vec<f64> = self.levels.iter().map(|l| l.devices as f64).collect();
        let means: Vec<f64> = self.levels.iter().map(|l| l.g_mean_us.value.max(0.0)).collect();
        let table = MeasuredTable {
            g_target_us: column(&|l| l.target_us),
            g_mean_us: not_decreasing(&means, &weights).iter().map(|&g| g as f32).collect(),
            g_std_us: column(&|l| l.g_std_us.value),
            nu_mean: column(&|l| value(l.nu_mean)),
            nu_std: column(&|l| value(l.nu_std)),
            read_std_us: column(&|l| value(l.read_std_us)),
        };
        let correlation = self.correlation.filter(|c| !c.contains(0.0));
        MeasuredConfig {
            read_noise_of: self.read_noise_of,
            error_drift_correlation: correlation.map_or(0.0, |c| c.value.clamp(-1.0, 1.0) as f32),
            error_shape: self.error_shape.clone(),
            ..MeasuredConfig::new(table, self.t0_s, self.t_read_s)
        }
    }

    /// Stuck devices, as a tile has them.
    pub fn faults(&self) -> Faults {
        let StuckShares { at_reset, at_g_max, elsewhere } = self.stuck;
        Faults {
            stuck_at_reset: at_reset.value as f32,
            stuck_at_g_max: at_g_max.value as f32,
            stuck_at_random: elsewhere.value as f32,
        }
    }
}

impl Fitted<'_> {
    /// The curves of a state.
    fn of(&self, group: &Group) -> Vec<Curve> {
        group.devices.iter().map(|&at| self.curves[at]).collect()
    }

    fn estimate(&self, resamples: usize, seed: Seed, par: Par) -> Vec<Estimated> {
        let states = self.groups.iter().enumerate();
        states
            .map(|(i, group)| Estimated::of(&self.of(group), resamples, seed.child(i), par))
            .collect()
    }

    fn levels(&self, estimated: &[Estimated]) -> Vec<Level> {
        let states = self.groups.iter().zip(estimated);
        let mut levels: Vec<Level> =
            states.map(|(group, estimated)| estimated.level(group, &self.of(group))).collect();
        // The means of pulses may come out in another order than their medians.
        levels.sort_by(|a, b| f64::total_cmp(&a.target_us, &b.target_us));
        levels
    }

    fn shape(&self, estimated: &[Estimated]) -> ErrorShape {
        let curves: Vec<Vec<Curve>> = self.groups.iter().map(|group| self.of(group)).collect();
        let states: Vec<(&[Curve], &Moments)> =
            curves.iter().map(Vec::as_slice).zip(estimated.iter().map(|e| &e.moments)).collect();
        shape::of(&states)
    }

    /// Every device by itself.
    fn devices_of(&self, all: &[Group], levels: &[Level], sorted: &Sorted) -> Vec<FittedDevice> {
        let mut fitted: Vec<Option<FittedDevice>> = vec![None; self.devices.len()];
        for group in all {
            let level = levels.iter().find(|l| l.pulse.is_some() && l.pulse == group.pulse);
            for &at in &group.devices {
                let curve = &self.curves[at];
                let (target_us, moved) = match (&self.devices[at].state, group.target_us) {
                    (State::Target(target), Some(middle)) => (*target, middle - target),
                    _ => (level.map_or(0.0, |level| level.target_us), 0.0),
                };
                fitted[at] = Some(FittedDevice {
                    target_us,
                    g_us: curve.a_us - moved,
                    nu: curve.drift.map(|drift| drift.nu),
                    follows: sorted.places[at] == Place::Follows,
                });
            }
        }
        fitted.into_iter().flatten().collect()
    }

    /// Fits anew without some devices of every state, and predicts these.
    fn hold_out(
        &self,
        fit: &DeviceFit,
        options: &FitOptions,
        par: Par,
    ) -> Result<Option<HeldOut>, FitError> {
        if options.held_out == 0.0 {
            return Ok(None);
        }
        let seed = options.seed.child("held-out");
        let (mut seen, mut unseen) = (Vec::new(), Vec::new());
        for (i, group) in self.groups.iter().enumerate() {
            let n = group.devices.len();
            let order = seed.child(i).stream().permutation(n);
            // Two stay at least, for a spread.
            let out = ((options.held_out * n as f64).round() as usize).min(n.saturating_sub(2));
            let devices = |places: &[u32]| {
                let mut devices: Vec<usize> =
                    places.iter().map(|&place| group.devices[place as usize]).collect();
                devices.sort_unstable();
                devices
            };
            unseen.extend(devices(&order[..out]).into_iter().map(|at| (at, group)));
            seen.push(Group { devices: devices(&order[out..]), ..group.clone() });
        }
        if unseen.is_empty() {
            return Ok(None);
        }
        let rest = Fitted {
            devices: self.devices,
            clock: self.clock,
            clocks: self.clocks.clone(),
            curves: self.curves.clone(),
            groups: seen,
        };
        let estimated = rest.estimate(0, seed, par);
        let blind = DeviceFit {
            levels: rest.levels(&estimated),
            error_shape: rest.shape(&estimated),
            correlation: correlation(&estimated),
            ..fit.clone()
        };
        let model =
            Measured::of(blind.measured()).map_err(|error| FitError::Data(error.to_string()))?;
        let target = |at: usize, group: &Group| match self.devices[at].state {
            State::Target(target) => target,
            State::Pulse(_) => {
                let level = blind.levels.iter().find(|level| level.pulse == group.pulse);
                level.map_or(0.0, |level| level.target_us)
            }
        };
        let devices: Vec<(&DeviceReadings, f64)> =
            unseen.iter().map(|&(at, group)| (&self.devices[at], target(at, group))).collect();
        Ok(Some(HeldOut::test(&model, &devices, seed.child("drawn"))))
    }
}

/// Devices of one unit of work.
const CHUNK: usize = 256;

/// One curve for every device, by its clock.
fn fit_curves(devices: &[DeviceReadings], clocks: &[Clock], par: Par) -> Vec<Curve> {
    let mut curves = vec![None; devices.len()];
    par.for_each_chunk(&mut curves, CHUNK, |chunk, part| {
        let first = chunk * CHUNK;
        let devices = devices[first..].iter().zip(&clocks[first..]);
        for (curve, (device, &clock)) in part.iter_mut().zip(devices) {
            *curve = Some(Curve::fit(&Points::of(device, clock)));
        }
    });
    curves.into_iter().map(|curve| curve.expect("every chunk is written")).collect()
}

/// What the read noise is a share of, and the curves by it.
struct Noise {
    read_noise_of: ReadNoiseOf,
    clocks: Vec<Clock>,
    curves: Vec<Curve>,
}

impl Noise {
    /// From curves of a noise that is a share of the target: that, or one that fades with the conductances of
    /// each state, as asked for or as the readings are more likely.
    fn of(
        devices: &[DeviceReadings],
        groups: &[Group],
        clock: Clock,
        curves: Vec<Curve>,
        asked: Option<ReadNoiseOf>,
        par: Par,
    ) -> Self {
        let target =
            Self { read_noise_of: ReadNoiseOf::Target, clocks: vec![clock; devices.len()], curves };
        if asked == Some(ReadNoiseOf::Target) {
            return target;
        }
        let mut clocks = target.clocks.clone();
        for group in groups {
            let fading = middle_exponent(group, &target.curves).unwrap_or(0.0);
            group.devices.iter().for_each(|&at| clocks[at].fading = fading);
        }
        let curves = fit_curves(devices, &clocks, par);
        let drifted = Self { read_noise_of: ReadNoiseOf::Drifted, clocks, curves };
        let taken = asked == Some(ReadNoiseOf::Drifted)
            || drifted.log_likelihood(devices, groups) > target.log_likelihood(devices, groups);
        if taken { drifted } else { target }
    }

    /// Of all readings, with the most likely σ_read of every state, but for a constant.
    fn log_likelihood(&self, devices: &[DeviceReadings], groups: &[Group]) -> f64 {
        let of_state = |group: &Group| {
            let (mut readings, mut freedom, mut log_weight) = (0, 0, 0.0);
            let mut scatter = Vec::new();
            for &at in &group.devices {
                let curve = &self.curves[at];
                if curve.freedom > 0 {
                    freedom += curve.freedom;
                    readings += devices[at].t_s.len();
                    log_weight += Points::of(&devices[at], self.clocks[at]).log_weight();
                    scatter.push(curve.squares / curve.freedom as f64);
                }
            }
            // The median, for a device with an outlier says nothing of the others.
            if scatter.is_empty() {
                return 0.0;
            }
            let limit = 16.0 * median(&mut scatter.clone());
            let kept: Vec<f64> = scatter.into_iter().filter(|&s| s <= limit).collect();
            let sigma_2 = kept.iter().sum::<f64>() / kept.len() as f64;
            if sigma_2 <= 0.0 {
                return 0.0;
            }
            let share = freedom as f64 / readings as f64;
            0.5 * (share * log_weight - freedom as f64 * libm::log(sigma_2))
        };
        // A state of which a part is cut off at 0 is described by neither.
        let cut = |group: &&Group| {
            let at_zero = group.devices.iter().filter(|&&at| self.curves[at].a_us <= 0.0).count();
            20 * at_zero > group.devices.len()
        };
        groups.iter().filter(|group| !cut(group)).map(of_state).sum()
    }
}

/// The median of the exponents of a state.
fn middle_exponent(group: &Group, curves: &[Curve]) -> Option<f64> {
    let exponents = group.devices.iter().filter_map(|&at| curves[at].drift.map(|drift| drift.nu));
    let mut exponents: Vec<f64> = exponents.collect();
    (!exponents.is_empty()).then(|| median(&mut exponents))
}

/// Gives every device the errors that one in the middle of its state would have at its times.
fn take_errors_in_the_middle(
    devices: &[DeviceReadings],
    groups: &[Group],
    clocks: &[Clock],
    curves: &mut [Curve],
) {
    for group in groups {
        let Some(nu) = middle_exponent(group, curves) else { continue };
        // Devices at 0 have no exponent, and nothing that errs.
        let conducting = group.devices.iter().map(|&at| curves[at].a_us).filter(|&a| a > 0.0);
        let mut a: Vec<f64> = conducting.collect();
        if a.is_empty() {
            continue;
        }
        let a = median(&mut a);
        for &at in &group.devices {
            curves[at] = curves[at].with_errors_at(&Points::of(&devices[at], clocks[at]), a, nu);
        }
    }
}

/// Fits devices again without those of their readings that the noise of their state does not explain; how many
/// readings these are.
fn leave_outliers_out(
    devices: &[DeviceReadings],
    groups: &[Group],
    clocks: &[Clock],
    curves: &mut [Curve],
    par: Par,
) -> usize {
    let mut outliers = 0;
    for group in groups {
        // The median of χ²/k is about (1 − 2/9k)³.
        let scaled = |&at: &usize| {
            let Curve { squares, freedom, .. } = curves[at];
            let k = freedom as f64;
            (freedom > 0).then(|| squares / k / (1.0 - 2.0 / (9.0 * k)).powi(3))
        };
        let mut scatter: Vec<f64> = group.devices.iter().filter_map(scaled).collect();
        if scatter.is_empty() {
            continue;
        }
        let sigma_2 = median(&mut scatter);
        if sigma_2 <= 0.0 {
            continue;
        }
        let mut again: Vec<(Curve, usize)> =
            group.devices.iter().map(|&at| (curves[at], 0)).collect();
        par.for_each_chunk(&mut again, CHUNK, |chunk, part| {
            for (again, &at) in part.iter_mut().zip(&group.devices[chunk * CHUNK..]) {
                *again = without_outliers(&Points::of(&devices[at], clocks[at]), again.0, sigma_2);
            }
        });
        for (&at, (curve, left_out)) in group.devices.iter().zip(again) {
            curves[at] = curve;
            outliers += left_out;
        }
    }
    outliers
}

/// Moves the conductances of a range of targets to its mean target, each by what its own target differs, so that the
/// width of the range is not taken for a spread.
fn level_targets(devices: &[DeviceReadings], groups: &[Group], curves: &mut [Curve]) {
    for group in groups {
        let Some(middle) = group.target_us else { continue };
        for &at in &group.devices {
            if let State::Target(target) = devices[at].state {
                curves[at].a_us += middle - target;
            }
        }
    }
}

/// The correlation of error and exponent over all states.
fn correlation(estimated: &[Estimated]) -> Option<Interval> {
    let of = |moments: &mut dyn Iterator<Item = &Moments>| {
        let sums = moments
            .fold([0.0; 2], |[both, spreads], m| [both + m.together[0], spreads + m.together[1]]);
        (sums[1] > 0.0).then(|| sums[0] / sums[1])
    };
    let value = of(&mut estimated.iter().map(|e| &e.moments))?;
    let resamples = estimated.first().map_or(0, |e| e.resamples.len());
    let drawn: Vec<f64> =
        (0..resamples).filter_map(|i| of(&mut estimated.iter().map(|e| &e.resamples[i]))).collect();
    if drawn.is_empty() {
        // Without resamples, as where devices are held out, any value counts.
        return Some(Interval::exact(value));
    }
    Some(Interval::of_mean(value, &drawn, usize::MAX))
}

/// The nearest numbers that do not decrease: neighbours that do are pooled.
fn not_decreasing(values: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (&value, &weight) in values.iter().zip(weights) {
        pools.push((value, weight, 1));
        while let [.., (a, wa, na), (b, wb, nb)] = *pools.as_slice()
            && a > b
        {
            pools.truncate(pools.len() - 2);
            pools.push(((a * wa + b * wb) / (wa + wb), wa + wb, na + nb));
        }
    }
    pools.into_iter().flat_map(|(value, _, n)| std::iter::repeat_n(value, n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_that_fall_are_pooled() {
        let ones = [1.0; 5];
        assert_eq!(not_decreasing(&[1.0, 2.0, 3.0, 4.0, 5.0], &ones), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(not_decreasing(&[1.0, 3.0, 2.0, 4.0, 1.0], &ones), [1.0, 2.5, 2.5, 2.5, 2.5]);
        assert_eq!(not_decreasing(&[2.0, 1.0], &[3.0, 1.0]), [1.75, 1.75]);
    }
}
