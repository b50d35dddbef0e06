//! The island of unsafe code: kernels for processors with AVX2 and FMA, behind safe functions.
//!
//! Each kernel has a portable twin, which other processors use and tests compare with. Which of the
//! two runs depends on the processor only, so results are the same bits for any number of threads.

pub(crate) mod tiles;

/// Whether the processor has what the kernels need.
#[cfg(target_arch = "x86_64")]
fn avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}
