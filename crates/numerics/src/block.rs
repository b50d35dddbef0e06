//! Blocks of numbers that share a scale: formats, quantizers, tensors and matrices of them.

mod decode;
mod format;
mod kernels;
mod matrix;
mod name;
mod nearest;
mod quantizer;
mod scale;
mod shape;
mod tally;
mod tensor;
#[cfg(test)]
mod tests;
mod transposed;

pub use format::{BlockFormat, BlockScale, Element};
pub use matrix::BlockMatrix;
pub use quantizer::BlockQuantizer;
pub use scale::{ScaleRule, Top};
pub use shape::{BlockLayout, BlockShape};
pub use tally::BlockTally;
pub use tensor::BlockTensor;
