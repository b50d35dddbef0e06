//! Data sets: found, checked on load, turned into tensors.

pub mod cifar10;
pub mod cifar100;
pub mod fsdd;
mod glue;
pub mod imagenet;
pub mod japanese_vowels;
pub(crate) mod log_mel;
pub mod mnist;
pub mod movie_reviews;
pub mod mrpc;
pub mod ptb;
pub mod sotu;
pub mod stsb;
mod sum;
pub mod switchboard;
mod unpack;
mod vocabulary;
mod wav;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::measured::error::Error;

use cifar10::Cifar10;
use fsdd::SpokenDigits;
use mnist::Mnist;
pub use sum::DataSum;
pub use vocabulary::Vocabulary;

/// Where data sets are read from: the folder that the user names, and for what is not there the one
/// that ships with the source. A data set is read and checked once.
#[derive(Clone, Debug)]
pub struct DataFolder {
    folders: Vec<PathBuf>,
    mnist: Slot<Mnist>,
    cifar10: Slot<Cifar10>,
    spoken_digits: Slot<SpokenDigits>,
}

/// A data set that is read when it is first asked for.
type Slot<T> = Arc<Mutex<Option<Arc<T>>>>;

impl DataFolder {
    /// `folder`, if there is one, before the one in the repository.
    pub fn new(folder: Option<&Path>) -> Self {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
        Self {
            folders: folder.map(Path::to_owned).into_iter().chain([shipped]).collect(),
            mnist: Slot::default(),
            cifar10: Slot::default(),
            spoken_digits: Slot::default(),
        }
    }

    /// A data set's file or folder of that name, where it is first found; if it is nowhere, where it
    /// is looked for first.
    pub fn path(&self, name: &str) -> PathBuf {
        let mut paths = self.folders.iter().map(|folder| folder.join(name));
        let first = paths.next().expect("the shipped folder is always there");
        std::iter::once(first.clone()).chain(paths).find(|path| path.exists()).unwrap_or(first)
    }

    /// MNIST, from `mnist/` in this folder.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] naming the file that is missing or damaged.
    ///
    /// # Panics
    ///
    /// If another thread panicked while it read the files.
    pub fn mnist(&self) -> Result<Arc<Mnist>, Error> {
        once(&self.mnist, || Mnist::load(self))
    }

    /// CIFAR-10, in the version that this folder holds.
    ///
    /// # Errors
    ///
    /// [`Error::NoData`] if it holds none; [`Error::Io`] or [`Error::Data`] naming the file that is
    /// missing or damaged.
    ///
    /// # Panics
    ///
    /// If another thread panicked while it read the files.
    pub fn cifar10(&self) -> Result<Arc<Cifar10>, Error> {
        once(&self.cifar10, || Cifar10::load(self))
    }

    /// The spoken digits, in the version that this folder holds.
    ///
    /// # Errors
    ///
    /// As [`Self::cifar10`].
    ///
    /// # Panics
    ///
    /// If another thread panicked while it read the files.
    pub fn spoken_digits(&self) -> Result<Arc<SpokenDigits>, Error> {
        once(&self.spoken_digits, || SpokenDigits::load(self))
    }
}

fn once<T>(slot: &Slot<T>, load: impl FnOnce() -> Result<T, Error>) -> Result<Arc<T>, Error> {
    let mut slot = slot.lock().expect("reading files does not panic");
    if let Some(present) = &*slot {
        return Ok(Arc::clone(present));
    }
    let loaded = Arc::new(load()?);
    *slot = Some(Arc::clone(&loaded));
    Ok(loaded)
}
