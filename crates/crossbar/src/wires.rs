//! What the resistance of word and bit lines does to the product.
pub mod estimate;

pub(crate) use estimate::DROP;
pub use estimate::{IrDropConfig, ir_drop_estimate};
