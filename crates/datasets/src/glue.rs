//! Files of GLUE: unpacked in `glue/` of the data folder, or in the archive of its small tasks.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::files;
use crate::folder::DataFolder;
use crate::sum::DataSum;
use crate::unpack::{LARGEST_FILE, read_tar_xz};

const ARCHIVE: &str = "glue/glue_small_tasks.tar.xz";

/// A file such as `STS-B/dev.tsv`.
pub(crate) struct File {
    /// Its name in GLUE.
    pub(crate) name: &'static str,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it says.
    pub(crate) text: String,
}

/// Files by their names in GLUE.
///
/// # Errors
///
/// [`Error::NoData`] if the folder holds neither one nor the archive; [`Error::Io`] or
/// [`Error::Data`] naming the file that is damaged.
pub(crate) fn files<const N: usize>(
    data: &DataFolder,
    names: [&'static str; N],
) -> Result<[File; N], Error> {
    let packed = names.iter().find(|name| !data.path("glue").join(name).exists());
    let archive = data.path(ARCHIVE);
    let mut unpacked = match packed {
        None => Vec::new(),
        Some(_) if archive.exists() => {
            read_tar_xz(&archive, |path| names.iter().any(|name| path == Path::new(name)))?
        }
        Some(name) => {
            let task = name.split('/').next().unwrap_or(name);
            return Err(Error::NoData(format!(
                "there is no {task} in {}: neither glue/{name} nor {ARCHIVE}",
                data.path("").display()
            )));
        }
    };
    let mut file = |name: &'static str| -> Result<File, Error> {
        let path = data.path("glue").join(name);
        if path.exists() {
            return Ok(File { name, text: files::read_text(&path, LARGEST_FILE)?, path });
        }
        let at = unpacked.iter().position(|(found, _)| found == name);
        let at = at.ok_or_else(|| Error::data(&archive, format!("it holds no {name}")))?;
        let path = archive.join(name);
        let text = String::from_utf8(unpacked.swap_remove(at).1)
            .map_err(|error| Error::data(&path, format!("no text ({error})")))?;
        Ok(File { name, path, text })
    };
    let mut found = Vec::new();
    for name in names {
        found.push(file(name)?);
    }
    Ok(found.try_into().unwrap_or_else(|_| unreachable!("a file for each name")))
}

/// The checksum of a task.
pub(crate) fn sum(task: &str, files: &[File]) -> DataSum {
    DataSum::of(task, files.iter().map(|file| (file.name, &file.text)))
}

/// The lines below the header, counted from 0 with it; the header's first column is `first`.
pub(crate) fn rows<'a>(
    path: &Path,
    text: &'a str,
    first: &str,
) -> Result<impl Iterator<Item = (usize, &'a str)>, Error> {
    // Some begin with a mark of their encoding.
    let header = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    if header.split('\t').next() != Some(first) {
        let reason = format!("line 1: not the header of columns that begins with '{first}'");
        return Err(Error::data(path, reason));
    }
    Ok(text.lines().enumerate().skip(1))
}

/// The examples of a file, if they are as many as one of `counts` says.
pub(crate) fn counted<T>(path: &Path, examples: Vec<T>, counts: &[usize]) -> Result<Vec<T>, Error> {
    if counts.contains(&examples.len()) {
        return Ok(examples);
    }
    let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
    let reason = format!("{} examples, not {}", examples.len(), counts.join(" or "));
    Err(Error::data(path, reason))
}
