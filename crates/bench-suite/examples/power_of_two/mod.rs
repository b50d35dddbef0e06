//! An arithmetic whose weights are powers of two: see `docs/add-an-arithmetic.md`.

pub(crate) mod config;
mod multiply;
pub(crate) mod storage;
