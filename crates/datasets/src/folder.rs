//! [`DataFolder`]: where data sets are found.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::error::Error;

/// Where data sets are read from: the folder that the user names, for what is not there the user's own
/// folder of data sets, and at last the one that ships with the source. A large data set is read and checked
/// once.
#[derive(Clone, Debug)]
pub struct DataFolder {
    folders: Vec<PathBuf>,
    read: Arc<Mutex<BTreeMap<TypeId, Slot>>>,
}

/// A data set that is read when it is first asked for.
type Slot = Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>;

impl DataFolder {
    /// `folder`, if there is one, before [`Self::of_user`] and the one in the repository.
    pub fn new(folder: Option<&Path>) -> Self {
        let folders = folder.map(Path::to_owned).into_iter();
        let folders = folders.chain(Self::of_user().filter(|folder| folder.is_dir()));
        Self { folders: folders.chain([Self::shipped()]).collect(), read: Arc::default() }
    }

    /// Where every program of a user finds data sets, whether it is there or not: `dither` in the folder
    /// that `XDG_DATA_HOME` names, or else in `~/.local/share`, or in `%LOCALAPPDATA%`.
    pub fn of_user() -> Option<PathBuf> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let data = set("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| Path::new(&home).join(".local").join("share")))
            .or_else(|| set("LOCALAPPDATA").map(PathBuf::from));
        data.map(|folder| folder.join("dither"))
    }

    /// The data sets that ship, in the source that a program was built from: one that is installed finds
    /// them as long as that is there.
    pub fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
    }

    /// All folders, in the order in which they are looked in.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }

    /// A data set's file or folder of that name, where it is first found; if it is nowhere, where it
    /// is looked for first.
    pub fn path(&self, name: &str) -> PathBuf {
        let mut paths = self.folders.iter().map(|folder| folder.join(name));
        let first = paths.next().expect("the shipped folder is always there");
        std::iter::once(first.clone()).chain(paths).find(|path| path.exists()).unwrap_or(first)
    }

    /// The data set of that type, which `load` reads unless it was read before.
    pub(crate) fn once<T: Any + Send + Sync>(
        &self,
        load: impl FnOnce(&Self) -> Result<T, Error>,
    ) -> Result<Arc<T>, Error> {
        let slot = {
            let mut read = self.read.lock().expect("looking for a data set does not panic");
            Arc::clone(read.entry(TypeId::of::<T>()).or_default())
        };
        // Others may be read in the meantime.
        let mut slot = slot.lock().expect("reading files does not panic");
        let present = match &*slot {
            Some(present) => Arc::clone(present),
            None => Arc::clone(slot.insert(Arc::new(load(self)?))),
        };
        Ok(present.downcast().expect("a slot holds what its type says"))
    }
}
