//! MNIST: 60,000 + 10,000 handwritten digits of 28 × 28 pixels, in IDX files.
//!
//! Source: LeCun, Cortes, Burges; `data/mnist/README.md` has provenance and licence.

use std::sync::Arc;

use crate::error::Error;
use crate::folder::DataFolder;
use crate::idx;
use crate::sum::DataSum;
use crate::unpack::Known;
use nn::Images;

/// The complete data set.
#[derive(Debug)]
pub struct Mnist {
    /// 60,000 images.
    pub train: Images,
    /// 10,000 images.
    pub test: Images,
}

/// File names and their unpacked content.
const FILES: [(&str, Known); 4] = [
    (
        "train-images-idx3-ubyte.gz",
        Known {
            len: 16 + 60_000 * 784,
            sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        },
    ),
    (
        "train-labels-idx1-ubyte.gz",
        Known {
            len: 8 + 60_000,
            sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        },
    ),
    (
        "t10k-images-idx3-ubyte.gz",
        Known {
            len: 16 + 10_000 * 784,
            sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        },
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        Known {
            len: 8 + 10_000,
            sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
];

impl Mnist {
    /// The data set of a folder, read and checked when it is first asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] naming the file that is missing or damaged.
    ///
    /// # Panics
    ///
    /// If another thread panicked while it read the files.
    pub fn open(data: &DataFolder) -> Result<Arc<Self>, Error> {
        data.once(Self::load)
    }

    /// Reads and checks the four files in `mnist/` of a data folder.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] naming the file.
    pub fn load(data: &DataFolder) -> Result<Self, Error> {
        let [train, test] = idx::images(data, "mnist", &[784], FILES)?;
        Ok(Self { train, test })
    }

    /// Name and checksum of the data set.
    pub fn sum() -> DataSum {
        DataSum::of("mnist", FILES.map(|(name, known)| (name, known.sha256)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_files_are_the_known_data_set() {
        let mnist = Mnist::load(&DataFolder::new(None)).unwrap();
        let counts = |images: &Images| {
            let mut counts = [0; 10];
            images.labels().iter().for_each(|&label| counts[usize::from(label)] += 1);
            counts
        };
        // The class counts that every description of MNIST gives.
        assert_eq!(
            counts(&mnist.train),
            [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
        );
        assert_eq!(counts(&mnist.test), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let shipped = DataFolder::new(None).path("mnist");
        std::fs::create_dir(folder.path().join("mnist")).unwrap();
        for (name, _) in FILES {
            std::fs::copy(shipped.join(name), folder.path().join("mnist").join(name)).unwrap();
        }
        let victim = folder.path().join("mnist/t10k-images-idx3-ubyte.gz");
        let whole = std::fs::read(&victim).unwrap();
        let message =
            || Mnist::load(&DataFolder::new(Some(folder.path()))).unwrap_err().to_string();
        std::fs::write(&victim, &whole[..whole.len() / 2]).unwrap();
        assert!(
            message().contains("t10k-images-idx3-ubyte.gz: not a complete gzip file"),
            "{}",
            message()
        );
        let mut altered = whole.clone();
        let last = altered.len() - 20;
        altered[last] ^= 0x10;
        std::fs::write(&victim, &altered).unwrap();
        assert!(message().contains("t10k-images-idx3-ubyte.gz: "), "{}", message());
        std::fs::remove_file(&victim).unwrap();
        assert!(message().starts_with("cannot read "), "{}", message());
    }
}
