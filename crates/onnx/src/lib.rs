//! Networks from ONNX files, on the layers and arithmetics of `nn`.
//!
//! ```text
//! model.onnx ── Graph ── Network ── outputs
//!               nodes     linear maps of nn in any arithmetic, and operations on its tape
//! ```
//!
//! All weights that are multiplied become linear maps, so that tiles, fixed point and formats of few
//! bits work on them, with their gradients; other weights are parameters of `f32`. What exporters
//! compute of shapes is computed when the network runs, so batches and sequences may have any length.
//! Operators that there are not are listed all at once.

#![forbid(unsafe_code)]

mod arrange;
mod error;
mod file;
mod graph;
mod host;
mod layers;
mod network;
mod operators;
mod ops;
mod proto;
mod run;
#[cfg(test)]
mod second_parser;
mod tensor;
mod weights;
mod windows;

pub use error::{Error, Unsupported};
pub use graph::{Graph, Input};
pub use network::{Given, Network};
pub use operators::{Kind, operators};
pub use tensor::{Data, Host};
pub use weights::Weight;
pub use weights::file::{read as read_weights, write as write_weights};
pub use weights::load::WeightsError;

/// The README, whose code the documentation tests run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
