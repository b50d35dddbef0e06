//! Differentiable operations on the [`Tape`](crate::Tape), one file each.

mod linear;
mod relu;
mod softmax_cross_entropy;

pub use linear::{convolution, linear};
pub use relu::relu;
pub use softmax_cross_entropy::softmax_cross_entropy;
