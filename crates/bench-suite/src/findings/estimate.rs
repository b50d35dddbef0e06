//! How estimates are printed and drawn.

use report::Measured;
use report::figure::{Curve, LineStyle};

use crate::measured::statistics::Estimate;

impl From<Estimate> for Measured {
    fn from(estimate: Estimate) -> Self {
        Self { value: estimate.mean, margin: estimate.margin() }
    }
}

/// Estimates over x, with bands of half of a 90 % interval where there is one.
pub fn of_estimates(
    label: impl Into<String>,
    colour: usize,
    estimates: impl IntoIterator<Item = (f64, Estimate)>,
) -> Curve {
    let of = |(x, e): (f64, Estimate)| ((x, e.mean), e.margin().max(0.0));
    let (points, band) = estimates.into_iter().map(of).unzip();
    Curve { label: label.into(), colour, points, band, ..Curve::default() }
}

/// The mean over seeds at x = `first`, `first` + 1, …, with a band of half of a 90 % interval.
pub fn of_seeds(label: impl Into<String>, colour: usize, first: f64, seeds: &[Vec<f64>]) -> Curve {
    let len = seeds.iter().map(Vec::len).min().unwrap_or(0);
    let estimates: Vec<_> = (0..len)
        .filter_map(|i| {
            let values: Vec<f64> = seeds.iter().map(|series| series[i]).collect();
            Estimate::of(&values)
        })
        .collect();
    Curve {
        label: label.into(),
        colour,
        style: LineStyle::Ours,
        points: estimates.iter().enumerate().map(|(i, e)| (first + i as f64, e.mean)).collect(),
        band: if seeds.len() > 1 {
            estimates.iter().map(Estimate::margin).collect()
        } else {
            Vec::new()
        },
        labels: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use report::Number;

    use super::*;

    #[test]
    fn estimates_read_well() {
        let text = |mean, standard_error| {
            Number::measured(Estimate { mean, standard_error, samples: 100 }).to_string()
        };
        assert_eq!(text(812.0, 0.0), "812");
        assert_eq!(text(260.288, 0.0), "260.29");
        assert_eq!(text(-0.031, 0.05), "−0.03 ± 0.09");
        assert_eq!(text(99.854_2, 0.002), "99.854 ± 0.003");
        assert_eq!(text(-0.04, 0.8), "0.0 ± 1.4");
        assert_eq!(text(5.7, 2.0), "5.7 ± 3.5");
        assert_eq!(text(296.3, 40.0), "296 ± 69");
        assert_eq!(text(5.612, f64::NAN), "5.61");
        assert_eq!([text(0.5, 0.0), text(-0.001, 0.0), text(f64::NAN, 0.0)], ["0.5", "0", "NaN"]);
    }

    #[test]
    fn an_interval_is_shown_where_there_is_one() {
        let of = |samples: &[f64]| {
            Estimate::of(samples).map(|estimate| Number::rounded(estimate, 1).to_string()).unwrap()
        };
        // Two values 2 apart: a standard error of 1, and t = 6.314.
        assert_eq!(of(&[-1.0, -3.0]), "−2.0 ± 6.3");
        assert_eq!([of(&[2.24]), of(&[2.24, 2.24])], ["2.2", "2.2"]);
        assert_eq!(Number::rounded(Estimate::exact(-0.04), 1).to_string(), "0.0");
    }

    #[test]
    fn a_band_needs_two_seeds() {
        let of = |seeds: &[Vec<f64>]| of_seeds("loss", 1, 1.0, seeds);
        let one = of(&[vec![3.0, 2.0]]);
        assert_eq!(one.points, [(1.0, 3.0), (2.0, 2.0)]);
        assert!(one.band.is_empty());
        // The shorter one ends the curve.
        let two = of(&[vec![3.0, 2.0], vec![1.0]]);
        assert_eq!((two.points.as_slice(), two.band.len()), ([(1.0, 2.0)].as_slice(), 1));
    }

    #[test]
    fn an_estimate_without_an_interval_has_no_band() {
        let points = [(1.0, Estimate::known(2.0, 1.0)), (2.0, Estimate::of(&[3.0]).unwrap())];
        let curve = of_estimates("error", 2, points);
        assert_eq!(curve.points, [(1.0, 2.0), (2.0, 3.0)]);
        assert_eq!(curve.band, [1.645, 0.0]);
    }
}
