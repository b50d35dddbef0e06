//! [`Estimate`]: a mean with its standard error.

/// A measured quantity: mean, standard error of the mean, number of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error; of a single sample, whatever the caller knows about its noise.
    pub standard_error: f64,
    /// Number of samples.
    pub samples: usize,
}

impl Estimate {
    /// Mean and standard error s/√n of independent samples; one sample takes `single` as its
    /// standard error.
    ///
    /// # Panics
    ///
    /// If there are no samples.
    #[track_caller]
    pub fn of(samples: &[f64], single: f64) -> Self {
        assert!(!samples.is_empty(), "an estimate needs samples");
        let n = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / n;
        let standard_error = if samples.len() == 1 {
            single
        } else {
            let squares: f64 = samples.iter().map(|x| (x - mean).powi(2)).sum();
            (squares / (n - 1.0) / n).sqrt()
        };
        Self { mean, standard_error, samples: samples.len() }
    }

    /// Half the width of the 95 % interval: Student's t for the number of samples times the
    /// standard error, so that two or three seeds claim no more than they know.
    pub fn margin(&self) -> f64 {
        self.standard_error * student_t_95(self.samples)
    }
}

/// Two-sided 95 % quantile of Student's t for the mean of `samples` values; a single sample, whose
/// error is not estimated from it, takes the normal one.
fn student_t_95(samples: usize) -> f64 {
    match samples {
        0 | 1 => 1.96,
        2 => 12.71,
        3 => 4.30,
        4 => 3.18,
        5 => 2.78,
        6 => 2.57,
        7 => 2.45,
        8 => 2.36,
        9 => 2.31,
        10 => 2.26,
        11..=20 => 2.13,
        _ => 2.04,
    }
}

/// Standard error of an error rate `p` (in %) measured on `count` test images, as a binomial
/// proportion.
pub fn binomial_standard_error_percent(p: f64, count: f64) -> f64 {
    let p = (p / 100.0).clamp(0.0, 1.0);
    100.0 * (p * (1.0 - p) / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_error_is_that_of_the_mean() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0], 9.0);
        assert_eq!(estimate.mean, 2.0);
        assert!((estimate.standard_error - (1.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(Estimate::of(&[5.0], 0.25).standard_error, 0.25);
    }

    #[test]
    fn a_test_set_of_ten_thousand_resolves_a_tenth_of_a_percent() {
        assert!((binomial_standard_error_percent(1.4, 10_000.0) - 0.1175).abs() < 1e-3);
    }
}
