//! Questions that the papers raise and do not answer.

pub mod four_bits;
pub mod lfsr_training;
mod mlp;
pub mod where_stochastic;
