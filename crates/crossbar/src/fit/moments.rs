//! [`Sums`] over the devices of a state and [`Moments`], what they say of all devices of it.
//!
//! ```text
//! σ_read² = Σ squares / Σ freedom
//! std²    = var(a) − σ_read² mean(v_a)                                   v: variances for σ_read = 1
//! ν_mean  = Σ w ν / Σ w,                     w = 1/(ν_std² + σ_read² v_ν)
//! ν_std²  = (Σ w (ν − ν_mean)² − σ_read² (Σ w v − Σ w² v / Σ w)) / (Σ w − Σ w² / Σ w)
//! ```
//!
//! with weights that are kept in resamples. Where devices lie at 0 (or so near that noise may have put them there),
//! mean and std are those of the most likely normal distribution of which that much lies below.
//!
//! Source of the estimate of a spread behind estimates of different precision: the moment estimator of random
//! effects (DerSimonian and Laird 1986), with weights as Paule and Mandel's.

use super::curve::Curve;

/// Standard errors of a within which a device may be one at 0.
const NEAR_ZERO: f64 = 2.5;
/// Standard errors of a above which its exponent is believed to be normal.
const BELIEVED: f64 = 5.0;

/// What is the same in all resamples of a state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixed {
    /// σ_read² for the weights.
    sigma_2: f64,
    /// ν_std² for the weights.
    tau_2: f64,
    /// Conductance in µS up to which a device counts as one at 0.
    zero_us: f64,
    /// Near the means, against cancellation.
    centre: (f64, f64),
}

/// Sums over devices.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    devices: f64,
    at_zero: f64,
    a: f64,
    aa: f64,
    a_variance: f64,
    squares: f64,
    freedom: f64,
    /// Of the devices whose exponents are believed.
    drifting: f64,
    w: f64,
    wn: f64,
    wnn: f64,
    ww: f64,
    wv: f64,
    wwv: f64,
    /// Of the same, without weights.
    plain: Plain,
}

/// Sums for a correlation.
#[derive(Clone, Copy, Debug, Default)]
struct Plain {
    a: f64,
    aa: f64,
    n: f64,
    nn: f64,
    an: f64,
    a_variance: f64,
    n_variance: f64,
    covariance: f64,
}

/// The variance of estimates, and what of it is their error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spread {
    pub(super) total: f64,
    pub(super) error: f64,
}

impl Spread {
    /// The standard deviation of what is estimated.
    pub(super) fn std(self) -> f64 {
        (self.total - self.error).max(0.0).sqrt()
    }
}

/// Mean and spread of a state, in µS where they are conductances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moments {
    pub(super) mean: f64,
    pub(super) spread: Spread,
    pub(super) read_std: Option<f64>,
    pub(super) nu_mean: Option<f64>,
    pub(super) nu_spread: Option<Spread>,
    /// Covariance of a and ν with the product of their spreads, for the correlation of several states.
    pub(super) together: [f64; 2],
    /// The share of devices at 0.
    pub(super) at_zero: f64,
}

impl Fixed {
    /// From all devices of a state.
    pub(super) fn of(curves: &[Curve]) -> Self {
        let sum = |of: fn(&Curve) -> f64| curves.iter().map(of).sum::<f64>();
        let freedom = sum(|c| c.freedom as f64);
        let sigma_2 = if freedom > 0.0 { sum(|c| c.squares) / freedom } else { 0.0 };
        let n = curves.len() as f64;
        let error = (sigma_2 * sum(|c| c.a_variance) / n).sqrt();
        let mut fixed = Self {
            sigma_2,
            tau_2: 0.0,
            zero_us: NEAR_ZERO * error,
            centre: (sum(|c| c.a_us) / n, 0.0),
        };
        let exponents: Vec<(f64, f64)> = curves.iter().filter_map(|c| fixed.exponent(c)).collect();
        if exponents.len() > 1 {
            let n = exponents.len() as f64;
            let mean = exponents.iter().map(|(nu, _)| nu).sum::<f64>() / n;
            fixed.centre.1 = mean;
            let scatter = exponents.iter().map(|(nu, v)| (nu - mean).powi(2) - v).sum::<f64>() / n;
            fixed.tau_2 = scatter.max(0.0);
            // The unweighted estimate is coarse where precisions differ; two rounds settle the weights.
            for _ in 0..2 {
                let moments = Sums::over(curves, &fixed).moments(&fixed);
                fixed.tau_2 = moments.nu_spread.map_or(0.0, |spread| spread.std().powi(2));
            }
        }
        fixed
    }

    /// The exponent of a device and its variance, if it is believed.
    fn exponent(&self, curve: &Curve) -> Option<(f64, f64)> {
        let drift = curve.drift?;
        let believed = curve.a_us > BELIEVED * (self.sigma_2 * curve.a_variance).sqrt();
        believed.then_some((drift.nu, self.sigma_2 * drift.variance))
    }
}

impl Sums {
    /// Over devices, in their order.
    pub(super) fn over<'a>(curves: impl IntoIterator<Item = &'a Curve>, fixed: &Fixed) -> Self {
        let mut sums = Self::default();
        for curve in curves {
            sums.add(curve, fixed);
        }
        sums
    }

    pub(super) fn add(&mut self, curve: &Curve, fixed: &Fixed) {
        let a = curve.a_us - fixed.centre.0;
        self.devices += 1.0;
        self.a_variance += curve.a_variance;
        self.squares += curve.squares;
        self.freedom += curve.freedom as f64;
        if curve.a_us <= fixed.zero_us {
            self.at_zero += 1.0;
        } else {
            self.a += a;
            self.aa += a * a;
        }
        let (Some((nu, variance)), Some(drift)) = (fixed.exponent(curve), curve.drift) else {
            return;
        };
        // With neither a spread nor an error all weigh the same.
        let spread = fixed.tau_2 + variance;
        let w = if spread > 0.0 { 1.0 / spread } else { 1.0 };
        let (n, v) = (nu - fixed.centre.1, drift.variance);
        self.drifting += 1.0;
        self.w += w;
        self.wn += w * n;
        self.wnn += w * n * n;
        self.ww += w * w;
        self.wv += w * v;
        self.wwv += w * w * v;
        let plain = &mut self.plain;
        plain.a += a;
        plain.aa += a * a;
        plain.n += n;
        plain.nn += n * n;
        plain.an += a * n;
        plain.a_variance += curve.a_variance;
        plain.n_variance += v;
        plain.covariance += drift.covariance;
    }

    /// What they say.
    pub(super) fn moments(&self, fixed: &Fixed) -> Moments {
        let sigma_2 = if self.freedom > 0.0 { self.squares / self.freedom } else { 0.0 };
        let error_2 = sigma_2 * self.a_variance / self.devices;
        let seen = self.devices - self.at_zero;
        let (mean, variance) = if self.at_zero > 0.0 {
            let limit = fixed.zero_us - fixed.centre.0;
            cut_normal([seen, self.a, self.aa], self.at_zero, limit)
        } else {
            let mean = self.a / seen;
            (mean, (self.aa - seen * mean * mean) / (seen - 1.0).max(1.0))
        };
        let drift = self.drift(fixed, sigma_2);
        Moments {
            mean: fixed.centre.0 + mean,
            spread: Spread { total: variance, error: error_2 },
            read_std: (self.freedom > 0.0).then(|| sigma_2.sqrt()),
            nu_mean: drift.map(|(mean, _)| mean),
            nu_spread: drift.map(|(_, spread)| spread),
            together: self.together(sigma_2),
            at_zero: self.at_zero / self.devices,
        }
    }

    fn drift(&self, fixed: &Fixed, sigma_2: f64) -> Option<(f64, Spread)> {
        if self.drifting < 2.0 {
            return None;
        }
        let mean = self.wn / self.w;
        let scatter = self.wnn - self.w * mean * mean;
        let expected = sigma_2 * (self.wv - self.wwv / self.w);
        let weight = self.w - self.ww / self.w;
        let spread = Spread { total: scatter / weight, error: expected / weight };
        Some((fixed.centre.1 + mean, spread))
    }

    fn together(&self, sigma_2: f64) -> [f64; 2] {
        let Plain { a, aa, n, nn, an, a_variance, n_variance, covariance } = self.plain;
        if self.drifting < 3.0 || self.at_zero > 0.0 {
            return [0.0; 2];
        }
        let less_means = |sum: f64, x: f64, y: f64| sum - x * y / self.drifting;
        let both = less_means(an, a, n) - sigma_2 * covariance;
        let a = (less_means(aa, a, a) - sigma_2 * a_variance).max(0.0);
        let n = (less_means(nn, n, n) - sigma_2 * n_variance).max(0.0);
        [both, (a * n).sqrt()]
    }
}

/// Mean and variance of the normal distribution of which `below` of the values lie below `limit` and the others
/// have this number, sum and sum of squares: the most likely one, by expectation and maximisation.
fn cut_normal([seen, sum, squares]: [f64; 3], below: f64, limit: f64) -> (f64, f64) {
    if seen < 2.0 {
        return (limit, 0.0);
    }
    let n = seen + below;
    let mean = sum / seen;
    let (mut m, mut v) = (mean, (squares - seen * mean * mean) / seen);
    if v <= 0.0 {
        return (mean, 0.0);
    }
    for _ in 0..1000 {
        let s = v.sqrt();
        let alpha = (limit - m) / s;
        let lambda = mills(alpha);
        // Mean and variance of what lies below.
        let (e, u) = (m - s * lambda, v * (1.0 - alpha * lambda - lambda * lambda).max(0.0));
        let next_m = (sum + below * e) / n;
        let about = squares - 2.0 * next_m * sum + seen * next_m * next_m;
        let next_v = (about + below * (u + (e - next_m).powi(2))) / n;
        let moved = (next_m - m).abs() + (next_v.sqrt() - s).abs();
        (m, v) = (next_m, next_v);
        if moved < 1e-9 * s {
            break;
        }
    }
    (m, v)
}

/// φ(α)/Φ(α).
fn mills(alpha: f64) -> f64 {
    const ROOT_2_PI: f64 = 2.506_628_274_631_000_7;
    if alpha < -20.0 {
        // Φ has no digits left; the first terms of its expansion have.
        return -alpha + 1.0 / -alpha;
    }
    let density = libm::exp(-0.5 * alpha * alpha) / ROOT_2_PI;
    density / (0.5 * libm::erfc(-alpha * std::f64::consts::FRAC_1_SQRT_2))
}

#[cfg(test)]
mod tests {
    use numerics::Seed;

    use super::super::curve::Drift;
    use super::*;

    fn gaussian(name: &str, n: usize) -> Vec<f64> {
        let mut values = vec![0.0f32; n];
        Seed::new(4).child(name).stream().fill_gaussian(0, &mut values);
        values.into_iter().map(f64::from).collect()
    }

    /// 40,000 devices of known moments, each known with its own error.
    #[test]
    fn moments_come_back() {
        let n = 40_000;
        let (x, y, e, f) = (gaussian("x", n), gaussian("y", n), gaussian("e", n), gaussian("f", n));
        let curves: Vec<Curve> = (0..n)
            .map(|i| {
                let variance = if i % 2 == 0 { 0.25 } else { 4.0 };
                let nu =
                    0.06 + 0.01 * (0.6 * x[i] + 0.8 * y[i]) + 0.005 * f64::sqrt(variance) * f[i];
                Curve {
                    a_us: 10.0 + 0.8 * x[i] + 0.5 * e[i],
                    a_variance: 1.0,
                    drift: Some(Drift { nu, variance: variance * 1e-4, covariance: 0.0 }),
                    squares: 0.25 * 3.0,
                    freedom: 3,
                    halves: None,
                }
            })
            .collect();
        let fixed = Fixed::of(&curves);
        let moments = Sums::over(&curves, &fixed).moments(&fixed);
        // Five standard errors: 0.94/200, 0.94/283, 0.011/200 and as much.
        assert!((moments.mean - 10.0).abs() < 0.024, "{moments:?}");
        assert!((moments.spread.std() - 0.8).abs() < 0.02, "{moments:?}");
        assert_eq!(moments.read_std, Some(0.5));
        let (mean, std) = (moments.nu_mean.unwrap(), moments.nu_spread.unwrap().std());
        assert!((mean - 0.06).abs() < 3e-4 && (std - 0.01).abs() < 3e-4, "{moments:?}");
        let [both, spreads] = moments.together;
        assert!((both / spreads - 0.6).abs() < 0.03, "{}", both / spreads);
    }

    #[test]
    fn a_cut_normal_distribution_comes_back() {
        let n = 40_000;
        for mean in [0.0, 0.3, -0.2] {
            let values: Vec<f64> =
                gaussian("x", n).iter().map(|x| (mean + 0.26 * x).max(0.0)).collect();
            let curves: Vec<Curve> = values
                .iter()
                .map(|&a_us| Curve {
                    a_us,
                    a_variance: 1.0,
                    drift: None,
                    squares: 0.0,
                    freedom: 1,
                    halves: None,
                })
                .collect();
            let fixed = Fixed::of(&curves);
            let moments = Sums::over(&curves, &fixed).moments(&fixed);
            let std = moments.spread.std();
            assert!((moments.mean - mean).abs() < 0.01 && (std - 0.26).abs() < 0.01, "{moments:?}");
        }
    }

    #[test]
    fn the_ratio_of_mills_is_continuous() {
        assert!((mills(0.0) - 0.797_884_560_8).abs() < 1e-9);
        assert!((mills(-20.0) - mills(-20.000_001)).abs() < 1e-3);
    }
}
