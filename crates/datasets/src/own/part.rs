//! [`Part`]: what the files of a split hold, before it is known what it is for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::elements::Numbers;

/// The arrays of a split, y among them.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Arrays by name, and the file of each.
    pub(super) arrays: BTreeMap<String, (PathBuf, Numbers)>,
    /// Names of the classes that y counts, in its order, if the files have names.
    pub(super) classes: Option<Vec<String>>,
    /// Names of the columns of x, if it has names.
    pub(super) columns: Option<Vec<String>>,
}
