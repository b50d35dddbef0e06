//! Data sets that ship with the source, from a clone of it.

use std::fs;
use std::path::{Path, PathBuf};

use super::ON_THE_WAY;
use crate::measured::error::Error;

/// Where a clone has its data sets.
const IN_A_CLONE: &str = "crates/datasets/data";

/// Copies the data sets that a clone of the source ships with into a folder of data sets, each whole; those
/// that are there stay. Each with whether it was copied.
///
/// Whoever reads them checks that they are the bytes that ship.
///
/// # Errors
///
/// [`Error::Io`] if it is no clone, or a file cannot be copied.
pub fn copy_shipped(clone: &Path, folder: &Path) -> Result<Vec<(PathBuf, bool)>, Error> {
    let shipped = clone.join(IN_A_CLONE);
    let mut sets = folders(&shipped)?;
    sets.sort();
    let mut copied = Vec::new();
    for from in sets {
        let name = from.file_name().expect("an entry of a folder has a name");
        let at = folder.join(name);
        let is_new = !at.exists();
        if is_new {
            // Another process may be at the same, and is not in the way.
            let new = folder.join(ON_THE_WAY);
            fs::create_dir_all(&new).map_err(Error::io("create", &new))?;
            let new = tempfile::tempdir_in(&new).map_err(Error::io("create", &new))?;
            let whole = new.path().join(name);
            copy(&from, &whole)?;
            match fs::rename(&whole, &at) {
                Err(_) if at.exists() => {}
                renamed => renamed.map_err(Error::io("create", &at))?,
            }
        }
        copied.push((at, is_new));
    }
    super::tidy(folder);
    Ok(copied)
}

/// The folders in a folder.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}

/// Copies a folder with all below it.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(Error::io("create", to))?;
    for entry in fs::read_dir(from).map_err(Error::io("read", from))? {
        let path = entry.map_err(Error::io("read", from))?.path();
        let target = to.join(path.file_name().expect("an entry of a folder has a name"));
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(Error::io("copy", &path))?;
        }
    }
    Ok(())
}
