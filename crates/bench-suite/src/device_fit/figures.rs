//! The fit drawn over the data.

use crossbar::device::Device as _;
use crossbar::device::{Draws, Measured, Programmed};
use crossbar::fit::{DeviceFit, Interval, Level, Readings};
use numerics::Seed;
use report::figure::{Curve, Figure, LineStyle, Panel};

/// Most devices that are drawn as points.
const POINTS: usize = 400;
/// Most states whose conductance is drawn over time.
const STATES: usize = 6;
/// Devices that the fit is drawn from.
const DRAWN: usize = 2000;

pub(super) fn all(fit: &DeviceFit, readings: &Readings) -> Vec<Figure> {
    let mut figures = vec![programming(fit)];
    figures.extend(over_time(fit, readings));
    figures.extend(drift(fit));
    for panel in figures.iter_mut().flat_map(|figure| &mut figure.panels) {
        show_bands(panel);
    }
    figures
}

/// Makes room for bands, where a range is not given.
fn show_bands(panel: &mut Panel) {
    let ends = panel.curves.iter().flat_map(|curve| {
        let margin = |point| curve.margin(point).unwrap_or(0.0);
        curve.points.iter().enumerate().flat_map(move |(i, (_, y))| [y - margin(i), y + margin(i)])
    });
    let (low, high) =
        ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
    if panel.y_range.is_none() && high > low {
        let room = 0.04 * (high - low);
        panel.y_range = Some((low - room, high + room));
    }
}

/// Points, of which some stand for all.
fn some(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(POINTS).max(1);
    points.into_iter().step_by(step).collect()
}

fn points(label: &str, colour: usize, points: Vec<(f64, f64)>) -> Curve {
    Curve::line(label, colour, LineStyle::Points, some(points))
}

/// A line through the states, with half of a band at each.
fn line(fit: &DeviceFit, label: &str, of: impl Fn(&Level) -> Option<(f64, f64)>) -> Curve {
    let known =
        fit.levels.iter().filter_map(|level| of(level).map(|(y, band)| (level.target_us, y, band)));
    let (points, band) = known.map(|(x, y, band)| ((x, y), band)).unzip();
    Curve { band, ..Curve::line(label, 0, LineStyle::Ours, points) }
}

fn programming(fit: &DeviceFit) -> Figure {
    let error = |follows: bool| {
        let devices = fit.fitted.iter().filter(|device| device.follows == follows);
        devices.map(|device| (device.target_us, device.g_us - device.target_us)).collect::<Vec<_>>()
    };
    let fitted = line(fit, "mean ± std", |level| {
        Some((level.g_mean_us.value - level.target_us, level.g_std_us.value))
    });
    let mut errors = Panel::new("Programming error", "target (µS)", "conductance − target (µS)")
        .curves([points("devices", 1, error(true)), fitted]);
    if fit.fitted.iter().any(|device| !device.follows) {
        errors = errors.curves([points("stuck", 3, error(false))]);
    }
    let half = |interval: Interval| 0.5 * (interval.high - interval.low);
    let spread = Panel::new("Spread", "target (µS)", "std (µS)").curves([
        line(fit, "programming", |level| Some((level.g_std_us.value, half(level.g_std_us)))),
        Curve {
            colour: 2,
            ..line(fit, "read noise", |level| {
                level.read_std_us.map(|read| (read.value, half(read)))
            })
        },
    ]);
    Figure::new(
        "Programming: each device's conductance at the time 0 less its target, with mean and standard deviation of each \
         state; and that standard deviation and the read noise with their 95 % intervals.",
        [errors, spread],
    )
}

/// Data and device over time, state by state.
fn over_time(fit: &DeviceFit, readings: &Readings) -> Option<Figure> {
    let model = Measured::of(fit.measured()).ok()?;
    let step = fit.levels.len().div_ceil(STATES).max(1);
    let panels: Vec<Panel> = fit
        .levels
        .iter()
        .step_by(step)
        .filter_map(|level| {
            let times = measured_over_time(fit, readings, level);
            (times.len() > 1).then(|| {
                let state = super::tables::state(level);
                let title = if level.pulse.is_some() { state } else { format!("{state} µS") };
                let data = times.iter().map(|&(t_s, [_, middle, _])| (t_s, middle)).collect();
                let ends = [0, 2].map(|end| times.iter().map(|&(t_s, g)| (t_s, g[end])).collect());
                let [low, high]: [Vec<(f64, f64)>; 2] = ends;
                Panel::new(title, "time (s)", "conductance (µS)").log_x().curves([
                    fitted_over_time(&model, level, &times),
                    points("median of the devices", 1, data),
                    points("5 and 95 %", 2, low.into_iter().chain(high).collect()),
                ])
            })
        })
        .collect();
    (!panels.is_empty()).then(|| {
        Figure::new(
            "Conductance over time: median, 5 and 95 % of the devices of a state as read, and (line and band) those of \
             devices that were drawn from the fit.",
            panels,
        )
    })
}

/// 5, 50 and 95 % of the readings of a state at each of its times; of many times, in parts of a decade.
fn measured_over_time(fit: &DeviceFit, readings: &Readings, level: &Level) -> Vec<(f64, [f64; 3])> {
    let nearest = |target: f64| {
        let distance = |l: &&Level| (l.target_us - target).abs();
        fit.levels.iter().min_by(|a, b| f64::total_cmp(&distance(a), &distance(b)))
    };
    let mut of_state: Vec<(f64, f64)> = readings
        .devices()
        .iter()
        .zip(&fit.fitted)
        .filter(|(_, device)| {
            device.follows
                && nearest(device.target_us).is_some_and(|l| l.target_us == level.target_us)
        })
        .flat_map(|(device, _)| device.t_s.iter().copied().zip(device.g_us.iter().copied()))
        .filter(|(t_s, _)| *t_s > 0.0)
        .collect();
    of_state.sort_by(|a, b| f64::total_cmp(&a.0, &b.0));
    let exact = of_state.chunk_by(|a, b| a.0 == b.0).count() <= 40;
    let same = |a: &(f64, f64), b: &(f64, f64)| match exact {
        true => a.0 == b.0,
        false => (a.0.log10() * 4.0).floor() == (b.0.log10() * 4.0).floor(),
    };
    of_state
        .chunk_by(same)
        .map(|part| {
            let mut g: Vec<f64> = part.iter().map(|&(_, g)| g).collect();
            let t_s = part[part.len() / 2].0;
            (t_s, quantiles(&mut g))
        })
        .collect()
}

fn quantiles(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [0.05, 0.5, 0.95].map(|share| values[(share * (values.len() - 1) as f64).round() as usize])
}

/// The middle of 5 and 95 % of drawn devices, with half of the distance as its band: a band is symmetric.
fn fitted_over_time(model: &Measured, level: &Level, times: &[(f64, [f64; 3])]) -> Curve {
    let target = vec![level.target_us as f32; DRAWN];
    let (mut programmed, mut parameter) = (vec![0.0; DRAWN], vec![0.0; DRAWN]);
    let seed = Seed::new(0);
    model.program(
        &target,
        &Draws::new(seed.child("programming"), 0),
        &mut programmed,
        &mut parameter,
    );
    let devices =
        Programmed { target_us: &target, programmed_us: &programmed, parameter: &parameter };
    let (points, band) = times
        .iter()
        .enumerate()
        .map(|(reading, &(t_s, _))| {
            let mut g = vec![0.0; DRAWN];
            model.drift(devices, t_s, &mut g);
            model.read(devices, t_s, &Draws::new(seed.child(reading), 0), &mut g);
            let [low, _, high] = quantiles(&mut g.into_iter().map(f64::from).collect::<Vec<_>>());
            ((t_s, 0.5 * (low + high)), 0.5 * (high - low))
        })
        .unzip();
    Curve { band, ..Curve::line("devices of the fit, 5 to 95 %", 0, LineStyle::Ours, points) }
}

fn drift(fit: &DeviceFit) -> Option<Figure> {
    let exponents: Vec<(f64, f64)> = fit
        .fitted
        .iter()
        .filter(|device| device.follows)
        .filter_map(|device| device.nu.map(|nu| (device.target_us, nu)))
        .collect();
    let fitted = line(fit, "mean ± std", |level| {
        level.nu_mean.zip(level.nu_std).map(|(mean, std)| (mean.value, std.value))
    });
    if fitted.points.is_empty() {
        return None;
    }
    let (low, high) = fitted
        .points
        .iter()
        .zip(&fitted.band)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), ((_, nu), std)| {
            (low.min(nu - 4.0 * std), high.max(nu + 4.0 * std))
        });
    let panel = Panel::new("Drift exponent", "target (µS)", "ν")
        .curves([points("devices", 1, exponents), fitted]);
    // A device that hardly conducts has any exponent; it would flatten all others.
    let panel = if high > low { panel.y_range((low, high)) } else { panel };
    Some(Figure::new(
        "Drift: the exponent of each device as its own readings have it, read noise included, with mean and standard \
         deviation of each state, read noise taken off.",
        [panel],
    ))
}
