//! Differentiable operations that nn has no need of by itself.

pub(crate) mod binary;
pub(crate) mod parameter;
pub(crate) mod pick;
pub(crate) mod unary;
