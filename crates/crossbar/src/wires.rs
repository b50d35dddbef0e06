//! What the resistance of word and bit lines does to the product.
//!
//! Three models, from fast to exact:
//!
//! - [`ir_drop_estimate`]: a cubic in the average current of a bit line [Rasch23 Eq. 16–18], used
//!   in every forward pass;
//! - [`bit_line_currents`]: the exact ladder of one bit line with ideal word lines
//!   [Rasch23 Eq. 15];
//! - [`Circuit`]: word and bit lines together, with a certified residual and gradients.

pub mod bit_line;
pub mod circuit;
pub mod estimate;
mod network;
mod ordering;

pub use bit_line::bit_line_currents;
pub use circuit::{Circuit, CircuitGradients, CircuitSolution, LineResistance};
pub(crate) use estimate::DROP;
pub use estimate::{IrDropConfig, ir_drop_estimate};
