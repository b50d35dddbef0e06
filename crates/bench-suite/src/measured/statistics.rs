//! [`Estimate`]: a mean with its standard error.

/// A measured quantity: mean, standard error of the mean, number of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error; NaN where nothing tells, as of a single sample.
    pub standard_error: f64,
    /// Number of samples.
    pub samples: usize,
}

impl Estimate {
    /// Mean and standard error s/√n of independent samples. Of one sample alone the standard error is not
    /// known. `None` without samples.
    pub fn of(samples: &[f64]) -> Option<Self> {
        if samples.is_empty() {
            return None;
        }
        let n = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / n;
        let standard_error = if samples.len() == 1 {
            f64::NAN
        } else {
            let squares: f64 = samples.iter().map(|x| (x - mean).powi(2)).sum();
            (squares / (n - 1.0) / n).sqrt()
        };
        Some(Self { mean, standard_error, samples: samples.len() })
    }

    /// A quantity whose standard error is known otherwise than from samples.
    pub fn known(mean: f64, standard_error: f64) -> Self {
        Self { mean, standard_error, samples: 1 }
    }

    /// A quantity without an error: a count, or what a formula gives.
    pub fn exact(mean: f64) -> Self {
        Self::known(mean, 0.0)
    }

    /// The mean of `a` − the mean of `b`, samples that are no pairs: the standard error is √(s²/n + s²/m), and
    /// as many samples count as the smaller of both has. `None` if one of them is empty.
    pub fn difference(a: &[f64], b: &[f64]) -> Option<Self> {
        let (a, b) = (Self::of(a)?, Self::of(b)?);
        Some(Self {
            mean: a.mean - b.mean,
            standard_error: a.standard_error.hypot(b.standard_error),
            samples: a.samples.min(b.samples),
        })
    }

    /// With a further source of scatter, independent of what there was, of this standard error.
    #[must_use]
    pub fn with_scatter(self, standard_error: f64) -> Self {
        Self { standard_error: self.standard_error.hypot(standard_error), ..self }
    }

    /// Whether there is an interval at all.
    pub fn has_interval(&self) -> bool {
        !self.standard_error.is_nan()
    }

    /// Half the width of the 90 % interval: Student's t for the number of samples times the
    /// standard error, so that two or three seeds claim no more than they know. NaN where the standard
    /// error is not known.
    ///
    /// The true mean is above the interval with a probability of 5 %, and below it with 5 %: a
    /// one-sided claim whose limit is outside passes at the 95 % level.
    pub fn margin(&self) -> f64 {
        self.standard_error * student_t(self.samples)
    }
}

/// What the sampling of a test set adds to the difference of two test errors: its standard error, if both
/// networks see the same examples. It is that of the mean over examples of the differences, `ours` being the
/// errors of each example in one test or several, and `reference` those of the other network. NaN of fewer than
/// two examples.
///
/// # Panics
///
/// If there is no test, or they are not of the same examples.
#[track_caller]
pub fn sampling_error(ours: &[Vec<f64>], reference: &[f64]) -> f64 {
    assert!(!ours.is_empty(), "no test");
    let tests = ours.len() as f64;
    let mut differences: Vec<f64> = reference.iter().map(|error| -error).collect();
    for test in ours {
        assert_eq!(test.len(), reference.len(), "tests of different examples");
        differences.iter_mut().zip(test).for_each(|(difference, e)| *difference += e / tests);
    }
    Estimate::of(&differences).map_or(f64::NAN, |estimate| estimate.standard_error)
}

/// The one-sided 95 % quantile of Student's t for the mean of `samples` values; a single sample,
/// whose error is not estimated from it, takes the normal one. Between the rows of the table the
/// next larger value holds.
fn student_t(samples: usize) -> f64 {
    match samples {
        0 | 1 => 1.645,
        2 => 6.314,
        3 => 2.920,
        4 => 2.354,
        5 => 2.132,
        6 => 2.016,
        7 => 1.944,
        8 => 1.895,
        9 => 1.860,
        10 => 1.834,
        11..=20 => 1.813,
        _ => 1.725,
    }
}

/// Pearson's correlation of two quantities; `None` below two pairs or if one of them is constant.
///
/// # Panics
///
/// If they are not pairs.
#[track_caller]
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "{} and {} values are no pairs", x.len(), y.len());
    let n = x.len() as f64;
    let mean = |x: &[f64]| x.iter().sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let mut sums = [0.0; 3];
    for (x, y) in x.iter().zip(y) {
        let (x, y) = (x - mean_x, y - mean_y);
        sums[0] += x * x;
        sums[1] += y * y;
        sums[2] += x * y;
    }
    (x.len() >= 2 && sums[0] > 0.0 && sums[1] > 0.0).then(|| sums[2] / (sums[0] * sums[1]).sqrt())
}

/// Spearman's correlation: Pearson's of the ranks, equals sharing their mean rank.
///
/// # Panics
///
/// If they are not pairs.
#[track_caller]
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    pearson(&ranks(x), &ranks(y))
}

fn ranks(x: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
    let mut ranks = vec![0.0; x.len()];
    let mut first = 0;
    for equals in order.chunk_by(|&a, &b| x[a] == x[b]) {
        let mean = first as f64 + (equals.len() - 1) as f64 / 2.0;
        equals.iter().for_each(|&i| ranks[i] = mean);
        first += equals.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_error_is_that_of_the_mean() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(estimate.mean, 2.0);
        assert!((estimate.standard_error - (1.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(Estimate::of(&[]), None);
    }

    #[test]
    fn a_single_sample_tells_nothing_of_its_error() {
        let single = Estimate::of(&[5.0]).unwrap();
        assert!(single.mean == 5.0 && !single.has_interval() && single.margin().is_nan());
        // Twice the same is an interval, if a lucky one; so is what is known otherwise.
        assert_eq!(Estimate::of(&[5.0, 5.0]).unwrap().margin(), 0.0);
        assert_eq!(Estimate::exact(5.0).margin(), 0.0);
        assert!((Estimate::known(5.0, 2.0).margin() - 3.29).abs() < 1e-12);
    }

    #[test]
    fn independent_scatter_adds_in_squares() {
        let difference = Estimate::difference(&[1.0, 3.0], &[1.0, 2.0, 3.0]).unwrap();
        assert_eq!((difference.mean, difference.samples), (0.0, 2));
        // √(1 + 1/3).
        assert!((difference.standard_error - (4.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(Estimate::known(1.0, 3.0).with_scatter(4.0), Estimate::known(1.0, 5.0));
        assert!(Estimate::of(&[1.0]).unwrap().with_scatter(1.0).standard_error.is_nan());
        assert_eq!(Estimate::difference(&[], &[1.0]), None);
    }

    #[test]
    fn the_sampling_of_a_test_set_is_that_of_pairs() {
        let reference = [0.0, 1.0, 0.0, 1.0];
        // A network that errs where the other does differs by nothing, whatever the examples.
        assert_eq!(sampling_error(&[reference.to_vec()], &reference), 0.0);
        // Differences 1, 0, 0, 0: s² = 1/4, over 4 examples. In two tests, half of that: 1/2, 0, 0, 0.
        let worse = vec![1.0, 1.0, 0.0, 1.0];
        assert!((sampling_error(std::slice::from_ref(&worse), &reference) - 0.25).abs() < 1e-15);
        assert!((sampling_error(&[worse, reference.to_vec()], &reference) - 0.125).abs() < 1e-15);
        assert!(sampling_error(&[vec![1.0]], &[0.0]).is_nan());
    }

    #[test]
    fn correlations_are_the_known_ones() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(pearson(&x, &x), Some(1.0));
        assert_eq!(pearson(&x, &[5.0, 4.0, 3.0, 2.0, 1.0]), Some(-1.0));
        // Monotonic but not linear.
        assert_eq!(spearman(&x, &[1.0, 8.0, 27.0, 64.0, 125.0]), Some(1.0));
        // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / √(4.5 · 5).
        let found = spearman(&[1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((found - 4.5 / 22.5f64.sqrt()).abs() < 1e-12, "{found}");
        assert_eq!(pearson(&x, &[2.0; 5]), None);
        assert_eq!(spearman(&[1.0], &[1.0]), None);
    }
}
