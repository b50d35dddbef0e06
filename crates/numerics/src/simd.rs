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

/// [`dispatch`], with AVX-512 where the processor has it: for kernels that were measured to gain
/// from its masks and narrowing stores.
pub(crate) fn dispatch_512<K: Kernel>(kernel: K) {
    #[cfg(target_arch = "x86_64")]
    if avx512() {
        #[expect(unsafe_code, reason = "calls code compiled for AVX-512")]
        // SAFETY: `run_avx512` needs the instruction sets that were just detected.
        unsafe {
            run_avx512(kernel);
        }
        return;
    }
    dispatch(kernel);
}

/// Asks memory for `data`, which will be needed soon. Nothing but time depends on it.
#[inline]
pub(crate) fn prefetch<T>(data: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        const LINE: usize = 64;
        for line in data.chunks(LINE / size_of::<T>().clamp(1, LINE)) {
            #[expect(unsafe_code, reason = "an instruction that takes a pointer")]
            // SAFETY: the instruction reads nothing that the program could see, and the pointer is
            // that of a slice.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = data;
}

/// Whether the processor has the parts of AVX-512 that compilers use freely.
#[cfg(target_arch = "x86_64")]
fn avx512() -> bool {
    avx2()
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512dq")
        && std::arch::is_x86_feature_detected!("avx512vl")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
fn run_avx512<K: Kernel>(kernel: K) {
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
