//! Fixed-point words, exact products, one rounding per element.

pub(crate) mod bits;
pub(crate) mod config;
mod multiply;
mod patches;
mod spare;
pub(crate) mod storage;
