//! One input through each network of [Rasch23 Tab. 1], on tiles against ours in f32, one thread.
//!
//! `docs/paper-scale.md` takes its throughput from these rows.

use super::Row;
use crate::experiments::rasch2023::tiles::against_float;

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "paper_resnet32",
        what: "ResNet-32 CIFAR-10, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float("ResNet-32 CIFAR-10", 9),
    },
    Row {
        name: "paper_wide_resnet16",
        what: "WideResNet-16 CIFAR-100, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float("WideResNet-16 CIFAR-100", 5),
    },
    Row {
        name: "paper_resnet18",
        what: "ResNet-18 ImageNet, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float("ResNet-18 ImageNet", 5),
    },
    Row {
        name: "paper_resnet50",
        what: "ResNet-50 ImageNet, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float("ResNet-50 ImageNet", 3),
    },
    Row {
        name: "paper_densenet121",
        what: "DenseNet-121 ImageNet, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float("DenseNet-121 ImageNet", 3),
    },
    Row {
        name: "paper_wide_resnet50",
        what: "WideResNet-50 ImageNet, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float("WideResNet-50 ImageNet", 3),
    },
    Row {
        name: "paper_bert",
        what: "BERT-base MRPC, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float("BERT-base MRPC", 3),
    },
    Row {
        name: "paper_albert",
        what: "ALBERT-base MRPC, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float("ALBERT-base MRPC", 3),
    },
    Row {
        name: "paper_acoustic_lstm",
        what: "Speech SWB300 (LSTM-HMM), one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float("Speech SWB300 (LSTM-HMM)", 5),
    },
    Row {
        name: "paper_language_lstm",
        what: "LSTM PTB, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float("LSTM PTB", 5),
    },
    Row {
        name: "paper_rnn_t",
        what: "RNN-T SWB300, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float("RNN-T SWB300", 3),
    },
];
