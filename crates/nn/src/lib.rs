//! Tensors, autograd, layers and training, written once for every arithmetic.
//!
//! ```text
//!   model ── layers ── tape of operations ──┬── elementwise, losses           (f32)
//!                                           └── linear maps y = x·Wᵀ + b
//!                                                 ├── Float32      faer
//!                                                 ├── FixedPoint   exact products, one Convert
//!                                                 ├── LowFloat     FP8, bf16, f16: rounded operands
//!                                                 ├── Block        MXFP8 … NVFP4: blocks with a scale
//!                                                 ├── Analog       crossbar tiles
//!                                                 └── one of yours (docs/add-an-arithmetic.md)
//! ```
//!
//! - [`Tape`] records operations on [`Tensor`]s and runs them backwards.
//! - [`Arithmetic`] says what executes a linear map and stores its weights; layers never ask.
//! - [`Parameters`] own weights, gradients and optimiser state in the arithmetic's own numbers.
//! - An [`Optimizer`] proposes increments; the arithmetic rounds them into the weights.
//! - [`train`] and [`evaluate`] run a [`Task`], a model with its data and its loss; [`train_epoch`]
//!   can be stopped and goes on.
//! - [`map_onto_tiles`] and [`drift_curve`] are what comes before and after training on tiles.

#![deny(unsafe_code)] // but for the island `simd`

pub mod arithmetic;
mod calibration;
mod checked;
pub mod checkpoint;
mod column_gradients;
mod column_sums;
mod data;
pub mod decode;
mod float_gemm;
pub mod functions;
mod hardware_aware;
pub mod layers;
mod leaves;
mod linear_map;
pub mod models;
mod observer;
pub mod ops;
pub mod optim;
mod parameters;
mod pass;
mod pretrained;
mod processes;
mod rows;
mod shares;
mod simd;
mod step;
pub mod storage;
mod tape;
mod task;
mod tensor;
mod train;
mod unigram;
mod wordpiece;

pub use arithmetic::analog::binding::AnalogWeights;
pub use arithmetic::analog::devices::{Devices, Weights};
pub use arithmetic::{
    Analog, AnalogTraining, AnyArithmetic, Arithmetic, FixedPoint, Float32, Policy,
};
pub use calibration::{Calibration, RangeStatistic, calibrate_input_ranges};
pub use column_gradients::column_gradients;
pub use data::{
    Augmentation, Images, Normalization, PixelError, Pixels, Rearrangement, Sequences, batches,
};
pub use float_gemm::{Operand, matmul};
pub use hardware_aware::{age_and_test, drift_curve, map_onto_tiles};
pub use leaves::Leaves;
pub use linear_map::LinearMap;
pub use models::Model;
pub use observer::{MapUse, Observer, TileProduct};
pub use optim::{Adam, Optimizer, Schedule, Sgd};
pub use parameters::{Binding, Parameter, ParameterId, Parameters, Role, StateId};
pub use pass::{Mode, Pass, Run};
pub use pretrained::{
    PretrainedError, Renames, float_values, load_pretrained, same_names, save_pretrained,
};
pub use processes::{Exchange, Processes, threads};
pub use rows::Window;
pub use step::{Step, Workspace};
pub use storage::{Rounded, Storage};
pub use tape::{Backward, Gradients, Operation, Tape, Var};
pub use task::{
    Classification, DistillationError, Distilled, LanguageModelling, Logits, Outcome,
    SentenceSimilarity, SequenceClassification, SequenceLabels, Task, TextClassification,
    Transduction, wrong_rows,
};
pub use tensor::Tensor;
pub use train::{
    Diverged, EpochStats, Evaluated, Progress, Recipe, Stopped, evaluate, evaluate_each, train,
    train_epoch, train_epoch_among,
};
pub use unigram::Unigram;
pub use wordpiece::{VocabularyError, WordPiece};

/// The README, whose code the documentation tests run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
