//! What makes a fit doubtful, in words.

use super::curve::{Clock, Curve, Points};
use super::level::{Group, Level};
use super::outcome::{DeviceFit, Fitted};

/// Devices below which a state's spread is hardly known.
const FEW_DEVICES: usize = 20;
/// A year, which claims about devices are usually about.
const YEAR_S: f64 = 31_536_000.0;
/// Devices of a state that are looked at for another reference time.
const LOOKED_AT: usize = 200;

pub(super) fn warnings(fit: &DeviceFit, fitted: &Fitted<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    warnings.extend(few_devices(&fit.levels));
    warnings.extend(times(fit, fitted));
    warnings.extend(growth(fit, fitted));
    warnings.extend(reference_time(fitted));
    warnings.extend(power_law(fitted));
    warnings.extend(range(&fit.levels));
    warnings.extend(left_out(fit));
    warnings.extend(prediction(fit));
    warnings
}

fn state(level: &Level) -> String {
    match &level.pulse {
        Some(pulse) => format!("pulse {pulse}"),
        None => format!("{:.4} µS", level.target_us).replace(".0000", ""),
    }
}

fn few_devices(levels: &[Level]) -> Option<String> {
    let few: Vec<String> = levels
        .iter()
        .filter(|l| l.devices < FEW_DEVICES)
        .map(|l| format!("{} ({})", state(l), l.devices))
        .collect();
    (!few.is_empty()).then(|| {
        format!(
            "states of fewer than {FEW_DEVICES} devices, whose spreads are hardly known: {}",
            few.join(", ")
        )
    })
}

fn times(fit: &DeviceFit, fitted: &Fitted<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let last = fitted.devices.iter().filter_map(|d| d.t_s.last().copied()).fold(0.0, f64::max);
    if fit.levels.iter().all(|level| level.nu_mean.is_none()) {
        warnings.push(
            "no device was read at two times: drift is not measured, and taken for 0".to_owned(),
        );
    } else {
        if last < YEAR_S {
            let times = YEAR_S / last;
            warnings.push(format!(
                "the last reading is {last:.3e} s after programming: what is said of a year is {times:.0} times as far"
            ));
        }
        let unknown: Vec<String> = fit
            .levels
            .iter()
            .filter(|l| l.nu_mean.is_none() && l.at_zero < 0.3)
            .map(state)
            .collect();
        if !unknown.is_empty() {
            warnings
                .push(format!("drift is not measured, and taken for 0, of {}", unknown.join(", ")));
        }
    }
    if fit.levels.iter().all(|level| level.read_std_us.is_none()) {
        warnings.push(
            "no device has more readings than a curve has parameters: read noise is not measured, and is part of the \
             programming error"
                .to_owned(),
        );
    }
    warnings
}

/// Whether what is left over grows with time otherwise than was assumed.
fn growth(fit: &DeviceFit, fitted: &Fitted<'_>) -> Option<String> {
    let mut halves = [0.0; 2];
    let mut devices = 0usize;
    for (group, level) in fitted.groups.iter().zip(&fit.levels) {
        let sigma_2 = level.read_std_us.map_or(0.0, |read| read.value * read.value);
        if sigma_2 <= 0.0 {
            continue;
        }
        for [early, late] in group.devices.iter().filter_map(|&at| fitted.curves[at].halves) {
            halves[0] += early / sigma_2;
            halves[1] += late / sigma_2;
            devices += 1;
        }
    }
    // A mean of two squares or more scatters by no more than its own size.
    let error = 2.0 / (devices as f64).sqrt();
    let ratio = (halves[1] / halves[0]).sqrt();
    if devices < 20 || (0.8..1.25).contains(&ratio) || libm::log(ratio).abs() < 3.0 * error {
        return None;
    }
    let assumed = match fit.t_read_s {
        None => "is taken to be constant; with the duration of one read it grows as 1/f noise does",
        Some(_) => "is taken to grow as 1/f noise does; without a read time it is constant",
    };
    Some(format!(
        "read noise {assumed}, but that of the later half of the readings is {ratio:.2} times the other's"
    ))
}

/// Whether another reference time leaves less over.
fn reference_time(fitted: &Fitted<'_>) -> Option<String> {
    let looked_at = |group: &Group| -> Vec<usize> {
        let step = group.devices.len().div_ceil(LOOKED_AT).max(1);
        let drifting =
            group.devices.iter().step_by(step).filter(|&&at| fitted.curves[at].drift.is_some());
        drifting.copied().collect()
    };
    // Without fading, whose exponent is one of the present reference time.
    let curve = |at: usize, t0_s: f64| {
        let clock = Clock { t0_s, ..fitted.clock };
        Curve::fit(&Points::of(&fitted.devices[at], clock))
    };
    let left_over = |t0_s: f64| -> [f64; 2] {
        let mut sums = [0.0; 2];
        for group in &fitted.groups {
            let (mut squares, mut freedom, mut now) = (0.0, 0.0, 0.0);
            for at in looked_at(group) {
                let (other, present) = (curve(at, t0_s), curve(at, fitted.clock.t0_s));
                squares += other.squares.min(9.0 * present.squares);
                now += present.squares;
                freedom += present.freedom as f64;
            }
            if now > 0.0 {
                sums[0] += squares / now * freedom;
                sums[1] += freedom;
            }
        }
        sums
    };
    let candidates = [1e-3, 1e-2, 0.1, 0.3, 3.0, 10.0, 100.0, 1e3];
    let best = candidates
        .iter()
        .map(|factor| (factor * fitted.clock.t0_s, left_over(factor * fitted.clock.t0_s)))
        .filter(|(_, [squares, _])| squares.is_finite())
        .min_by(|a, b| f64::total_cmp(&a.1[0], &b.1[0]))?;
    let (t0_s, [squares, freedom]) = best;
    (freedom > 30.0 && squares < 0.95 * freedom - 3.0 * (2.0 * freedom).sqrt()).then(|| {
        let less = 100.0 * (1.0 - squares / freedom);
        format!(
            "another reference time describes the drift better: {t0_s:.3e} s in the place of {:.3e} s leaves {less:.0} % \
             less over",
            fitted.clock.t0_s
        )
    })
}

/// Whether the curves of a state miss its readings in the same way.
fn power_law(fitted: &Fitted<'_>) -> Option<String> {
    let mut worst: Option<(f64, f64)> = None;
    for group in &fitted.groups {
        let first = &fitted.devices[group.devices[0]].t_s;
        let same: Vec<usize> =
            group.devices.iter().copied().filter(|&at| &fitted.devices[at].t_s == first).collect();
        if first.len() < 4 || same.len() < 20 {
            continue;
        }
        for (reading, &t_s) in first.iter().enumerate() {
            let missed = |&at: &usize| {
                let curve = &fitted.curves[at];
                // The curve was moved with its target.
                let device = &fitted.devices[at];
                let moved = match (group.target_us, &device.state) {
                    (Some(middle), super::readings::State::Target(target)) => middle - target,
                    _ => 0.0,
                };
                let unmoved = Curve { a_us: curve.a_us - moved, ..*curve };
                (device.g_us[reading] - unmoved.at(t_s, fitted.clock)) / unmoved.a_us.max(1e-9)
            };
            let missed: Vec<f64> = same.iter().map(missed).collect();
            let n = missed.len() as f64;
            let mean = missed.iter().sum::<f64>() / n;
            let error = (missed.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / n / n).sqrt();
            if mean.abs() > 5.0 * error
                && mean.abs() > 0.01
                && worst.is_none_or(|(w, _)| mean.abs() > w.abs())
            {
                worst = Some((mean, t_s));
            }
        }
    }
    worst.map(|(mean, t_s)| {
        format!(
            "a power law does not describe the drift: at {t_s:.3e} s the devices of a state are {:+.1} % off their \
             curves on average; a retention table would",
            100.0 * mean
        )
    })
}

fn range(levels: &[Level]) -> Vec<String> {
    let mut warnings = Vec::new();
    let falls: Vec<String> = levels
        .windows(2)
        .filter(|pair| pair[1].g_mean_us.value < pair[0].g_mean_us.value)
        .map(|pair| format!("{} to {}", state(&pair[0]), state(&pair[1])))
        .collect();
    if !falls.is_empty() {
        warnings.push(format!(
            "the mean conductance falls from {}; the device has their mean",
            falls.join(", ")
        ));
    }
    if let (Some(low), Some(high)) = (levels.first(), levels.last())
        && low.target_us > 0.05 * high.target_us
    {
        warnings.push(format!(
            "the lowest state is {}, which becomes the reset state: nothing was measured below",
            state(low)
        ));
    }
    warnings
}

fn left_out(fit: &DeviceFit) -> Vec<String> {
    let mut warnings = Vec::new();
    if fit.outliers > 0 {
        let readings = if fit.outliers == 1 { "reading" } else { "readings" };
        warnings.push(format!(
            "{} {readings} that no noise explains went unused ({:.2} %)",
            fit.outliers,
            100.0 * fit.outliers as f64 / fit.readings as f64
        ));
    }
    if fit.stuck.elsewhere.value > 0.0 {
        warnings.push(format!(
            "{:.2} % of the devices are far from their state and from both ends: they count as stuck at random",
            100.0 * fit.stuck.elsewhere.value
        ));
    }
    warnings
}

fn prediction(fit: &DeviceFit) -> Vec<String> {
    let Some(held) = &fit.held_out else {
        return vec!["no devices were held out: nothing tells whether the fit predicts".to_owned()];
    };
    let named = [
        ("first readings", held.first),
        ("last readings", held.last),
        ("ratios of last to first", held.ratio),
    ];
    named
        .iter()
        .filter(|(_, coverage)| !coverage.is_right())
        .map(|(what, coverage)| {
            format!(
                "of the {what} of devices that were held out {:.0} % lie within the 90 % that the fit predicts",
                100.0 * coverage.share_90()
            )
        })
        .collect()
}
