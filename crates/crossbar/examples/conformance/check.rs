//! Golden values against the models: what the conformance command and the golden tests share.

#[path = "circuits.rs"]
mod circuits;
#[path = "devices.rs"]
mod devices;
#[path = "moments.rs"]
mod moments;
#[path = "products.rs"]
mod products;
#[path = "reading.rs"]
mod reading;

use serde_json::Value;

use reading::{items, object};

/// One quantity of a file.
#[derive(Debug)]
pub(crate) struct Row {
    /// What was compared, and where in the file.
    pub(crate) quantity: String,
    /// How many numbers were compared.
    pub(crate) values: usize,
    /// Largest error, in the unit of the tolerance.
    pub(crate) worst: f64,
    /// Largest error that passes: see [`products::EXACT`], [`moments::MOMENT`] and the circuits'.
    pub(crate) tolerance: f64,
}

impl Row {
    /// Whether the quantity passes. A NaN does not.
    pub(crate) fn ok(&self) -> bool {
        self.worst <= self.tolerance && self.values > 0
    }
}

/// Checks a file of either format.
///
/// # Errors
///
/// What is wrong with the file, and where; also if nothing in it can be checked.
pub(crate) fn check(text: &str) -> Result<Vec<Row>, String> {
    // Python writes an open device as a bare Infinity, which JSON does not know.
    let text = text.replace("Infinity", "\"inf\"");
    let file: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let file = object(&file, "the file", &["source", "seed", "mvm", "device", "cases"])?;
    let mut rows = Vec::new();
    if let Some(cases) = file.get("mvm") {
        for (index, case) in items(cases, "mvm")?.iter().enumerate() {
            products::check(index, case, &mut rows)?;
        }
    }
    if let Some(cases) = file.get("device") {
        for (index, case) in items(cases, "device")?.iter().enumerate() {
            devices::check(index, case, &mut rows)?;
        }
    }
    if let Some(cases) = file.get("cases") {
        let cases = cases.as_object().ok_or("cases is not an object of circuits by name")?;
        for (name, case) in cases {
            circuits::check(name, case, &mut rows)?;
        }
    }
    if rows.is_empty() {
        return Err("nothing can be checked: there is no case in mvm, device or cases".to_owned());
    }
    Ok(rows)
}

/// The larger number; NaN if either is.
pub(crate) fn nan_max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}
