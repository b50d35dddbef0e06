//! [`Store`]: the folder of records, each written once and whole.
//!
//! ```text
//! OUT/records/EXPERIMENT/KEY.json       what was measured; the same bytes wherever it ran
//! OUT/runs/EXPERIMENT/KEY.json          when, where and how long
//! OUT/checkpoints/KEY.safetensors       a long point on its way
//! OUT/models/KEY.safetensors            a trained network that several points use
//! OUT/models/KEY.part.safetensors       … on its way
//! OUT/locks/KEY                         which process is at a point or a model
//! OUT/failed/EXPERIMENT/KEY.txt         why a point failed that was not run again yet
//! OUT/jobs/N/                           what was submitted to a cluster
//! OUT/report.html, report.md, report.json
//! ```
//!
//! A file is written under a temporary name, flushed to the disk, and renamed. So a reader sees
//! all of it or none, several processes may share a store, and a kill loses only what was in
//! flight.
//!
//! Whatever a result depends on has a checksum in its own file: a record that of its measurements, a
//! model and a checkpoint one of all their bytes. Models are a cache: where one is missing or damaged
//! it is trained again, to the same bits, and a damaged checkpoint is as none.
//!
//! Of several processes that share a store one is at a point or a model, and the others take other
//! ones or wait for it.

mod state;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nn::Processes;
use tempfile::TempDir;

use crate::measured::checkpoint::Checkpoint;
use crate::measured::error::Error;
use crate::measured::files;
use crate::measured::files::{read_if_there, remove, write_whole};
use crate::measured::lock::{self, LOCKS, Lock};
use crate::measured::models::Models;
use crate::measured::point::Point;
use crate::provenance::Run;
use crate::record::{self, Record};

pub use state::State;

/// No record, and no note of a run, is larger.
const LARGEST_RECORD: u64 = 64 << 20;

/// A folder of records.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    /// Those that have the store together: the first has the folder.
    processes: Processes,
    /// That of another process, which nobody reads.
    _own: Option<Arc<TempDir>>,
}

impl Store {
    /// Opens the store in `folder`, which is created if need be.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the folder cannot be made or written to.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        // Better to know before an hour of work than after it.
        tempfile::tempfile_in(folder).map_err(Error::io("write to", folder))?;
        Ok(Self { folder: folder.to_owned(), processes: Processes::one(), _own: None })
    }

    /// Opens a store that several processes have together: what the first finds in `folder`, all find, and
    /// what others write is gone with them.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_among(folder: &Path, processes: &Processes) -> Result<Self, Error> {
        let own = if processes.is_first() {
            None
        } else {
            let temporary = tempfile::tempdir();
            Some(temporary.map_err(Error::io("create a folder in", &std::env::temp_dir()))?)
        };
        let store = Self::open(own.as_ref().map_or(folder, |own| own.path()))?;
        Ok(Self { processes: processes.clone(), _own: own.map(Arc::new), ..store })
    }

    /// Those that have the store together.
    pub fn processes(&self) -> &Processes {
        &self.processes
    }

    /// Opens a store that must be there already.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there is no such folder.
    pub fn existing(folder: &Path) -> Result<Self, Error> {
        fs::read_dir(folder).map_err(Error::io("read", folder))?;
        Ok(Self { folder: folder.to_owned(), processes: Processes::one(), _own: None })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a file lies in the store.
    pub fn holds(&self, file: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().ok();
        real(file).zip(real(&self.folder)).is_some_and(|(file, folder)| file.starts_with(folder))
    }

    /// Where a point's record is.
    pub fn record_path(&self, point: &Point) -> PathBuf {
        self.path("records", point)
    }

    fn path(&self, kind: &str, point: &Point) -> PathBuf {
        self.folder.join(kind).join(point.experiment).join(format!("{}.json", record::key(point)))
    }

    /// The record of a point, if it has been written.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] if the file is damaged or belongs to something else.
    pub fn load(&self, point: &Point) -> Result<Option<Record>, Error> {
        let path = self.record_path(point);
        let bytes = match read_if_there(&path, LARGEST_RECORD) {
            Err(Error::Data { path, reason }) => {
                return Err(Error::Record { path, reason: format!("is wrong: {reason}") });
            }
            bytes => self.processes.from_first(bytes?),
        };
        let Some(bytes) = bytes else { return Ok(None) };
        let text = std::str::from_utf8(&bytes).map_err(|error| format!("is no text ({error})"));
        match text.and_then(|text| Record::from_json(text, point)) {
            Ok(record) => Ok(Some(record)),
            Err(reason) => Err(Error::Record { path, reason }),
        }
    }

    /// Writes a record and the circumstances of its run, and drops the point's checkpoint.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be written.
    pub fn save(&self, point: &Point, record: &Record, run: &Run) -> Result<(), Error> {
        // The circumstances first: a record is never without them.
        write_whole(&self.path("runs", point), run.to_json().as_bytes())?;
        write_whole(&self.record_path(point), record.to_json().as_bytes())?;
        self.no_longer_failed(point)?;
        self.checkpoint(point).remove()
    }

    /// When, where and how long a point ran, if that is known.
    pub fn run(&self, point: &Point) -> Option<Run> {
        let text = files::read_text(&self.path("runs", point), LARGEST_RECORD).ok()?;
        Run::from_json(&text)
    }

    /// Whether there is a record of a point, whatever is in it.
    pub fn has(&self, point: &Point) -> bool {
        self.record_path(point).is_file()
    }

    /// Takes a point, unless another process is at it. Those that have the store together take it together.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the folder of locks cannot be written to.
    pub fn take(&self, point: &Point) -> Result<Option<Lock>, Error> {
        let lock = Lock::take(&self.lock_path(point))?;
        // The others have locks of their own, which nobody else wants.
        let is_refused = self.processes.any(lock.is_none());
        Ok(lock.filter(|_| !is_refused))
    }

    /// Which process is at a point, in words.
    pub fn holder(&self, point: &Point) -> String {
        Lock::holder(&self.lock_path(point))
    }

    fn lock_path(&self, point: &Point) -> PathBuf {
        self.folder.join(LOCKS).join(record::key(point))
    }

    /// Removes the locks that killed processes have left.
    pub fn sweep_locks(&self) {
        lock::sweep(&self.folder.join(LOCKS));
    }

    /// How many records of these points' experiments belong to none of the points.
    pub fn others<'a>(&self, points: impl IntoIterator<Item = &'a Point>) -> usize {
        let own: BTreeSet<PathBuf> =
            points.into_iter().map(|point| self.record_path(point)).collect();
        let folders: BTreeSet<&Path> = own.iter().filter_map(|path| path.parent()).collect();
        let files = folders.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
        let paths = files.flatten().map(|file| file.path());
        paths
            .filter(|path| path.extension().is_some_and(|e| e == "json") && !own.contains(path))
            .count()
    }

    /// Drops the record and the checkpoint of a point.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be removed.
    pub fn forget(&self, point: &Point) -> Result<(), Error> {
        remove(&self.record_path(point))?;
        self.checkpoint(point).remove()
    }

    /// Writes a record of another store, and the circumstances of its run if they are known.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be written.
    pub fn adopt(&self, point: &Point, record: &Record, run: Option<&Run>) -> Result<(), Error> {
        if let Some(run) = run {
            write_whole(&self.path("runs", point), run.to_json().as_bytes())?;
        }
        write_whole(&self.record_path(point), record.to_json().as_bytes())
    }

    /// Drops all models, finished or not.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be removed.
    pub fn forget_models(&self) -> Result<(), Error> {
        let folder = self.folder.join("models");
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", &folder)(error))
            }
            _ => Ok(()),
        }
    }

    /// The trained networks that points share.
    pub fn models(&self) -> Models {
        Models::new(&self.folder, &self.processes)
    }

    /// Where a long point saves itself on its way.
    pub fn checkpoint(&self, point: &Point) -> Checkpoint {
        let name = format!("{}.safetensors", record::key(point));
        Checkpoint::at(self.folder.join("checkpoints").join(name), &self.processes)
    }

    /// The files that hold a point's record and its circumstances, by their names in the store.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if one is there and cannot be read.
    pub fn files(&self, point: &Point) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let mut files = Vec::new();
        for kind in ["records", "runs"] {
            let name = format!("{kind}/{}/{}.json", point.experiment, record::key(point));
            if let Some(content) = read_if_there(&self.path(kind, point), LARGEST_RECORD)? {
                files.push((name, content));
            }
        }
        Ok(files)
    }

    /// Reads a file of the report.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        let path = self.folder.join(name);
        fs::read(&path).map_err(Error::io("read", &path))
    }

    /// Writes a file beside the report.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be written.
    pub fn write_bytes(&self, name: &str, content: &[u8]) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        write_whole(&path, content)?;
        Ok(path)
    }

    /// Writes a file of the report.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be written.
    pub fn write(&self, name: &str, content: &str) -> Result<PathBuf, Error> {
        self.write_bytes(name, content.as_bytes())
    }
}
