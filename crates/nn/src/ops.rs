//! Differentiable operations on the [`Tape`](crate::Tape), one file each.

mod attention;
mod cross_entropy;
mod ctc;
mod distillation;
mod embedding;
mod lattice;
mod layer_norm;
mod linear;
mod matmul;
mod mean_squared_error;
mod recurrent;
mod relu;
mod softmax;
mod softmax_cross_entropy;
mod transducer;

pub use attention::{Mask, attention};
pub use cross_entropy::{CrossEntropy, cross_entropy};
pub use ctc::{CtcTargets, ctc};
pub use distillation::{Distillation, distillation};
pub use embedding::embedding;
pub use layer_norm::layer_norm;
pub use linear::{convolution, linear};
pub use matmul::{Factor, matmul};
pub use mean_squared_error::mean_squared_error;
pub use recurrent::{Cell, FinalState, Recurrence, recurrent};
pub use relu::relu;
pub use softmax::{log_softmax, softmax};
pub use softmax_cross_entropy::softmax_cross_entropy;
pub use transducer::{TransducerTargets, transducer};
