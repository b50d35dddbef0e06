//! Arrays of NumPy: `.npy` files, and `.npz` archives of them.
//!
//! Source: NumPy, `numpy.lib.format`, versions 1.0 to 3.0.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use half::f16;

use crate::elements::{Elements, Numbers, each, from_u64};
use crate::error::Error;
use crate::files;

/// An array, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// Its elements.
    pub values: Values,
}

/// Elements of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Real numbers; f16 and f64 are read into them.
    Real(Vec<f32>),
    /// Integers of any width, and truth values as 0 and 1.
    Integer(Vec<i64>),
}

impl Values {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Real(values) => values.len(),
            Self::Integer(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// No array is larger, in bytes.
pub(crate) const LARGEST: u64 = 16 << 30;

/// Reads an array, or the arrays of an archive by name; that of a `.npy` file has an empty name.
///
/// # Errors
///
/// [`Error::Io`] if the file cannot be read, [`Error::Data`] naming the array that is damaged, or of
/// elements that are no numbers.
pub fn read_arrays(path: &Path) -> Result<BTreeMap<String, Array>, Error> {
    let bytes = files::read(path, LARGEST)?;
    let arrays = numbers(&bytes).map_err(|reason| Error::data(path, reason))?;
    let array = |Numbers { shape, elements }| {
        let values = match elements {
            Elements::F32(values) => Values::Real(values),
            Elements::I64(values) => Values::Integer(values),
            Elements::U8(values) => Values::Integer(values.into_iter().map(i64::from).collect()),
        };
        Array { shape, values }
    };
    Ok(arrays.into_iter().map(|(name, numbers)| (name, array(numbers))).collect())
}

/// As [`read_arrays`], of the bytes of a file, and bytes stay bytes.
///
/// # Errors
///
/// A clause that names the array.
pub(crate) fn numbers(bytes: &[u8]) -> Result<BTreeMap<String, Numbers>, String> {
    if bytes.starts_with(b"PK") {
        return archive(bytes);
    }
    Ok(BTreeMap::from([(String::new(), array(bytes)?)]))
}

/// The arrays of an archive by name, without `.npy`.
fn archive(bytes: &[u8]) -> Result<BTreeMap<String, Numbers>, String> {
    /// What may become of a packed byte: arrays of zeros are packed a thousandfold.
    const SPREAD: u64 = 1100;
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| format!("no archive of arrays ({error})"))?;
    let mut arrays = BTreeMap::new();
    for index in 0..zip.len() {
        let file = zip.by_index(index).map_err(|error| format!("a damaged archive ({error})"))?;
        let name = file.name().map_err(|error| format!("a damaged archive ({error})"))?;
        let name = name.trim_end_matches(".npy").to_owned();
        let limit = SPREAD * bytes.len() as u64;
        let mut content = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut content)
            .map_err(|error| format!("damaged array {name} ({error})"))?;
        if content.len() as u64 > limit {
            return Err(format!("array {name} unpacks to more than its archive can hold"));
        }
        let array = array(&content).map_err(|why| format!("array {name}: {why}"))?;
        arrays.insert(name, array);
    }
    Ok(arrays)
}

/// Reads the bytes of a `.npy` file.
///
/// # Errors
///
/// A clause that says what is wrong with them.
fn array(bytes: &[u8]) -> Result<Numbers, String> {
    let short = || "it is cut off".to_owned();
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err("no array of NumPy".to_owned());
    }
    let (len, from): (usize, usize) = match bytes.get(6).ok_or_else(short)? {
        1 => (usize::from(u16::from_le_bytes(field(bytes, 8).ok_or_else(short)?)), 10),
        2 | 3 => (u32::from_le_bytes(field(bytes, 8).ok_or_else(short)?) as usize, 12),
        version => return Err(format!("an array of version {version}")),
    };
    let end = from.checked_add(len).ok_or_else(short)?;
    let header = String::from_utf8_lossy(bytes.get(from..end).ok_or_else(short)?);
    let Header { kind, fortran, shape } = Header::parse(&header)?;
    let count = shape.iter().try_fold(1usize, |count, &n| count.checked_mul(n));
    let count = count.ok_or_else(|| format!("an array of shape {shape:?}"))?;
    let content = &bytes[end..];
    let elements = elements(&kind, content)?;
    if elements.len() != count {
        return Err(format!("{} elements of shape {shape:?}", elements.len()));
    }
    if fortran && shape.len() > 1 {
        return Err(
            "an array in column-major order; np.ascontiguousarray makes it row-major".into()
        );
    }
    Ok(Numbers { shape, elements })
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// What an array says of itself.
struct Header {
    kind: String,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    /// A literal of Python: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
    fn parse(text: &str) -> Result<Self, String> {
        let after = |key: &str| {
            let (_, rest) = text.split_once(&format!("'{key}':"))?;
            Some(rest.trim_start())
        };
        let wrong = |key: &str| format!("a header without {key}");
        let kind = after("descr").and_then(|rest| rest.strip_prefix('\'')?.split_once('\''));
        let kind = kind.ok_or("elements that are no numbers")?.0.to_owned();
        let fortran = after("fortran_order").ok_or_else(|| wrong("an order"))?.starts_with("True");
        let shape = after("shape").and_then(|rest| rest.strip_prefix('(')?.split_once(')'));
        let shape = shape.ok_or_else(|| wrong("a shape"))?.0;
        let lengths = shape.split(',').map(str::trim).filter(|n| !n.is_empty());
        let shape = lengths.map(|n| n.parse().map_err(|_| format!("a length of {n}")));
        Ok(Self { kind, fortran, shape: shape.collect::<Result<_, _>>()? })
    }
}

fn elements(kind: &str, bytes: &[u8]) -> Result<Elements, String> {
    let read = match kind.trim_start_matches(['<', '|', '=']) {
        "f4" => each(bytes, f32::from_le_bytes).map(Elements::F32),
        "f8" => each(bytes, |b| f64::from_le_bytes(b) as f32).map(Elements::F32),
        "f2" => each(bytes, |b| f16::from_le_bytes(b).to_f32()).map(Elements::F32),
        "i8" => each(bytes, i64::from_le_bytes).map(Elements::I64),
        "i4" => each(bytes, |b| i32::from_le_bytes(b).into()).map(Elements::I64),
        "i2" => each(bytes, |b| i16::from_le_bytes(b).into()).map(Elements::I64),
        "i1" => each(bytes, |[b]| (b as i8).into()).map(Elements::I64),
        "u1" | "b1" => Some(Elements::U8(bytes.to_vec())),
        "u2" => each(bytes, |b| u16::from_le_bytes(b).into()).map(Elements::I64),
        "u4" => each(bytes, |b| u32::from_le_bytes(b).into()).map(Elements::I64),
        "u8" => from_u64(bytes).transpose()?.map(Elements::I64),
        other => return Err(format!("elements of type {other:?}, which are no numbers here")),
    };
    read.ok_or_else(|| "it is cut off".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as NumPy writes it.
    fn npy(kind: &str, shape: &str, content: &[u8]) -> Vec<u8> {
        let mut header =
            format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(content);
        bytes
    }

    #[test]
    fn arrays_have_their_numbers() {
        let content: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let read = array(&npy("<f4", "(2, 1)", &content)).unwrap();
        assert_eq!(read, Numbers { shape: vec![2, 1], elements: Elements::F32(vec![1.5, -2.0]) });
        let read = array(&npy("|u1", "(3,)", &[1, 0, 255])).unwrap();
        assert_eq!(read.elements, Elements::U8(vec![1, 0, 255]));
        let read = array(&npy("<u8", "(1,)", &[255; 8])).unwrap_err();
        assert_eq!(read, "18446744073709551615 is too large");
        let read = array(&npy("<f2", "()", &[0, 0x3e])).unwrap();
        assert_eq!(read, Numbers { shape: vec![], elements: Elements::F32(vec![1.5]) });
    }

    #[test]
    fn damaged_arrays_are_refused() {
        let whole = npy("<f4", "(2,)", &[0; 8]);
        for len in 0..whole.len() {
            assert!(array(&whole[..len]).is_err(), "{len} bytes");
        }
        for (kind, shape) in [("<c8", "(1,)"), (">f4", "(2,)"), ("<f4", "(3,)"), ("<f4", "(-1,)")] {
            assert!(array(&npy(kind, shape, &[0; 8])).is_err(), "{kind} {shape}");
        }
        let huge = npy("<f4", "(4611686018427387904, 4)", &[]);
        assert!(array(&huge).unwrap_err().contains("shape"));
    }
}
