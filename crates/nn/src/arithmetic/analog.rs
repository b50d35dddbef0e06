//! Crossbar tiles, with weights and sums in f32 around them.

mod backward;
pub(crate) mod binding;
mod blocks;
mod clipped;
pub(crate) mod config;
pub(crate) mod devices;
mod multiply;
mod step_weights;
mod storage;
