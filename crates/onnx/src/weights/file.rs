//! Weights as a safetensors file.

use nn::float_values;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::Weight;

/// A safetensors file of weights in f32.
///
/// # Panics
///
/// If one has not as many values as its shape says; those of
/// [`Network::weights`](crate::Network::weights) do.
#[track_caller]
pub fn write(weights: &[Weight]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = weights
        .iter()
        .map(|weight| weight.values.iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    let views = weights.iter().zip(&bytes).map(|(weight, bytes)| {
        let view = TensorView::new(Dtype::F32, weight.shape.clone(), bytes);
        (&weight.name, view.unwrap_or_else(|_| panic!("{} has another shape", weight.name)))
    });
    // What PyTorch writes too, and its readers ask for.
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    safetensors::serialize(views, Some(metadata)).expect("serialising views of memory")
}

/// The weights of a safetensors file of f32, f16, bf16 or f64, in the order of their names, and a line
/// on each tensor whose numbers were rounded. Tensors named `….num_batches_tracked` are passed over.
///
/// # Errors
///
/// A clause that says what is wrong with the file, or which tensors are of another type.
pub fn read(bytes: &[u8]) -> Result<(Vec<Weight>, Vec<String>), String> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| format!("not a readable safetensors file: {error}"))?;
    let mut tensors: Vec<(&str, TensorView<'_>)> =
        file.iter().filter(|(name, _)| !name.ends_with(".num_batches_tracked")).collect();
    tensors.sort_by_key(|&(name, _)| name);
    let (mut weights, mut notes, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for (name, tensor) in tensors {
        let Some((values, rounded)) = float_values(tensor.dtype(), tensor.data()) else {
            others.push(format!("{name} holds {:?}", tensor.dtype()));
            continue;
        };
        if rounded > 0 {
            notes.push(format!("{rounded} numbers of {name} were rounded to f32"));
        }
        weights.push(Weight { name: name.to_owned(), shape: tensor.shape().to_vec(), values });
    }
    if others.is_empty() {
        return Ok((weights, notes));
    }
    Err(format!("{}, not f32, f16, bf16 or f64", others.join("; ")))
}
