//! Products whose operands are rounded first: what low-precision floats and blocks have in common.
//!
//! ```text
//! forward           y  = Q(x)·Q(W)ᵀ + b
//! input gradient    dx = Q(δ)·Q(W)
//! weight gradient   ∂W = Q(δ)ᵀ·Q(x),   ∂b = Σδ
//! update            W ← Q(W + ΔW)
//! ```
//!
//! Each of the six operands has a rounding of its own, or none. The numbers that are multiplied are
//! exact in f32; what an accumulator adds up is either f32 sums in a fixed order or the exact sum.

mod chunks;
pub(crate) mod config;
pub(crate) mod exact;
pub(crate) mod multiply;
pub(crate) mod operand;
mod quantize;
pub(crate) mod storage;
