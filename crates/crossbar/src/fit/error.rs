//! [`FitError`]: what keeps measurements from being read or fitted.

/// Measurements that cannot be used. Messages name the file, the line and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// A text that holds no measurements.
    #[error("{file}: {problem}")]
    File {
        /// Its name.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// A line that cannot be read.
    #[error("{file}, line {line}: {problem}")]
    Line {
        /// Name of the file.
        file: String,
        /// The line of the text, the first one being 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// Measurements from which nothing can be learnt.
    #[error("{0}")]
    Data(String),
    /// An option that is out of range.
    #[error("{option} = {value} {problem}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Its value.
        value: String,
        /// The violated condition.
        problem: &'static str,
    },
}
