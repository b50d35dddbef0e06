//! `fit-device`: files of a laboratory in, a tile with its device and a report out.

mod figures;
mod page;
mod tables;

use std::path::{Path, PathBuf};

use crossbar::TileConfig;
use crossbar::device::DeviceConfig;
use crossbar::fit::{DeviceFit, FitOptions, Readings};
use numerics::Par;
use toml::{Table, Value};

use crate::measured::error::Error;
use crate::measured::files::write_whole;
use crate::output::{Output, remark};

/// Fits a device to files, writes the tile with it to `out` and a report beside it, and says what came out.
///
/// # Errors
///
/// If a file cannot be read or written, if nothing can be fitted, or if the base is no tile.
pub fn run(
    files: &[PathBuf],
    options: &FitOptions,
    base: &str,
    out: &Path,
    output: &mut Output,
) -> Result<(), Error> {
    let usage = |error: &dyn std::fmt::Display| Error::Usage(error.to_string());
    // A base that is none is said before anything is fitted.
    TileConfig::load(base).map_err(|error| usage(&error))?;
    let mut readings = Readings::default();
    for path in files {
        let bytes = std::fs::read(path).map_err(|source| Error::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        readings.read(&name, &bytes).map_err(|error| usage(&error))?;
    }
    let fit = DeviceFit::fit(&readings, options, Par::Rayon).map_err(|error| usage(&error))?;

    let tile = tile(&fit, base, out)?;
    write_whole(out, tile.as_bytes())?;
    TileConfig::load(&out.to_string_lossy()).map_err(|error| usage(&error))?;
    let report = out.with_extension("html");
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    write_whole(&report, page::render(&fit, &readings, &names, &tile).as_bytes())?;

    for line in tables::in_words(&fit) {
        output.line(line);
    }
    for warning in &fit.warnings {
        remark(format_args!("note: {warning}"));
    }
    output.line(format_args!("written: {}, {}", out.display(), report.display()));
    Ok(())
}

/// The tile with the device, as TOML. A base that is a file is named as seen from the tile's.
fn tile(fit: &DeviceFit, base: &str, out: &Path) -> Result<String, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Usage(error.to_string());
    let measured = fit.measured();
    let g_max_us = f64::from(*measured.table.g_target_us.last().unwrap_or(&0.0));
    let device = Value::try_from(DeviceConfig::from(measured)).map_err(|error| wrong(&error))?;
    let faults = Value::try_from(fit.faults()).map_err(|error| wrong(&error))?;
    let wires = Table::from_iter([("g_max_us".to_owned(), Value::Float(g_max_us))]);
    let sections = Table::from_iter([
        ("device".to_owned(), device),
        ("faults".to_owned(), faults),
        ("ir_drop".to_owned(), Value::Table(wires)),
    ]);
    let sections = plain(Value::Table(sections));
    let text = toml::to_string(&sections).map_err(|error| wrong(&error))?;
    let base = if crossbar::presets::text(base).is_some() {
        base.to_owned()
    } else {
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|source| Error::Io {
                action: "find",
                path: path.to_owned(),
                source,
            })
        };
        let (base, out) = (absolute(Path::new(base))?, absolute(out)?);
        let beside = out.parent().and_then(|folder| base.strip_prefix(folder).ok());
        beside.unwrap_or(&base).to_string_lossy().into_owned()
    };
    let (devices, readings) = (fit.devices, fit.readings);
    Ok(format!(
        "# A device fitted to {readings} readings of {devices} devices; its report stands beside this file.\n\
         # Conductances in µS, times in seconds.\n\nbase = {}\n\n{text}",
        Value::String(base)
    ))
}

/// With the shortest decimals that are the same f32, which every number of a tile is but times.
fn plain(value: Value) -> Value {
    match value {
        Value::Float(x) => {
            let short = (x as f32).to_string().parse().unwrap_or(x);
            Value::Float(if (short - x).abs() <= 1e-6 * x.abs() { short } else { x })
        }
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        Value::Table(table) => {
            Value::Table(table.into_iter().map(|(key, value)| (key, plain(value))).collect())
        }
        other => other,
    }
}
