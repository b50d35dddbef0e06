//! The island of unsafe code: kernels for processors with AVX2 and FMA, behind safe functions.
//!
//! Each kernel has a portable twin, which other processors use and tests compare with. Which of the
//! two runs depends on the processor only, so results are the same bits for any number of threads.

pub(crate) mod integer_tiles;
pub(crate) mod tiles;

/// Whether the processor has what the kernels need.
#[cfg(target_arch = "x86_64")]
fn avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// Scalar code that the compiler can vectorise; without fused operations of its own accord, so the
/// bits are the same either way.
pub(crate) trait Kernel {
    /// Runs the kernel; implementations are `#[inline(always)]`.
    fn run(self);
}

/// Runs `kernel`, compiled for the best instruction set that this processor has.
pub(crate) fn dispatch<K: Kernel>(kernel: K) {
    #[cfg(target_arch = "x86_64")]
    if avx2() {
        #[expect(unsafe_code, reason = "calls code compiled for AVX2 and FMA")]
        // SAFETY: the processor has both, as was just detected.
        unsafe {
            run_avx2(kernel);
        }
        return;
    }
    kernel.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) {
    kernel.run();
}
