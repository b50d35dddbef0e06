//! Golden values against the models: what the conformance command and the golden tests share.

#[path = "circuits.rs"]
mod circuits;
#[path = "devices.rs"]
mod devices;
#[path = "products.rs"]
mod products;

use serde_json::Value;

/// One quantity of a file.
#[derive(Debug)]
pub(crate) struct Row {
    /// What was compared, and where in the file.
    pub(crate) quantity: String,
    /// How many numbers were compared.
    pub(crate) values: usize,
    /// Largest error, in the unit of the tolerance.
    pub(crate) worst: f64,
    /// Largest error that passes: relative for deterministic values, in standard errors for
    /// moments.
    pub(crate) tolerance: f64,
}

impl Row {
    /// Whether the quantity passes. A NaN does not.
    pub(crate) fn ok(&self) -> bool {
        self.worst <= self.tolerance && self.values > 0
    }
}

/// Relative tolerance of deterministic products: f32 sums of up to 512 terms, printed with 7 digits.
pub(crate) const DETERMINISTIC: f64 = 1e-5;
/// Standard errors of a moment: false alarm 6·10⁻⁵ per number for an unlucky seed.
pub(crate) const MOMENT: f64 = 4.0;

/// Checks a file of either format.
///
/// # Errors
///
/// What is wrong with the file.
pub(crate) fn check(text: &str) -> Result<Vec<Row>, String> {
    // Python writes an open device as a bare Infinity, which JSON does not know.
    let text = text.replace("Infinity", "\"inf\"");
    let file: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    let mut known = false;
    if let Some(cases) = file.get("mvm").and_then(Value::as_array) {
        known = true;
        for (index, case) in cases.iter().enumerate() {
            products::check(index, case, &mut rows)?;
        }
    }
    if let Some(cases) = file.get("device").and_then(Value::as_array) {
        known = true;
        for (index, case) in cases.iter().enumerate() {
            devices::check(index, case, &mut rows)?;
        }
    }
    if let Some(cases) = file.get("cases").and_then(Value::as_object) {
        known = true;
        for (name, case) in cases {
            circuits::check(name, case, &mut rows)?;
        }
    }
    if known { Ok(rows) } else { Err("neither mvm, device nor cases in the file".to_owned()) }
}

/// Numbers of a list.
pub(crate) fn list(value: &Value, place: &str) -> Result<Vec<f64>, String> {
    let items = value.as_array().ok_or_else(|| format!("{place} is not a list"))?;
    items.iter().map(|item| number(item, place)).collect()
}

/// Numbers of a list of lists.
pub(crate) fn matrix(value: &Value, place: &str) -> Result<Vec<Vec<f64>>, String> {
    let rows = value.as_array().ok_or_else(|| format!("{place} is not a list of lists"))?;
    rows.iter().map(|row| list(row, place)).collect()
}

/// A number; "inf" stands for infinity, which JSON cannot write.
pub(crate) fn number(value: &Value, place: &str) -> Result<f64, String> {
    match value {
        Value::String(text) if text == "inf" => Ok(f64::INFINITY),
        _ => value.as_f64().ok_or_else(|| format!("{place}: {value} is not a number")),
    }
}

/// The worst error relative to the golden value, or to a hundredth of the largest one where the
/// value is smaller: sums that cancel keep the error of their terms.
pub(crate) fn worst_relative(ours: &[f64], golden: &[f64]) -> f64 {
    let floor = golden.iter().fold(0.0f64, |max, g| max.max(g.abs())) * 0.01;
    let error = |(o, g): (&f64, &f64)| (o - g).abs() / g.abs().max(floor).max(f64::MIN_POSITIVE);
    ours.iter().zip(golden).map(error).fold(0.0, nan_max)
}

/// The larger number; NaN if either is.
pub(crate) fn nan_max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// Mean and standard deviation.
pub(crate) fn moments(samples: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = samples.clone().count() as f64;
    let mean = samples.clone().sum::<f64>() / n;
    let variance = samples.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, variance.sqrt())
}

/// Errors of means and standard deviations in standard errors, for `n` samples of ours and
/// `golden_n` of theirs (infinitely many if analytic).
pub(crate) fn moment_error(
    ours: (f64, f64),
    golden: (Option<f64>, Option<f64>),
    n: f64,
    golden_n: f64,
) -> f64 {
    let (mean, std) = ours;
    // Printed with 7 digits: half a unit of the last one.
    let rounding = |value: f64| value.abs() * 5e-7 + 1e-12;
    let size = golden.1.unwrap_or(std);
    let standard_error = size * (1.0 / n + 1.0 / golden_n).sqrt();
    let of_mean = golden.0.map_or(0.0, |g| (mean - g).abs() / (standard_error + rounding(g)));
    let of_std =
        golden.1.map_or(0.0, |g| (std - g).abs() / (standard_error / f64::sqrt(2.0) + rounding(g)));
    nan_max(of_mean, of_std)
}
