//! Unpacking a folder of an archive, within bounds and within its place.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use super::entry::Packing;
use crate::measured::error::Error;

/// What an archive may hold at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes of all files that are unpacked.
    pub(super) bytes: u64,
    /// Entries, unpacked or not.
    pub(super) files: usize,
}

/// Unpacks all files below `folder` of an archive whose names end in `ending` into `to`.
///
/// # Errors
///
/// [`Error::Data`] naming the archive if it is damaged, has no such folder or more than the bounds, or an
/// entry leads out of it; [`Error::Io`] if a file cannot be written.
pub(super) fn unpack(
    packing: Packing,
    archive: &Path,
    (folder, ending, to): (&str, &str, &Path),
    bounds: Bounds,
) -> Result<(), Error> {
    let file = File::open(archive).map_err(Error::io("read", archive))?;
    let folder = Path::new(folder);
    let mut unpacked = Unpacked { archive, folder, ending, to, bounds, files: 0 };
    match packing {
        Packing::TarGz => unpacked.tar(MultiGzDecoder::new(io::BufReader::new(file)))?,
        Packing::Zip => unpacked.zip(file)?,
    }
    match unpacked.files {
        0 => Err(Error::data(archive, format!("it has nothing in {}", folder.display()))),
        _ => Ok(()),
    }
}

struct Unpacked<'a> {
    archive: &'a Path,
    folder: &'a Path,
    ending: &'a str,
    to: &'a Path,
    /// What may still come.
    bounds: Bounds,
    files: usize,
}

impl Unpacked<'_> {
    fn tar(&mut self, tar: impl Read) -> Result<(), Error> {
        let archive = self.archive;
        let damaged = |error: io::Error| {
            Error::data(archive, format!("not a complete tar.gz archive ({error})"))
        };
        for entry in tar::Archive::new(tar).entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            let name = entry.path_bytes().into_owned();
            let kind = entry.header().entry_type();
            let is_file = if kind.is_dir() { None } else { Some(kind.is_file()) };
            self.entry(&String::from_utf8_lossy(&name), is_file, &mut entry)?;
        }
        Ok(())
    }

    fn zip(&mut self, file: File) -> Result<(), Error> {
        let archive = self.archive;
        let damaged = |error: &dyn std::fmt::Display| {
            Error::data(archive, format!("no zip archive ({error})"))
        };
        let mut zip = ZipArchive::new(file).map_err(|error| damaged(&error))?;
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index).map_err(|error| damaged(&error))?;
            let name = entry.name().map_err(|error| damaged(&error))?.into_owned();
            let is_file = if entry.is_dir() { None } else { Some(entry.is_file()) };
            self.entry(&name, is_file, &mut entry)?;
        }
        Ok(())
    }

    /// Unpacks an entry, if it is a file below the folder. `is_file` is whether it has contents of its own,
    /// and nothing for a folder.
    fn entry(
        &mut self,
        name: &str,
        is_file: Option<bool>,
        content: &mut dyn Read,
    ) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::data(self.archive, reason));
        self.bounds.files = match self.bounds.files.checked_sub(1) {
            Some(left) => left,
            None => return wrong("it has more entries than there should be".to_owned()),
        };
        let Some(path) = inside(name) else {
            return wrong(format!("its entry '{name}' leads out of it"));
        };
        let (Ok(path), Some(is_file)) = (path.strip_prefix(self.folder), is_file) else {
            return Ok(());
        };
        if !name.ends_with(self.ending) {
            return Ok(());
        }
        if !is_file {
            return wrong(format!("its entry '{name}' is neither a file nor a folder"));
        }
        let to = self.to.join(path);
        let parent = to.parent().expect("a file is in a folder");
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        let mut file = File::create_new(&to).map_err(Error::io("write", &to))?;
        self.bounds.bytes -= copy(content, &mut file, self.bounds.bytes, (self.archive, &to))?;
        self.files += 1;
        Ok(())
    }
}

/// Copies what may still come; how many bytes there were.
fn copy(
    from: &mut dyn Read,
    to: &mut File,
    most: u64,
    (archive, path): (&Path, &Path),
) -> Result<u64, Error> {
    let mut buffer = vec![0; 1 << 16];
    let mut copied = 0;
    loop {
        let n = from
            .read(&mut buffer)
            .map_err(|error| Error::data(archive, format!("damaged, or not complete ({error})")))?;
        if n == 0 {
            return Ok(copied);
        }
        copied += n as u64;
        if copied > most {
            return Err(Error::data(archive, "it holds more than it should"));
        }
        io::Write::write_all(to, &buffer[..n]).map_err(Error::io("write", path))?;
    }
}

/// The path that a name of an archive is, if it stays where it begins.
fn inside(name: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    // A backslash and a colon are names here and more elsewhere.
    if name.contains(['\\', ':', '\0']) {
        return None;
    }
    for part in Path::new(name).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(path)
}
