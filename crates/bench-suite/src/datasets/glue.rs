//! Files of GLUE: unpacked in `glue/` of the data folder, or in the archive of its small tasks.

use std::io::Read;
use std::path::{Path, PathBuf};

use lzma_rust2::XzReader;

use super::DataFolder;
use crate::Error;

const ARCHIVE: &str = "glue/glue_small_tasks.tar.xz";

/// Where a file such as `STS-B/dev.tsv` is, and its text.
///
/// # Errors
///
/// [`Error::NoData`] if the folder holds neither it nor the archive; [`Error::Io`] or
/// [`Error::Data`] naming the file that is damaged.
pub(super) fn file(data: &DataFolder, name: &str) -> Result<(PathBuf, String), Error> {
    let file = data.path("glue").join(name);
    if file.exists() {
        let text = std::fs::read_to_string(&file).map_err(Error::io("read", &file))?;
        return Ok((file, text));
    }
    let path = data.path(ARCHIVE);
    if !path.exists() {
        let task = name.split('/').next().unwrap_or(name);
        return Err(Error::NoData(format!(
            "there is no {task} in {}: neither glue/{name} nor {ARCHIVE}",
            data.path("").display()
        )));
    }
    let packed = std::fs::read(&path).map_err(Error::io("read", &path))?;
    let damaged = |error: std::io::Error| Error::data(&path, format!("not an archive ({error})"));
    let mut archive = tar::Archive::new(XzReader::new(&*packed, false));
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        if entry.path().map_err(damaged)? == Path::new(name) {
            let mut text = String::new();
            entry.read_to_string(&mut text).map_err(damaged)?;
            return Ok((path.join(name), text));
        }
    }
    Err(Error::data(&path, format!("it holds no {name}")))
}
