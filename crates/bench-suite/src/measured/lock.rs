//! [`Lock`]: who of several processes is at a point or a model.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::measured::error::Error;
use crate::measured::files;

/// The folder of locks in a store.
pub(crate) const LOCKS: &str = "locks";

/// A file that one process holds. The system gives it back when the process ends, however it ends,
/// so a lock that is there and not held means nothing.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock of that file, unless another has it.
    ///
    /// A file system that knows no locks has none to give: then everyone gets it, and what two
    /// processes do twice comes out the same.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be made.
    pub(crate) fn take(path: &Path) -> Result<Option<Self>, Error> {
        let folder = path.parent().expect("a lock is in a folder");
        loop {
            fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
            let opened = OpenOptions::new().create(true).truncate(false).write(true).open(path);
            let mut file = match opened {
                // Another has tidied up in the meantime.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                opened => opened.map_err(Error::io("create", path))?,
            };
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                // The one who had it has removed it: this file is no longer the one others see.
                Ok(()) if !is_at(&file, path) => {}
                Ok(()) | Err(TryLockError::Error(_)) => {
                    // For people, and for the other's message; a full disk is no reason to stop here.
                    let _ = file.set_len(0).and_then(|()| file.write_all(owner().as_bytes()));
                    return Ok(Some(Self { path: path.to_owned(), _file: file }));
                }
            }
        }
    }

    /// Who has the lock of that file, in words.
    pub(crate) fn holder(path: &Path) -> String {
        const LONGEST: u64 = 300;
        let text = files::read_text(path, LONGEST).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() { "another process".to_owned() } else { line.to_owned() }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still held, so that no one takes it who does not see that it is gone.
        if cfg!(unix) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes the locks in a folder that no one holds, and the folder if none is left.
pub(crate) fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        drop(Lock::take(&entry.path()));
    }
    // Where others are at work it is not empty, and stays.
    let _ = fs::remove_dir(folder);
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let [held, seen] = [file.metadata(), fs::metadata(path)]
        .map(|metadata| metadata.ok().map(|found| (found.dev(), found.ino())));
    held.is_some() && held == seen
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

fn owner() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let on = if host.is_empty() { String::new() } else { format!(" on {}", host.trim()) };
    format!("process {}{on}\n", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_a_lock_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("locks/point");
        let held = Lock::take(&path).unwrap().unwrap();
        assert!(Lock::take(&path).unwrap().is_none());
        assert!(Lock::holder(&path).starts_with(&format!("process {}", std::process::id())));
        sweep(path.parent().unwrap());
        assert!(path.exists(), "a lock that is held stays");
        drop(held);
        assert!(!path.exists());
        // What someone left who was killed is no lock.
        fs::write(&path, "process 1").unwrap();
        assert!(Lock::take(&path).unwrap().is_some());
        fs::write(&path, "process 1").unwrap();
        sweep(path.parent().unwrap());
        assert!(!path.parent().unwrap().exists());
    }

    #[test]
    fn many_threads_never_hold_one_lock_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("locks/point");
        let inside = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        if let Some(_held) = Lock::take(&path).unwrap() {
                            use std::sync::atomic::Ordering::SeqCst;
                            assert_eq!(inside.fetch_add(1, SeqCst), 0);
                            std::thread::yield_now();
                            inside.fetch_sub(1, SeqCst);
                        }
                    }
                });
            }
        });
    }
}
