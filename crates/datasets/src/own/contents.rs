//! [`Contents`]: the files of a data set, found, read once and summed.

use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::files;
use crate::folder::DataFolder;
use crate::npy::LARGEST;
use crate::sum::hex;

/// Reads files, and keeps the checksum of each.
#[derive(Debug)]
pub(super) struct Contents<'a> {
    folder: &'a Path,
    data: &'a DataFolder,
    /// What each file is for, and its SHA-256.
    pub(super) sums: Vec<(String, String)>,
}

impl<'a> Contents<'a> {
    /// Files of a folder, and for what is not there those of data sets.
    pub(super) fn new(folder: &'a Path, data: &'a DataFolder) -> Self {
        Self { folder, data, sums: Vec::new() }
    }

    /// Where a file or folder is; if it is nowhere, where it is looked for first.
    pub(super) fn find(&self, path: &Path) -> PathBuf {
        let near = self.folder.join(path);
        if near.exists() {
            return near;
        }
        let elsewhere = self.data.path(&path.to_string_lossy());
        if elsewhere.exists() { elsewhere } else { near }
    }

    /// The content of a file, unpacked if it is a gzip file. `role` says what it is for, whatever it
    /// is called.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] naming the file.
    pub(super) fn read(&mut self, role: &str, path: &Path) -> Result<Vec<u8>, Error> {
        let mut content = files::read(path, LARGEST)?;
        if content.starts_with(&[0x1f, 0x8b]) {
            content = unpacked(&content).map_err(|reason| Error::data(path, reason))?;
        }
        self.sums.push((role.to_owned(), hex(&Sha256::digest(&content))));
        Ok(content)
    }
}

/// What may become of a packed byte, and a little for files of a few bytes: deflate packs at most
/// 1032 bytes into one.
pub(super) fn most_unpacked(packed: usize) -> u64 {
    1100 * packed as u64 + 4096
}

fn unpacked(packed: &[u8]) -> Result<Vec<u8>, String> {
    let limit = most_unpacked(packed.len());
    let mut content = Vec::new();
    flate2::read::MultiGzDecoder::new(packed)
        .take(limit + 1)
        .read_to_end(&mut content)
        .map_err(|error| format!("not a complete gzip file ({error})"))?;
    if content.len() as u64 > limit {
        return Err("a gzip file that unpacks to more than it can hold".to_owned());
    }
    Ok(content)
}
