//! Means and standard deviations of two samples, compared in their own standard errors.

/// Standard errors that pass. A file has about a thousand moments, and of so many one in a thousand
/// files exceeds five by chance, if each were normal.
pub(crate) const MOMENT: f64 = 5.0;

/// What is known of a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) mean: f64,
    pub(crate) variance: f64,
    /// Fourth central moment.
    pub(crate) fourth: f64,
}

impl Moments {
    pub(crate) fn of(samples: impl Iterator<Item = f64> + Clone) -> Self {
        let count = samples.clone().count() as f64;
        let mean = samples.clone().sum::<f64>() / count;
        let variance = samples.clone().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let fourth = samples.map(|x| (x - mean).powi(4)).sum::<f64>() / count;
        Self { count, mean, variance, fourth }
    }
}

/// Mean and standard deviation of a golden sample of so many draws, each if it is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Golden {
    pub(crate) mean: Option<f64>,
    pub(crate) std: Option<f64>,
    pub(crate) draws: f64,
}

impl Golden {
    /// The larger error of the two moments in standard errors, beyond `floor`, which rounding may do.
    ///
    /// ```text
    /// Var(mean) = σ² ν,    Var(s²) = (μ₄ − σ⁴) ν + 2 σ⁴ ν²,    ν = 1/n + 1/N
    /// ```
    ///
    /// with the kurtosis μ₄/σ⁴ of our sample: that of a number that takes two values is 1, not 3, and
    /// of a drifted conductance near zero it is large. Where the first term of Var(s²) vanishes, as
    /// for two values that are equally likely, s² errs by the square of the mean's error: the errors z
    /// that are reported solve |Δs²| = z √((μ₄ − σ⁴) ν) + z² σ² ν.
    pub(crate) fn standard_errors(&self, ours: &Moments, floor: f64) -> f64 {
        // Printed with 7 digits: half a unit of the last one.
        let excess = |ours: f64, golden: f64| {
            let error = (ours - golden).abs() - floor - 5e-7 * golden.abs();
            if error.is_nan() { f64::NAN } else { error.max(0.0) }
        };
        let ratio = |error: f64, unit: f64| if error == 0.0 { 0.0 } else { error / unit };
        let share = 1.0 / ours.count + 1.0 / self.draws;
        let variance = ours.variance.max(self.std.map_or(0.0, |std| std * std));
        // Of what has not happened once in ours it is that of one event among theirs.
        let kurtosis = if ours.variance > 0.0 {
            ours.fourth / ours.variance.powi(2)
        } else {
            self.draws.min(ours.count)
        };
        let of_mean = self
            .mean
            .map_or(0.0, |golden| ratio(excess(ours.mean, golden), (variance * share).sqrt()));
        let of_std = self.std.map_or(0.0, |golden| {
            let std = ours.variance.sqrt();
            let error = excess(std, golden) * (std + golden);
            let first = variance * ((kurtosis - 1.0).max(0.0) * share).sqrt();
            let second = variance * share;
            // 2 Δ / (a + √(a² + 4 b Δ)) solves Δ = a z + b z² without cancellation.
            ratio(2.0 * error, first + (first * first + 4.0 * second * error).sqrt())
        });
        super::nan_max(of_mean, of_std)
    }
}
