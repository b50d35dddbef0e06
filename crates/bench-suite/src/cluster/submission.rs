//! [`Submission`]: what was handed to a scheduler, in a folder of the store.
//!
//! ```text
//! OUT/jobs/N/plan.json   which element has which points
//! OUT/jobs/N/array.sh    an element
//! OUT/jobs/N/merge.sh    what comes after them
//! OUT/jobs/N/jobs.json   their numbers in the queue
//! OUT/jobs/N/logs/       what they say
//! ```

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::script::Scripts;
use crate::measured::error::Error;
use crate::measured::files::{read_text, write_whole};

/// No list of jobs is larger, in bytes.
const LARGEST: u64 = 1 << 20;

/// A folder of `OUT/jobs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    folder: PathBuf,
    number: u64,
}

/// The numbers of jobs in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    /// Arrays with the same elements, one after another.
    pub arrays: Vec<String>,
    /// What comes after them.
    pub merge: Option<String>,
}

impl Jobs {
    /// All of them.
    pub fn all(&self) -> Vec<String> {
        self.arrays.iter().chain(&self.merge).cloned().collect()
    }
}

impl Submission {
    /// The one that comes next in a store; it is not there yet.
    pub fn next(store: &Path) -> Self {
        let number = Self::newest(store).map_or(1, |newest| newest.number + 1);
        Self { folder: Self::all(store).join(number.to_string()), number }
    }

    /// The last one of a store, if there is one.
    pub fn newest(store: &Path) -> Option<Self> {
        let entries = fs::read_dir(Self::all(store)).into_iter().flatten().flatten();
        let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u64>().ok();
        let number = entries.filter_map(number).max()?;
        Some(Self { folder: Self::all(store).join(number.to_string()), number })
    }

    fn all(store: &Path) -> PathBuf {
        store.join("jobs")
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Which one of its store it is.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Writes the plan and both scripts into the folder, which is made.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be made, since it is there for one, or written to.
    pub fn write(&self, plan: &Plan, scripts: &Scripts<'_>) -> Result<(), Error> {
        let all = self.folder.parent().expect("it is in a folder");
        fs::create_dir_all(all).map_err(Error::io("create", all))?;
        // Of two that submit at once one has it.
        fs::create_dir(&self.folder).map_err(Error::io("create", &self.folder))?;
        let logs = Scripts::logs(&self.folder);
        fs::create_dir(&logs).map_err(Error::io("create", &logs))?;
        write_whole(&Scripts::plan(&self.folder), plan.to_json().as_bytes())?;
        let [array, merge] = Scripts::files(&self.folder);
        write_whole(&array, scripts.array().as_bytes())?;
        write_whole(&merge, scripts.merge().as_bytes())
    }

    /// The plan.
    ///
    /// # Errors
    ///
    /// As [`Plan::read`].
    pub fn plan(&self) -> Result<Plan, Error> {
        Plan::read(&Scripts::plan(&self.folder))
    }

    /// The jobs that were made of it; none if a person was to submit it, or no longer knows.
    pub fn jobs(&self) -> Jobs {
        let text = read_text(&self.folder.join("jobs.json"), LARGEST).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Hands both scripts to Slurm: the array so often, each after the end of the one before, and the
    /// merge after the last.
    ///
    /// The merge waits for the end of all elements, however they end: one that waits for their success
    /// waits for ever if one was requeued by its exit code, or failed.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] with what `sbatch` says; then nothing is left in the queue.
    pub fn submit(&self, rounds: u64) -> Result<Jobs, Error> {
        let [array, merge] = Scripts::files(&self.folder);
        let mut jobs = Jobs::default();
        let mut submit = || {
            for _ in 0..rounds {
                let job = sbatch(jobs.arrays.last(), &array)?;
                jobs.arrays.push(job);
            }
            jobs.merge = Some(sbatch(jobs.arrays.last(), &merge)?);
            let mut text = serde_json::to_string_pretty(&jobs).expect("numbers are plain data");
            text.push('\n');
            write_whole(&self.folder.join("jobs.json"), text.as_bytes())
        };
        if let Err(error) = submit() {
            // What was submitted before; if this fails, too, the queue has it still.
            if !jobs.arrays.is_empty() {
                drop(Command::new("scancel").args(jobs.all()).output());
            }
            return Err(error);
        }
        Ok(jobs)
    }
}

/// The number of the job that Slurm makes of a script, after the end of another.
fn sbatch(after: Option<&String>, script: &Path) -> Result<String, Error> {
    let mut command = Command::new("sbatch");
    command.arg("--parsable");
    command.args(after.map(|job| format!("--dependency=afterany:{job}")));
    let output = match command.arg(script).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let reason = "there is no sbatch here: submit on a machine of the cluster; --dry-run shows \
                          what would be submitted, --scheduler asks for another scheduler's lines";
            return Err(Error::Usage(reason.to_owned()));
        }
        output => output.map_err(|error| Error::Usage(format!("cannot start sbatch: {error}")))?,
    };
    let said = String::from_utf8_lossy(&output.stdout);
    match number(&said).filter(|_| output.status.success()) {
        Some(job) => Ok(job),
        None => {
            let why = String::from_utf8_lossy(&output.stderr);
            let why = why.trim().lines().next_back().unwrap_or("it gave no number").to_owned();
            Err(Error::Usage(format!("sbatch refuses {}: {why}", script.display())))
        }
    }
}

/// What `sbatch --parsable` says: the number, and where there are several clusters the name of one.
fn number(said: &str) -> Option<String> {
    let line = said.lines().next_back()?;
    let number = line.split(';').next()?.trim();
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submissions_are_counted() {
        let store = tempfile::tempdir().unwrap();
        assert_eq!(Submission::newest(store.path()), None);
        assert_eq!(Submission::next(store.path()).number(), 1);
        for number in ["1", "10", "9", "notes"] {
            fs::create_dir_all(store.path().join("jobs").join(number)).unwrap();
        }
        assert_eq!(Submission::newest(store.path()).unwrap().number(), 10);
        assert_eq!(Submission::next(store.path()).number(), 11);
        assert_eq!(Submission::newest(store.path()).unwrap().jobs(), Jobs::default());
    }

    #[test]
    fn the_number_of_a_job_is_read() {
        assert_eq!(number("1234\n").as_deref(), Some("1234"));
        assert_eq!(number("1234;cluster\n").as_deref(), Some("1234"));
        assert_eq!(number("Lua says hello\n77\n").as_deref(), Some("77"));
        assert_eq!(number("Submitted batch job 5\n"), None);
        assert_eq!(number(""), None);
    }
}
