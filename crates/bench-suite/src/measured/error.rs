//! What stops a run: every message names the file, the option or the experiment.

use std::path::{Path, PathBuf};

/// A usage or data error; the command line turns it into one line and exit code 2.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted: "read", "write", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A data file is not what it should be.
    #[error("{}: {reason}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A record is cut, altered or misplaced.
    #[error("record {} {reason}; move it away, and run its experiment again", path.display())]
    Record {
        /// The record file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No experiment has that name.
    #[error("there is no experiment '{id}'; {hint}")]
    UnknownExperiment {
        /// The name that was asked for.
        id: String,
        /// What may have been meant.
        hint: String,
    },
    /// A point of a run failed; the others went on.
    #[error("{point}: {source}{}", match others { 0 => String::new(), n => format!(" (and {n} more)") })]
    Point {
        /// Experiment and point.
        point: String,
        /// What is wrong.
        source: Box<Self>,
        /// How many other points failed.
        others: usize,
    },
    /// Two stores have measured something else for one point.
    #[error("{} and {} are of one point and differ: {difference}", files[0].display(), files[1].display())]
    Conflict {
        /// The records.
        files: [PathBuf; 2],
        /// The first measurement that differs, and both numbers.
        difference: String,
    },
    /// Records that were there when a run began, or that it wrote, are there no longer.
    #[error("{} of {total} records have gone from {} during the run: {}", missing.len(), folder.display(), few(missing))]
    Lost {
        /// The store.
        folder: PathBuf,
        /// The points without a record.
        missing: Vec<String>,
        /// Number of points.
        total: usize,
    },
    /// Records are missing that a merge or a report needs.
    #[error("{} of {total} records are missing in {}: {}", missing.len(), folder.display(), few(missing))]
    Incomplete {
        /// The store.
        folder: PathBuf,
        /// The points without a record.
        missing: Vec<String>,
        /// Number of points.
        total: usize,
    },
    /// A data set that does not ship with the source, and was not named.
    #[error("{0}")]
    NoData(String),
    /// Training diverged.
    #[error("{0}; no record is kept")]
    Diverged(nn::Diverged),
    /// A panic.
    #[error("{0} (a fault of the program; RUST_BACKTRACE=1 shows its trace)")]
    Fault(String),
    /// The run was stopped by the user.
    #[error("interrupted")]
    Interrupted,
    /// A configuration that cannot be run.
    #[error("{0}")]
    Usage(String),
}

/// The first names of a list that may have thousands, and how many follow.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

impl Error {
    /// What is behind the error of a point.
    pub fn root(&self) -> &Self {
        match self {
            Self::Point { source, .. } => source.root(),
            other => other,
        }
    }

    /// An [`Error::Io`] about `path`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// An [`Error::Data`] about `path`.
    pub fn data(path: &Path, reason: impl Into<String>) -> Self {
        Self::Data { path: path.to_owned(), reason: reason.into() }
    }

    /// An [`Error::Data`] about the line of a TOML file that makes no sense.
    pub fn toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().map_or("", |span| &text[..span.start]);
        let line = before.matches('\n').count() + 1;
        Self::data(path, format!("line {line}: {}", error.message()))
    }
}

impl From<datasets::Error> for Error {
    fn from(error: datasets::Error) -> Self {
        match error {
            datasets::Error::Io { action, path, source } => Self::Io { action, path, source },
            datasets::Error::Data { path, reason } => Self::Data { path, reason },
            datasets::Error::NoData(reason) => Self::NoData(reason),
        }
    }
}

impl From<crossbar::TileError> for Error {
    fn from(error: crossbar::TileError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<nn::Stopped> for Error {
    fn from(stopped: nn::Stopped) -> Self {
        match stopped {
            nn::Stopped::Interrupted => Self::Interrupted,
            nn::Stopped::Diverged(diverged) => Self::Diverged(diverged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut() {
        let names: Vec<String> = (1..=7).map(|i| format!("p{i}")).collect();
        assert_eq!(few(&names[..5]), "p1, p2, p3, p4, p5");
        assert_eq!(few(&names), "p1, p2, p3, p4, p5 and 2 more");
    }
}
