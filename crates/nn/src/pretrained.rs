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

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

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

/// Loads weights and states of f32, f16, bf16 or f64. `rename` says what the network calls a tensor of
/// the file, or that it is to be ignored (`None`); [`same_names`] changes nothing, [`Renames`] is a
/// table. Returns a line on each tensor of f64 whose numbers were rounded to f32.
///
/// # Errors
///
/// [`PretrainedError`] if the file is damaged or of another kind, or if tensors are missing, extra,
/// named twice, of another shape, no real numbers or not finite; the message lists all of them, and
/// `parameters` are unchanged.
pub fn load_pretrained(
    parameters: &mut Parameters,
    bytes: &[u8],
    rename: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>, PretrainedError> {
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
        if float_values(dtype, &[]).is_none() {
            other_types.entry(format!("{dtype:?}")).or_default().push(theirs);
        }
    }
    for (dtype, names) in other_types {
        let more = match names.len() - 1 {
            0 => String::new(),
            1 => " and another one".to_owned(),
            others => format!(" and {others} others"),
        };
        problems.push(format!("{}{more} hold {dtype}, not f32, f16, bf16 or f64", names[0]));
    }
    let (mut used, mut notes) = (BTreeSet::new(), Vec::new());
    // The last tensor that was read: groups are parts of one.
    let mut last: Option<(&str, Vec<f32>)> = None;
    let mut values_of = |name: &str, shape: &[usize]| {
        let (base, group) = ungrouped(name);
        let Some(theirs) = tensors.get(&base) else {
            let named = their_name(&base, &rename);
            problems.push(format!("{named} is missing"));
            return Vec::new();
        };
        used.insert(*theirs);
        let tensor = file.tensor(theirs).expect("the name comes from the file");
        let values = match last.take() {
            Some((name, values)) if name == *theirs => values,
            _ => match float_values(tensor.dtype(), tensor.data()) {
                Some((values, rounded)) => {
                    if rounded > 0 {
                        notes.push(format!("{rounded} numbers of {theirs} were rounded to f32"));
                    }
                    values
                }
                None => return Vec::new(),
            },
        };
        let found = ours(&values, tensor.shape(), shape, group);
        last = Some((theirs, values));
        let Some(values) = found else {
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
    notes.sort();
    notes.dedup();
    Ok(notes)
}

/// The numbers of a tensor of a safetensors file as f32, and how many of them were rounded; none for
/// other types than f32, f16, bf16 and f64.
pub fn float_values(dtype: Dtype, bytes: &[u8]) -> Option<(Vec<f32>, usize)> {
    fn each<const N: usize>(bytes: &[u8], of: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        bytes.as_chunks().0.iter().map(|&bytes| of(bytes)).collect()
    }
    let values = match dtype {
        Dtype::F32 => each(bytes, f32::from_le_bytes),
        Dtype::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        Dtype::F64 => {
            let wide = || bytes.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes));
            let rounded = wide().filter(|&x| x.is_finite() && f64::from(x as f32) != x).count();
            return Some((wide().map(|x| x as f32).collect(), rounded));
        }
        _ => return None,
    };
    Some((values, 0))
}

/// A table of names in TOML, for [`load_pretrained`]: what the network calls tensors of a file, and
/// those that it does not have. Others keep their names.
///
/// ```toml
/// ignore = ["embeddings.position_ids"]
/// [rename]
/// "their.name" = "our.name"
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renames {
    /// Ours by theirs.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// Theirs that are passed over.
    #[serde(default)]
    pub ignore: BTreeSet<String>,
}

impl Renames {
    /// The table of a text in TOML.
    ///
    /// # Errors
    ///
    /// A clause with the line, if it makes no sense.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let before = error.span().map_or("", |span| &text[..span.start]);
            format!("line {}: {}", before.matches('\n').count() + 1, error.message())
        })
    }

    /// What the network calls a tensor, if it has it.
    pub fn ours(&self, theirs: &str) -> Option<String> {
        if self.ignore.contains(theirs) {
            return None;
        }
        Some(self.rename.get(theirs).map_or(theirs, String::as_str).to_owned())
    }
}

/// What the file would have to call one of our tensors, where `rename` tells, and ours otherwise.
fn their_name(ours: &str, rename: impl Fn(&str) -> Option<String>) -> String {
    let candidates = [to_pytorch_recurrent_name(ours), ours.to_owned()];
    let theirs = candidates.into_iter().find(|theirs| rename(theirs).as_deref() == Some(ours));
    theirs.unwrap_or_else(|| ours.to_owned())
}

/// Weights and states in f32 as a safetensors file, under the names and in the shapes of PyTorch: groups of a
/// convolution are one tensor, channels stand before the taps, and recurrent layers have PyTorch's names. On
/// tiles weights are γ ⊙ w̆, in other arithmetics what the codes mean.
///
/// [`load_pretrained`] with [`from_pytorch_recurrent_name`](crate::layers::from_pytorch_recurrent_name) takes it.
pub fn save_pretrained(parameters: &Parameters) -> Vec<u8> {
    let mut tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)> = BTreeMap::new();
    let mut add = |name: &str, shape: &[usize], values: &[f32]| {
        let (base, _) = ungrouped(name);
        let (shape, values) = (theirs_of(shape), theirs(values, shape));
        match tensors.entry(to_pytorch_recurrent_name(&base)) {
            // Groups follow one another.
            Entry::Occupied(mut whole) => {
                let (all, elements) = whole.get_mut();
                all[0] += shape[0];
                elements.extend(values);
            }
            Entry::Vacant(entry) => drop(entry.insert((shape, values))),
        }
    };
    for (id, parameter) in parameters.of_float_network() {
        add(parameter.name(), parameter.shape(), &parameters.logical(id));
    }
    parameters.states().for_each(|(name, values)| add(name, &[values.len()], values));
    let bytes = tensors.into_iter().map(|(name, (shape, values))| {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        (name, shape, bytes)
    });
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = bytes.collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        (name, view.expect("a parameter has as many values as its shape says"))
    });
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    safetensors::serialize(views, Some(metadata)).expect("memory is serialised")
}

/// The values of a parameter of `shape` in PyTorch's layout.
fn theirs(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let [out, height, width, inputs] = *shape else { return values.to_vec() };
    let taps = height * width;
    let mut permuted = Vec::with_capacity(values.len());
    for o in 0..out {
        for i in 0..inputs {
            permuted.extend((0..taps).map(|tap| values[(o * taps + tap) * inputs + i]));
        }
    }
    permuted
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
fn ours(all: &[f32], found: &[usize], shape: &[usize], group: Option<usize>) -> Option<Vec<f32>> {
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
    let values = &all[first..first + len];
    let [out, height, width, inputs] = *shape else { return Some(values.to_vec()) };
    let taps = height * width;
    let mut permuted = Vec::with_capacity(len);
    for o in 0..out {
        for tap in 0..taps {
            permuted.extend((0..inputs).map(|i| values[(o * inputs + i) * taps + tap]));
        }
    }
    Some(permuted)
}

#[cfg(test)]
mod tests {
    use numerics::Seed;

    use super::*;
    use crate::arithmetic::{AnyArithmetic, Policy};
    use crate::layers::{
        BatchNorm, Builder, Cell, Conv2d, ConvConfig, Init, Linear, Readout, Recurrent,
        RecurrentConfig, from_pytorch_recurrent_name,
    };
    use crate::rows::Window;

    fn network(policy: &Policy, seed: u64) -> Parameters {
        let mut parameters = Parameters::new();
        let seed = Seed::new(seed);
        let mut builder = Builder { parameters: &mut parameters, policy, seed };
        let init = Init::Normal { std_dev: 0.5 };
        let conv = ConvConfig::new(Window::square(3), init);
        Conv2d::new(&mut builder, "conv", 4, 6, conv);
        Conv2d::new(&mut builder, "grouped", 6, 4, conv.groups(2).without_bias());
        BatchNorm::new(&mut builder, "norm", 4);
        let config = RecurrentConfig {
            cell: Cell::Lstm,
            inputs: 4,
            width: 3,
            layers: 2,
            bidirectional: true,
            dropout: 0.0,
        };
        Recurrent::new(&mut builder, "lstm", config);
        Linear::new(&mut builder, "fc", 6, 2, init, Readout::Wide);
        parameters
    }

    #[test]
    fn what_is_saved_is_loaded_again() {
        let float = Policy::uniform(AnyArithmetic::Float32);
        let mut saved = network(&float, 1);
        if let Some(mean) = saved.state_mut("norm.running_mean") {
            mean.fill(0.25);
        }
        let bytes = save_pretrained(&saved);
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let shape = |name: &str| file.tensor(name).unwrap().shape().to_vec();
        assert_eq!(shape("conv.weight"), [6, 4, 3, 3]);
        assert_eq!(shape("grouped.weight"), [4, 3, 3, 3]);
        assert_eq!(shape("lstm.weight_hh_l1_reverse"), [12, 3]);
        let rename = |name: &str| Some(from_pytorch_recurrent_name(name));
        let mut loaded = network(&float, 2);
        load_pretrained(&mut loaded, &bytes, rename).unwrap();
        let values = |of: &Parameters| of.iter().map(crate::Parameter::values).collect::<Vec<_>>();
        assert_eq!(values(&loaded), values(&saved));
        assert!(loaded.states().eq(saved.states()));
    }
}
