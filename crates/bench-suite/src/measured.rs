//! What can change a measured number, from the bottom up.
//!
//! The sources in this folder and of the crates below make the version of the code
//! (`build.rs`), so nothing here imports from elsewhere in the crate.

pub mod checkpoint;
pub mod context;
pub mod error;
pub(crate) mod files;
pub mod hash;
pub mod lock;
pub mod measure;
pub mod measurements;
pub mod measures;
mod memory;
pub mod models;
pub mod networks;
pub mod point;
pub mod progress;
pub mod scale;
pub(crate) mod seal;
pub mod statistics;
pub mod training;
