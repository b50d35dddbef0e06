//! IEEE f32 products and sums.

pub(crate) mod config;
pub(crate) mod multiply;
pub mod products;
pub(crate) mod storage;
