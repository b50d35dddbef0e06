//! IDX files: arrays as MNIST's authors keep them.
//!
//! ```text
//! 0 0 TYPE AXES    the length of each axis, u32    the elements       all big-endian
//! ```
//!
//! Source: LeCun, Cortes, Burges, *The MNIST database of handwritten digits*.

use std::path::Path;

use nn::Images;

use crate::elements::{Elements, Numbers};
use crate::error::Error;
use crate::folder::DataFolder;
use crate::unpack::{Known, read_gzip};

/// The training and the test part of a data set like MNIST: the names of the files of its images and
/// labels, of training and test, in a folder of that name, and their contents. The images of 28 × 28
/// pixels get that shape.
///
/// # Errors
///
/// [`Error::Io`] or [`Error::Data`] naming the file.
pub(crate) fn images(
    data: &DataFolder,
    folder: &str,
    shape: &[usize],
    [train_images, train_labels, test_images, test_labels]: [(&str, Known); 4],
) -> Result<[Images; 2], Error> {
    let path = |name: &str| data.path(folder).join(name);
    let read = |path: &Path, known, item: &[usize]| {
        let content = read_gzip(path, known)?;
        bytes(&content, item).map_err(|reason| Error::data(path, reason))
    };
    let part = |images: (&str, Known), labels: (&str, Known)| {
        let (images_path, labels_path) = (path(images.0), path(labels.0));
        let pixels = read(&images_path, images.1, &[28, 28])?;
        let labels = read(&labels_path, labels.1, &[])?;
        if pixels.len() != labels.len() * 784 {
            return Err(Error::data(
                &labels_path,
                format!("{} labels for {} pixels", labels.len(), pixels.len()),
            ));
        }
        Ok(Images::new(shape, pixels, labels))
    };
    Ok([part(train_images, train_labels)?, part(test_images, test_labels)?])
}

/// The length of each axis of an array of that type, and the bytes of its elements.
///
/// # Errors
///
/// A clause, if the bytes are no such file, or not as many as its header says.
fn parts(content: &[u8]) -> Result<(u8, Vec<usize>, &[u8]), String> {
    let Some((&[0, 0, kind, axes], rest)) = content.split_first_chunk() else {
        return Err("not an IDX file".to_owned());
    };
    let lengths = rest.as_chunks().0.get(..usize::from(axes));
    let lengths = lengths.ok_or("an IDX file that is cut off")?;
    let shape: Vec<usize> = lengths.iter().map(|&n| u32::from_be_bytes(n) as usize).collect();
    Ok((kind, shape, &rest[4 * usize::from(axes)..]))
}

/// An array of any type.
///
/// # Errors
///
/// As [`bytes`].
pub(crate) fn numbers(content: &[u8]) -> Result<Numbers, String> {
    let (kind, shape, values) = parts(content)?;
    let width = match kind {
        0x08 | 0x09 => 1,
        0x0b => 2,
        0x0c | 0x0d => 4,
        0x0e => 8,
        other => return Err(format!("an IDX file of the unknown type {other:#04x}")),
    };
    counted(&shape, values, width)?;
    fn each<const N: usize, T>(values: &[u8], of: impl Fn([u8; N]) -> T) -> Vec<T> {
        values.as_chunks().0.iter().map(|&value| of(value)).collect()
    }
    let elements = match kind {
        0x08 => Elements::U8(values.to_vec()),
        0x09 => Elements::I64(each(values, |[b]| (b as i8).into())),
        0x0b => Elements::I64(each(values, |b| i16::from_be_bytes(b).into())),
        0x0c => Elements::I64(each(values, |b| i32::from_be_bytes(b).into())),
        0x0d => Elements::F32(each(values, f32::from_be_bytes)),
        _ => Elements::F32(each(values, |b| f64::from_be_bytes(b) as f32)),
    };
    Ok(Numbers { shape, elements })
}

/// The bytes of items of that shape.
///
/// # Errors
///
/// A clause, if the file has others, or not as many as its header says.
pub(crate) fn bytes(content: &[u8], item: &[usize]) -> Result<Vec<u8>, String> {
    match parts(content) {
        Ok((0x08, shape, values)) if shape.get(1..) == Some(item) => {
            counted(&shape, values, 1)?;
            Ok(values.to_vec())
        }
        _ => Err("not an IDX file of the expected shape".to_owned()),
    }
}

fn counted(shape: &[usize], values: &[u8], width: usize) -> Result<(), String> {
    let expected = shape.iter().try_fold(1, |count: usize, &len| count.checked_mul(len));
    let expected = expected.ok_or_else(|| format!("an IDX file of shape {shape:?}"))?;
    if expected.checked_mul(width) == Some(values.len()) {
        return Ok(());
    }
    Err(format!("{} values where the header says {expected}", values.len() / width))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: u8, shape: &[u32], values: &[u8]) -> Vec<u8> {
        let mut file = vec![0, 0, kind, shape.len() as u8];
        shape.iter().for_each(|length| file.extend(length.to_be_bytes()));
        file.extend(values);
        file
    }

    #[test]
    fn every_type_is_read() {
        let cases = [
            (0x08, vec![255], Elements::U8(vec![255])),
            (0x09, vec![255], Elements::I64(vec![-1])),
            (0x0b, (-2i16).to_be_bytes().to_vec(), Elements::I64(vec![-2])),
            (0x0c, (1i32 << 20).to_be_bytes().to_vec(), Elements::I64(vec![1 << 20])),
            (0x0d, 1.5f32.to_be_bytes().to_vec(), Elements::F32(vec![1.5])),
            (0x0e, 1.5f64.to_be_bytes().to_vec(), Elements::F32(vec![1.5])),
        ];
        for (kind, values, elements) in cases {
            let read = numbers(&file(kind, &[1, 1], &values)).unwrap();
            assert_eq!(read, Numbers { shape: vec![1, 1], elements });
            let error = numbers(&file(kind, &[1, 2], &values)).unwrap_err();
            assert_eq!(error, "1 values where the header says 2");
        }
        assert!(numbers(&file(0x0a, &[1], &[1])).unwrap_err().contains("0x0a"));
        assert!(numbers(&file(0x08, &[u32::MAX; 3], &[1])).unwrap_err().contains("shape"));
    }

    #[test]
    fn damaged_files_are_refused_or_read_within_bounds() {
        let file = file(0x08, &[3, 2, 2], &(0..12).collect::<Vec<u8>>());
        assert_eq!(bytes(&file, &[2, 2]).unwrap(), (0..12).collect::<Vec<u8>>());
        for altered in crate::testing::mutations(&file, 3000) {
            if let Ok(values) = bytes(&altered, &[2, 2]) {
                assert!(values.len() % 4 == 0 && values.len() < altered.len());
            }
            if let Ok(read) = numbers(&altered) {
                assert_eq!(read.elements.len(), read.shape.iter().product::<usize>());
                assert!(read.elements.len() < altered.len());
            }
        }
    }
}
