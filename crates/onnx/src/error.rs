//! [`Error`]: what is wrong with a file, or what of it cannot be run.

use std::fmt;
use std::path::PathBuf;

/// Why a network cannot be read or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// A clause that says what is wrong.
        reason: String,
    },
    /// Operators that there are not.
    #[error("operators that are not supported: {}", Listed(.0))]
    Unsupported(Vec<Unsupported>),
    /// A node that cannot be run.
    #[error("node {node} ({operator}): {reason}")]
    Node {
        /// The name of the node, or of its first output.
        node: String,
        /// Its operator.
        operator: String,
        /// A clause that says what is wrong.
        reason: String,
    },
    /// What a network was given.
    #[error("{0}")]
    Input(String),
}

/// An operator that cannot be run, and the nodes that use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The operator.
    pub operator: String,
    /// The nodes.
    pub nodes: Vec<String>,
}

struct Listed<'a>(&'a [Unsupported]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Unsupported { operator, nodes }) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "; " };
            write!(f, "{comma}{operator} ({})", nodes.join(", "))?;
        }
        Ok(())
    }
}

/// What is wrong with a node, before it is known which.
pub(crate) type Reason<T> = Result<T, String>;
