//! What a configuration takes from another one and from files beside it, `base`, `without` and tables by path, and
//! from its own device, the conductance that its wires see.
//!
//! ```toml
//! base = "standard-pcm"              # a preset, or a file beside this one
//! without = ["periphery.adc.bound"]  # keys of the base that are not taken over
//!
//! [device]                           # another model: nothing of the base's device is left
//! model = "measured"
//! t0_s = 20.0
//! table = "my-device.csv"            # beside this file
//!
//! [periphery.adc]                    # the same section: only these keys are another
//! noise = 0.02
//! ```

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::device::{DeviceConfig, MeasuredTable};
use crate::error::TileError;
use crate::presets;

/// Sections whose keys are taken over one by one. Everything else is a value, which is replaced whole.
const SECTIONS: [&str; 9] = [
    "device",
    "faults",
    "mapping",
    "ir_drop",
    "lines",
    "periphery",
    "periphery.dac",
    "periphery.adc",
    "compensation",
];

/// Most files that stand on each other.
const DEEPEST: usize = 16;

/// Whether a table needs anything but itself.
pub(super) fn is_whole(table: &Table) -> bool {
    let has = |section: &str, is: fn(&Table) -> bool| {
        table.get(section).and_then(Value::as_table).is_some_and(is)
    };
    let path = has("device", |device| device.get("table").is_some_and(Value::is_str));
    let blind = has("ir_drop", |wires| !wires.contains_key("g_max_us"));
    !path && !blind && !table.contains_key("base") && !table.contains_key("without")
}

/// The whole configuration, with paths that are beside `folder`.
pub(super) fn resolve(table: Table, folder: Option<&Path>) -> Result<Table, TileError> {
    let mut whole = resolve_below(table, folder, 0)?;
    see_the_device(&mut whole)?;
    Ok(whole)
}

/// Gives wires that are not said to see another conductance that of the device.
fn see_the_device(table: &mut Table) -> Result<(), TileError> {
    let Some(Value::Table(device)) = table.get("device") else { return Ok(()) };
    let device = device.clone();
    let Some(Value::Table(wires)) = table.get_mut("ir_drop") else { return Ok(()) };
    if wires.contains_key("g_max_us") {
        return Ok(());
    }
    // What is no device is refused, with its line, when the whole is read.
    let Ok(device) = Value::Table(device).try_into::<DeviceConfig>() else { return Ok(()) };
    let g_max_us = f64::from(device.build()?.g_max_us());
    wires.insert("g_max_us".to_owned(), Value::Float(g_max_us));
    Ok(())
}

fn resolve_below(
    mut table: Table,
    folder: Option<&Path>,
    depth: usize,
) -> Result<Table, TileError> {
    if depth > DEEPEST {
        let problem =
            format!("base: {DEEPEST} configurations stand on each other: is it a circle?");
        return Err(TileError::Syntax(problem));
    }
    read_measured(&mut table, folder)?;
    let without = match table.remove("without") {
        None => Vec::new(),
        Some(value) => value.try_into::<Vec<String>>().map_err(|_| {
            TileError::Syntax(
                "without = … is not a list of keys, as [\"periphery.adc.bound\"]".to_owned(),
            )
        })?,
    };
    let Some(base) = table.remove("base") else {
        if without.is_empty() {
            return Ok(table);
        }
        return Err(TileError::Syntax(
            "without = … names keys of a base, and there is none".to_owned(),
        ));
    };
    let Value::String(base) = base else {
        return Err(TileError::Syntax(format!("base = {base} is not a text")));
    };
    let (text, below) = read_base(&base, folder)?;
    let parsed: Table =
        text.parse().map_err(|error| TileError::Syntax(format!("base '{base}': {error}")))?;
    let mut whole = resolve_below(parsed, below.as_deref(), depth + 1)?;
    for key in &without {
        drop_key(&mut whole, key)?;
    }
    merge(&mut whole, table, "");
    Ok(whole)
}

/// The text of a base, and the folder beside which its own paths are.
fn read_base(base: &str, folder: Option<&Path>) -> Result<(String, Option<PathBuf>), TileError> {
    if let Some(text) = presets::text(base) {
        return Ok((text.to_owned(), None));
    }
    let (path, text) = read_beside("base", base, folder).map_err(|error| {
        let names = presets::names().collect::<Vec<_>>().join(", ");
        TileError::Syntax(format!("{error}; presets are {names}"))
    })?;
    Ok((text, path.parent().map(Path::to_path_buf)))
}

/// Reads a file that a configuration names.
fn read_beside(
    key: &str,
    name: &str,
    folder: Option<&Path>,
) -> Result<(PathBuf, String), TileError> {
    let Some(folder) = folder else {
        let problem = "is a path beside a file, and this configuration is in none";
        return Err(TileError::Syntax(format!("{key} = \"{name}\" {problem}")));
    };
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        TileError::Syntax(format!("{key} = \"{name}\": cannot read {}: {error}", path.display()))
    })?;
    Ok((path, text))
}

/// Puts the table of a measured device in the place of its path.
fn read_measured(table: &mut Table, folder: Option<&Path>) -> Result<(), TileError> {
    let Some(Value::Table(device)) = table.get_mut("device") else { return Ok(()) };
    let Some(Value::String(name)) = device.get("table") else { return Ok(()) };
    let name = name.clone();
    let (path, text) = read_beside("device.table", &name, folder)?;
    let measured = MeasuredTable::from_csv(&text)
        .map_err(|error| TileError::Syntax(format!("{}: {error}", path.display())))?;
    let value = Value::try_from(measured).map_err(|error| TileError::Syntax(error.to_string()))?;
    device.insert("table".to_owned(), value);
    Ok(())
}

/// Removes `a.b.c`.
fn drop_key(table: &mut Table, key: &str) -> Result<(), TileError> {
    let (path, last) = match key.rsplit_once('.') {
        Some((path, last)) => (path.split('.').collect(), last),
        None => (Vec::new(), key),
    };
    let section = path.iter().try_fold(table, |table, name| match table.get_mut(*name) {
        Some(Value::Table(inner)) => Some(inner),
        _ => None,
    });
    match section.and_then(|section| section.remove(last)) {
        Some(_) => Ok(()),
        None => Err(TileError::Syntax(format!("without: the base has no {key}"))),
    }
}

/// Lays `over` on `table`.
fn merge(table: &mut Table, over: Table, section: &str) {
    for (key, value) in over {
        let path = if section.is_empty() { key.clone() } else { format!("{section}.{key}") };
        match (table.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(over))
                if SECTIONS.contains(&path.as_str()) && !is_another_model(below, &over) =>
            {
                merge(below, over, &path);
            }
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

fn is_another_model(below: &Table, over: &Table) -> bool {
    over.get("model").is_some_and(|model| below.get("model") != Some(model))
}
