//! Which distribution the programming errors have.

use super::curve::Curve;
use super::moments::Moments;
use crate::device::ErrorShape;

/// Gain of the logarithm of the likelihood from which a log-normal distribution is taken for a normal one.
const CLEAR: f64 = 10.0;
/// Devices from which a distribution is drawn as it is.
const ENOUGH: usize = 500;
/// Distance of Kolmogorov and Smirnov below which no tile tells a distribution from another one, however many devices
/// do.
const LEAST: f64 = 0.01;
/// Its quantiles.
const QUANTILES: usize = 64;

/// The shape of the errors of states, each with its curves.
///
/// Normal, unless a log-normal one makes the conductances e¹⁰ times as likely. Where of 500 devices or more
/// the distance of Kolmogorov and Smirnov between the better one and the errors is one that a fitted normal
/// distribution has once in a thousand times, and at least 0.01, the errors themselves become the distribution.
pub(super) fn of(states: &[(&[Curve], &Moments)]) -> ErrorShape {
    let mut errors = Vec::new();
    let mut logs = Vec::new();
    let mut gain = 0.0;
    for (curves, moments) in states {
        let total = |curve: &Curve| {
            let read = moments.read_std.unwrap_or(0.0);
            let std = moments.spread.std();
            (std * std + read * read * curve.a_variance).sqrt()
        };
        // What is cut at 0, or has no spread, tells no shape.
        if moments.at_zero > 0.0 || moments.spread.std() <= 0.0 || curves.len() < 8 {
            continue;
        }
        let z: Vec<f64> = curves.iter().map(|c| (c.a_us - moments.mean) / total(c)).collect();
        let n = curves.len() as f64;
        let log = |c: &Curve| libm::log(c.a_us);
        let mean = curves.iter().map(log).sum::<f64>() / n;
        let variance = curves.iter().map(|c| (log(c) - mean).powi(2)).sum::<f64>() / n;
        let normal: f64 =
            curves.iter().zip(&z).map(|(c, z)| -0.5 * z * z - libm::log(total(c))).sum();
        let log_normal = -0.5 * n - n * (0.5 * libm::log(variance) + mean);
        gain += log_normal - normal;
        logs.extend(curves.iter().map(|c| (log(c) - mean) / variance.sqrt()));
        errors.extend(z);
    }
    let log_normal = gain > CLEAR && gain.is_finite();
    let z = if log_normal { &mut logs } else { &mut errors.clone() };
    let apart = distance(z);
    let differs =
        z.len() >= ENOUGH && apart > LEAST && apart * (z.len() as f64).sqrt() > LILLIEFORS;
    match (differs, log_normal) {
        (true, _) => ErrorShape::of_errors(&errors, QUANTILES).unwrap_or_default(),
        (false, true) => ErrorShape::LogNormal,
        (false, false) => ErrorShape::Normal,
    }
}

/// The distance times √n that is exceeded once in a thousand times if mean and spread are those of the data, of 500
/// data: by simulation, which a test repeats. Lilliefors (1967) has the limit of one in a hundred, 1.031.
const LILLIEFORS: f64 = 1.226;

/// The largest distance between the distribution of `z` and the normal one.
fn distance(z: &mut [f64]) -> f64 {
    z.sort_by(f64::total_cmp);
    let n = z.len() as f64;
    let below = |z: f64| 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
    z.iter()
        .enumerate()
        .map(|(i, &z)| {
            let p = below(z);
            (p - i as f64 / n).abs().max(((i + 1) as f64 / n - p).abs())
        })
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use numerics::Seed;

    use super::*;

    /// Of 20,000 samples about 20 exceed the limit: between 6 and 40 do, by Poisson's distribution, in all but one of
    /// a thousand such tests.
    #[test]
    fn a_normal_distribution_exceeds_the_limit_once_in_a_thousand_times() {
        const SAMPLES: usize = 20_000;
        let stream = Seed::new(3).stream();
        let mut draws = [0.0f32; ENOUGH];
        let mut beyond = 0;
        for sample in 0..SAMPLES {
            stream.fill_gaussian((sample * ENOUGH) as u64, &mut draws);
            let n = ENOUGH as f64;
            let mean = draws.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
            let squares: f64 = draws.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum();
            let std = (squares / (n - 1.0)).sqrt();
            let mut z: Vec<f64> = draws.iter().map(|&x| (f64::from(x) - mean) / std).collect();
            beyond += usize::from(distance(&mut z) * n.sqrt() > LILLIEFORS);
        }
        assert!((6..=40).contains(&beyond), "{beyond} of {SAMPLES}");
    }
}
