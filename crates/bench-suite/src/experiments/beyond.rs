//! Questions that the papers raise and do not answer.

pub mod lfsr_training;
pub mod where_stochastic;
