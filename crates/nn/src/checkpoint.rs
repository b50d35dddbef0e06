//! Parameters and optimiser state as a safetensors file, with a JSON note of the caller's.
//!
//! ```text
//! NAME             f32 values, or integer codes of a fixed-point parameter
//! NAME.increment   the previous increment, if the optimiser keeps one
//! NAME.moment1     f32 moments of an optimiser that keeps them, counted from 1
//! STATE            f32 values of a state, such as a running mean
//! metadata         note = the caller's JSON
//!                  layout = channels-last: that of images' weights, (out, height, width, in)
//!                  tensors = their number
//!                  NAME, NAME.increment = the formats of a fixed-point parameter
//!                  LAYER.tiles = what the weights of a layer on tiles are multiples of
//! ```
//!
//! A checkpoint goes back only where its numbers mean the same: another layout, format or unit, a
//! tensor too few or too many, a value that is not finite are refused.
//!
//! Random streams have names and positions, so there is no generator state to save.

use std::collections::HashMap;

use numerics::Codes;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::parameters::{Binding, Parameters};
use crate::storage::{Digits, Numbers, Saved};

/// The metadata that tells a checkpoint from a file of somebody else's.
pub(crate) const LAYOUT: &str = "layout";
const CHANNELS_LAST: &str = "channels-last";
const TENSORS: &str = "tensors";

/// Why a checkpoint does not fit.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The bytes are not a safetensors file.
    #[error("not a readable checkpoint: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// The bytes are a safetensors file, but not one of [`save`].
    #[error(
        "not a checkpoint: its metadata has no layout = channels-last; weights with the names and \
         the layout of PyTorch are read by load_pretrained"
    )]
    Foreign,
    /// The file belongs to another network or another arithmetic.
    #[error("the checkpoint does not fit the network: {}", .0.join("; "))]
    Mismatch(Vec<String>),
}

/// Serialises all parameters together with `note`.
///
/// # Panics
///
/// If memory for the file cannot be had.
pub fn save(parameters: &Parameters, note: &str) -> Vec<u8> {
    let mut metadata = HashMap::from([("note".to_owned(), note.to_owned())]);
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for parameter in parameters.iter() {
        let (name, shape) = (parameter.name().to_owned(), parameter.shape().to_vec());
        let increment_name = format!("{name}.increment");
        for (k, moment) in parameter.moments().iter().enumerate() {
            let name = format!("{name}.moment{}", k + 1);
            tensors.push((name, Dtype::F32, shape.clone(), f32_bytes(moment)));
        }
        let Saved { values, increment } = parameter.storage().save();
        let increment = increment.map(|increment| (increment_name, increment));
        for (name, Numbers { digits, format, .. }) in [(name, values)].into_iter().chain(increment)
        {
            let (dtype, bytes) = bytes_of(&digits);
            if let Some(format) = format {
                metadata.insert(name.clone(), format);
            }
            tensors.push((name, dtype, shape.clone(), bytes));
        }
    }
    for (name, values) in parameters.states() {
        tensors.push((name.to_owned(), Dtype::F32, vec![values.len()], f32_bytes(values)));
    }
    metadata.extend(parameters.bindings().map(Binding::unit));
    metadata.insert(LAYOUT.to_owned(), CHANNELS_LAST.to_owned());
    metadata.insert(TENSORS.to_owned(), tensors.len().to_string());
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (
            name,
            TensorView::new(*dtype, shape.clone(), bytes)
                .expect("shape and bytes come from one parameter"),
        )
    });
    safetensors::serialize(views, Some(metadata)).expect("serialising views of memory")
}

/// The note that [`save`] was given, without restoring anything.
///
/// # Errors
///
/// [`CheckpointError::Format`] if the bytes are damaged.
pub fn note(bytes: &[u8]) -> Result<String, CheckpointError> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let note = header.metadata().as_ref().and_then(|metadata| metadata.get("note"));
    Ok(note.cloned().unwrap_or_default())
}

/// Restores what [`save`] wrote into the parameters of the same network; returns the note.
///
/// # Errors
///
/// [`CheckpointError`] if the bytes are damaged, not of [`save`], or belong to another network or
/// arithmetic; the message lists everything that differs, and `parameters` are unchanged.
pub fn load(parameters: &mut Parameters, bytes: &[u8]) -> Result<String, CheckpointError> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    if metadata.get(LAYOUT).is_none_or(|layout| layout != CHANNELS_LAST) {
        return Err(CheckpointError::Foreign);
    }
    let tensors = SafeTensors::deserialize(bytes)?;
    let mut differences = Vec::new();
    let count = tensors.len().to_string();
    if metadata.get(TENSORS) != Some(&count) {
        let wanted = metadata.get(TENSORS).map_or("an unknown number of them", String::as_str);
        differences.push(format!("it holds {count} tensors, not {wanted}"));
    }
    for (key, unit) in parameters.bindings().map(Binding::unit) {
        let found = metadata.get(&key);
        if found != Some(&unit) {
            let (layer, kind) = key.rsplit_once('.').unwrap_or((&key, "there"));
            let none = format!("not on {kind}");
            let found = found.unwrap_or(&none);
            differences.push(format!("{layer} is {found}, not {unit}"));
        }
    }
    let mut restored = Vec::new();
    for parameter in parameters.iter() {
        let (name, shape) = (parameter.name(), parameter.shape());
        let storage = read(name, shape, &tensors, &metadata).and_then(|saved| {
            let mut storage = parameter.storage().boxed();
            storage.restore(&saved).map(|()| storage)
        });
        match storage.and_then(|storage| Ok((storage, restore_moments(name, shape, &tensors)?))) {
            Ok(both) => restored.push(both),
            Err(difference) => differences.push(difference),
        }
    }
    let mut states = Vec::new();
    for (name, present) in parameters.states() {
        match restore_state(name, present.len(), &tensors) {
            Ok(values) => states.push((name.to_owned(), values)),
            Err(difference) => differences.push(difference),
        }
    }
    for name in tensors.names() {
        let base = match name.rsplit_once('.') {
            Some((base, kind)) if kind == "increment" || kind.starts_with("moment") => base,
            _ => name,
        };
        if parameters.iter().all(|p| p.name() != base)
            && parameters.states().all(|(state, _)| state != name)
        {
            differences.push(format!("{name} is not in the network"));
        }
    }
    if !differences.is_empty() {
        return Err(CheckpointError::Mismatch(differences));
    }
    parameters
        .iter_mut()
        .zip(restored)
        .for_each(|(parameter, (storage, moments))| parameter.restore(storage, moments));
    for (name, values) in states {
        if let Some(present) = parameters.state_mut(&name) {
            present.copy_from_slice(&values);
        }
    }
    Ok(metadata.get("note").cloned().unwrap_or_default())
}

fn restore_moments(
    name: &str,
    shape: &[usize],
    tensors: &SafeTensors<'_>,
) -> Result<Vec<Vec<f32>>, String> {
    (1..)
        .map_while(|k| tensors.tensor(&format!("{name}.moment{k}")).ok())
        .map(|view| {
            if view.dtype() == Dtype::F32 && view.shape() == shape {
                finite(f32_values(view.data()), &format!("a moment of {name}"))
            } else {
                Err(format!("a moment of {name} does not fit its shape {shape:?}"))
            }
        })
        .collect()
}

fn restore_state(name: &str, len: usize, tensors: &SafeTensors<'_>) -> Result<Vec<f32>, String> {
    let tensor = tensors.tensor(name).map_err(|_| format!("{name} is missing"))?;
    if tensor.dtype() != Dtype::F32 || tensor.shape() != [len] {
        let (dtype, shape) = (tensor.dtype(), tensor.shape());
        return Err(format!("{name} holds {dtype:?} of shape {shape:?}, not {len} values of f32"));
    }
    finite(f32_values(tensor.data()), name)
}

/// The values, if all are finite.
pub(crate) fn finite(values: Vec<f32>, name: &str) -> Result<Vec<f32>, String> {
    match values.iter().position(|x| !x.is_finite()) {
        Some(i) => Err(format!("{name} holds {} at {i}", values[i])),
        None => Ok(values),
    }
}

/// What the file holds for a parameter of that name and shape.
fn read(
    name: &str,
    shape: &[usize],
    tensors: &SafeTensors<'_>,
    metadata: &HashMap<String, String>,
) -> Result<Saved, String> {
    let numbers = |name: &str, tensor: &TensorView<'_>| {
        if tensor.shape() != shape {
            return Err(format!("{name} has shape {:?}, not {shape:?}", tensor.shape()));
        }
        let digits = digits_of(tensor);
        let digits = digits.ok_or_else(|| format!("{name} holds {:?}", tensor.dtype()))?;
        Ok(Numbers { name: name.to_owned(), digits, format: metadata.get(name).cloned() })
    };
    let tensor = tensors.tensor(name).map_err(|_| format!("{name} is missing"))?;
    let increment_name = format!("{name}.increment");
    let increment = tensors.tensor(&increment_name).ok();
    let increment = increment.map(|tensor| numbers(&increment_name, &tensor)).transpose()?;
    Ok(Saved { values: numbers(name, &tensor)?, increment })
}

fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn f32_values(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn bytes_of(digits: &Digits) -> (Dtype, Vec<u8>) {
    match digits {
        Digits::Float(values) => (Dtype::F32, f32_bytes(values)),
        Digits::Codes(Codes::I8(v)) => {
            (Dtype::I8, v.iter().flat_map(|c| c.to_le_bytes()).collect())
        }
        Digits::Codes(Codes::I16(v)) => {
            (Dtype::I16, v.iter().flat_map(|c| c.to_le_bytes()).collect())
        }
        Digits::Codes(Codes::I32(v)) => {
            (Dtype::I32, v.iter().flat_map(|c| c.to_le_bytes()).collect())
        }
    }
}

fn digits_of(view: &TensorView<'_>) -> Option<Digits> {
    let bytes = view.data();
    Some(match view.dtype() {
        Dtype::F32 => Digits::Float(f32_values(bytes)),
        Dtype::I8 => Digits::Codes(Codes::I8(bytes.iter().map(|&b| b as i8).collect())),
        Dtype::I16 => {
            let codes = bytes.as_chunks().0.iter().map(|b| i16::from_le_bytes(*b));
            Digits::Codes(Codes::I16(codes.collect()))
        }
        Dtype::I32 => {
            let codes = bytes.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b));
            Digits::Codes(Codes::I32(codes.collect()))
        }
        _ => return None,
    })
}
