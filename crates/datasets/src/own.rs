//! Data of one's own: arrays, tables and folders of images, from a description in TOML.
//!
//! ```text
//! data.toml ── Description ── Dataset ── fit(inputs of a network) ── Examples ── gather ── a batch
//! ```
//!
//! - [`Description`] says where the files are and what they are for; a path alone describes a data
//!   set too.
//! - [`Dataset`] is what was read and checked: training and test [`Examples`] and a checksum.
//! - [`Metric`] is what is measured on it.

mod arrays;
mod contents;
mod dataset;
mod description;
mod examples;
mod held_out;
mod image;
mod image_folder;
mod metric;
mod normalization;
mod part;
mod rows;
mod source;
mod statistics;
mod table;
mod tally;
mod targets;
mod task;
#[cfg(test)]
mod tests;

pub use crate::elements::Elements;
pub use dataset::{Dataset, InputNeed};
pub use description::{Description, Layout};
pub use examples::Examples;
pub use metric::Metric;
pub use normalization::Normalization;
pub use rows::Rows;
pub use source::{Columns, Source};
pub use tally::{Tally, Targets};
pub use task::Task;
