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

use std::collections::{BTreeMap, BTreeSet};

use safetensors::{Dtype, SafeTensors};

use crate::checkpoint::{LAYOUT, finite};
use crate::layers::to_pytorch_recurrent_name;
use crate::parameters::Parameters;

/// Why weights cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum PretrainedError {
    /// The bytes are not a safetensors file.
    #[error("not a readable safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// The bytes are what `torch.save` writes.
    #[error(
        "a file of torch.save, not a safetensors file; in Python: from safetensors.torch import \
         save_file; save_file(torch.load(\"FILE\"), \"model.safetensors\")"
    )]
    Pickle,
    /// The bytes are a checkpoint of [`checkpoint::save`](crate::checkpoint::save), whose images'
    /// weights are channels-last.
    #[error("a checkpoint, whose layout is not that of PyTorch; checkpoint::load reads it")]
    Checkpoint,
    /// The file belongs to another network.
    #[error("the weights do not fit the network: {}", .0.join("; "))]
    Mismatch(Vec<String>),
}

/// Loads weights and states. `rename` says what the network calls a tensor of the file, or that it
/// is to be ignored (`None`); [`same_names`] changes nothing.
///
/// # Errors
///
/// [`PretrainedError`] if the file is damaged or of another kind, or if tensors are missing, extra,
/// named twice, of another shape, not f32 or not finite; the message lists all of them, and
/// `parameters` are unchanged.
pub fn load_pretrained(
    parameters: &mut Parameters,
    bytes: &[u8],
    rename: impl Fn(&str) -> Option<String>,
) -> Result<(), PretrainedError> {
    // A ZIP archive, or a pickle of protocol 2 and later.
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
        return Err(PretrainedError::Pickle);
    }
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    if header.metadata().as_ref().is_some_and(|metadata| metadata.contains_key(LAYOUT)) {
        return Err(PretrainedError::Checkpoint);
    }
    let file = SafeTensors::deserialize(bytes)?;
    // Sorted, for a message that is the same each time.
    let mut theirs = file.names();
    theirs.sort_unstable();
    let mut problems = Vec::new();
    let mut tensors: BTreeMap<String, &str> = BTreeMap::new();
    for theirs in theirs.into_iter().filter(|name| !name.ends_with(".num_batches_tracked")) {
        let Some(ours) = rename(theirs) else { continue };
        if let Some(other) = tensors.insert(ours.clone(), theirs) {
            problems.push(format!("{ours} is named twice, by {other} and by {theirs}"));
        }
    }
    let mut other_types: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for &theirs in tensors.values() {
        let dtype = file.tensor(theirs).expect("the name comes from the file").dtype();
        if dtype != Dtype::F32 {
            other_types.entry(format!("{dtype:?}")).or_default().push(theirs);
        }
    }
    for (dtype, names) in other_types {
        let more = match names.len() - 1 {
            0 => String::new(),
            1 => " and another one".to_owned(),
            others => format!(" and {others} others"),
        };
        problems.push(format!("{}{more} hold {dtype}, not f32", names[0]));
    }
    let mut used = BTreeSet::new();
    let mut values_of = |name: &str, shape: &[usize]| {
        let (base, group) = ungrouped(name);
        let Some(theirs) = tensors.get(&base) else {
            let named = their_name(&base, &rename);
            problems.push(format!("{named} is missing"));
            return Vec::new();
        };
        used.insert(*theirs);
        let tensor = file.tensor(theirs).expect("the name comes from the file");
        if tensor.dtype() != Dtype::F32 {
            return Vec::new();
        }
        let Some(values) = ours(tensor.data(), tensor.shape(), shape, group) else {
            let (found, wanted) = (tensor.shape(), theirs_of(shape));
            let part = if group.is_some() { " or a multiple in the first axis" } else { "" };
            problems.push(format!("{theirs} has shape {found:?}, not {wanted:?}{part}"));
            return Vec::new();
        };
        finite(values, theirs).unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        })
    };
    let weights: Vec<Vec<f32>> =
        parameters.iter().map(|p| values_of(p.name(), p.shape())).collect();
    let states: Vec<(String, Vec<f32>)> = (parameters.states())
        .map(|(name, present)| (name.to_owned(), values_of(name, &[present.len()])))
        .collect();
    let extra = tensors.values().filter(|theirs| !used.contains(*theirs));
    problems.extend(extra.map(|theirs| format!("{theirs} is not in the network")));
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

/// What the file would have to call one of our tensors, where `rename` tells, and ours otherwise.
fn their_name(ours: &str, rename: impl Fn(&str) -> Option<String>) -> String {
    let candidates = [to_pytorch_recurrent_name(ours), ours.to_owned()];
    let theirs = candidates.into_iter().find(|theirs| rename(theirs).as_deref() == Some(ours));
    theirs.unwrap_or_else(|| ours.to_owned())
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
