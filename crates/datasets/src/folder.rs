//! [`DataFolder`]: where data sets are found.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::error::Error;

/// Where data sets are read from: the folder that the user names, and for what is not there the one
/// that ships with the source. A large data set is read and checked once.
#[derive(Clone, Debug)]
pub struct DataFolder {
    folders: Vec<PathBuf>,
    read: Arc<Mutex<BTreeMap<TypeId, Slot>>>,
}

/// A data set that is read when it is first asked for.
type Slot = Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>;

impl DataFolder {
    /// `folder`, if there is one, before the one in the repository.
    pub fn new(folder: Option<&Path>) -> Self {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
        let folders = folder.map(Path::to_owned).into_iter().chain([shipped]).collect();
        Self { folders, read: Arc::default() }
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
