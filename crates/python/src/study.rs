//! What the program `dither` does, from Python: `check` in this process, and the program itself.

use std::ffi::OsString;
use std::path::PathBuf;

use bench_suite::Error;
use bench_suite::cli::entry;
use bench_suite::output::Output;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// What is in an ONNX file as JSON; with arrays of its inputs and outputs also whether it gives the same
/// here, and in words how far each output is from it.
#[pyfunction]
#[pyo3(signature = (model, tile, expect, tolerance))]
pub(crate) fn check_network(
    py: Python<'_>,
    model: PathBuf,
    tile: &str,
    expect: Option<PathBuf>,
    tolerance: f32,
) -> PyResult<(String, Option<(bool, String)>)> {
    if !(tolerance > 0.0 && tolerance.is_finite()) {
        return Err(PyValueError::new_err(format!("tolerance: {tolerance} is no share")));
    }
    let checked = py.detach(|| {
        bench_suite::fault::caught(|| {
            let summary = bench_suite::check::summary(&model, tile)?;
            let Some(expect) = &expect else { return Ok((summary, None)) };
            let mut text = Vec::new();
            let mut output = Output::new(&mut text);
            let expect = Some((expect.as_path(), tolerance));
            let equal = bench_suite::check::run(&model, expect, tile, &mut output)?;
            output.end()?;
            Ok((summary, Some((equal, text))))
        })
    });
    let (summary, compared) = checked.map_err(|error| exception(&error))?;
    let json = serde_json::to_string(&summary)
        .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    let compared =
        compared.map(|(equal, text)| (equal, String::from_utf8_lossy(&text).into_owned()));
    Ok((json, compared))
}

/// The program `dither` with its arguments, the first of which is its name; gives its exit code.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| entry::run(arguments))
}

/// The exception for what stops the program, in its words.
fn exception(error: &Error) -> PyErr {
    match error.root() {
        Error::Io { .. } => PyOSError::new_err(error.to_string()),
        Error::Fault(_) => PyRuntimeError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}
