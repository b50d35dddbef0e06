//! CIFAR-10: 50,000 + 10,000 colour photographs of 32 × 32 pixels in ten classes.
//!
//! Source: Krizhevsky, *Learning Multiple Layers of Features from Tiny Images* (2009). The data set
//! has no licence that would let it ship with the source, so a folder must be named that holds one
//! of
//!
//! ```text
//! cifar-10-batches-bin/            the official binary version: data_batch_{1..5}.bin, test_batch.bin
//! cifar10/cifar10_jpeg_q75.tar.xz  the same images as JPEG files, {train,test}/CLASS/NNNN.jpg
//! ```
//!
//! The official one is taken if both are there. JPEG of quality 75 damages images of this size:
//! networks trained on the official version lose ten points of accuracy on it, so results on one
//! must not be compared with results on the other. The name of the data set says which it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lzma_rust2::XzReader;
use nn::Images;
use sha2::{Digest, Sha256};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::Error;
use crate::files;
use crate::folder::DataFolder;
use crate::sum::DataSum;
use crate::sum::hex;
use crate::unpack::{Known, read_gzip, read_tar};

/// The classes, in the order of their labels.
pub const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Mean and standard deviation of the channels, as the published networks normalise them.
///
/// Source: the statistics of `ImageNet`, with which the weights of
/// github.com/akamaster/pytorch_resnet_cifar10 were trained.
pub const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// See [`MEAN`].
pub const STD_DEV: [f32; 3] = [0.229, 0.224, 0.225];

const SIDE: usize = 32;
const CHANNELS: usize = 3;
const PIXELS: usize = SIDE * SIDE * CHANNELS;
/// A label, then the three channels one after another.
const RECORD: usize = 1 + PIXELS;

const TRAIN: [&str; 5] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
];
const TEST: [&str; 1] = ["test_batch.bin"];
const RECORDS_PER_FILE: usize = 10_000;

const ARCHIVE: &str = "cifar10/cifar10_jpeg_q75.tar.xz";
const ARCHIVE_SHA256: &str = "9f9240ab4c48d0e5d81fc46da396430ce10db1a1edced0b999b295ed2ca46ad6";

const LOSSLESS: &str = "cifar10/cifar10_data_batch_1_first4000.bin.gz";
const LOSSLESS_COUNT: usize = 4000;
const LOSSLESS_CONTENT: Known = Known {
    len: (LOSSLESS_COUNT * RECORD) as u64,
    sha256: "0993cf8b8e43bc207603aef9787006995746513f5e3fa5a52e06d1b069926330",
};

/// Which version of the images was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The official binary files.
    Official,
    /// JPEG files of quality 75.
    Jpeg,
}

impl Version {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Official => "CIFAR-10",
            Self::Jpeg => "CIFAR-10 (JPEG q75)",
        }
    }
}

/// The complete data set; images are (32, 32, 3).
#[derive(Debug)]
pub struct Cifar10 {
    /// Where the images come from.
    pub version: Version,
    /// 50,000 images.
    pub train: Images,
    /// 10,000 images.
    pub test: Images,
    sum: DataSum,
}

impl Cifar10 {
    /// The data set of a folder, read and checked when it is first asked for.
    ///
    /// # Errors
    ///
    /// [`Error::NoData`] if it holds none; [`Error::Io`] or [`Error::Data`] naming the file that is
    /// missing or damaged.
    ///
    /// # Panics
    ///
    /// If another thread panicked while it read the files.
    pub fn open(data: &DataFolder) -> Result<Arc<Self>, Error> {
        data.once(Self::load)
    }

    /// Reads and checks the version that is in a data folder.
    ///
    /// # Errors
    ///
    /// [`Error::NoData`] if there is none, [`Error::Io`] or [`Error::Data`] naming the file.
    pub fn load(data: &DataFolder) -> Result<Self, Error> {
        let version = version(data)?;
        let (train, test, sum) = match version {
            Version::Official => {
                let folder = official(data);
                let mut contents = Vec::new();
                let mut read = |names: &[&'static str]| {
                    let mut records = Vec::new();
                    for name in names {
                        let content = read_records(&folder.join(name))?;
                        records.extend(&content);
                        contents.push((*name, content));
                    }
                    Ok::<Images, Error>(images(&records))
                };
                let (train, test) = (read(&TRAIN)?, read(&TEST)?);
                (train, test, DataSum::of("cifar10", contents))
            }
            Version::Jpeg => {
                let (train, test) = jpeg(&data.path(ARCHIVE))?;
                (train, test, DataSum::of("cifar10-jpeg", [(ARCHIVE, ARCHIVE_SHA256)]))
            }
        };
        Ok(Self { version, train, test, sum })
    }

    /// Name and checksum of the data set.
    pub fn sum(&self) -> DataSum {
        self.sum.clone()
    }
}

/// The first 4,000 training images, lossless, from `cifar10/` of a data folder or from the official
/// files.
///
/// # Errors
///
/// As [`Cifar10::load`].
pub fn first_4000_lossless(data: &DataFolder) -> Result<Images, Error> {
    let path = official(data).join(TRAIN[0]);
    if path.exists() {
        return Ok(images(&read_records(&path)?[..LOSSLESS_COUNT * RECORD]));
    }
    let path = data.path(LOSSLESS);
    if !path.exists() {
        return Err(missing(data, LOSSLESS));
    }
    let content = read_gzip(&path, LOSSLESS_CONTENT)?;
    check_records(&path, &content, LOSSLESS_COUNT)?;
    Ok(images(&content))
}

/// Which version a data folder holds.
///
/// # Errors
///
/// [`Error::NoData`] if it holds none.
pub fn version(data: &DataFolder) -> Result<Version, Error> {
    if official(data).is_dir() {
        Ok(Version::Official)
    } else if data.path(ARCHIVE).is_file() {
        Ok(Version::Jpeg)
    } else {
        Err(missing(data, ARCHIVE))
    }
}

fn official(data: &DataFolder) -> PathBuf {
    data.path("cifar-10-batches-bin")
}

fn missing(data: &DataFolder, other: &str) -> Error {
    Error::NoData(format!(
        "CIFAR-10 does not ship with the source and is not in {}: name with --data a folder that \
         holds cifar-10-batches-bin/ (the official binary version) or {other}",
        data.path("").display()
    ))
}

/// The content of a checked file.
fn read_records(path: &Path) -> Result<Vec<u8>, Error> {
    let content = files::read(path, (RECORDS_PER_FILE * RECORD) as u64)?;
    check_records(path, &content, RECORDS_PER_FILE)?;
    Ok(content)
}

fn check_records(path: &Path, content: &[u8], count: usize) -> Result<(), Error> {
    if content.len() != count * RECORD {
        let (found, expected) = (content.len(), count * RECORD);
        return Err(Error::data(
            path,
            format!("{found} bytes where {count} images have {expected}"),
        ));
    }
    let labels = content.iter().step_by(RECORD);
    match labels.enumerate().find(|(_, label)| usize::from(**label) >= CLASSES.len()) {
        Some((index, label)) => Err(Error::data(path, format!("image {index} has label {label}"))),
        None => Ok(()),
    }
}

/// Images of checked records, with the channels of a pixel side by side.
fn images(records: &[u8]) -> Images {
    let mut pixels = Vec::with_capacity(records.len() / RECORD * PIXELS);
    let mut labels = Vec::with_capacity(records.len() / RECORD);
    for record in records.chunks_exact(RECORD) {
        labels.push(record[0]);
        let planes = &record[1..];
        for i in 0..SIDE * SIDE {
            pixels.extend((0..CHANNELS).map(|c| planes[c * SIDE * SIDE + i]));
        }
    }
    Images::new(&[SIDE, SIDE, CHANNELS], pixels, labels)
}

/// Decodes the archive of JPEG files.
fn jpeg(path: &Path) -> Result<(Images, Images), Error> {
    let packed = files::read(path, u64::MAX)?;
    let found = hex(&Sha256::digest(&packed));
    if found != ARCHIVE_SHA256 {
        let reason = format!("altered: its SHA-256 is {found}, not {ARCHIVE_SHA256}");
        return Err(Error::data(path, reason));
    }
    let mut files = read_tar(path, XzReader::new(&*packed, false), |name| {
        name.extension().is_some_and(|extension| extension == "jpg")
    })?;
    // Image n of every class, then image n + 1: the first images of a part are of all classes, as
    // in the official files.
    files.sort_by(|(a, _), (b, _)| {
        let key = |name: &str| {
            name.rsplit_once('/').map(|(class, file)| (file.to_owned(), class.to_owned()))
        };
        key(a).cmp(&key(b))
    });
    let part = |part: &str, count: usize| {
        let (mut pixels, mut labels) = (Vec::with_capacity(count * PIXELS), Vec::new());
        for (name, content) in files.iter().filter(|(name, _)| name.starts_with(part)) {
            let class = name.split('/').nth(1).unwrap_or_default();
            let label = CLASSES
                .iter()
                .position(|c| *c == class)
                .ok_or_else(|| Error::data(path, format!("{name} is of no known class")))?;
            let image = decode(content).map_err(|reason| {
                Error::data(path, format!("{name} is no image of 32 × 32 pixels ({reason})"))
            })?;
            pixels.extend(image);
            labels.push(label as u8);
        }
        if labels.len() != count {
            let found = labels.len();
            return Err(Error::data(path, format!("{found} images in {part}, not {count}")));
        }
        Ok(Images::new(&[SIDE, SIDE, CHANNELS], pixels, labels))
    };
    Ok((part("train/", 50_000)?, part("test/", 10_000)?))
}

/// The pixels of a JPEG file, channels side by side.
fn decode(content: &[u8]) -> Result<Vec<u8>, String> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(content), options);
    // Its size before memory for it is had.
    decoder.decode_headers().map_err(|error| error.to_string())?;
    let size = decoder.dimensions();
    if size != Some((SIDE, SIDE)) {
        return Err(format!("its size is {size:?}"));
    }
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    if pixels.len() == PIXELS { Ok(pixels) } else { Err(format!("it has {} values", pixels.len())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(records: impl Fn(usize) -> Vec<u8>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let batches = folder.path().join("cifar-10-batches-bin");
        std::fs::create_dir(&batches).unwrap();
        for (i, name) in TRAIN.iter().chain(&TEST).enumerate() {
            std::fs::write(batches.join(name), records(i)).unwrap();
        }
        folder
    }

    /// Image n of file i: label n mod 10, channel c filled with 16·i + c, but for pixel 1.
    fn file(i: usize) -> Vec<u8> {
        let mut content = Vec::with_capacity(RECORDS_PER_FILE * RECORD);
        for n in 0..RECORDS_PER_FILE {
            content.push((n % 10) as u8);
            for c in 0..CHANNELS {
                let start = content.len();
                content.resize(start + SIDE * SIDE, (16 * i + c) as u8);
                content[start + 1] = 200 + c as u8;
            }
        }
        content
    }

    #[test]
    fn the_official_version_is_read_and_checked() {
        let folder = folder_with(file);
        let data = DataFolder::new(Some(folder.path()));
        let cifar = Cifar10::load(&data).unwrap();
        assert_eq!(cifar.version, Version::Official);
        assert_eq!((cifar.train.len(), cifar.test.len()), (50_000, 10_000));
        assert_eq!(cifar.train.pixels()[..6], [0, 1, 2, 200, 201, 202]);
        assert_eq!(cifar.test.pixels()[..6], [80, 81, 82, 200, 201, 202]);
        assert_eq!(cifar.train.labels()[10_003], 3);
        let lossless = first_4000_lossless(&data).unwrap();
        assert_eq!(lossless, cifar.train.first(4000));

        let victim = folder.path().join("cifar-10-batches-bin/data_batch_3.bin");
        let mut content = file(2);
        content[RECORD] = 10;
        std::fs::write(&victim, &content).unwrap();
        let message = Cifar10::load(&data).unwrap_err().to_string();
        assert!(message.ends_with("data_batch_3.bin: image 1 has label 10"), "{message}");
        std::fs::write(&victim, &content[..1000]).unwrap();
        let message = Cifar10::load(&data).unwrap_err().to_string();
        assert!(message.contains("1000 bytes where 10000 images have 30730000"), "{message}");
    }

    #[test]
    fn files_that_change_places_change_the_checksum() {
        let folder = folder_with(file);
        let data = || DataFolder::new(Some(folder.path()));
        let before = Cifar10::load(&data()).unwrap().sum();
        let at = |name: &str| folder.path().join("cifar-10-batches-bin").join(name);
        for (from, to) in [(TRAIN[0], "aside"), (TEST[0], TRAIN[0]), ("aside", TEST[0])] {
            std::fs::rename(at(from), at(to)).unwrap();
        }
        assert_ne!(Cifar10::load(&data()).unwrap().sum(), before);
    }

    #[test]
    fn a_folder_without_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = Cifar10::load(&DataFolder::new(Some(folder.path()))).unwrap_err().to_string();
        assert!(message.contains(&folder.path().display().to_string()), "{message}");
        assert!(message.contains("cifar-10-batches-bin/"), "{message}");
    }

    /// The JPEG archive, where the environment says that it is.
    #[test]
    fn the_jpeg_version_has_the_known_means() {
        let Some(folder) = crate::testing::data_with(ARCHIVE) else { return };
        let (train, _) = jpeg(&folder.join(ARCHIVE)).unwrap();
        let mut sums = [0u64; 3];
        for pixel in train.pixels().as_chunks::<3>().0 {
            sums.iter_mut().zip(pixel).for_each(|(sum, &p)| *sum += u64::from(p));
        }
        // The means of the official images are .4914, .4822, .4465. JPEG decoders differ by up to
        // three levels in a pixel; in the mean half a level is allowed (this one's blue is 0.35
        // levels above).
        for (sum, expected) in sums.into_iter().zip([0.4914, 0.4822, 0.4465]) {
            let mean = sum as f64 / (50_000.0 * 1024.0 * 255.0);
            assert!((mean - expected).abs() < 0.5 / 255.0, "{mean}, not {expected}");
        }
        assert_eq!(train.labels().iter().filter(|&&l| l == 3).count(), 5000);
    }

    #[test]
    fn damaged_files_are_refused_or_read_within_bounds() {
        let record = [vec![3], vec![9; PIXELS]].concat();
        for altered in crate::testing::mutations(&record, 300) {
            if check_records(Path::new("x"), &altered, 1).is_ok() {
                assert!(altered.len() == RECORD && altered[0] < 10);
            }
        }
    }
}
