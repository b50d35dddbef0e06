//! Reading of golden files: see `golden/make.py`.

use std::collections::HashMap;

use nn::layers::Builder;
use nn::{AnyArithmetic, Mode, Parameters, Pass, Policy, Step, Tensor, Var, ops};
use numerics::{Par, Seed};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// A golden file.
pub(crate) struct File<'a> {
    tensors: SafeTensors<'a>,
    configs: HashMap<String, String>,
}

/// One layer with its inputs, outputs and gradients.
pub(crate) struct Case<'a> {
    pub(crate) name: String,
    config: Value,
    file: &'a File<'a>,
}

impl<'a> File<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Self {
        let (_, header) = SafeTensors::read_metadata(bytes).unwrap();
        let configs = header.metadata().clone().unwrap();
        Self { tensors: SafeTensors::deserialize(bytes).unwrap(), configs }
    }

    pub(crate) fn cases(&self) -> Vec<Case<'_>> {
        let mut names: Vec<&String> = self.configs.keys().collect();
        names.sort();
        let config = |name: &String| serde_json::from_str(&self.configs[name]).unwrap();
        names
            .into_iter()
            .map(|name| Case { name: name.clone(), config: config(name), file: self })
            .collect()
    }
}

impl Case<'_> {
    pub(crate) fn has(&self, key: &str) -> bool {
        self.config.get(key).is_some()
    }

    pub(crate) fn number(&self, key: &str) -> usize {
        self.config[key].as_u64().unwrap_or_else(|| panic!("{}: {key}", self.name)) as usize
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.config[key].as_bool().unwrap_or_else(|| panic!("{}: {key}", self.name))
    }

    pub(crate) fn numbers(&self, key: &str) -> Vec<usize> {
        let values = self.config[key].as_array().unwrap_or_else(|| panic!("{}: {key}", self.name));
        values.iter().map(|v| v.as_u64().unwrap() as usize).collect()
    }

    pub(crate) fn tensor(&self, name: &str) -> Tensor {
        let name = format!("{}/{name}", self.name);
        let view = self.file.tensors.tensor(&name).unwrap_or_else(|_| panic!("no {name}"));
        let values = view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        Tensor::new(view.shape(), values)
    }

    /// The tensors of these kinds as a file of its own, named `layer.NAME`.
    pub(crate) fn as_file(&self, kinds: &[&str], layer: &str) -> Vec<u8> {
        let mut views: Vec<(String, TensorView<'_>)> = Vec::new();
        for kind in kinds {
            let prefix = format!("{}/{kind}/", self.name);
            for name in self.file.tensors.names() {
                if let Some(rest) = name.strip_prefix(&prefix) {
                    let view = self.file.tensors.tensor(name).unwrap();
                    let (shape, data) = (view.shape().to_vec(), view.data());
                    let view = TensorView::new(Dtype::F32, shape, data).unwrap();
                    views.push((format!("{layer}.{rest}"), view));
                }
            }
        }
        safetensors::serialize(views, None).unwrap()
    }
}

type Layer = Box<dyn Fn(Var, &mut Step<'_>) -> Var>;

pub(crate) fn network(build: impl FnOnce(&mut Builder<'_>) -> Layer) -> (Parameters, Layer) {
    let (mut parameters, seed) = (Parameters::new(), Seed::new(0));
    let policy = Policy::uniform(AnyArithmetic::Float32);
    let layer = build(&mut Builder { parameters: &mut parameters, policy: &policy, seed });
    (parameters, layer)
}

pub(crate) fn pass(mode: Mode) -> Pass {
    Pass { seed: Seed::new(0), first_row: 0, step: 0, mode, par: Par::Seq }
}

/// Σ cos(i)·y_i.
pub(crate) fn loss(step: &mut Step<'_>, y: Var) -> Var {
    let shape = step.value(y).shape().to_vec();
    let weights = (0..step.value(y).data().len()).map(|i| f64::from(i as u32).cos() as f32);
    let weights = Tensor::new(&shape, weights.collect());
    let weights = step.tape.constant(weights);
    let weighted = ops::mul(step, y, weights);
    ops::sum(step, weighted)
}

/// Ours against the file's, to 1e-5 of the largest magnitude in the tensor.
pub(crate) fn close(case: &Case<'_>, name: &str, ours: &Tensor) {
    let theirs = case.tensor(name);
    assert_eq!(ours.shape(), theirs.shape(), "{}: {name}", case.name);
    close_values(case, name, ours.data(), theirs.data());
}

pub(crate) fn close_values(case: &Case<'_>, name: &str, ours: &[f32], theirs: &[f32]) {
    let largest = theirs.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let bound = 1e-5 * largest.max(1e-3);
        assert!((a - b).abs() <= bound, "{}: {name}[{i}] = {a}, PyTorch has {b}", case.name);
    }
    assert_eq!(ours.len(), theirs.len(), "{}: {name}", case.name);
}
