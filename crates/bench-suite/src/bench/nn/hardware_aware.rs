//! Steps of hardware-aware training with the standard tile and injected noise, against ours in f32.

use crossbar::{TileConfig, WeightNoiseConfig};
use nn::layers::{Builder, Init, Linear, Readout};
use nn::optim::Update;
use nn::{
    Analog, AnalogTraining, AnyArithmetic, Mode, Optimizer, Parameters, Pass, Policy, Sgd, Tensor,
    Workspace, ops,
};
use numerics::{Par, Seed};

use super::sequence::language_model_against_ours;
use super::vision::Network;
use crate::bench::row::{Measured, Row, Unmeasured, alternate};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "hwa_step_mnist_cnn",
        what: "hardware-aware step of Gupta's MNIST network, batch 100, against ours in f32",
        target: 0.5,
        measure: || Network::MnistCnn.against_ours(20, analog()),
    },
    Row {
        name: "hwa_step_resnet20",
        what: "hardware-aware step of ResNet-20, batch 128, against ours in f32",
        target: 0.5,
        measure: || Network::ResNet20.against_ours(5, analog()),
    },
    Row {
        name: "hwa_step_lstm",
        what: "hardware-aware step of the 2 × 650 LSTM with 10,000 words, 35 words × 20, against ours in f32",
        target: 0.5,
        measure: || language_model_against_ours(5, analog()),
    },
    Row {
        name: "hwa_step_linear",
        what: "hardware-aware step of a 512 × 512 layer, batch 1024, against ours in f32",
        target: 0.5,
        measure: linear_against_ours,
    },
];

fn linear_against_ours() -> Result<Measured, Unmeasured> {
    let mut analog = LinearLayer::new(analog());
    let mut float = LinearLayer::new(AnyArithmetic::Float32);
    analog.check()?;
    float.check()?;
    Ok(alternate(
        15,
        || {
            analog.step();
        },
        || {
            float.step();
        },
    ))
}

/// One layer of 512 × 512 weights that learns to give zeros for 1024 inputs, whose gradient is
/// wanted too.
pub(super) struct LinearLayer {
    layer: Linear,
    parameters: Parameters,
    input: Vec<f32>,
    zeros: Vec<f32>,
    work: Workspace,
    steps: u64,
}

impl LinearLayer {
    const WIDTH: usize = 512;
    const BATCH: usize = 1024;

    pub(super) fn new(arithmetic: AnyArithmetic) -> Self {
        let mut parameters = Parameters::new();
        let policy = Policy::uniform(arithmetic);
        let seed = Seed::new(0);
        let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
        let (width, len) = (Self::WIDTH, Self::BATCH * Self::WIDTH);
        let layer =
            Linear::new(&mut builder, "layer", width, width, Init::HeNormal, Readout::Layer);
        let mut input = vec![0.0; len];
        Seed::new(1).stream().fill_gaussian(0, &mut input);
        input.iter_mut().for_each(|x| *x *= 0.3);
        Self { layer, parameters, input, zeros: vec![0.0; len], work: Workspace::new(), steps: 0 }
    }

    /// One step; returns the loss before it.
    pub(super) fn step(&mut self) -> f32 {
        let seed = Seed::new(2).child(self.steps);
        let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Train, par: Par::Seq };
        let mut x = self.work.tape.scratch(self.input.len());
        x.copy_from_slice(&self.input);
        let x = self.work.tape.variable(Tensor::new(&[Self::BATCH, Self::WIDTH], x));
        let mut step = self.work.step(&self.parameters, pass);
        let y = self.layer.forward(x, &mut step);
        let loss = ops::mean_squared_error(&mut step, y, &self.zeros);
        let value = self.work.tape.value(loss).item();
        let gradients = self.work.tape.backward(loss, 1.0, &mut self.parameters, pass);
        self.work.tape.recycle(gradients);
        let sgd = Optimizer::Sgd(Sgd::default());
        let seed = seed.child("update");
        let step = self.steps + 1;
        let update = Update { learning_rate: 0.01, gradient_scale: 1.0, step, seed, groups: &[] };
        sgd.step(&mut self.parameters, &update);
        self.work.clear();
        self.steps += 1;
        value
    }

    /// A layer that is timed must learn.
    pub(super) fn check(&mut self) -> Result<(), String> {
        let first = self.step();
        let last = (0..12).fold(first, |_, _| self.step());
        if last < first {
            Ok(())
        } else {
            Err(format!("the layer does not learn: loss {first}, then {last}"))
        }
    }
}

/// Everything of [Rasch23 Supp. Tab. 1], and the noise of its Supp. Tab. 3.
pub(super) fn analog() -> AnyArithmetic {
    let tile = TileConfig::load("standard-pcm").expect("a preset");
    let weight_noise = Some(WeightNoiseConfig::paper(3.0, 0.01));
    let training = AnalogTraining { weight_noise, ..AnalogTraining::default() };
    AnyArithmetic::Analog(Box::new(Analog::new(tile, training).expect("a checked preset")))
}
