//! Configurations from Python: a string, or dictionaries, lists and numbers as a TOML file has them.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use crate::work::refused;

/// The argument `name`: a string is a value's name, anything else its fields.
pub(crate) fn read<T: DeserializeOwned>(name: &str, value: &Bound<'_, PyAny>) -> PyResult<T> {
    if let Ok(text) = value.cast::<PyString>() {
        let source: StrDeserializer<'_, Error> = text.to_str()?.into_deserializer();
        return T::deserialize(source).map_err(|error| refused(name, error));
    }
    let text = json(name, value)?;
    serde_json::from_str(&text).map_err(|error| refused(name, without_place(&error)))
}

/// Dictionaries, lists, strings, numbers and arrays as JSON.
pub(crate) fn json(name: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = value.py();
    let options = PyDict::new(py);
    // Arrays and their numbers become lists and numbers of Python.
    let plain = py.import("operator")?.call_method1("methodcaller", ("tolist",))?;
    options.set_item("default", plain)?;
    match py.import("json")?.call_method("dumps", (value,), Some(&options)) {
        Ok(text) => text.extract(),
        Err(_) => {
            let kind = value.get_type().name()?;
            Err(PyTypeError::new_err(format!(
                "{name}: a name, or a dictionary of fields, is wanted, not {kind}"
            )))
        }
    }
}

/// What is wrong, without the line and column of a text that nobody wrote.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// An optional argument, or what stands in its place.
pub(crate) fn read_or<T: DeserializeOwned>(
    name: &str,
    value: Option<&Bound<'_, PyAny>>,
    otherwise: T,
) -> PyResult<T> {
    value.map_or(Ok(otherwise), |value| read(name, value))
}
