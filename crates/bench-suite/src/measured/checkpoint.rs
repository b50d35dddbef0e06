//! [`Checkpoint`]: the file in which a long point saves itself.

use std::path::PathBuf;

use nn::Processes;

use crate::measured::error::Error;
use crate::measured::files::{read_if_there, remove_alone, write_whole_alone};
use crate::measured::progress::PointProgress;
use crate::measured::seal;

/// The file in which a long point saves itself.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    path: PathBuf,
    /// The first of which has what was saved.
    processes: Processes,
}

impl Checkpoint {
    pub(crate) fn at(path: PathBuf, processes: &Processes) -> Self {
        Self { path, processes: processes.clone() }
    }

    /// What was saved last, if anything. What is damaged is as good as nothing, and is said: the point
    /// starts over, and comes out the same.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] if something is there and cannot be read.
    pub fn load(&self, progress: &dyn PointProgress) -> Result<Option<Vec<u8>>, Error> {
        let bytes = read_if_there(&self.path, u64::MAX)?;
        let Some(bytes) = self.processes.from_first(bytes) else { return Ok(None) };
        match seal::check(&bytes) {
            Ok(()) => Ok(Some(bytes)),
            Err(reason) => {
                progress.warn(&format!(
                    "damaged: {}: {reason}; what it saved starts from the beginning",
                    self.path.display()
                ));
                Ok(None)
            }
        }
    }

    /// Replaces what was saved by a safetensors file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be written.
    ///
    /// # Panics
    ///
    /// Unless the bytes are a safetensors file.
    pub fn save(&self, bytes: &[u8]) -> Result<(), Error> {
        write_whole_alone(&self.path, &seal::seal(bytes))
    }

    /// An error about what was saved.
    pub fn damaged(&self, reason: impl Into<String>) -> Error {
        Error::data(&self.path, format!("{}; run with --fresh to start over", reason.into()))
    }

    pub(crate) fn remove(&self) -> Result<(), Error> {
        remove_alone(&self.path)
    }
}
