//! [`Photographs`]: the small images that convolutional networks learn from.

use std::fmt;

use datasets::cifar10::{self, Cifar10, Version};
use datasets::fashion_mnist::{self, FashionMnist};
use datasets::{DataFolder, DataSum};
use nn::{Images, Normalization};

use crate::measured::error::Error;

/// Which small photographs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Colour, 32 × 32 pixels, 50,000 + 10,000.
    Cifar10(Version),
    /// Grey, 28 × 28 pixels, 60,000 + 10,000, which ship with the source.
    FashionMnist,
}

impl Source {
    /// CIFAR-10, or where that is not there what ships.
    pub(super) fn of(data: &DataFolder) -> Self {
        cifar10::version(data).map_or(Self::FashionMnist, Self::Cifar10)
    }

    /// The one whose checksum has that name; the first choice if none has.
    pub(super) fn of_sum(name: &str) -> Self {
        match name {
            "fashion-mnist" => Self::FashionMnist,
            "cifar10" => Self::Cifar10(Version::Official),
            _ => Self::Cifar10(Version::Jpeg),
        }
    }

    /// Pixels along a side.
    pub(super) const fn side(self) -> usize {
        match self {
            Self::Cifar10(_) => 32,
            Self::FashionMnist => 28,
        }
    }

    /// The largest error in % of a network that was trained well enough, on images of half the width and
    /// height or on whole ones.
    ///
    /// Assumed: of clothes two points more than the best method that is no network, a support vector
    /// machine on whole images [Xiao et al., Table 3: 10.3 %]; of CIFAR-10 what ten epochs reach.
    pub(super) const fn sound_percent(self, halved: bool) -> f64 {
        match (self, halved) {
            (Self::FashionMnist, _) => 12.0,
            (Self::Cifar10(_), true) => 35.0,
            (Self::Cifar10(_), false) => 20.0,
        }
    }

    /// Reads and checks it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] naming the file.
    pub(super) fn read(self, data: &DataFolder) -> Result<Photographs, Error> {
        Ok(match self {
            Self::Cifar10(_) => {
                let cifar = Cifar10::open(data)?;
                let (mean, std_dev) = (cifar10::MEAN.to_vec(), cifar10::STD_DEV.to_vec());
                Photographs {
                    train: cifar.train.clone(),
                    test: cifar.test.clone(),
                    normalization: Normalization { mean, std_dev },
                    sum: cifar.sum(),
                }
            }
            Self::FashionMnist => {
                let fashion = FashionMnist::open(data)?;
                let (mean, std_dev) = (fashion_mnist::MEAN, fashion_mnist::STD_DEV);
                Photographs {
                    train: fashion.train.clone(),
                    test: fashion.test.clone(),
                    normalization: Normalization { mean: vec![mean], std_dev: vec![std_dev] },
                    sum: FashionMnist::sum(),
                }
            }
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cifar10(version) => version.name(),
            Self::FashionMnist => "Fashion-MNIST",
        })
    }
}

/// A data set of small photographs.
#[derive(Debug)]
pub(super) struct Photographs {
    pub(super) train: Images,
    pub(super) test: Images,
    pub(super) normalization: Normalization,
    pub(super) sum: DataSum,
}

/// Images of half the width and height, each pixel the mean of four, rounded.
pub(super) fn halved(images: &Images) -> Images {
    let &[height, width, channels] = images.shape() else {
        panic!("images of shape {:?} have no width", images.shape())
    };
    let mut pixels = Vec::with_capacity(images.pixels().len() / 4);
    for image in images.pixels().chunks_exact(height * width * channels) {
        let at = |y: usize, x: usize, c: usize| u16::from(image[(y * width + x) * channels + c]);
        for (y, x) in (0..height / 2).flat_map(|y| (0..width / 2).map(move |x| (2 * y, 2 * x))) {
            pixels.extend((0..channels).map(|c| {
                let sum = at(y, x, c) + at(y, x + 1, c) + at(y + 1, x, c) + at(y + 1, x + 1, c);
                ((sum + 2) / 4) as u8
            }));
        }
    }
    Images::new(&[height / 2, width / 2, channels], pixels, images.labels().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halved_images_hold_means_of_four() {
        let pixels = vec![1, 10, 2, 20, 3, 30, 4, 41, 0, 0, 255, 255, 0, 0, 255, 255];
        let halved = halved(&Images::new(&[2, 4, 2], pixels, vec![7]));
        // (1 + 2 + 0 + 255) / 4 = 64.5, (10 + 20 + 0 + 255) / 4 = 71.25, and so on, halves up.
        assert_eq!(halved, Images::new(&[1, 2, 2], vec![65, 71, 66, 82], vec![7]));
    }

    #[test]
    fn what_ships_is_taken_where_the_first_choice_is_not_there() {
        let empty = tempfile::tempdir().unwrap();
        let data = DataFolder::new(Some(empty.path()));
        assert_eq!(Source::of(&data), Source::FashionMnist);
        let photographs = Source::FashionMnist.read(&data).unwrap();
        assert_eq!(Source::of_sum(&photographs.sum.name), Source::FashionMnist);
        std::fs::create_dir(empty.path().join("cifar-10-batches-bin")).unwrap();
        assert_eq!(Source::of(&data), Source::Cifar10(Version::Official));
    }
}
