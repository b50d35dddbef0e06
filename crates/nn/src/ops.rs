//! Differentiable operations on the [`Tape`](crate::Tape).

mod activation;
mod batch_norm;
mod dropout;
mod elementwise;
mod join;
mod linear;
mod pool;
mod reduce;
mod shape;
mod softmax_cross_entropy;

pub use activation::{gelu, relu, sigmoid, tanh};
pub use batch_norm::{BatchNormState, batch_norm};
pub use dropout::dropout;
pub use elementwise::{add, mul, scale, sub};
pub use join::{concatenate, slice};
pub use linear::{convolution, linear};
pub use pool::{adaptive_average_pool, average_pool, global_average_pool, max_pool};
pub use reduce::{mean, mean_axes, sum, sum_axes};
pub use shape::{flatten, permute, reshape, transpose};
pub use softmax_cross_entropy::softmax_cross_entropy;
