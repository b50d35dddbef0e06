//! Parts of a golden file, with their places in messages.

use serde_json::{Map, Value};

/// An object of keys that are all known.
pub(crate) fn object<'a>(
    value: &'a Value,
    place: &str,
    known: &[&str],
) -> Result<&'a Map<String, Value>, String> {
    let object = value.as_object().ok_or_else(|| format!("{place} is not an object"))?;
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(object),
        Some(key) => Err(format!("{place}: unknown key '{key}'; known are {}", known.join(", "))),
    }
}

/// The value of a key that must be there.
pub(crate) fn required<'a>(
    object: &'a Map<String, Value>,
    key: &str,
    place: &str,
) -> Result<&'a Value, String> {
    object.get(key).ok_or_else(|| format!("{place} has no {key}"))
}

/// The elements of a list.
pub(crate) fn items<'a>(value: &'a Value, place: &str) -> Result<&'a [Value], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| format!("{place} is not a list"))
}

/// A number; "inf" stands for infinity, which JSON cannot write.
pub(crate) fn number(value: &Value, place: &str) -> Result<f64, String> {
    match value {
        Value::String(text) if text == "inf" => Ok(f64::INFINITY),
        _ => value.as_f64().ok_or_else(|| format!("{place}: {value} is not a number")),
    }
}

/// A flag, false if it is absent.
pub(crate) fn flag(value: Option<&Value>, place: &str) -> Result<bool, String> {
    match value {
        None => Ok(false),
        Some(value) => {
            value.as_bool().ok_or_else(|| format!("{place}: {value} is neither true nor false"))
        }
    }
}

/// How many draws golden moments are of: infinitely many if they are analytic.
pub(crate) fn draws(case: &Map<String, Value>, place: &str, usual: f64) -> Result<f64, String> {
    if flag(case.get("analytic"), &format!("{place}.analytic"))? {
        return Ok(f64::INFINITY);
    }
    match case.get("draws") {
        None => Ok(usual),
        Some(value) => {
            let draws = number(value, &format!("{place}.draws"))?;
            if draws >= 2.0 {
                Ok(draws)
            } else {
                Err(format!("{place}.draws = {draws} is not ≥ 2"))
            }
        }
    }
}

/// Numbers of a list of that length, or of any.
pub(crate) fn list(value: &Value, place: &str, len: Option<usize>) -> Result<Vec<f64>, String> {
    let items = items(value, place)?;
    if let Some(len) = len.filter(|&len| len != items.len()) {
        return Err(format!("{place} has {} numbers, not {len}", items.len()));
    }
    let number = |(at, item)| number(item, &format!("{place}[{at}]"));
    items.iter().enumerate().map(number).collect()
}

/// Rows of equally many numbers, at least one, of that shape where it is given.
pub(crate) fn matrix(
    value: &Value,
    place: &str,
    [rows, columns]: [Option<usize>; 2],
) -> Result<Vec<Vec<f64>>, String> {
    let items = items(value, place)?;
    if let Some(rows) = rows.filter(|&rows| rows != items.len()) {
        return Err(format!("{place} has {} rows, not {rows}", items.len()));
    }
    let mut columns = columns;
    let mut matrix = Vec::new();
    for (at, row) in items.iter().enumerate() {
        let row = list(row, &format!("{place}[{at}]"), columns)?;
        columns = Some(row.len());
        matrix.push(row);
    }
    if columns.unwrap_or(0) == 0 {
        return Err(format!("{place} has no numbers"));
    }
    Ok(matrix)
}
