//! Training steps in blocks of few bits, against our own in f32.

use nn::AnyArithmetic;
use nn::arithmetic::{
    Block, BlockOperand, ForwardProduct, InputGradient, Products, WeightGradient,
};
use numerics::{BlockFormat, BlockQuantizer, Hadamard, HadamardSigns, Rounding, ScaleRule};

use super::mlp;
use super::vision::Network;
use crate::bench::row::Row;

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "mlp_step_mxfp8",
        what: "step of the 784-1000-1000-10 network, batch 100, in MXFP8, against ours in f32",
        target: 0.4,
        measure: || mlp::against_float(mxfp8()),
    },
    Row {
        name: "mlp_step_nvfp4",
        what: "the same step in NVFP4 with its Hadamard transform, against ours in f32",
        target: 0.4,
        measure: || mlp::against_float(nvfp4()),
    },
    Row {
        name: "mnist_cnn_step_mxfp8",
        what: "step of Gupta's MNIST network, padded, batch 100, in MXFP8, against ours in f32",
        target: 0.4,
        measure: || Network::MnistCnn.against_ours(30, mxfp8()),
    },
    Row {
        name: "mnist_cnn_step_nvfp4",
        what: "the same step in NVFP4 with its Hadamard transform, against ours in f32",
        target: 0.4,
        measure: || Network::MnistCnn.against_ours(30, nvfp4()),
    },
];

/// All six operands in MXFP8. Source: NVIDIA 2025, arXiv:2506.08027.
fn mxfp8() -> AnyArithmetic {
    let quantizer = BlockQuantizer {
        scale_rule: ScaleRule::Rceil,
        ..BlockQuantizer::new(BlockFormat::MXFP8_E4M3, Rounding::NearestTiesEven)
    };
    let products = Products::uniform(BlockOperand::along(quantizer));
    Block::new(products).expect("a possible combination").into()
}

/// NVFP4 as it is trained with. Source: NVIDIA 2025, arXiv:2509.25149.
fn nvfp4() -> AnyArithmetic {
    let nearest = BlockQuantizer::new(BlockFormat::NVFP4, Rounding::NearestTiesEven);
    let stochastic = BlockQuantizer { rounding: Rounding::Stochastic, ..nearest };
    let along = |quantizer| Some(BlockOperand::along(quantizer));
    let weight = Some(BlockOperand::square(nearest));
    let hadamard = Some(Hadamard { size: 16, signs: HadamardSigns::Nvidia });
    let products = Products {
        forward: ForwardProduct { input: along(nearest), weight, hadamard: None },
        input_gradient: InputGradient { error: along(stochastic), weight, hadamard: None },
        weight_gradient: WeightGradient {
            error: along(stochastic),
            input: along(nearest),
            hadamard,
        },
        ..Products::unrounded()
    };
    Block::new(products).expect("a possible combination").into()
}
