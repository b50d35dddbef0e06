//! What outliers do not move: medians, and readings that no noise explains.

use super::curve::{Curve, Points};

/// Median, of at least one number.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    let (_, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if values.len() % 2 == 1 {
        return upper;
    }
    let lower = values[..middle].iter().copied().fold(f64::NEG_INFINITY, f64::max);
    0.5 * (lower + upper)
}

/// Median and the standard deviation of the normal distribution with the same median of distances.
pub(super) fn median_and_spread(values: &[f64]) -> (f64, f64) {
    /// 1/Φ⁻¹(¾).
    const NORMAL: f64 = 1.482_602_218_505_602;
    let mut values = values.to_vec();
    let centre = median(&mut values);
    values.iter_mut().for_each(|value| *value = (*value - centre).abs());
    (centre, NORMAL * median(&mut values))
}

/// Squares left over, in units of σ_read², beyond which a device is looked at for outliers: χ² of that freedom
/// exceeds it once in a million million.
fn suspicious(freedom: usize) -> f64 {
    let freedom = freedom as f64;
    freedom + 10.0 * (2.0 * freedom).sqrt() + 40.0
}

/// The curve of a device without those of its readings that no noise of variance `sigma_2` explains, and how
/// many these are: at most a third of them, one after the other, each the one whose absence leaves least over. If
/// that does not do, nothing is left out.
pub(super) fn without_outliers(points: &Points, curve: Curve, sigma_2: f64) -> (Curve, usize) {
    let explained = |curve: &Curve| curve.squares <= sigma_2 * suspicious(curve.freedom);
    let (mut points, mut now) = (points.clone(), curve);
    let most = points.len() / 3;
    for left_out in 0..=most {
        if explained(&now) {
            return (now, left_out);
        }
        if points.len() < 4 {
            break;
        }
        let without = (0..points.len()).map(|at| (at, Curve::fit(&points.without(at))));
        let best = without.min_by(|a, b| f64::total_cmp(&a.1.squares, &b.1.squares));
        let Some((at, curve)) = best else { break };
        (points, now) = (points.without(at), curve);
    }
    (curve, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_medians() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&mut [7.0]), 7.0);
        let (centre, spread) = median_and_spread(&[-1.0, 0.0, 1.0, 100.0, 0.0]);
        assert_eq!(centre, 0.0);
        assert!((spread - 1.4826).abs() < 1e-4);
    }
}
