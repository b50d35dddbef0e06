//! Which operators there are.

use std::collections::BTreeMap;

use crate::{arrange, host};

/// The operators whose constant factors become linear maps of `nn`; of two activations they are products on
/// the tape.
const LAYERS: &[&str] = &["Conv", "ConvTranspose", "GRU", "Gemm", "LSTM", "MatMul"];

/// The operators that the tape has beside those that move numbers.
const ON_THE_TAPE: &[&str] = &[
    "Abs",
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Ceil",
    "Celu",
    "Clip",
    "Concat",
    "Cos",
    "Div",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "GlobalAveragePool",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "InstanceNormalization",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "Max",
    "MaxPool",
    "Min",
    "Mish",
    "Mul",
    "Neg",
    "PRelu",
    "Pow",
    "RMSNormalization",
    "Reciprocal",
    "ReduceL2",
    "ReduceMean",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Resize",
    "Round",
    "Selu",
    "Sigmoid",
    "Sin",
    "Softmax",
    "Softplus",
    "Softsign",
    "Split",
    "Sqrt",
    "Sub",
    "Sum",
    "Swish",
    "Tanh",
    "Where",
];

/// Whether an operator can be run.
pub(crate) fn is_known(operator: &str) -> bool {
    names().any(|name| name == operator)
}

/// What becomes of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A linear map of `nn` where a factor is constant: in any arithmetic, and on tiles.
    Layer,
    /// An operation on the tape, with its gradient.
    Operation,
    /// It moves numbers, on the tape or known ones.
    Move,
    /// It makes numbers of known ones, such as shapes.
    Known,
}

/// All operators that can be run, by name, with what becomes of them.
///
/// ```
/// assert_eq!(onnx::operators()["Conv"], onnx::Kind::Layer);
/// ```
pub fn operators() -> BTreeMap<&'static str, Kind> {
    let mut all = BTreeMap::new();
    // What is on the tape may be computed of known numbers too.
    let lists: [(&[&'static str], Kind); 4] = [
        (&host::OPERATORS, Kind::Known),
        (&arrange::OPERATORS, Kind::Move),
        (ON_THE_TAPE, Kind::Operation),
        (LAYERS, Kind::Layer),
    ];
    for (names, kind) in lists {
        all.extend(names.iter().map(|&name| (name, kind)));
    }
    all
}

fn names() -> impl Iterator<Item = &'static str> {
    let moving = arrange::OPERATORS.iter().chain(&host::OPERATORS);
    moving.chain(ON_THE_TAPE).chain(LAYERS).copied()
}
