//! [`Vectors`]: vectors of f32 by name, for loops that compilers do not turn into good ones by themselves:
//! short rows, and constants that have to stay in registers.
//!
//! A kernel is written once for any [`Vectors`]; every lane is computed by the same IEEE operations, none
//! of them fused, so all kinds give the same bits.

use super::{Instructions, Level};

/// A kind of vectors, as proof that the processor has it, and what can be done with them.
pub(crate) trait Vectors: Copy {
    /// A vector.
    type F32: Copy;
    /// Its elements.
    const LANES: usize;

    /// The first elements of `x`, followed by zeros if it has fewer.
    fn load(self, x: &[f32]) -> Self::F32;
    /// Writes as many elements as `x` has.
    fn store(self, vector: Self::F32, x: &mut [f32]);
    fn splat(self, x: f32) -> Self::F32;
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// The smaller numbers, of which none may be NaN.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// The larger numbers, of which none may be NaN.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// a + b where `greater` > `than`, and a elsewhere.
    fn add_where(
        self,
        a: Self::F32,
        b: Self::F32,
        greater: Self::F32,
        than: Self::F32,
    ) -> Self::F32;
    fn and_bits(self, a: Self::F32, bits: u32) -> Self::F32;
    /// The bits of either.
    fn or(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn xor_bits(self, a: Self::F32, bits: u32) -> Self::F32;
    /// The sum of the bits and a number, modulo 2³².
    fn add_to_bits(self, a: Self::F32, number: u32) -> Self::F32;
    /// The larger bits as unsigned integers.
    fn max_of_bits(self, a: Self::F32, b: Self::F32) -> Self::F32;

    /// The largest bits of all elements.
    #[inline(always)]
    fn largest_bits(self, a: Self::F32) -> u32 {
        let mut elements = [0.0; 16];
        self.store(a, &mut elements[..Self::LANES]);
        elements.map(f32::to_bits).into_iter().fold(0, u32::max)
    }
}

/// Code for any kind of vectors.
pub(crate) trait VectorKernel {
    /// Runs the kernel; implementations are `#[inline(always)]`.
    fn run<V: Vectors>(self, v: V);
}

/// Runs a kernel with the widest vectors of the processor.
pub(crate) fn dispatch_vectors<K: VectorKernel>(kernel: K) {
    dispatch_at(Level::detect(), kernel);
}

/// Runs a kernel with the widest vectors of a level.
pub(crate) fn dispatch_at<K: VectorKernel>(level: Level, kernel: K) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "calls code compiled for AVX2 or AVX-512")]
    // SAFETY: the processor has the instructions of its level.
    unsafe {
        if level.has(Instructions::Avx512) {
            return x86::run_512(kernel);
        }
        if level.has(Instructions::Avx2) {
            return x86::run_256(kernel);
        }
    }
    let _ = level;
    kernel.run(Portable);
}

/// Vectors that every processor has: arrays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

const LANES: usize = 8;

#[inline(always)]
fn each(a: [f32; LANES], b: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

#[inline(always)]
fn of_bits(a: [f32; LANES], f: impl Fn(u32) -> u32) -> [f32; LANES] {
    a.map(|a| f32::from_bits(f(a.to_bits())))
}

impl Vectors for Portable {
    type F32 = [f32; LANES];
    const LANES: usize = LANES;

    #[inline(always)]
    fn load(self, x: &[f32]) -> Self::F32 {
        let mut vector = [0.0; LANES];
        vector.iter_mut().zip(x).for_each(|(lane, &x)| *lane = x);
        vector
    }

    #[inline(always)]
    fn store(self, vector: Self::F32, x: &mut [f32]) {
        x.iter_mut().zip(vector).for_each(|(x, lane)| *x = lane);
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F32 {
        [x; LANES]
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        each(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        each(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        each(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        each(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        each(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn add_where(
        self,
        a: Self::F32,
        b: Self::F32,
        greater: Self::F32,
        than: Self::F32,
    ) -> Self::F32 {
        std::array::from_fn(|i| if greater[i] > than[i] { a[i] + b[i] } else { a[i] })
    }

    #[inline(always)]
    fn and_bits(self, a: Self::F32, bits: u32) -> Self::F32 {
        of_bits(a, |a| a & bits)
    }

    #[inline(always)]
    fn or(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        each(a, b, |a, b| f32::from_bits(a.to_bits() | b.to_bits()))
    }

    #[inline(always)]
    fn xor_bits(self, a: Self::F32, bits: u32) -> Self::F32 {
        of_bits(a, |a| a ^ bits)
    }

    #[inline(always)]
    fn add_to_bits(self, a: Self::F32, number: u32) -> Self::F32 {
        of_bits(a, |a| a.wrapping_add(number))
    }

    #[inline(always)]
    fn max_of_bits(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        each(a, b, |a, b| f32::from_bits(a.to_bits().max(b.to_bits())))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{VectorKernel, Vectors};

    /// AVX2. There is one only inside of [`run_256`].
    #[derive(Clone, Copy)]
    struct Avx2(());

    /// AVX-512 F and DQ. There is one only inside of [`run_512`].
    #[derive(Clone, Copy)]
    struct Avx512(());

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn run_256<K: VectorKernel>(kernel: K) {
        kernel.run(Avx2(()));
    }

    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn run_512<K: VectorKernel>(kernel: K) {
        kernel.run(Avx512(()));
    }

    /// The expression, with the instructions of the kind of vectors that `self` is.
    macro_rules! with {
        ($expression:expr) => {{
            #[expect(unsafe_code, reason = "uses the instructions of these vectors")]
            // SAFETY: `self` exists only in code that runs where the processor has the instructions;
            // memory is accessed within slices, by their own lengths.
            unsafe {
                $expression
            }
        }};
    }

    impl Avx2 {
        /// Lanes below `len`.
        #[inline(always)]
        fn lanes(self, len: usize) -> __m256i {
            with!(_mm256_cmpgt_epi32(
                _mm256_set1_epi32(len.min(8) as i32),
                _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)
            ))
        }
    }

    impl Vectors for Avx2 {
        type F32 = __m256;
        const LANES: usize = 8;

        #[inline(always)]
        fn load(self, x: &[f32]) -> __m256 {
            if x.len() >= Self::LANES {
                with!(_mm256_loadu_ps(x.as_ptr()))
            } else {
                with!(_mm256_maskload_ps(x.as_ptr(), self.lanes(x.len())))
            }
        }

        #[inline(always)]
        fn store(self, vector: __m256, x: &mut [f32]) {
            if x.len() >= Self::LANES {
                with!(_mm256_storeu_ps(x.as_mut_ptr(), vector));
            } else {
                with!(_mm256_maskstore_ps(x.as_mut_ptr(), self.lanes(x.len()), vector));
            }
        }

        #[inline(always)]
        fn splat(self, x: f32) -> __m256 {
            with!(_mm256_set1_ps(x))
        }

        #[inline(always)]
        fn add(self, a: __m256, b: __m256) -> __m256 {
            with!(_mm256_add_ps(a, b))
        }

        #[inline(always)]
        fn sub(self, a: __m256, b: __m256) -> __m256 {
            with!(_mm256_sub_ps(a, b))
        }

        #[inline(always)]
        fn mul(self, a: __m256, b: __m256) -> __m256 {
            with!(_mm256_mul_ps(a, b))
        }

        #[inline(always)]
        fn min(self, a: __m256, b: __m256) -> __m256 {
            with!(_mm256_min_ps(a, b))
        }

        #[inline(always)]
        fn max(self, a: __m256, b: __m256) -> __m256 {
            with!(_mm256_max_ps(a, b))
        }

        #[inline(always)]
        fn add_where(self, a: __m256, b: __m256, greater: __m256, than: __m256) -> __m256 {
            with!({
                let where_greater = _mm256_cmp_ps::<_CMP_GT_OQ>(greater, than);
                _mm256_blendv_ps(a, _mm256_add_ps(a, b), where_greater)
            })
        }

        #[inline(always)]
        fn and_bits(self, a: __m256, bits: u32) -> __m256 {
            with!(_mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(bits as i32))))
        }

        #[inline(always)]
        fn or(self, a: __m256, b: __m256) -> __m256 {
            with!(_mm256_or_ps(a, b))
        }

        #[inline(always)]
        fn xor_bits(self, a: __m256, bits: u32) -> __m256 {
            with!(_mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(bits as i32))))
        }

        #[inline(always)]
        fn add_to_bits(self, a: __m256, number: u32) -> __m256 {
            with!({
                let number = _mm256_set1_epi32(number as i32);
                _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), number))
            })
        }

        #[inline(always)]
        fn max_of_bits(self, a: __m256, b: __m256) -> __m256 {
            with!({
                let max = _mm256_max_epu32(_mm256_castps_si256(a), _mm256_castps_si256(b));
                _mm256_castsi256_ps(max)
            })
        }
    }

    /// Lanes below `len`.
    #[inline(always)]
    fn mask(len: usize) -> __mmask16 {
        if len >= 16 { !0 } else { (1 << len) - 1 }
    }

    impl Vectors for Avx512 {
        type F32 = __m512;
        const LANES: usize = 16;

        #[inline(always)]
        fn load(self, x: &[f32]) -> __m512 {
            if x.len() >= Self::LANES {
                with!(_mm512_loadu_ps(x.as_ptr()))
            } else {
                with!(_mm512_maskz_loadu_ps(mask(x.len()), x.as_ptr()))
            }
        }

        #[inline(always)]
        fn store(self, vector: __m512, x: &mut [f32]) {
            if x.len() >= Self::LANES {
                with!(_mm512_storeu_ps(x.as_mut_ptr(), vector));
            } else {
                with!(_mm512_mask_storeu_ps(x.as_mut_ptr(), mask(x.len()), vector));
            }
        }

        #[inline(always)]
        fn splat(self, x: f32) -> __m512 {
            with!(_mm512_set1_ps(x))
        }

        #[inline(always)]
        fn add(self, a: __m512, b: __m512) -> __m512 {
            with!(_mm512_add_ps(a, b))
        }

        #[inline(always)]
        fn sub(self, a: __m512, b: __m512) -> __m512 {
            with!(_mm512_sub_ps(a, b))
        }

        #[inline(always)]
        fn mul(self, a: __m512, b: __m512) -> __m512 {
            with!(_mm512_mul_ps(a, b))
        }

        #[inline(always)]
        fn min(self, a: __m512, b: __m512) -> __m512 {
            with!(_mm512_min_ps(a, b))
        }

        #[inline(always)]
        fn max(self, a: __m512, b: __m512) -> __m512 {
            with!(_mm512_max_ps(a, b))
        }

        #[inline(always)]
        fn add_where(self, a: __m512, b: __m512, greater: __m512, than: __m512) -> __m512 {
            with!({
                let where_greater = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(greater, than);
                _mm512_mask_add_ps(a, where_greater, a, b)
            })
        }

        #[inline(always)]
        fn and_bits(self, a: __m512, bits: u32) -> __m512 {
            with!(_mm512_and_ps(a, _mm512_castsi512_ps(_mm512_set1_epi32(bits as i32))))
        }

        #[inline(always)]
        fn or(self, a: __m512, b: __m512) -> __m512 {
            with!(_mm512_or_ps(a, b))
        }

        #[inline(always)]
        fn xor_bits(self, a: __m512, bits: u32) -> __m512 {
            with!(_mm512_xor_ps(a, _mm512_castsi512_ps(_mm512_set1_epi32(bits as i32))))
        }

        #[inline(always)]
        fn add_to_bits(self, a: __m512, number: u32) -> __m512 {
            with!({
                let number = _mm512_set1_epi32(number as i32);
                _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), number))
            })
        }

        #[inline(always)]
        fn max_of_bits(self, a: __m512, b: __m512) -> __m512 {
            with!({
                let max = _mm512_max_epu32(_mm512_castps_si512(a), _mm512_castps_si512(b));
                _mm512_castsi512_ps(max)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every operation on some elements, fewer than a vector holds or more.
    struct Operations<'a> {
        a: &'a [f32],
        b: &'a [f32],
        out: &'a mut Vec<Vec<u32>>,
    }

    impl VectorKernel for Operations<'_> {
        #[inline(always)]
        fn run<V: Vectors>(self, v: V) {
            let Self { a, b, out } = self;
            let mut largest = 0;
            for (a, b) in a.chunks(V::LANES).zip(b.chunks(V::LANES)) {
                let (x, y) = (v.load(a), v.load(b));
                let results = [
                    v.add(x, y),
                    v.sub(x, y),
                    v.mul(x, y),
                    v.min(x, y),
                    v.max(x, y),
                    v.add_where(x, y, x, y),
                    v.and_bits(x, 0x7fff_ff00),
                    v.or(x, y),
                    v.xor_bits(x, 1 << 31),
                    v.add_to_bits(x, 0xff80_0001),
                    v.max_of_bits(x, y),
                    v.splat(0.25),
                ];
                out.resize(results.len() + 1, Vec::new());
                for (result, out) in results.into_iter().zip(&mut *out) {
                    let mut elements = vec![7.0; a.len()];
                    v.store(result, &mut elements);
                    out.extend(elements.into_iter().map(f32::to_bits));
                }
                largest = v.largest_bits(x).max(largest);
            }
            out[12].push(largest);
        }
    }

    #[test]
    fn every_operation_is_the_same_on_all_vectors() {
        for len in [1, 7, 8, 13, 16, 17, 40] {
            let a: Vec<f32> = (0..len).map(|i| (i * 7919 % 101) as f32 / 7.0 - 6.0).collect();
            let b: Vec<f32> = (0..len).map(|i| (i * 104_729 % 97) as f32 / 9.0 - 5.0).collect();
            let of = |level: Level| {
                let mut out = Vec::new();
                dispatch_at(level, Operations { a: &a, b: &b, out: &mut out });
                out
            };
            let all: Vec<_> = Level::all().map(of).collect();
            assert!(all.iter().all(|results| *results == all[0]), "{len} elements");
            assert_eq!(all[0][0][0], (a[0] + b[0]).to_bits());
        }
    }
}
