//! What a report shows, as data and drawn.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod csv;
pub mod figure;
pub mod html;
pub mod markdown;
pub mod number;
mod svg;
pub mod table;

pub use number::{Measured, Number};
