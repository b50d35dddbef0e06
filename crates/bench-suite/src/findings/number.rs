//! [`Number`]: how a measured number is printed, everywhere.

use std::fmt;

use crate::measured::statistics::Estimate;

/// A number with so many decimals, and with half of its 90 % interval where it has one. It has a minus
/// sign and no hyphen, and none before a zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    value: f64,
    error: Option<f64>,
    digits: usize,
    has_plus: bool,
}

impl Number {
    /// A number alone.
    pub fn new(value: f64, digits: usize) -> Self {
        Self { value, error: None, digits, has_plus: false }
    }

    /// An estimate with so many decimals: the mean alone where there is no interval or where all samples
    /// are equal, which says nothing of others.
    pub fn rounded(estimate: Estimate, digits: usize) -> Self {
        let margin = estimate.margin();
        let error = (margin > 0.0).then_some(margin);
        Self { error, ..Self::new(estimate.mean, digits) }
    }

    /// An estimate with as many decimals as its interval has a use for; what is exact has two or fewer.
    pub fn measured(estimate: Estimate) -> Self {
        let margin = estimate.margin();
        let digits = match margin {
            0.0 => return Self::new(estimate.mean, decimals(estimate.mean)),
            9.95.. => 0,
            0.995.. => 1,
            // As many as show the first one of the margin.
            _ if margin > 0.0 => (-margin.log10()).ceil().clamp(2.0, 6.0) as usize,
            _ => 2,
        };
        Self::rounded(estimate, digits)
    }

    /// With a plus sign where it has no minus sign, as a difference is written.
    #[must_use]
    pub fn with_plus(self) -> Self {
        Self { has_plus: true, ..self }
    }
}

/// A difference in points, as it is printed.
pub fn points(difference: f64, digits: usize) -> String {
    format!("{} points", Number::new(difference, digits).with_plus())
}

/// Up to two decimals, as many as are not zero.
fn decimals(value: f64) -> usize {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0');
    text.split_once('.').map_or(0, |(_, decimals)| decimals.len())
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, error, digits, has_plus } = *self;
        let magnitude = format!("{:.digits$}", value.abs());
        let is_zero = magnitude.bytes().all(|byte| matches!(byte, b'0' | b'.'));
        let sign = match value.is_sign_negative() {
            _ if value.is_nan() => "",
            true if is_zero => "",
            true => "−",
            false if has_plus => "+",
            false => "",
        };
        write!(f, "{sign}{magnitude}")?;
        error.map_or(Ok(()), |error| write!(f, " ± {error:.digits$}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_minus_sign_and_none_before_a_zero() {
        let text = |value, digits| Number::new(value, digits).to_string();
        assert_eq!([text(1.26, 1), text(-1.26, 1), text(-12.0, 0)], ["1.3", "−1.3", "−12"]);
        assert_eq!([text(-0.04, 1), text(0.0, 2), text(-0.0, 0)], ["0.0", "0.00", "0"]);
        assert_eq!([text(f64::NAN, 2), text(f64::NEG_INFINITY, 2)], ["NaN", "−inf"]);
        let signed = |value| Number::new(value, 1).with_plus().to_string();
        assert_eq!([0.41, -0.41, -0.04, f64::NAN].map(signed), ["+0.4", "−0.4", "0.0", "NaN"]);
    }

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
}
