//! Steps of hardware-aware training with the standard tile and injected noise, against ours in f32.

use crossbar::{TileConfig, WeightNoiseConfig};
use nn::{Analog, AnalogTraining, Arithmetic};

use super::super::Row;
use super::sequence::language_model_against_ours;
use super::vision::Network;

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
];

/// Everything of [Rasch23 Supp. Tab. 1], and the noise of its Supp. Tab. 3.
fn analog() -> Arithmetic {
    let tile = TileConfig::load("standard-pcm").expect("a preset");
    let weight_noise = Some(WeightNoiseConfig::paper(3.0, 0.01));
    let training = AnalogTraining { weight_noise, ..AnalogTraining::default() };
    Arithmetic::Analog(Box::new(Analog::new(tile, training).expect("a checked preset")))
}
