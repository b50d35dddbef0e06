//! Floats of few bits, each tensor under one scale: FP8, bf16, f16.

pub(crate) mod config;
mod multiply;
mod storage;
