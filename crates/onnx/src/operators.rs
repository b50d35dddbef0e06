//! Which operators there are.

use crate::{arrange, host};

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
    "Conv",
    "ConvTranspose",
    "Cos",
    "Div",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "GRU",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "InstanceNormalization",
    "LSTM",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "MatMul",
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

/// All operators that can be run, by name.
///
/// ```
/// assert!(onnx::operators().contains(&"Conv"));
/// ```
pub fn operators() -> Vec<&'static str> {
    let mut all: Vec<&str> = names().collect();
    all.sort_unstable();
    all
}

fn names() -> impl Iterator<Item = &'static str> {
    let moving = arrange::OPERATORS.iter().chain(&host::OPERATORS);
    moving.chain(ON_THE_TAPE).copied()
}
