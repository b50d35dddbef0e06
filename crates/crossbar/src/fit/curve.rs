//! [`Curve`]: what the readings of one device say of it.
//!
//! ```text
//! min over a, ν of Σ_j w_j (g_j − a e^(−ν L_j))²,    L_j = ln((t_j + t₀)/t₀),   w_j = e^(2 φ L_j)/s(t_j)²
//! ```
//!
//! by Gauss and Newton; φ is 0, or the exponent of the state where the noise is a share of the drifted conductance.
//! Variances are those of the linearised problem for σ_read = 1.

use super::readings::DeviceReadings;
use crate::device::one_over_f_growth;

/// Largest |ν| that is looked for.
const MAX_EXPONENT: f64 = 3.0;
const MAX_STEPS: usize = 40;
/// Steps of ν below this end the search: far below what any reading decides.
const CONVERGED: f64 = 1e-9;

/// The times of a fit, and how loud the noise is at each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// Reference time of the drift in seconds.
    pub(super) t0_s: f64,
    /// Duration of one read in seconds, if the read noise grows as 1/f noise does.
    pub(super) t_read_s: Option<f64>,
    /// Exponent with which the noise fades: that of the conductance where it is a share of what has drifted.
    pub(super) fading: f64,
}

impl Clock {
    /// L of a time.
    fn log_ratio(self, t_s: f64) -> f64 {
        libm::log((t_s + self.t0_s) / self.t0_s)
    }

    /// w of a time. Where the noise has not begun to accumulate it is taken where it begins, at s = 1.
    fn weight(self, t_s: f64) -> f64 {
        let s = self.t_read_s.map_or(1.0, |t_read_s| one_over_f_growth(t_s, t_read_s).max(1.0));
        libm::exp(2.0 * self.fading * self.log_ratio(t_s)) / (s * s)
    }
}

/// The readings of a device as the least squares see them.
#[derive(Clone, Debug)]
pub(super) struct Points {
    log_ratio: Vec<f64>,
    weight: Vec<f64>,
    g_us: Vec<f64>,
}

impl Points {
    pub(super) fn of(device: &DeviceReadings, clock: Clock) -> Self {
        let times = || device.t_s.iter();
        Self {
            log_ratio: times().map(|&t| clock.log_ratio(t)).collect(),
            weight: times().map(|&t| clock.weight(t)).collect(),
            g_us: device.g_us.clone(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.g_us.len()
    }

    /// Without one of them.
    pub(super) fn without(&self, at: usize) -> Self {
        let but = |values: &[f64]| [&values[..at], &values[at + 1..]].concat();
        Self { log_ratio: but(&self.log_ratio), weight: but(&self.weight), g_us: but(&self.g_us) }
    }

    /// Σ ln w.
    pub(super) fn log_weight(&self) -> f64 {
        self.weight.iter().map(|&w| libm::log(w)).sum()
    }

    fn iter(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let pairs = self.log_ratio.iter().zip(&self.weight).zip(&self.g_us);
        pairs.map(|((&l, &w), &g)| (l, w, g))
    }
}

/// The power law of one device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Curve {
    /// Conductance a right after programming in µS.
    pub(super) a_us: f64,
    /// Its variance for σ_read = 1 µS.
    pub(super) a_variance: f64,
    /// The exponent, where readings at two times tell one.
    pub(super) drift: Option<Drift>,
    /// Weighted sum of the squares that are left over.
    pub(super) squares: f64,
    /// Readings less parameters.
    pub(super) freedom: usize,
    /// Mean squares of the earlier and of the later half, freed of what the fit takes from each; of four readings.
    pub(super) halves: Option<[f64; 2]>,
}

/// The exponent of one device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Drift {
    pub(super) nu: f64,
    /// Its variance for σ_read = 1 µS.
    pub(super) variance: f64,
    /// Its covariance with a, likewise.
    pub(super) covariance: f64,
}

/// Sums of the normal equations.
#[derive(Clone, Copy, Default)]
struct Normal {
    ff: f64,
    lff: f64,
    llff: f64,
    rf: f64,
    rlf: f64,
    squares: f64,
}

impl Normal {
    fn at(points: &Points, a: f64, nu: f64) -> Self {
        let mut sums = Self::default();
        for (l, w, g) in points.iter() {
            let f = libm::exp(-nu * l);
            let r = g - a * f;
            sums.ff += w * f * f;
            sums.lff += w * l * f * f;
            sums.llff += w * l * l * f * f;
            sums.rf += w * r * f;
            sums.rlf += w * r * l * f;
            sums.squares += w * r * r;
        }
        sums
    }
}

impl Curve {
    /// The curve through the readings of a device, at least one.
    pub(super) fn fit(points: &Points) -> Self {
        let [first, last] = points
            .log_ratio
            .iter()
            .fold([f64::INFINITY, 0.0f64], |[low, high], &l| [low.min(l), high.max(l)]);
        let drifting = last - first > 1e-6 && points.g_us.iter().any(|&g| g > 0.0);
        drifting
            .then(|| Self::power_law(points))
            .flatten()
            .unwrap_or_else(|| Self::constant(points))
    }

    /// The weighted mean.
    fn constant(points: &Points) -> Self {
        let weights: f64 = points.weight.iter().sum();
        let a = points.iter().map(|(_, w, g)| w * g).sum::<f64>() / weights;
        let squares = points.iter().map(|(_, w, g)| w * (g - a) * (g - a)).sum();
        let freedom = points.len() - 1;
        Self { a_us: a, a_variance: 1.0 / weights, drift: None, squares, freedom, halves: None }
    }

    /// `None` where the readings tell no exponent, as those of a device at 0.
    fn power_law(points: &Points) -> Option<Self> {
        let (mut a, mut nu) = start(points);
        let mut sums = Normal::at(points, a, nu);
        for _ in 0..MAX_STEPS {
            let Normal { ff, lff, llff, rf, rlf, squares } = sums;
            // Derivatives f by a and −a L f by ν.
            let determinant = ff * llff - lff * lff;
            let decided = determinant > 1e-14 * ff * llff && a != 0.0;
            if !decided {
                return None;
            }
            let step_a = (llff * rf - lff * rlf) / determinant;
            let step_nu = (lff * rf - ff * rlf) / determinant / a;
            let mut share = 1.0;
            loop {
                let next =
                    (a + share * step_a, (nu + share * step_nu).clamp(-MAX_EXPONENT, MAX_EXPONENT));
                let there = Normal::at(points, next.0, next.1);
                if there.squares <= squares * (1.0 + 1e-12) || share < 1e-3 {
                    ((a, nu), sums) = (next, there);
                    break;
                }
                share *= 0.5;
            }
            if (share * step_nu).abs() < CONVERGED {
                break;
            }
        }
        let Normal { ff, lff, llff, squares, .. } = sums;
        let determinant = ff * llff - lff * lff;
        let decided = determinant > 1e-14 * ff * llff && a > 0.0 && nu.abs() < MAX_EXPONENT;
        decided.then(|| {
            let a_variance = llff / determinant;
            let drift = Drift {
                nu,
                variance: ff / (a * a * determinant),
                covariance: lff / (a * determinant),
            };
            let freedom = points.len() - 2;
            let halves = (points.len() >= 4).then(|| {
                halves(points, |l, w, g| {
                    let f = libm::exp(-nu * l);
                    let leverage = w * f * f * (llff - 2.0 * l * lff + l * l * ff) / determinant;
                    w * (g - a * f).powi(2) / (1.0 - leverage).max(0.1)
                })
            });
            Self { a_us: a, a_variance, drift: Some(drift), squares, freedom, halves }
        })
    }

    /// With the variances that a device of these parameters would have.
    ///
    /// Those at its own estimates are small where noise made its exponent small or its conductance large, so that
    /// weights by them would favour such devices.
    pub(super) fn with_errors_at(self, points: &Points, a: f64, nu: f64) -> Self {
        let Some(drift) = self.drift else { return self };
        let Normal { ff, lff, llff, .. } = Normal::at(points, a, nu);
        let determinant = ff * llff - lff * lff;
        let (variance, covariance) = (ff / (a * a * determinant), lff / (a * determinant));
        let drift = Some(Drift { variance, covariance, ..drift });
        Self { a_variance: llff / determinant, drift, ..self }
    }

    /// What is expected at a time.
    pub(super) fn at(&self, t_s: f64, clock: Clock) -> f64 {
        let nu = self.drift.map_or(0.0, |drift| drift.nu);
        self.a_us * libm::exp(-nu * clock.log_ratio(t_s))
    }
}

/// A line through ln g over L, each reading with the weight that its logarithm has.
fn start(points: &Points) -> (f64, f64) {
    let (mut n, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (l, w, g) in points.iter().filter(|&(_, _, g)| g > 0.0) {
        let (w, log_g) = (w * g * g, libm::log(g));
        n += w;
        x += w * l;
        y += w * log_g;
        xx += w * l * l;
        xy += w * l * log_g;
    }
    let determinant = n * xx - x * x;
    let slope = if determinant > 1e-12 * n * xx { (n * xy - x * y) / determinant } else { 0.0 };
    let nu = (-slope).clamp(-1.0, 1.0);
    (libm::exp((y + nu * x) / n), nu)
}

/// Means over the earlier and the later half; the one in the middle is in neither.
fn halves(points: &Points, of: impl Fn(f64, f64, f64) -> f64) -> [f64; 2] {
    let half = points.len() / 2;
    let values: Vec<f64> = points.iter().map(|(l, w, g)| of(l, w, g)).collect();
    let mean = |part: &[f64]| part.iter().sum::<f64>() / half as f64;
    [mean(&values[..half]), mean(&values[values.len() - half..])]
}

#[cfg(test)]
mod tests {
    use super::super::readings::State;
    use super::*;

    const CLOCK: Clock = Clock { t0_s: 20.0, t_read_s: None, fading: 0.0 };

    fn device(g: impl Fn(f64) -> f64) -> DeviceReadings {
        let t_s: Vec<f64> = [1.0, 60.0, 3600.0, 86_400.0, 1e6].to_vec();
        let g_us = t_s.iter().map(|&t| g(t)).collect();
        DeviceReadings { device: "a".to_owned(), state: State::Target(10.0), t_s, g_us }
    }

    #[test]
    fn an_exact_power_law_comes_back() {
        for (a, nu) in [(10.0, 0.05), (0.3, -0.02), (25.0, 0.9)] {
            let exact = device(|t| a * ((t + 20.0) / 20.0f64).powf(-nu));
            let curve = Curve::fit(&Points::of(&exact, CLOCK));
            let drift = curve.drift.unwrap();
            assert!((curve.a_us - a).abs() < 1e-9 * a && (drift.nu - nu).abs() < 1e-9, "{curve:?}");
            assert!(curve.squares < 1e-18 && curve.freedom == 3);
            assert!((curve.at(3600.0, CLOCK) - exact.g_us[2]).abs() < 1e-9);
        }
    }

    /// Against the differences of a and ν when one reading after the other is moved.
    #[test]
    fn variances_are_those_of_the_linearised_problem() {
        let at = |moved: Option<usize>| {
            let mut device = device(|t| 8.0 * ((t + 20.0) / 20.0f64).powf(-0.1));
            if let Some(moved) = moved {
                device.g_us[moved] += 1e-4;
            }
            Curve::fit(&Points::of(&device, Clock { t_read_s: Some(250e-9), ..CLOCK }))
        };
        let base = at(None);
        let growth = |t: f64| (((t + 250e-9) / 500e-9).ln()).max(1.0);
        let [mut a, mut nu, mut both] = [0.0; 3];
        for (moved, t) in [1.0, 60.0, 3600.0, 86_400.0, 1e6].into_iter().enumerate() {
            let curve = at(Some(moved));
            let da = (curve.a_us - base.a_us) / 1e-4;
            let dnu = (curve.drift.unwrap().nu - base.drift.unwrap().nu) / 1e-4;
            let variance = growth(t);
            a += da * da * variance;
            nu += dnu * dnu * variance;
            both += da * dnu * variance;
        }
        let drift = base.drift.unwrap();
        for (ours, moved) in [(base.a_variance, a), (drift.variance, nu), (drift.covariance, both)]
        {
            assert!((ours - moved).abs() < 1e-3 * moved.abs(), "{ours} {moved}");
        }
    }

    #[test]
    fn what_tells_no_exponent_is_a_mean() {
        let zero = Curve::fit(&Points::of(&device(|_| 0.0), CLOCK));
        assert_eq!((zero.a_us, zero.drift, zero.freedom), (0.0, None, 4));
        let mut same = device(|_| 3.0);
        same.t_s = vec![5.0; 5];
        same.g_us[0] = 4.0;
        let same = Curve::fit(&Points::of(&same, CLOCK));
        assert_eq!((same.drift, same.a_variance), (None, 0.2));
        assert!((same.a_us - 3.2).abs() < 1e-12 && (same.squares - 0.8).abs() < 1e-12);
    }
}
