//! What the resistance of word and bit lines does to the product.
//!
//! Four models, from fast to exact:
//!
//! - [`ir_drop_estimate`]: a cubic in the average current of a bit line [Rasch23 Eq. 16–18], used
//!   in every forward pass;
//! - [`LineConfig`]: word and bit lines, drivers and read-outs as ladders, used when the devices of a tile
//!   are read;
//! - [`bit_line_currents`]: the exact ladder of one bit line with ideal word lines
//!   [Rasch23 Eq. 15];
//! - `Circuit`: word and bit lines together, with a certified residual and gradients; there with the
//!   feature `circuit`, for its sparse factorisation brings a library of linear algebra.

pub mod bit_line;
#[cfg(feature = "circuit")]
pub mod circuit;
pub mod estimate;
mod ladder;
pub mod lines;
#[cfg(feature = "circuit")]
mod network;
#[cfg(feature = "circuit")]
mod ordering;

pub use bit_line::bit_line_currents;
#[cfg(feature = "circuit")]
pub use circuit::{Circuit, CircuitGradients, CircuitSolution, LineResistance};
pub use estimate::{IrDropConfig, ir_drop_estimate};
pub use lines::{Layout, LineConfig};
