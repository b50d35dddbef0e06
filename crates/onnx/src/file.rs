//! Reading: the file, and the numbers that lie beside it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use half::{bf16, f16};
use prost::Message;

use crate::error::Error;
use crate::proto;
use crate::tensor::{Data, Host};

/// A file that is larger is none of a network.
const LARGEST: u64 = 16 << 30;

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let len = file.metadata().map_err(io)?.len();
    if len > LARGEST {
        let reason = format!("its {len} bytes are more than a network has");
        return Err(Error::File { path: path.to_owned(), reason });
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Decodes the messages of a file.
pub(crate) fn decode(bytes: &[u8]) -> Result<proto::Model, String> {
    let model = proto::Model::decode(bytes).map_err(|e| format!("is no ONNX file ({e})"))?;
    if model.graph.is_none() {
        return Err("is no ONNX file: it has no graph".to_owned());
    }
    Ok(model)
}

/// The folder of a model, whose files hold numbers of its tensors.
#[derive(Debug)]
pub(crate) struct Beside {
    folder: Option<PathBuf>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Beside {
    /// What lies beside a file, or nothing.
    pub(crate) fn new(model: Option<&Path>) -> Self {
        let folder = model.map(|path| path.parent().unwrap_or(Path::new("")).to_owned());
        Self { folder, files: BTreeMap::new() }
    }

    /// The files that were read.
    pub(crate) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        let folder = self.folder.clone().unwrap_or_default();
        self.files.keys().map(move |name| folder.join(name))
    }

    /// The bytes of a tensor in another file: a clause says what is wrong with them.
    fn bytes(&mut self, entries: &[proto::Entry]) -> Result<&[u8], String> {
        let of = |key: &str| entries.iter().find(|e| e.key == key).map(|e| e.value.as_str());
        let location = of("location").ok_or("its external data have no location")?;
        let number = |key: &str| -> Result<Option<usize>, String> {
            let parsed = of(key).map(str::parse::<usize>).transpose();
            parsed.map_err(|_| format!("its external data have no number as {key}"))
        };
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        if !self.files.contains_key(location) {
            let bytes = self.open(location)?;
            self.files.insert(location.to_owned(), bytes);
        }
        let bytes = &self.files[location];
        let end = match length {
            Some(length) => offset.checked_add(length),
            None => Some(bytes.len()),
        };
        end.and_then(|end| bytes.get(offset..end)).ok_or_else(|| {
            format!("its external data reach beyond the {} bytes of {location}", bytes.len())
        })
    }

    /// A file below the folder, named by a relative path without `..`, and not a link.
    fn open(&self, location: &str) -> Result<Vec<u8>, String> {
        let outside =
            || format!("its external data lie at {location:?}, outside of the model's folder");
        let folder = self.folder.as_ref().ok_or("its numbers lie in another file")?;
        let relative = Path::new(location);
        let normal = |part: Component<'_>| matches!(part, Component::Normal(_));
        if location.is_empty() || !relative.components().all(normal) {
            return Err(outside());
        }
        let mut path = folder.clone();
        for part in relative.components() {
            path.push(part);
            let kind = fs::symlink_metadata(&path);
            let kind = kind.map_err(|e| format!("its external data {location}: {e}"))?;
            if kind.is_symlink() {
                return Err(outside());
            }
        }
        read(&path).map_err(|e| e.to_string())
    }
}

/// The numbers of a tensor.
pub(crate) fn tensor(tensor: &proto::Tensor, beside: &mut Beside) -> Result<Host, String> {
    let length = |&n: &i64| usize::try_from(n).map_err(|_| format!("a length of {n}"));
    let shape: Vec<usize> = tensor.dims.iter().map(length).collect::<Result<_, _>>()?;
    let raw = match tensor.data_location {
        0 if tensor.raw_data.is_empty() => None,
        0 => Some(&tensor.raw_data[..]),
        _ => Some(beside.bytes(&tensor.external_data)?),
    };
    let data = match raw {
        Some(bytes) => from_bytes(tensor.data_type, bytes)?,
        None => from_fields(tensor)?,
    };
    Host::new(shape, data)
}

/// Types of elements.
///
/// Source: `TensorProto.DataType` of onnx.proto.
mod element {
    pub(super) const FLOAT: i32 = 1;
    pub(super) const UINT8: i32 = 2;
    pub(super) const INT8: i32 = 3;
    pub(super) const UINT16: i32 = 4;
    pub(super) const INT16: i32 = 5;
    pub(super) const INT32: i32 = 6;
    pub(super) const INT64: i32 = 7;
    pub(super) const BOOL: i32 = 9;
    pub(super) const FLOAT16: i32 = 10;
    pub(super) const DOUBLE: i32 = 11;
    pub(super) const UINT32: i32 = 12;
    pub(super) const UINT64: i32 = 13;
    pub(super) const BFLOAT16: i32 = 16;
}

/// What numbers of a type become here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Real,
    Integer,
    Truth,
}

/// The kind of a type of elements.
pub(crate) fn kind(element: i32) -> Result<Kind, String> {
    use element::*;
    match element {
        FLOAT | FLOAT16 | BFLOAT16 | DOUBLE => Ok(Kind::Real),
        UINT8 | INT8 | UINT16 | INT16 | INT32 | INT64 | UINT32 | UINT64 => Ok(Kind::Integer),
        BOOL => Ok(Kind::Truth),
        _ => Err(format!("elements of type {element}, which are no numbers here")),
    }
}

fn chunks<const N: usize, T>(bytes: &[u8], of: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
    let (whole, rest) = bytes.as_chunks::<N>();
    if rest.is_empty() {
        Ok(whole.iter().map(|&bytes| of(bytes)).collect())
    } else {
        Err(format!("{} bytes are no numbers of {N}", bytes.len()))
    }
}

fn from_bytes(element: i32, bytes: &[u8]) -> Result<Data, String> {
    use element::*;
    Ok(match element {
        FLOAT => Data::F32(chunks(bytes, f32::from_le_bytes)?),
        FLOAT16 => Data::F32(chunks(bytes, |b| f16::from_le_bytes(b).to_f32())?),
        BFLOAT16 => Data::F32(chunks(bytes, |b| bf16::from_le_bytes(b).to_f32())?),
        DOUBLE => Data::F32(chunks(bytes, |b| f64::from_le_bytes(b) as f32)?),
        UINT8 => Data::I64(bytes.iter().map(|&b| b.into()).collect()),
        INT8 => Data::I64(bytes.iter().map(|&b| (b as i8).into()).collect()),
        UINT16 => Data::I64(chunks(bytes, |b| u16::from_le_bytes(b).into())?),
        INT16 => Data::I64(chunks(bytes, |b| i16::from_le_bytes(b).into())?),
        INT32 => Data::I64(chunks(bytes, |b| i32::from_le_bytes(b).into())?),
        INT64 => Data::I64(chunks(bytes, i64::from_le_bytes)?),
        UINT32 => Data::I64(chunks(bytes, |b| u32::from_le_bytes(b).into())?),
        UINT64 => Data::I64(chunks(bytes, |b| u64::from_le_bytes(b) as i64)?),
        BOOL => Data::Bool(bytes.iter().map(|&b| b != 0).collect()),
        _ => return Err(kind(element).map_or_else(|e| e, |_| String::new())),
    })
}

/// Numbers in the fields of their types, as small tensors may have them.
fn from_fields(tensor: &proto::Tensor) -> Result<Data, String> {
    use element::*;
    let halves = |of: fn(u16) -> f32| -> Vec<f32> {
        tensor.int32_data.iter().map(|&bits| of(bits as u16)).collect()
    };
    Ok(match tensor.data_type {
        FLOAT => Data::F32(tensor.float_data.clone()),
        DOUBLE => Data::F32(tensor.double_data.iter().map(|&x| x as f32).collect()),
        FLOAT16 => Data::F32(halves(|bits| f16::from_bits(bits).to_f32())),
        BFLOAT16 => Data::F32(halves(|bits| bf16::from_bits(bits).to_f32())),
        INT64 => Data::I64(tensor.int64_data.clone()),
        BOOL => Data::Bool(tensor.int32_data.iter().map(|&x| x != 0).collect()),
        UINT8 | INT8 | UINT16 | INT16 | INT32 => {
            Data::I64(tensor.int32_data.iter().map(|&x| x.into()).collect())
        }
        other => return Err(kind(other).map_or_else(|e| e, |_| "no numbers".to_owned())),
    })
}
