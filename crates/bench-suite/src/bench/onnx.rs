//! Rows of `onnx`: an imported network against the same one written in `nn`, and against ONNX Runtime.

use std::path::PathBuf;

use ::nn::layers::{Builder, Conv2d, ConvConfig, Init, Linear, Readout};
use ::nn::{
    Float32, Mode, Parameters, Pass, Policy, Step, Tensor, Var, Window, Workspace, load_pretrained,
    ops, same_names,
};
use ::onnx::{Given, Graph, Network};
use numerics::{Par, Seed};

use super::nn::torch::against_torch;
use crate::bench::row::{Measured, Row, Unmeasured, alternate};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "imported_cnn_forward",
        what: "forward pass of docs/examples/own/model.onnx, 100 images, against the same network written in nn",
        target: 1.0 / 1.1,
        measure: against_nn,
    },
    Row {
        name: "imported_resnet_forward_onnxruntime",
        what: "forward pass of a ResNet of DITHER_SHARED from its file against ONNX Runtime, one thread each",
        target: 0.5,
        measure: against_onnxruntime,
    },
];

const MODEL: &[u8] = include_bytes!("../../../../docs/examples/own/model.onnx");
const BATCH: usize = 100;
const ROUNDS: usize = 40;

/// An imported network with what it runs on.
struct Imported {
    network: Network,
    parameters: Parameters,
    work: Workspace,
    input: Tensor,
}

fn pass() -> Pass {
    Pass { seed: Seed::new(0), first_row: 0, step: 0, mode: Mode::Eval, par: Par::Seq }
}

/// Random numbers of a shape.
fn random(shape: &[usize]) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    Seed::new(1).stream().fill_gaussian(0, &mut values);
    Tensor::new(shape, values)
}

impl Imported {
    fn new(graph: &Graph, shape: &[usize]) -> Result<Self, String> {
        let mut parameters = Parameters::new();
        let policy = Policy::uniform(Float32);
        let seed = Seed::new(0);
        let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
        let network = Network::build(graph, &mut builder).map_err(|error| error.to_string())?;
        Ok(Self { network, parameters, work: Workspace::new(), input: random(shape) })
    }

    fn forward(&mut self) -> Result<Vec<f32>, String> {
        let x = self.work.tape.constant(self.input.clone());
        let mut step = self.work.step(&self.parameters, pass());
        let y = self.network.run(&[Given::Tensor(x)], &mut step).map_err(|e| e.to_string())?;
        let y = self.work.tape.value(y[0]).data().to_vec();
        self.work.clear();
        Ok(y)
    }
}

/// The network of docs/examples/own, as one would write it here.
struct Written {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
}

impl Written {
    fn build(builder: &mut Builder<'_>) -> Self {
        let init = Init::Normal { std_dev: 0.1 };
        let conv = |kernel: usize| {
            let window = Window::square(kernel).stride(2).padding(kernel / 2);
            ConvConfig::new(window, init)
        };
        let (five, three) = (conv(5), conv(3));
        Self {
            conv1: Conv2d::new(builder, "conv1", 1, 8, five),
            conv2: Conv2d::new(builder, "conv2", 8, 16, three),
            fc1: Linear::new(builder, "fc1", 16 * 7 * 7, 32, init, Readout::Layer),
            fc2: Linear::new(builder, "fc2", 32, 10, init, Readout::Layer),
        }
    }

    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        let x = self.conv1.forward(x, step);
        let x = ops::relu(step, x);
        let x = self.conv2.forward(x, step);
        let x = ops::relu(step, x);
        let x = ops::permute(step, x, &[0, 3, 1, 2]);
        let x = ops::flatten(step, x);
        let x = self.fc1.forward(x, step);
        let x = ops::relu(step, x);
        self.fc2.forward(x, step)
    }
}

fn against_nn() -> Result<Measured, Unmeasured> {
    let graph = Graph::from_bytes(MODEL).map_err(|error| error.to_string())?;
    let mut imported = Imported::new(&graph, &[BATCH, 1, 28, 28])?;
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(Float32);
    let seed = Seed::new(0);
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
    let written = Written::build(&mut builder);
    let weights = imported.network.weights(&imported.parameters).map_err(|e| e.to_string())?;
    load_pretrained(&mut parameters, &::onnx::write_weights(&weights), same_names)
        .map_err(|error| error.to_string())?;
    // One channel: the same numbers with channels first and last.
    let pixels = Tensor::new(&[BATCH, 28, 28, 1], imported.input.data().to_vec());
    let mut work = Workspace::new();
    let mut here = || {
        let x = work.tape.constant(pixels.clone());
        let y = written.forward(x, &mut work.step(&parameters, pass()));
        let y = work.tape.value(y).data().to_vec();
        work.clear();
        y
    };
    near(&imported.forward()?, &here())?;
    let ours = || drop(imported.forward());
    Ok(alternate(ROUNDS, ours, || drop(here())))
}

/// Whether outputs are equal up to rounding.
fn near(ours: &[f32], theirs: &[f32]) -> Result<(), String> {
    let largest = theirs.iter().fold(0.0f32, |max, y| max.max(y.abs()));
    let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
    if ours.len() == theirs.len() && worst <= 1e-4 * largest {
        Ok(())
    } else {
        Err(format!("outputs differ by {worst} of {largest}"))
    }
}

fn against_onnxruntime() -> Result<Measured, Unmeasured> {
    let missing = |reason: &str| Unmeasured::Missing(reason.to_owned());
    let shared = std::env::var_os("DITHER_SHARED").ok_or_else(|| missing("no DITHER_SHARED"))?;
    let model = PathBuf::from(shared).join("golden/onnx/resnet/model.onnx");
    let graph = Graph::read(&model).map_err(|error| missing(&error.to_string()))?;
    let shape: Vec<usize> = graph.inputs()[0].shape.iter().map(|n| n.unwrap_or(16)).collect();
    let mut imported = Imported::new(&graph, &shape)?;
    imported.forward()?;
    let program = format!(
        "\n\
import numpy as np, onnxruntime as ort\n\
options = ort.SessionOptions()\n\
options.intra_op_num_threads = options.inter_op_num_threads = 1\n\
session = ort.InferenceSession({:?}, options, providers=['CPUExecutionProvider'])\n\
name = session.get_inputs()[0].name\n\
x = np.random.default_rng(0).standard_normal({shape:?}).astype(np.float32)\n\
def step():\n    session.run(None, {{name: x}})\n",
        model.display().to_string()
    );
    against_torch(ROUNDS, &program, || drop(imported.forward()))
}
