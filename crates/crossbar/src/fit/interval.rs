//! [`Interval`]: a fitted number with what it may as well be.

use serde::Serialize;

use super::moments::Spread;

/// A value and its 95 % interval, by resampling devices.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The value.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The share of resamples beyond each end.
const BEYOND: f64 = 0.025;
/// The normal quantile of that share.
const Z: f64 = 1.959_963_985;

impl Interval {
    /// Whether a number lies within.
    pub fn contains(&self, x: f64) -> bool {
        (self.low..=self.high).contains(&x)
    }

    /// A number that nothing makes uncertain.
    pub(super) fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }

    /// What resamples of `n` devices say of a mean: they scatter about the value as the value does about the
    /// truth, but for the factor √(n/(n−1)) and for what Student's t is wider than the normal distribution.
    pub(super) fn of_mean(value: f64, resamples: &[f64], n: usize) -> Self {
        let freedom = (n as f64 - 1.0).max(1.0);
        let widened = (1.0 + 1.0 / freedom).sqrt() * (1.0 + (Z * Z + 1.0) / (4.0 * freedom));
        let Some([low, high]) = ends(resamples) else { return Self::exact(value) };
        Self { value, low: value - widened * (high - value), high: value + widened * (value - low) }
    }

    /// Of a standard deviation with that many degrees of freedom, whose logarithm scatters about that of the truth.
    ///
    /// Resamples of few devices know too little of the tails of their distribution. So the interval is no narrower
    /// than that of a normal distribution, by χ².
    pub(super) fn of_std(value: f64, resamples: &[f64], n: usize, freedom: usize) -> Self {
        let Some([low, high]) = ends(resamples) else { return Self::exact(value) };
        // What resamples find to be 0 may be 0.
        if low <= 0.0 || value <= 0.0 {
            return Self { value, low: 0.0, high: high.max(2.0 * value - low) };
        }
        let logs =
            resamples.iter().filter(|r| **r > 0.0).map(|r| libm::log(*r)).collect::<Vec<_>>();
        let Self { low, high, .. } = Self::of_mean(libm::log(value), &logs, n);
        let [normal_low, normal_high] = [Z, -Z].map(|z| value / chi_2(freedom.max(1), z).sqrt());
        Self { value, low: libm::exp(low).min(normal_low), high: libm::exp(high).max(normal_high) }
    }

    /// Of the spread behind estimates that err: the logarithm of the variance of the estimates scatters about that
    /// of the truth, and their errors are subtracted from both ends.
    pub(super) fn of_spread(value: Spread, resamples: &[Spread], n: usize) -> Self {
        let totals: Vec<f64> =
            resamples.iter().map(|spread| spread.total.max(0.0).sqrt()).collect();
        let total = Self::of_std(value.total.max(0.0).sqrt(), &totals, n, n - 1);
        let behind = |end: f64| Spread { total: end * end, ..value }.std();
        Self { value: value.std(), low: behind(total.low), high: behind(total.high) }
    }

    /// Of a share `count` of `of`, by Wilson's formula.
    pub(super) fn of_share(count: usize, of: usize) -> Self {
        if of == 0 {
            return Self { value: 0.0, low: 0.0, high: 1.0 };
        }
        let (n, p) = (of as f64, count as f64 / of as f64);
        let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        Self { value: p, low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
    }
}

/// The quantile of χ²/k whose normal quantile is z, by Wilson and Hilferty's cube.
fn chi_2(k: usize, z: f64) -> f64 {
    let ninth = 2.0 / (9.0 * k as f64);
    (1.0 - ninth + z * ninth.sqrt()).max(1e-3).powi(3)
}

/// The quantiles at both ends, between neighbours; `None` without resamples.
fn ends(resamples: &[f64]) -> Option<[f64; 2]> {
    let mut sorted = resamples.to_vec();
    sorted.sort_by(f64::total_cmp);
    (!sorted.is_empty()).then(|| [BEYOND, 1.0 - BEYOND].map(|share| quantile(&sorted, share)))
}

/// The quantile of sorted numbers, at least one.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_turn_what_scatters_around() {
        let resamples: Vec<f64> = (0..=40).map(|i| 10.0 + f64::from(i) * 0.1).collect();
        let Interval { low, high, .. } = Interval::of_mean(11.0, &resamples, 1_000_000);
        assert!((low - 8.1).abs() < 1e-3 && (high - 11.9).abs() < 1e-3, "{low} {high}");
        let std = Interval::of_std(11.0, &resamples, 1_000_000, 1_000_000);
        assert!((std.low - 121.0 / 13.9).abs() < 1e-2 && (std.high - 121.0 / 10.1).abs() < 1e-2);
        let zero = Interval::of_std(0.0, &[0.0, 0.0, 0.1], 10, 9);
        assert_eq!((zero.value, zero.low), (0.0, 0.0));
        // The table of χ² for 10 degrees of freedom: 3.247 and 20.483.
        let few = Interval::of_std(1.0, &[1.0; 50], 11, 10);
        assert!((few.low - 0.6987).abs() < 1e-3 && (few.high - 1.755).abs() < 1e-2, "{few:?}");
    }

    #[test]
    fn a_share_of_none_is_not_certainly_none() {
        let none = Interval::of_share(0, 100);
        assert_eq!((none.value, none.low), (0.0, 0.0));
        assert!((none.high - 0.037).abs() < 1e-3, "{}", none.high);
        assert!(Interval::of_share(3, 100).contains(0.05));
    }
}
