//! The fully connected network of [Gupta15 §4.1].

use nn::{AnyArithmetic, FixedPoint};
use numerics::{FixedFormat, Rounding};

use super::vision::{LEAVES, Network};
use crate::bench::row::{Measured, Row, Unmeasured};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "mlp_step_fixed",
        what: "step of the 784-1000-1000-10 network, batch 100, stochastic <8,8>, against ours in f32",
        target: 1.0 / 0.9,
        measure: || against_float(fixed_8_8()),
    },
    Row {
        name: "mlp_step_float_torch",
        what: "the same step in f32 against PyTorch's, one thread each",
        target: 1.0 / 1.1,
        measure: || against_torch(AnyArithmetic::Float32),
    },
    Row {
        name: "mlp_step_fixed_torch",
        what: "the same step in stochastic <8,8> against PyTorch's in f32, one thread each",
        target: 1.0,
        measure: || against_torch(fixed_8_8()),
    },
    Row {
        name: "mlp_step_leaves",
        what: "the same step in f32, its batch in 4 leaves, against ours without",
        target: 1.0 / 1.03,
        measure: || Network::Mlp.against_whole(ROUNDS, AnyArithmetic::Float32, LEAVES),
    },
    Row {
        name: "mlp_step_fixed_leaves",
        what: "the same step in stochastic <8,8>, its batch in 4 leaves, against ours without",
        target: 1.0 / 1.03,
        measure: || Network::Mlp.against_whole(ROUNDS, fixed_8_8(), LEAVES),
    },
];

/// A step in that arithmetic against one in f32.
pub(super) fn against_float(arithmetic: AnyArithmetic) -> Result<Measured, Unmeasured> {
    Network::Mlp.against_ours(ROUNDS, arithmetic)
}

const ROUNDS: usize = 60;

fn fixed_8_8() -> AnyArithmetic {
    let format = FixedFormat::new(8, 8).expect("a 16-bit format");
    AnyArithmetic::FixedPoint(FixedPoint::uniform(format, Rounding::Stochastic).expect("it fits"))
}

fn against_torch(arithmetic: AnyArithmetic) -> Result<Measured, Unmeasured> {
    Network::Mlp.against_torch(ROUNDS, arithmetic)
}
