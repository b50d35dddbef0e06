//! [`Models`]: trained networks that several points of a run use.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::{Checkpoint, read, write_whole};
use crate::Error;
use crate::progress::PointProgress;

/// The folder of trained networks. Each is made once in a run; of several processes that share a
/// store each may make it, to the same bytes.
#[derive(Debug)]
pub struct Models {
    folder: PathBuf,
    /// What some thread of this process is making.
    making: Mutex<BTreeSet<String>>,
    made: Condvar,
}

impl Models {
    pub(super) fn new(store: &Path) -> Self {
        Self { folder: store.join("models"), making: Mutex::default(), made: Condvar::new() }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.safetensors"))
    }

    /// The model of that key; where there is none yet, the one that `make` gives, which is kept.
    ///
    /// `make` saves itself on its way in the checkpoint that it is given. Where another thread is
    /// making the same model, this one waits for it.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if the run is stopped while waiting; [`Error::Io`] if a file cannot be
    /// read or written; and what `make` fails with.
    pub fn get_or_make(
        &self,
        key: &str,
        progress: &PointProgress<'_>,
        make: impl FnOnce(&Checkpoint) -> Result<Vec<u8>, Error>,
    ) -> Result<Vec<u8>, Error> {
        let path = self.path(key);
        let _claim = self.claim(key, progress)?;
        if let Some(bytes) = read(&path)? {
            return Ok(bytes);
        }
        let checkpoint = Checkpoint { path: self.folder.join(format!("{key}.part.safetensors")) };
        let bytes = make(&checkpoint)?;
        write_whole(&path, &bytes)?;
        checkpoint.remove()?;
        Ok(bytes)
    }

    /// The model of that key, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if its file cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        read(&self.path(key))
    }

    /// Keeps a model that was made elsewhere.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if its file cannot be written.
    pub fn keep(&self, key: &str, bytes: &[u8]) -> Result<(), Error> {
        write_whole(&self.path(key), bytes)
    }

    /// An error about a model's file.
    pub fn damaged(&self, key: &str, reason: impl Into<String>) -> Error {
        let reason = format!("{}; remove it, and it is made again", reason.into());
        Error::data(&self.path(key), reason)
    }

    /// Waits until no other thread is at this key, and takes it.
    fn claim<'a>(&'a self, key: &'a str, progress: &PointProgress<'_>) -> Result<Claim<'a>, Error> {
        // Often enough to notice a stop at once, seldom enough to cost nothing.
        const LOOK: Duration = Duration::from_millis(100);
        let mut making = self.making.lock().expect("no thread panics with the lock");
        while making.contains(key) {
            if progress.stopped() {
                return Err(Error::Interrupted);
            }
            (making, _) =
                self.made.wait_timeout(making, LOOK).expect("no thread panics with the lock");
        }
        making.insert(key.to_owned());
        Ok(Claim { models: self, key })
    }
}

/// A key that one thread is at; given back when dropped, also by a panic.
struct Claim<'a> {
    models: &'a Models,
    key: &'a str,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut making =
            self.models.making.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        making.remove(self.key);
        self.models.made.notify_all();
    }
}
