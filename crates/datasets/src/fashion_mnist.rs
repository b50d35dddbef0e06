//! Fashion-MNIST: 60,000 + 10,000 grey photographs of clothes, of 28 × 28 pixels in ten classes, in IDX
//! files.
//!
//! Source: Xiao, Rasul and Vollgraf, arXiv:1708.07747; `data/fashion-mnist/README.md` has provenance and
//! licence.

use std::sync::Arc;

use nn::Images;

use crate::error::Error;
use crate::folder::DataFolder;
use crate::idx;
use crate::sum::DataSum;
use crate::unpack::Known;

/// Mean and standard deviation of the pixels of the training images, white being 1.
pub const MEAN: f32 = 0.2860;
/// See [`MEAN`].
pub const STD_DEV: f32 = 0.3530;

/// The complete data set; images are (28, 28, 1).
#[derive(Debug)]
pub struct FashionMnist {
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
            sha256: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        },
    ),
    (
        "train-labels-idx1-ubyte.gz",
        Known {
            len: 8 + 60_000,
            sha256: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        },
    ),
    (
        "t10k-images-idx3-ubyte.gz",
        Known {
            len: 16 + 10_000 * 784,
            sha256: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        },
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        Known {
            len: 8 + 10_000,
            sha256: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
    ),
];

impl FashionMnist {
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

    /// Reads and checks the four files in `fashion-mnist/` of a data folder.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] naming the file.
    pub fn load(data: &DataFolder) -> Result<Self, Error> {
        let [train, test] = idx::images(data, "fashion-mnist", &[28, 28, 1], FILES)?;
        Ok(Self { train, test })
    }

    /// Name and checksum of the data set.
    pub fn sum() -> DataSum {
        DataSum::of("fashion-mnist", FILES.map(|(name, known)| (name, known.sha256)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_files_are_the_known_data_set() {
        let FashionMnist { train, test } = FashionMnist::load(&DataFolder::new(None)).unwrap();
        for (images, each) in [(&train, 6000), (&test, 1000)] {
            assert_eq!(images.shape(), [28, 28, 1]);
            for class in 0..10 {
                assert_eq!(images.labels().iter().filter(|&&label| label == class).count(), each);
            }
        }
        // Exact integer sums; the constants are their roundings to four digits.
        let pixels = train.pixels();
        let sum: u64 = pixels.iter().map(|&p| u64::from(p)).sum();
        let squares: u64 = pixels.iter().map(|&p| u64::from(p).pow(2)).sum();
        let mean = sum as f64 / pixels.len() as f64 / 255.0;
        let square = squares as f64 / pixels.len() as f64 / (255.0 * 255.0);
        assert!((mean - f64::from(MEAN)).abs() < 5.1e-5, "{mean}");
        assert!(((square - mean * mean).sqrt() - f64::from(STD_DEV)).abs() < 5.1e-5);
    }
}
