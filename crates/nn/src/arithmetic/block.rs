//! Blocks of numbers that share a scale: MXFP8, MXFP6, MXFP4, NVFP4.

pub(crate) mod config;
mod multiply;
mod storage;
