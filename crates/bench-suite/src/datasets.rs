//! Data sets: found, checked on load, turned into tensors.

pub mod mnist;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::record::hex;

use mnist::Mnist;

/// Where data sets are read from: the folder that ships with the source, unless told otherwise.
/// A data set is read and checked once.
#[derive(Clone, Debug)]
pub struct DataFolder {
    path: PathBuf,
    mnist: Arc<Mutex<Option<Arc<Mnist>>>>,
}

impl DataFolder {
    /// `folder`, or the one in the repository.
    pub fn new(folder: Option<&Path>) -> Self {
        let shipped = || Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
        Self { path: folder.map_or_else(shipped, Path::to_owned), mnist: Arc::default() }
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// MNIST, from `mnist/` in this folder.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] naming the file that is missing or damaged.
    ///
    /// # Panics
    ///
    /// If another thread panicked while it read the files.
    pub fn mnist(&self) -> Result<Arc<Mnist>, Error> {
        let mut slot = self.mnist.lock().expect("reading files does not panic");
        if let Some(mnist) = &*slot {
            return Ok(Arc::clone(mnist));
        }
        let mnist = Arc::new(Mnist::load(self)?);
        *slot = Some(Arc::clone(&mnist));
        Ok(mnist)
    }
}

/// A data set with the checksum of its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSum {
    /// Name of the data set.
    pub name: String,
    /// SHA-256 of its files.
    pub sha256: String,
}

/// Reads a gzip file whose unpacked content is known.
///
/// # Errors
///
/// [`Error::Io`] if it cannot be read, [`Error::Data`] if it is cut or altered.
pub(crate) fn read_gzip(path: &Path, sha256: &str) -> Result<Vec<u8>, Error> {
    let packed = std::fs::read(path).map_err(Error::io("read", path))?;
    let mut content = Vec::new();
    flate2::read::GzDecoder::new(&*packed)
        .read_to_end(&mut content)
        .map_err(|error| Error::data(path, format!("not a complete gzip file ({error})")))?;
    let found = hex(&Sha256::digest(&content));
    if found != sha256 {
        return Err(Error::data(
            path,
            format!("altered: its content has SHA-256 {found}, not {sha256}"),
        ));
    }
    Ok(content)
}
