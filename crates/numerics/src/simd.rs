//! Vector instructions: what this processor has, and kernels that are compiled for it.
//!
//! A [`Kernel`] is plain scalar code marked `#[inline(always)]`; compiled again inside a function
//! that enables vector instructions it is vectorised by the compiler. All versions execute the same
//! IEEE operations in the same order (Rust never fuses a multiplication with an addition by
//! itself), so they give the same bits.
//!
//! A [`Level`] is proof: there is none but of what the processor was found to have, so code that
//! calls intrinsics rests on it, in this crate and in those above.

pub(crate) mod chacha;
pub(crate) mod transpose;
pub(crate) mod vectors;

#[cfg(target_arch = "x86_64")]
use std::sync::LazyLock;

/// The sets of instructions that code is compiled for; each has those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instructions {
    /// What every processor of the target has.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, BW, DQ and VL: the parts that compilers use freely.
    Avx512,
    /// AVX-512 VNNI: products of pairs and quads of short integers.
    Vnni,
}

/// Instructions that this processor has.
///
/// # Examples
///
/// ```
/// use numerics::simd::{Instructions, Level};
///
/// let level = Level::detect();
/// assert!(level.has(Instructions::Portable));
/// assert!(!level.at_most(Instructions::Avx2).has(Instructions::Avx512));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(Instructions);

impl Level {
    /// All that the processor has.
    #[inline]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            static DETECTED: LazyLock<Level> = LazyLock::new(|| {
                let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
                let avx512 = is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl");
                let vnni = is_x86_feature_detected!("avx512vnni");
                Level(match (avx2, avx512, vnni) {
                    (true, true, true) => Instructions::Vnni,
                    (true, true, false) => Instructions::Avx512,
                    (true, false, _) => Instructions::Avx2,
                    (false, ..) => Instructions::Portable,
                })
            });
            *DETECTED
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self(Instructions::Portable)
    }

    /// Each level that the processor has, the least first: for tests that hold them against each
    /// other.
    pub fn all() -> impl Iterator<Item = Self> {
        use Instructions::{Avx2, Avx512, Portable, Vnni};
        let best = Self::detect();
        [Portable, Avx2, Avx512, Vnni].into_iter().filter(move |&set| best.has(set)).map(Self)
    }

    /// The level without what goes beyond `limit`.
    #[must_use]
    pub fn at_most(self, limit: Instructions) -> Self {
        Self(self.0.min(limit))
    }

    /// The largest set that the processor has.
    #[inline]
    pub fn instructions(self) -> Instructions {
        self.0
    }

    /// Whether the processor has these instructions.
    #[inline]
    pub fn has(self, instructions: Instructions) -> bool {
        self.0 >= instructions
    }
}

/// Scalar code that the compiler can vectorise.
pub trait Kernel {
    /// Runs the kernel; implementations are `#[inline(always)]`.
    fn run(self);
}

/// Runs `kernel`, compiled for AVX2 and FMA where this processor has them.
pub fn dispatch<K: Kernel>(kernel: K) {
    #[cfg(target_arch = "x86_64")]
    if Level::detect().has(Instructions::Avx2) {
        #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
        // SAFETY: `run_avx2` needs the instructions of the level that the processor has.
        unsafe {
            run_avx2(kernel);
        }
        return;
    }
    kernel.run();
}

/// [`dispatch`], with AVX-512 where the processor has it: for kernels that were measured to gain
/// from its masks and narrowing stores.
pub fn dispatch_512<K: Kernel>(kernel: K) {
    #[cfg(target_arch = "x86_64")]
    if Level::detect().has(Instructions::Avx512) {
        #[expect(unsafe_code, reason = "calls code compiled for AVX-512")]
        // SAFETY: `run_avx512` needs the instructions of the level that the processor has.
        unsafe {
            run_avx512(kernel);
        }
        return;
    }
    dispatch(kernel);
}

/// AVX2 and FMA, which this processor has.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// The instructions, where the processor has them.
    #[inline]
    pub fn detect() -> Option<Self> {
        Level::detect().has(Instructions::Avx2).then_some(Self(()))
    }

    /// Runs `f`, compiled for these instructions.
    ///
    /// That is so if nothing else calls `f`: with one caller the compiler inlines it there, with two
    /// it stays a function of its own, for any processor.
    #[inline(always)]
    pub fn run<R>(self, f: impl FnOnce() -> R) -> R {
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
        // SAFETY: `self` is proof of AVX2 and FMA.
        unsafe {
            call_avx2(f)
        }
        #[cfg(not(target_arch = "x86_64"))]
        f()
    }
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

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
fn run_avx512<K: Kernel>(kernel: K) {
    kernel.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) {
    kernel.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline]
fn call_avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sum<'a> {
        x: &'a [f32],
        sum: &'a mut [f32; 8],
    }

    impl Kernel for Sum<'_> {
        #[inline(always)]
        fn run(self) {
            for x in self.x.as_chunks::<8>().0 {
                self.sum.iter_mut().zip(x).for_each(|(sum, x)| *sum = *sum * 0.9 + x * x);
            }
        }
    }

    /// Nothing is fused, so every version has the same bits.
    #[test]
    fn a_kernel_has_the_same_bits_however_it_is_compiled() {
        let x: Vec<f32> = (0..4000).map(|i| (i * 7919 % 997) as f32 / 313.0).collect();
        let mut sums = [[0.0; 8]; 4];
        let [plain, wide, wider, closure] = &mut sums;
        Sum { x: &x, sum: plain }.run();
        dispatch(Sum { x: &x, sum: wide });
        dispatch_512(Sum { x: &x, sum: wider });
        match Avx2::detect() {
            Some(avx2) => avx2.run(|| Sum { x: &x, sum: closure }.run()),
            None => Sum { x: &x, sum: closure }.run(),
        }
        assert_eq!(sums, [sums[0]; 4]);
    }

    #[test]
    fn levels_are_those_of_the_processor() {
        let levels: Vec<Level> = Level::all().collect();
        assert_eq!(levels.last(), Some(&Level::detect()));
        assert!(levels.is_sorted() && levels[0].instructions() == Instructions::Portable);
        for level in levels {
            assert_eq!(Level::detect().at_most(level.instructions()), level);
            assert_eq!(Avx2::detect().is_some(), Level::detect().has(Instructions::Avx2));
        }
    }
}
