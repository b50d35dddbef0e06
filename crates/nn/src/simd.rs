//! The island of unsafe code: kernels for processors with AVX2 and FMA, behind safe functions.
//!
//! Each kernel has a portable twin, which other processors use and tests compare with. Which of the
//! two runs depends on the processor only, so results are the same bits for any number of threads.
//! What the processor has, [`numerics::simd`] says.

pub(crate) mod integer_tiles;
pub(crate) mod tiles;

pub(crate) use numerics::simd::{Kernel, dispatch};
