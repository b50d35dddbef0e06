//! One input through each network of [Rasch23 Tab. 1], on tiles against ours in f32, one thread.
//!
//! `docs/paper-scale.md` takes its throughput from these rows.

use crossbar::TileConfig;
use nn::{Analog, AnalogTraining, AnyArithmetic};

use crate::bench::row::{Measured, Row, Unmeasured, alternate};
use crate::measured::networks::original::Original;
use crate::measured::networks::paper_row::PaperRow;

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "paper_resnet32",
        what: "ResNet-32 CIFAR-10, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float(PaperRow::ResNet32, 9),
    },
    Row {
        name: "paper_wide_resnet16",
        what: "WideResNet-16 CIFAR-100, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float(PaperRow::WideResNet16, 5),
    },
    Row {
        name: "paper_resnet18",
        what: "ResNet-18 ImageNet, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float(PaperRow::ResNet18, 5),
    },
    Row {
        name: "paper_resnet50",
        what: "ResNet-50 ImageNet, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float(PaperRow::ResNet50, 3),
    },
    Row {
        name: "paper_densenet121",
        what: "DenseNet-121 ImageNet, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float(PaperRow::DenseNet121, 3),
    },
    Row {
        name: "paper_wide_resnet50",
        what: "WideResNet-50 ImageNet, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float(PaperRow::WideResNet50, 3),
    },
    Row {
        name: "paper_bert",
        what: "BERT-base MRPC, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float(PaperRow::Bert, 3),
    },
    Row {
        name: "paper_albert",
        what: "ALBERT-base MRPC, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float(PaperRow::Albert, 3),
    },
    Row {
        name: "paper_acoustic_lstm",
        what: "Speech SWB300 (LSTM-HMM), one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float(PaperRow::Acoustic, 5),
    },
    Row {
        name: "paper_language_lstm",
        what: "LSTM PTB, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float(PaperRow::Language, 5),
    },
    Row {
        name: "paper_rnn_t",
        what: "RNN-T SWB300, one input on tiles, against ours in f32",
        target: 0.2,
        measure: || against_float(PaperRow::Transducer, 3),
    },
];

/// Times the forward pass of one input (a share of a batch in recurrent networks) through the
/// network of a row of Table 1 on one thread: on the standard tile as ours, in f32 as the baseline.
fn against_float(row: PaperRow, rounds: usize) -> Result<Measured, Unmeasured> {
    let network = Original::of(row);
    let tile = TileConfig::load("standard-pcm").map_err(|error| error.to_string())?;
    let analog = Analog::new(tile, AnalogTraining::default()).map_err(|error| error.to_string())?;
    let mut tiles = network.build(AnyArithmetic::Analog(Box::new(analog)));
    let mut float = network.build(AnyArithmetic::Float32);
    let per_input = 1.0 / float.batch as f64;
    let Measured { ours_ms, baseline_ms } =
        alternate(rounds, || tiles.forward(), || float.forward());
    Ok(Measured { ours_ms: per_input * ours_ms, baseline_ms: per_input * baseline_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_paper_is_timed() {
        let what: Vec<&str> = ROWS.iter().map(|row| row.what).collect();
        let rest = "one input on tiles, against ours in f32";
        assert_eq!(what, PaperRow::ALL.map(|row| format!("{row}, {rest}")));
    }
}
