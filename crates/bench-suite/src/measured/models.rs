//! [`Models`]: trained networks that several points of a run use.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use nn::Processes;

use crate::measured::checkpoint::Checkpoint;
use crate::measured::error::Error;
use crate::measured::files::{read_if_there, write_whole, write_whole_alone};
use crate::measured::lock::{LOCKS, Lock};
use crate::measured::progress::PointProgress;
use crate::measured::seal;

/// Often enough to notice a stop at once, seldom enough to cost nothing.
const LOOK: Duration = Duration::from_millis(100);

/// The folder of trained networks. Each is made once, by one of all threads and processes that share
/// the store.
#[derive(Debug)]
pub struct Models {
    folder: PathBuf,
    locks: PathBuf,
    /// What some thread of this process is making.
    making: Mutex<BTreeSet<String>>,
    made: Condvar,
    /// The first of which has the folder.
    processes: Processes,
}

impl Models {
    pub(crate) fn new(store: &Path, processes: &Processes) -> Self {
        Self {
            folder: store.join("models"),
            locks: store.join(LOCKS),
            making: Mutex::default(),
            made: Condvar::new(),
            processes: processes.clone(),
        }
    }

    /// Where the model of that key is, or will be.
    pub fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.safetensors"))
    }

    /// The model of that key; where there is none yet, the one that `make` gives, a safetensors file,
    /// which is kept. One that is damaged is named and made again.
    ///
    /// `make` saves itself on its way in the checkpoint that it is given. Where another thread or
    /// process is making the same model, this one waits for it.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if the run is stopped while waiting; [`Error::Io`] or [`Error::Data`] if
    /// a file cannot be read or written; and what `make` fails with.
    ///
    /// # Panics
    ///
    /// Unless `make` gives a safetensors file.
    pub fn get_or_make(
        &self,
        key: &str,
        progress: &dyn PointProgress,
        make: impl FnOnce(&Checkpoint) -> Result<Vec<u8>, Error>,
    ) -> Result<Vec<u8>, Error> {
        let path = self.path(key);
        let _claim = self.claim(key, progress)?;
        let _lock = self.lock(key, progress)?;
        let there = read_if_there(&path, u64::MAX)?;
        if let Some(bytes) = self.processes.from_first(there) {
            match seal::check(&bytes) {
                Ok(()) => return Ok(bytes),
                Err(reason) => progress.warn(&format!(
                    "damaged: {}: {reason}; the model is made again",
                    path.display()
                )),
            }
        }
        let part = self.folder.join(format!("{key}.part.safetensors"));
        let checkpoint = Checkpoint::at(part, &self.processes);
        let bytes = seal::seal(&make(&checkpoint)?);
        write_whole_alone(&path, &bytes)?;
        checkpoint.remove()?;
        Ok(bytes)
    }

    /// The model of that key, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if its file cannot be read, [`Error::Data`] if it is damaged.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let bytes = self.processes.from_first(read_if_there(&self.path(key), u64::MAX)?);
        if let Some(bytes) = &bytes {
            seal::check(bytes).map_err(|reason| self.damaged(key, reason))?;
        }
        Ok(bytes)
    }

    /// Keeps a model that was made elsewhere, a safetensors file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if its file cannot be written.
    ///
    /// # Panics
    ///
    /// Unless the bytes are a safetensors file.
    pub fn keep(&self, key: &str, bytes: &[u8]) -> Result<(), Error> {
        write_whole(&self.path(key), &seal::seal(bytes))
    }

    /// An error about a model's file.
    pub fn damaged(&self, key: &str, reason: impl Into<String>) -> Error {
        let reason = format!("{}; remove it, and it is made again", reason.into());
        Error::data(&self.path(key), reason)
    }

    /// Waits until no other thread is at this key, and takes it.
    fn claim<'a>(&'a self, key: &'a str, progress: &dyn PointProgress) -> Result<Claim<'a>, Error> {
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

    /// Waits until no other process is at this key, and takes it.
    fn lock(&self, key: &str, progress: &dyn PointProgress) -> Result<Lock, Error> {
        loop {
            if let Some(lock) = Lock::take(&self.locks.join(key))? {
                return Ok(lock);
            }
            if progress.stopped() {
                return Err(Error::Interrupted);
            }
            std::thread::sleep(LOOK);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::point::Point;
    use crate::measured::seal::tests::file;
    use crate::progress::Progress;
    use crate::stop::Stop;
    use crate::store::Store;

    fn point() -> Point {
        crate::measured::point::testing::point("test/models", "a point", serde_json::Value::Null, 0)
    }

    /// What can be wrong with a file, and with one that has no checksum.
    fn damages(whole: &[u8]) -> Vec<Vec<u8>> {
        let flipped = |at: usize| {
            let mut altered = whole.to_vec();
            altered[at] ^= 1;
            altered
        };
        let flips = [0, 9, 40, whole.len() / 2, whole.len() - 8, whole.len() - 1].map(flipped);
        let cuts = [0, 7, 8, whole.len() / 2, whole.len() - 1].map(|len| whole[..len].to_vec());
        let longer = [whole, &[0]].concat();
        flips.into_iter().chain(cuts).chain([longer, file([7; 8])]).collect()
    }

    #[test]
    fn a_damaged_model_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let all = Progress::new(1, 1, Stop::default());
        let (progress, models) = (all.start(&point()), store.models());
        let get = |made: &mut usize| {
            let make = |_: &Checkpoint| {
                *made += 1;
                Ok(file([1, 2, 3, 4, 5, 6, 7, 8]))
            };
            models.get_or_make("key", &progress, make)
        };
        let mut made = 0;
        let whole = get(&mut made).unwrap();
        assert_eq!((get(&mut made).unwrap(), made), (whole.clone(), 1), "it is kept");
        let path = models.path("key");
        for (i, damaged) in damages(&whole).into_iter().enumerate() {
            std::fs::write(&path, damaged).unwrap();
            assert!(models.get("key").unwrap_err().to_string().contains("key.safetensors: it"));
            assert_eq!((get(&mut made).unwrap(), made), (whole.clone(), 2 + i), "{i}");
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let error = get(&mut made).unwrap_err().to_string();
        assert!(error.ends_with("key.safetensors: not a regular file"), "{error}");
    }

    #[test]
    fn a_damaged_checkpoint_is_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let all = Progress::new(1, 1, Stop::default());
        let (progress, checkpoint) = (all.start(&point()), store.checkpoint(&point()));
        assert!(checkpoint.load(&progress).unwrap().is_none());
        checkpoint.save(&file([3; 8])).unwrap();
        let whole = checkpoint.load(&progress).unwrap().unwrap();
        let path = std::fs::read_dir(folder.path().join("checkpoints")).unwrap();
        let path = path.last().unwrap().unwrap().path();
        for damaged in damages(&whole) {
            std::fs::write(&path, damaged).unwrap();
            assert!(checkpoint.load(&progress).unwrap().is_none());
        }
    }

    #[test]
    fn what_another_process_makes_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let all = Progress::new(1, 1, Stop::default());
        // Each has threads of its own to look after.
        let [here, there] = [store.models(), store.models()];
        let (progress, other) = (all.start(&point()), all.start(&point()));
        let (begun, wait) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let (there, other) = (&there, &other);
            scope.spawn(move || {
                let make = |_: &Checkpoint| {
                    begun.send(()).unwrap();
                    std::thread::sleep(Duration::from_millis(50));
                    Ok(file([1; 8]))
                };
                there.get_or_make("key", other, make).unwrap();
            });
            wait.recv().unwrap();
            let make = |_: &Checkpoint| panic!("it is made twice");
            here.get_or_make("key", &progress, make).unwrap();
        });
    }
}
