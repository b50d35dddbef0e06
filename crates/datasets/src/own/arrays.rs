//! Files of arrays: `.npy`, `.npz`, `.safetensors` and IDX.

use std::collections::BTreeMap;
use std::path::Path;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use crate::elements::{Elements, Numbers, each, from_u64};
use crate::{idx, npy};

/// The arrays of a file by name; the only one of a file without names has an empty one.
///
/// # Errors
///
/// A clause that names the array.
pub(super) fn arrays(path: &Path, content: &[u8]) -> Result<BTreeMap<String, Numbers>, String> {
    if content.starts_with(b"PK") || content.starts_with(b"\x93NUMPY") {
        return npy::numbers(content);
    }
    if path.extension().is_some_and(|extension| extension == "safetensors") {
        return tensors(content);
    }
    if content.starts_with(&[0, 0]) {
        let mut array = idx::numbers(content)?;
        // Bytes of three axes are grey images.
        if let ([count, height, width], Elements::U8(_)) = (&*array.shape, &array.elements) {
            array.shape = vec![*count, 1, *height, *width];
        }
        return Ok(BTreeMap::from([(String::new(), array)]));
    }
    Err("no file of a known kind: .npz, .npy, .safetensors, .csv, IDX or a folder of images"
        .to_owned())
}

fn tensors(content: &[u8]) -> Result<BTreeMap<String, Numbers>, String> {
    let file = SafeTensors::deserialize(content)
        .map_err(|error| format!("not a readable safetensors file ({error})"))?;
    let mut arrays = BTreeMap::new();
    for (name, tensor) in file.iter() {
        let elements = elements(tensor.dtype(), tensor.data())
            .map_err(|reason| format!("array {name}: {reason}"))?;
        arrays.insert(name.to_owned(), Numbers { shape: tensor.shape().to_vec(), elements });
    }
    Ok(arrays)
}

fn elements(dtype: Dtype, bytes: &[u8]) -> Result<Elements, String> {
    let read = match dtype {
        Dtype::F32 => each(bytes, f32::from_le_bytes).map(Elements::F32),
        Dtype::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32).map(Elements::F32),
        Dtype::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f32()).map(Elements::F32),
        Dtype::BF16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32()).map(Elements::F32),
        Dtype::U8 | Dtype::BOOL => Some(Elements::U8(bytes.to_vec())),
        Dtype::I8 => each(bytes, |[b]| (b as i8).into()).map(Elements::I64),
        Dtype::I16 => each(bytes, |b| i16::from_le_bytes(b).into()).map(Elements::I64),
        Dtype::U16 => each(bytes, |b| u16::from_le_bytes(b).into()).map(Elements::I64),
        Dtype::I32 => each(bytes, |b| i32::from_le_bytes(b).into()).map(Elements::I64),
        Dtype::U32 => each(bytes, |b| u32::from_le_bytes(b).into()).map(Elements::I64),
        Dtype::I64 => each(bytes, i64::from_le_bytes).map(Elements::I64),
        Dtype::U64 => from_u64(bytes).transpose()?.map(Elements::I64),
        other => return Err(format!("elements of type {other:?}, which are not read")),
    };
    read.ok_or_else(|| "it is cut off".to_owned())
}
