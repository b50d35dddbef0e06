//! CIFAR-100: 50,000 + 10,000 colour photographs of 32 × 32 pixels in a hundred classes.
//!
//! Source: Krizhevsky, *Learning Multiple Layers of Features from Tiny Images* (2009); read from the
//! official binary version in the data folder:
//!
//! ```text
//! cifar-100-binary/{train,test}.bin    a coarse label, a fine label, three planes of pixels
//! ```

use std::path::Path;

use nn::Images;

use crate::error::Error;
use crate::files;
use crate::folder::DataFolder;
use crate::sum::DataSum;

const FOLDER: &str = "cifar-100-binary";
const SIDE: usize = 32;
const CHANNELS: usize = 3;
const PIXELS: usize = SIDE * SIDE * CHANNELS;
const RECORD: usize = 2 + PIXELS;

/// The training and the test images, and their checksum.
///
/// # Errors
///
/// [`Error::NoData`] if they are not there, [`Error::Io`] or [`Error::Data`] naming the file.
pub fn load(data: &DataFolder) -> Result<(Images, Images, DataSum), Error> {
    let folder = data.path(FOLDER);
    if !folder.is_dir() {
        return Err(Error::NoData(format!(
            "CIFAR-100 does not ship with the source and is not in {}: name with --data a folder \
             that holds {FOLDER}/ (the official binary version)",
            data.path("").display()
        )));
    }
    let mut contents = Vec::new();
    let mut part = |name: &'static str, count: usize| {
        let path = folder.join(name);
        let content = files::read(&path, (count * RECORD) as u64)?;
        let images = images(&path, &content, count);
        contents.push((name, content));
        images
    };
    let (train, test) = (part("train.bin", 50_000)?, part("test.bin", 10_000)?);
    Ok((train, test, DataSum::of("cifar100", contents)))
}

/// Images with their fine labels, the channels of a pixel side by side.
fn images(path: &Path, content: &[u8], count: usize) -> Result<Images, Error> {
    if content.len() != count * RECORD {
        let (found, expected) = (content.len(), count * RECORD);
        let reason = format!("{found} bytes where {count} images have {expected}");
        return Err(Error::data(path, reason));
    }
    let mut pixels = Vec::with_capacity(count * PIXELS);
    let mut labels = Vec::with_capacity(count);
    for (index, record) in content.chunks_exact(RECORD).enumerate() {
        if record[1] >= 100 {
            return Err(Error::data(path, format!("image {index} has label {}", record[1])));
        }
        labels.push(record[1]);
        for i in 0..SIDE * SIDE {
            pixels.extend((0..CHANNELS).map(|c| record[2 + c * SIDE * SIDE + i]));
        }
    }
    Ok(Images::new(&[SIDE, SIDE, CHANNELS], pixels, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_checked() {
        let path = Path::new("train.bin");
        let mut record = vec![3, 77];
        record.extend((0..PIXELS).map(|i| (i / (SIDE * SIDE)) as u8));
        let found = images(path, &record, 1).unwrap();
        assert_eq!((found.labels(), &found.pixels()[..4]), (&[77][..], &[0, 1, 2, 0][..]));
        let error = images(path, &record[1..], 1).unwrap_err().to_string();
        assert_eq!(error, "train.bin: 3073 bytes where 1 images have 3074");
        record[1] = 100;
        let error = images(path, &record, 1).unwrap_err().to_string();
        assert_eq!(error, "train.bin: image 0 has label 100");
    }

    #[test]
    fn a_folder_without_it_is_named() {
        let empty = tempfile::tempdir().unwrap();
        let error = load(&DataFolder::new(Some(empty.path()))).unwrap_err();
        assert!(matches!(error, Error::NoData(_)), "{error}");
    }

    #[test]
    fn damaged_files_are_refused_or_read_within_bounds() {
        let record = [vec![3, 77], vec![9; PIXELS]].concat();
        for altered in crate::testing::mutations(&record, 300) {
            if let Ok(images) = images(Path::new("x"), &altered, 1) {
                assert!(images.len() == 1 && images.labels()[0] < 100);
            }
        }
    }
}
