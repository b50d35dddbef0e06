//! Weights that others trained: safetensors with the names and layouts of PyTorch.
//!
//! ```text
//! ours                               theirs
//! (out, in)                          (out, in)
//! (out, height, width, in)           (out, in, height, width), or (out, in, length) for height 1
//! NAME.group{g}.weight, .bias        part g of NAME.weight, NAME.bias along the first axis
//! states                             buffers
//! ```
//!
//! Tensors named `….num_batches_tracked` are ignored: nothing here depends on them. Under fixed
//! point the values are rounded as initial values are.

use std::collections::BTreeSet;

use safetensors::{Dtype, SafeTensors};

use crate::Parameters;

/// Why weights cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum PretrainedError {
    /// The bytes are not a safetensors file.
    #[error("not a readable safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// The file belongs to another network.
    #[error("the weights do not fit the network: {}", .0.join("; "))]
    Mismatch(Vec<String>),
}

/// Loads weights and states. `rename` says what the network calls a tensor of the file, or that it
/// is to be ignored (`None`); [`same_names`] changes nothing.
///
/// # Errors
///
/// [`PretrainedError`] if the file is damaged, or if tensors are missing, extra, of another shape
/// or not f32; the message lists all of them, and `parameters` are unchanged.
pub fn load_pretrained(
    parameters: &mut Parameters,
    bytes: &[u8],
    rename: impl Fn(&str) -> Option<String>,
) -> Result<(), PretrainedError> {
    let file = SafeTensors::deserialize(bytes)?;
    let tensors: Vec<(String, &str)> = (file.names().into_iter())
        .filter(|name| !name.ends_with(".num_batches_tracked"))
        .filter_map(|name| Some((rename(name)?, name)))
        .collect();
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    let mut values_of = |name: &str, shape: &[usize]| {
        let (base, group) = ungrouped(name);
        let Some((_, theirs)) = tensors.iter().find(|(ours, _)| *ours == base) else {
            problems.push(format!("{base} is missing"));
            return Vec::new();
        };
        used.insert(*theirs);
        let tensor = file.tensor(theirs).expect("the name comes from the file");
        if tensor.dtype() != Dtype::F32 {
            problems.push(format!("{theirs} holds {:?}, not f32", tensor.dtype()));
            return Vec::new();
        }
        match ours(tensor.data(), tensor.shape(), shape, group) {
            Some(values) => values,
            None => {
                let (found, wanted) = (tensor.shape(), theirs_of(shape));
                let part = if group.is_some() { " or a multiple in the first axis" } else { "" };
                problems.push(format!("{theirs} has shape {found:?}, not {wanted:?}{part}"));
                Vec::new()
            }
        }
    };
    let weights: Vec<Vec<f32>> =
        parameters.iter().map(|p| values_of(p.name(), p.shape())).collect();
    let states: Vec<(String, Vec<f32>)> = (parameters.states())
        .map(|(name, present)| (name.to_owned(), values_of(name, &[present.len()])))
        .collect();
    let extra = tensors.iter().filter(|(_, theirs)| !used.contains(theirs));
    problems.extend(extra.map(|(_, theirs)| format!("{theirs} is not in the network")));
    problems.dedup();
    if !problems.is_empty() {
        return Err(PretrainedError::Mismatch(problems));
    }
    for (parameter, values) in parameters.iter_mut().zip(&weights) {
        parameter.set_values(values);
    }
    for (name, values) in &states {
        if let Some(state) = parameters.state_mut(name) {
            state.copy_from_slice(values);
        }
    }
    Ok(())
}

/// The network and the file use the same names.
pub fn same_names(name: &str) -> Option<String> {
    Some(name.to_owned())
}

/// `conv.group2.weight` is part 2 of `conv.weight`.
fn ungrouped(name: &str) -> (String, Option<usize>) {
    let whole = || (name.to_owned(), None);
    let Some((base, kind)) = name.rsplit_once('.') else { return whole() };
    let Some((layer, group)) = base.rsplit_once(".group") else { return whole() };
    match group.parse() {
        Ok(group) => (format!("{layer}.{kind}"), Some(group)),
        Err(_) => whole(),
    }
}

/// Our shape as PyTorch writes it.
fn theirs_of(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [out, 1, len, inputs] if len > 1 => vec![out, inputs, len],
        [out, height, width, inputs] => vec![out, inputs, height, width],
        _ => shape.to_vec(),
    }
}

/// The values in our layout, if the tensor is what PyTorch has for a parameter of `shape`.
fn ours(bytes: &[u8], found: &[usize], shape: &[usize], group: Option<usize>) -> Option<Vec<f32>> {
    let fits = |wanted: &[usize]| match group {
        None => found == wanted,
        Some(group) => {
            found.len() == wanted.len()
                && found[1..] == wanted[1..]
                && found[0].is_multiple_of(wanted[0])
                && (group + 1) * wanted[0] <= found[0]
        }
    };
    let flat: Vec<usize> = match *shape {
        [out, height, width, inputs] => vec![out, inputs, height, width],
        _ => shape.to_vec(),
    };
    if !fits(&theirs_of(shape)) && !fits(&flat) {
        return None;
    }
    let len: usize = shape.iter().product();
    let first = group.unwrap_or(0) * len;
    let values: Vec<f32> = (bytes.as_chunks().0.iter())
        .skip(first)
        .take(len)
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    let [out, height, width, inputs] = *shape else { return Some(values) };
    let taps = height * width;
    let mut permuted = Vec::with_capacity(len);
    for o in 0..out {
        for tap in 0..taps {
            permuted.extend((0..inputs).map(|i| values[(o * inputs + i) * taps + tap]));
        }
    }
    Some(permuted)
}
