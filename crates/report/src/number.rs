//! [`Number`]: how a measured number is printed, everywhere.

use std::fmt;

/// A value with half of its interval: 0 where it is exact, NaN where nothing tells how far it scatters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The value.
    pub value: f64,
    /// Half of its interval.
    pub margin: f64,
}

/// A number with so many decimals, and with half of its interval where it has one. It has a minus
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
    pub fn rounded(estimate: impl Into<Measured>, digits: usize) -> Self {
        let Measured { value, margin } = estimate.into();
        let error = (margin > 0.0).then_some(margin);
        Self { error, ..Self::new(value, digits) }
    }

    /// An estimate with as many decimals as its interval has a use for; what is exact has two or fewer.
    pub fn measured(estimate: impl Into<Measured>) -> Self {
        let estimate = estimate.into();
        let Measured { value, margin } = estimate;
        let digits = match margin {
            0.0 => return Self::new(value, decimals(value)),
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

/// A value as a reader of a figure wants it: four significant digits, powers of ten for the very small
/// and the very large, and half of its interval with the same decimals where there is one.
pub fn significant(value: f64, margin: Option<f64>) -> String {
    let exponent = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    let margin = margin.filter(|margin| *margin > 0.0);
    if !value.is_finite() || !(-4.0..6.0).contains(&exponent) {
        let text = |x: f64| format!("{x:.2e}").replace('-', "−");
        return margin.map_or_else(|| text(value), |m| format!("{} ± {}", text(value), text(m)));
    }
    let digits = (3.0 - exponent).clamp(0.0, 6.0) as usize;
    let number = Number::rounded(Measured { value, margin: margin.unwrap_or(0.0) }, digits);
    number.to_string()
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
    fn a_value_has_four_digits() {
        let text = |value| significant(value, None);
        assert_eq!([text(24.612_3), text(-0.012_345), text(0.0)], ["24.61", "−0.01235", "0.000"]);
        assert_eq!([text(1.3e-5), text(60_000.0)], ["1.30e−5", "60000"]);
        assert_eq!(significant(2.0, Some(0.25)), "2.000 ± 0.250");
        assert_eq!([text(f64::NAN), significant(2.0, Some(0.0))], ["NaN", "2.000"]);
    }
}
