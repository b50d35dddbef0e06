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

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    #[test]
    fn every_type_of_tensor_is_read() {
        let cases: [(Dtype, &[u8], Elements); 13] = [
            (Dtype::F32, &1.5f32.to_le_bytes(), Elements::F32(vec![1.5])),
            (Dtype::F64, &0.1f64.to_le_bytes(), Elements::F32(vec![0.1])),
            (Dtype::F16, &f16::from_f32(-0.5).to_le_bytes(), Elements::F32(vec![-0.5])),
            (Dtype::BF16, &bf16::from_f32(3.0).to_le_bytes(), Elements::F32(vec![3.0])),
            (Dtype::U8, &[200], Elements::U8(vec![200])),
            (Dtype::BOOL, &[1], Elements::U8(vec![1])),
            (Dtype::I8, &[255], Elements::I64(vec![-1])),
            (Dtype::I16, &(-300i16).to_le_bytes(), Elements::I64(vec![-300])),
            (Dtype::U16, &60_000u16.to_le_bytes(), Elements::I64(vec![60_000])),
            (Dtype::I32, &(-70_000i32).to_le_bytes(), Elements::I64(vec![-70_000])),
            (Dtype::U32, &u32::MAX.to_le_bytes(), Elements::I64(vec![u32::MAX.into()])),
            (Dtype::I64, &i64::MIN.to_le_bytes(), Elements::I64(vec![i64::MIN])),
            (Dtype::U64, &7u64.to_le_bytes(), Elements::I64(vec![7])),
        ];
        let path = Path::new("x.safetensors");
        let file = |dtype, bytes| {
            let view = TensorView::new(dtype, vec![1, 1], bytes).unwrap();
            safetensors::serialize([("x", view)], None).unwrap()
        };
        for (dtype, bytes, elements) in cases {
            let read = arrays(path, &file(dtype, bytes)).unwrap();
            assert_eq!(read["x"], Numbers { shape: vec![1, 1], elements }, "{dtype:?}");
        }
        let error = arrays(path, &file(Dtype::F8_E5M2, &[0])).unwrap_err();
        assert_eq!(error, "array x: elements of type F8_E5M2, which are not read");
        let error = arrays(path, &file(Dtype::U64, &u64::MAX.to_le_bytes())).unwrap_err();
        assert_eq!(error, "array x: 18446744073709551615 is too large");
    }
}
