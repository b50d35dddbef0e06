//! [`State`]: how far a point is, from what lies in the store.

use super::{LARGEST_RECORD, Store};
use crate::measured::error::Error;
use crate::measured::files::{self, remove, write_whole};
use crate::measured::lock::{LOCKS, Lock};
use crate::measured::point::Point;
use crate::provenance::Run;
use crate::record;

/// How far a point is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// It has its record; when, where and how long it ran, if that is known.
    Done(Option<Run>),
    /// A process is at it.
    Running,
    /// The last process that was at it failed, for this reason.
    Failed(String),
    /// It is to be run.
    Open,
}

impl Store {
    /// How far a point is, by the name of its record.
    ///
    /// Where a file system knows no locks no point is seen to run.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a lock cannot be asked for.
    pub fn state(&self, experiment: &str, key: &str) -> Result<State, Error> {
        let file = |kind: &str, end: &str| {
            self.folder.join(kind).join(experiment).join(format!("{key}.{end}"))
        };
        let read = |kind: &str, end: &str| files::read_text(&file(kind, end), LARGEST_RECORD).ok();
        if file("records", "json").is_file() {
            return Ok(State::Done(read("runs", "json").and_then(|text| Run::from_json(&text))));
        }
        let lock = self.folder.join(LOCKS).join(key);
        // Asked for only where there is one, so that looking leaves nothing behind.
        if lock.exists() && Lock::take(&lock)?.is_none() {
            return Ok(State::Running);
        }
        Ok(match read("failed", "txt") {
            Some(reason) => State::Failed(reason.trim_end().to_owned()),
            None => State::Open,
        })
    }

    /// Keeps the reason why a point failed, until it has its record.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn failed(&self, point: &Point, reason: &Error) -> Result<(), Error> {
        write_whole(&self.failure(point), format!("{reason}\n").as_bytes())
    }

    /// Drops the reason.
    pub(super) fn no_longer_failed(&self, point: &Point) -> Result<(), Error> {
        remove(&self.failure(point))
    }

    fn failure(&self, point: &Point) -> std::path::PathBuf {
        self.folder
            .join("failed")
            .join(point.experiment)
            .join(format!("{}.txt", record::key(point)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::measured::measurements::Measurements;
    use crate::record::Record;

    #[test]
    fn a_point_goes_through_all_states() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let config = serde_json::Value::Null;
        let point = crate::measured::point::testing::point("test/state", "a point", config, 0);
        let state = || store.state(point.experiment, &record::key(&point)).unwrap();
        assert_eq!(state(), State::Open);
        let lock = store.take(&point).unwrap();
        assert_eq!(state(), State::Running);
        drop(lock);
        store.failed(&point, &Error::Usage("it broke".to_owned())).unwrap();
        assert_eq!(state(), State::Failed("it broke".to_owned()));
        let lock = store.take(&point).unwrap();
        assert_eq!(state(), State::Running, "it is tried again");
        drop(lock);
        let run = Run::ending_now(Duration::from_secs(3), 1, 1);
        store.save(&point, &Record::new(&point, Measurements::default()), &run).unwrap();
        assert_eq!(state(), State::Done(Some(run)));
        assert!(!store.failure(&point).exists());
    }
}
