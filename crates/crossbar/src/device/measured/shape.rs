//! [`ErrorShape`]: how the programming error of a state is distributed.

use serde::{Deserialize, Serialize};

use crate::error::TileError;

/// The distribution that has the mean m and the standard deviation s of a state. With ξ standard normal:
///
/// ```text
/// normal      m + s ξ
/// log-normal  exp(μ + σ ξ),    σ² = ln(1 + s²/m²),   μ = ln m − σ²/2         0 where m is 0
/// quantiles   m + s q(Φ(ξ)),   q linear between the quantiles, and the last of them beyond
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorShape {
    /// Normal.
    #[default]
    Normal,
    /// Log-normal: conductances vary by factors.
    LogNormal,
    /// A measured one: the errors less their mean, over their standard deviation, at the probabilities
    /// (i + ½)/n, i = 0 … n − 1; at least 8 of them, increasing, of mean 0 and standard deviation 1 as q has
    /// them.
    Quantiles(Vec<f32>),
}

/// By how much mean and standard deviation of quantiles may differ from 0 and 1.
const TOLERANCE: f64 = 0.01;

impl ErrorShape {
    /// For serde.
    pub(super) fn is_normal(&self) -> bool {
        *self == Self::Normal
    }

    /// A measured distribution from errors: their quantiles, moved and scaled to mean 0 and standard deviation 1.
    /// `None` of fewer than `count` errors or of equal ones.
    ///
    /// # Panics
    ///
    /// If fewer than 8 quantiles are asked for.
    #[track_caller]
    pub fn of_errors(errors: &[f64], count: usize) -> Option<Self> {
        assert!(count >= 8, "{count} quantiles tell no distribution");
        if errors.len() < count {
            return None;
        }
        let mut sorted = errors.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |i: usize| {
            let place = ((i as f64 + 0.5) / count as f64) * sorted.len() as f64 - 0.5;
            let below = place.floor().max(0.0) as usize;
            let above = (below + 1).min(sorted.len() - 1);
            sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
        };
        let quantiles: Vec<f64> = (0..count).map(at).collect();
        let (mean, variance) = moments(&quantiles);
        let std = variance.sqrt();
        if !(std > 0.0 && std.is_finite()) {
            return None;
        }
        Some(Self::Quantiles(quantiles.iter().map(|q| ((q - mean) / std) as f32).collect()))
    }

    pub(super) fn check(&self) -> Result<(), TileError> {
        let Self::Quantiles(quantiles) = self else { return Ok(()) };
        let field = "error_shape: quantiles";
        TileError::check_count("error_shape: number of quantiles", quantiles.len(), 8..=4096)?;
        for &q in quantiles {
            TileError::check_within(field, q, -1e3..=1e3)?;
        }
        if let Some(pair) = quantiles.windows(2).find(|pair| pair[1] < pair[0]) {
            return TileError::check(false, field, pair[1], "lies below the one before");
        }
        let (mean, variance) =
            moments(&quantiles.iter().copied().map(f64::from).collect::<Vec<_>>());
        TileError::check(
            mean.abs() <= TOLERANCE,
            "error_shape: mean of the quantiles",
            mean,
            "is not 0",
        )?;
        let std = variance.sqrt();
        let fits = (std - 1.0).abs() <= TOLERANCE;
        TileError::check(fits, "error_shape: standard deviation of the quantiles", std, "is not 1")
    }

    /// The value that a standard normal number stands for; not cut at 0.
    pub fn value(&self, mean: f32, std: f32, xi: f32) -> f32 {
        match self {
            Self::Normal => mean + std * xi,
            Self::LogNormal if mean > 0.0 => {
                let variance = libm::log1pf((std / mean) * (std / mean));
                libm::expf(libm::logf(mean) - 0.5 * variance + variance.sqrt() * xi)
            }
            Self::LogNormal => 0.0,
            Self::Quantiles(quantiles) => {
                let below = 0.5 * libm::erfcf(-xi * std::f32::consts::FRAC_1_SQRT_2);
                let place = below * quantiles.len() as f32 - 0.5;
                let place = place.clamp(0.0, (quantiles.len() - 1) as f32);
                let row = (place as usize).min(quantiles.len() - 2);
                let share = place - row as f32;
                mean + std * (quantiles[row] + share * (quantiles[row + 1] - quantiles[row]))
            }
        }
    }
}

/// Mean and variance of q: half of each outer step is an atom.
fn moments(quantiles: &[f64]) -> (f64, f64) {
    let n = quantiles.len() as f64;
    let ends = [quantiles[0], quantiles[quantiles.len() - 1]];
    let pairs = || quantiles.windows(2).map(|pair| (pair[0], pair[1]));
    let mean = (0.5 * (ends[0] + ends[1]) + pairs().map(|(a, b)| 0.5 * (a + b)).sum::<f64>()) / n;
    let square = |x: f64| (x - mean) * (x - mean);
    let between = pairs().map(|(a, b)| (square(a) + (a - mean) * (b - mean) + square(b)) / 3.0);
    let variance = (0.5 * (square(ends[0]) + square(ends[1])) + between.sum::<f64>()) / n;
    (mean, variance)
}

#[cfg(test)]
mod tests {
    use numerics::Seed;

    use super::*;

    fn drawn(shape: &ErrorShape, mean: f32, std: f32) -> Vec<f64> {
        let mut xi = vec![0.0; 40_000];
        Seed::new(6).stream().fill_gaussian(0, &mut xi);
        xi.iter().map(|&xi| f64::from(shape.value(mean, std, xi))).collect()
    }

    /// Whatever the shape, mean and standard deviation are those of the table.
    #[test]
    fn every_shape_has_the_moments_of_its_state() {
        let exponential: Vec<f64> =
            (0..2000).map(|i| -(1.0 - (f64::from(i) + 0.5) / 2000.0).ln()).collect();
        let measured = ErrorShape::of_errors(&exponential, 64).unwrap();
        measured.check().unwrap();
        for shape in [ErrorShape::Normal, ErrorShape::LogNormal, measured] {
            let values = drawn(&shape, 10.0, 2.0);
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
            // Five standard errors of the mean; those of the standard deviation are up to √8 as large for an
            // exponential distribution.
            assert!(
                (mean - 10.0).abs() < 0.05 && (std - 2.0).abs() < 0.1,
                "{shape:?}: {mean}, {std}"
            );
        }
    }

    #[test]
    fn a_log_normal_conductance_is_never_negative() {
        assert!(drawn(&ErrorShape::LogNormal, 1.0, 3.0).iter().all(|&g| g > 0.0));
        assert_eq!(ErrorShape::LogNormal.value(0.0, 1.0, 2.0), 0.0);
    }

    #[test]
    fn the_measured_shape_keeps_its_skew() {
        let exponential: Vec<f64> =
            (0..2000).map(|i| -(1.0 - (f64::from(i) + 0.5) / 2000.0).ln()).collect();
        let values = drawn(&ErrorShape::of_errors(&exponential, 64).unwrap(), 0.0, 1.0);
        let third = values.iter().map(|v| v.powi(3)).sum::<f64>() / values.len() as f64;
        // That of an exponential distribution is 2; its tail beyond 1 − 1/128 is cut.
        assert!((1.4..2.0).contains(&third), "{third}");
    }

    #[test]
    fn quantiles_that_are_none_are_refused() {
        let quantiles = |change: fn(&mut Vec<f32>)| {
            let normal: Vec<f64> = drawn(&ErrorShape::Normal, 0.0, 1.0);
            let Some(ErrorShape::Quantiles(mut q)) = ErrorShape::of_errors(&normal, 16) else {
                panic!("none")
            };
            change(&mut q);
            ErrorShape::Quantiles(q).check().map_err(|error| error.to_string())
        };
        assert_eq!(quantiles(|_| {}), Ok(()));
        for (change, message) in [
            ((|q| q.truncate(4)) as fn(&mut Vec<f32>), "error_shape: number of quantiles = 4"),
            (|q| q.swap(3, 9), "lies below the one before"),
            (|q| q[0] = f32::NAN, "error_shape: quantiles = NaN"),
            (|q| q.iter_mut().for_each(|q| *q += 0.5), "mean of the quantiles"),
            (|q| q.iter_mut().for_each(|q| *q *= 2.0), "standard deviation of the quantiles"),
        ] {
            let error = quantiles(change).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
