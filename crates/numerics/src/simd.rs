//! Runs a kernel with the widest vector instructions that the processor has.
//!
//! A kernel is plain scalar code marked `#[inline(always)]`; compiled a second time inside a
//! function that enables AVX2 it is vectorised by the compiler. Both versions execute the same
//! IEEE operations in the same order (Rust never fuses a multiplication with an addition by
//! itself), so they give the same bits.

pub(crate) mod chacha;
pub(crate) mod transpose;

/// Scalar code that the compiler can vectorise.
pub(crate) trait Kernel {
    /// Runs the kernel; implementations are `#[inline(always)]`.
    fn run(self);
}

/// Runs `kernel`, compiled for the best instruction set that this processor has.
pub(crate) fn dispatch<K: Kernel>(kernel: K) {
    #[cfg(target_arch = "x86_64")]
    if avx2() {
        #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
        // SAFETY: `run_avx2` needs AVX2, which was just detected.
        unsafe {
            run_avx2(kernel);
        }
        return;
    }
    kernel.run();
}

/// Whether the processor has AVX2.
#[cfg(target_arch = "x86_64")]
pub(crate) fn avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2<K: Kernel>(kernel: K) {
    kernel.run();
}
