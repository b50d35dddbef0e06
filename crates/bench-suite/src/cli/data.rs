//! Where data sets are read from.

use std::path::{Path, PathBuf};

use datasets::DataFolder;

use crate::measured::error::Error;

/// The folder of `--data`, or else that of the environment, where an empty name is none.
pub(super) fn named_folder(named: Option<&Path>) -> Option<PathBuf> {
    let set = || std::env::var_os("DITHER_DATA").filter(|name| !name.is_empty()).map(PathBuf::from);
    named.map(Path::to_owned).or_else(set)
}

/// Where data sets are read from: the folder that is named, and others. One that cannot be read is a slip
/// of the pen: taken as it is, the run would leave out all that needs it.
pub(super) fn data_folder(named: Option<&Path>) -> Result<DataFolder, Error> {
    let folder = named_folder(named);
    if let Some(folder) = &folder {
        std::fs::read_dir(folder).map_err(Error::io("read data sets from", folder))?;
    }
    Ok(DataFolder::new(folder.as_deref()))
}
