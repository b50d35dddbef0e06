//! [`Task`]: what a network is asked.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a network is asked, which says what y is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// One of C classes: y (N) of labels 0..C.
    Classification,
    /// Real numbers: y (N, …).
    Regression,
    /// One of C classes at each step: y (N, T) of labels, −1 where none is counted.
    SequenceLabels,
    /// The next token at each step of x (N, T); there is no y.
    LanguageModelling,
    /// Any of C labels: y (N, C) of 0 and 1.
    MultiLabel,
}

impl Task {
    /// Whether targets are numbers of classes.
    pub fn has_classes(self) -> bool {
        matches!(self, Self::Classification | Self::SequenceLabels | Self::LanguageModelling)
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classification => "classification",
            Self::Regression => "regression",
            Self::SequenceLabels => "sequence-labels",
            Self::LanguageModelling => "language-modelling",
            Self::MultiLabel => "multi-label",
        })
    }
}
