//! Runs a kernel with the widest vector instructions that the processor has: the only module of
//! this crate with unsafe code.
//!
//! A kernel is plain scalar code marked `#[inline(always)]`; compiled again inside functions that
//! enable vector instructions it is vectorised by the compiler. All versions with fused
//! multiplication execute the same operations in the same order and give the same bits; a
//! processor without it rounds products on their own.

#[cfg(target_arch = "x86_64")]
use numerics::simd::{Instructions, Level};

use super::sums::IntegerSums;

/// Scalar code that the compiler can vectorise.
pub(crate) trait Kernel {
    /// Runs the kernel; `FMA` says whether fused multiplication is one instruction.
    /// Implementations are `#[inline(always)]`.
    fn run<const FMA: bool>(self);
}

/// Runs `kernel`, compiled for the best instruction set that this processor has.
pub(crate) fn dispatch<K: Kernel>(kernel: K) {
    #[cfg(target_arch = "x86_64")]
    match Level::detect().instructions() {
        Instructions::Vnni => {
            #[expect(unsafe_code, reason = "calls code compiled for AVX-512")]
            // SAFETY: `run_avx512` needs the instructions of the level that the processor has.
            unsafe {
                run_avx512(kernel);
            }
        }
        Instructions::Avx2 | Instructions::Avx512 => {
            #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
            // SAFETY: `run_avx2` needs the instructions of a level that the processor has.
            unsafe {
                run_avx2(kernel);
            }
        }
        Instructions::Portable => kernel.run::<false>(),
    }
    #[cfg(not(target_arch = "x86_64"))]
    kernel.run::<{ cfg!(target_arch = "aarch64") }>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
fn run_avx512<K: Kernel>(kernel: K) {
    kernel.run::<true>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) {
    kernel.run::<true>();
}

/// Runs the integer sums, with instructions that multiply pairs of 16-bit numbers.
pub(super) fn integer_sums(sums: IntegerSums<'_>) {
    #[cfg(target_arch = "x86_64")]
    if Level::detect().has(Instructions::Vnni) {
        #[expect(unsafe_code, reason = "calls code compiled for AVX-512")]
        // SAFETY: `avx512::integer_sums` needs the instructions of that level.
        unsafe {
            match sums.ahead {
                Some(_) => avx512::integer_sums::<true>(sums),
                None => avx512::integer_sums::<false>(sums),
            }
        }
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if Level::detect().has(Instructions::Avx2) {
        #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
        // SAFETY: `avx2::integer_sums` needs the instructions of that level.
        unsafe {
            avx2::integer_sums(sums);
        }
        return;
    }
    dispatch(sums);
}

/// The AVX2 kernel by itself, for a test; false where the processor cannot run it.
#[cfg(all(test, target_arch = "x86_64"))]
pub(super) fn integer_sums_avx2(sums: IntegerSums<'_>) -> bool {
    avx2::integer_sums_if_there(sums)
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256, __m256i, _mm256_add_epi32, _mm256_add_ps, _mm256_fmadd_ps, _mm256_madd_epi16,
        _mm256_set1_epi64x, _mm256_set1_ps, _mm256_setzero_ps, _mm256_setzero_si256,
    };

    use crate::periphery::layout::LANES;
    use crate::periphery::sums::{FULL_GROUP, IntegerSums};

    /// Numbers of 32 bits in a register.
    const WIDTH: usize = 8;

    /// The loop of `IntegerSums::run` cut so that what each part adds to at every input fits into
    /// 16 registers: the f32 sums of three samples, those of two, the integer sums of half the
    /// lanes, those of the other half.
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn integer_sums(mut sums: IntegerSums<'_>) {
        float_sums::<0, 3>(&mut sums);
        float_sums::<3, 2>(&mut sums);
        dot_sums(&mut sums, 0);
        dot_sums(&mut sums, 1);
    }

    /// y, S₁ and S₂ of `SAMPLES` samples from `FIRST` on.
    #[target_feature(enable = "avx2,fma")]
    fn float_sums<const FIRST: usize, const SAMPLES: usize>(sums: &mut IntegerSums<'_>) {
        const { assert!(FIRST + SAMPLES <= FULL_GROUP) };
        let mut y = [[_mm256_setzero_ps(); 2]; SAMPLES];
        let (mut s1, mut s2) = (y, y);
        let mut panel = sums.panel;
        for run in sums.runs {
            let len = run.len();
            let mut codes = [&[][..]; SAMPLES];
            for (codes, start) in codes.iter_mut().zip(&sums.starts[FIRST..]) {
                *codes = &sums.codes[start + run.start..][..len];
            }
            let (fours, rest) = panel.split_at(len);
            panel = rest;
            for (at, four) in fours.iter().enumerate() {
                for (r, weights) in four.weights.iter().enumerate() {
                    let [low, high] = halves(weights);
                    let w = [floats(low), floats(high)];
                    for s in 0..SAMPLES {
                        let k = _mm256_set1_ps(codes[s][at][r]);
                        for half in 0..2 {
                            y[s][half] = _mm256_fmadd_ps(w[half], k, y[s][half]);
                            s1[s][half] = _mm256_add_ps(s1[s][half], y[s][half]);
                        }
                    }
                }
                for s in 0..SAMPLES {
                    for half in 0..2 {
                        s2[s][half] = _mm256_add_ps(s2[s][half], s1[s][half]);
                    }
                }
            }
        }
        let running = &mut *sums.running;
        for s in 0..SAMPLES {
            for half in 0..2 {
                let at = half * WIDTH;
                running.y[FIRST + s][at..at + WIDTH].copy_from_slice(&float_lanes(y[s][half]));
                running.s1[FIRST + s][at..at + WIDTH].copy_from_slice(&float_lanes(s1[s][half]));
                running.s2[FIRST + s][at..at + WIDTH].copy_from_slice(&float_lanes(s2[s][half]));
            }
        }
    }

    /// a and v of half the lanes; a register holds both for four of them.
    #[target_feature(enable = "avx2,fma")]
    fn dot_sums(sums: &mut IntegerSums<'_>, half: usize) {
        let mut dots = [[_mm256_setzero_si256(); 2]; FULL_GROUP];
        let mut panel = sums.panel;
        for run in sums.runs {
            let len = run.len();
            let mut powers = [&[][..]; FULL_GROUP];
            for (powers, start) in powers.iter_mut().zip(&sums.starts) {
                *powers = &sums.powers[start + run.start..][..len];
            }
            let (fours, rest) = panel.split_at(len);
            panel = rest;
            for (at, four) in fours.iter().enumerate() {
                for (two, magnitudes) in four.magnitudes.iter().enumerate() {
                    let [low, high] = &quarters(magnitudes)[half];
                    let q = [words(low), words(high)];
                    for s in 0..FULL_GROUP {
                        let powers = _mm256_set1_epi64x(powers[s][at][two].cast_signed());
                        for quarter in 0..2 {
                            let product = _mm256_madd_epi16(q[quarter], powers);
                            dots[s][quarter] = _mm256_add_epi32(dots[s][quarter], product);
                        }
                    }
                }
            }
        }
        let running = &mut *sums.running;
        for (lanes, dots) in running.magnitudes.iter_mut().zip(dots) {
            for (quarter, dots) in dots.into_iter().enumerate() {
                let at = half * WIDTH + quarter * WIDTH / 2;
                lanes[at..at + WIDTH / 2].copy_from_slice(&integer_lanes(dots));
            }
        }
    }

    /// The two halves of a panel.
    fn halves<T>(lanes: &[T; LANES]) -> &[[T; WIDTH]; 2] {
        lanes.as_chunks::<WIDTH>().0.as_array().expect("16 lanes are twice 8")
    }

    /// The two quarters of each half.
    fn quarters<T>(lanes: &[T; LANES]) -> &[[[T; WIDTH / 2]; 2]; 2] {
        let quarters = lanes.as_chunks::<{ WIDTH / 2 }>().0.as_chunks::<2>().0;
        quarters.as_array().expect("16 lanes are four times 4")
    }

    fn floats(lanes: &[f32; WIDTH]) -> __m256 {
        #[expect(unsafe_code, reason = "a register holds 8 f32")]
        // SAFETY: both types are 32 bytes of f32 without invalid values.
        unsafe {
            std::mem::transmute::<[f32; WIDTH], __m256>(*lanes)
        }
    }

    fn float_lanes(register: __m256) -> [f32; WIDTH] {
        #[expect(unsafe_code, reason = "a register holds 8 f32")]
        // SAFETY: both types are 32 bytes of f32 without invalid values.
        unsafe {
            std::mem::transmute::<__m256, [f32; WIDTH]>(register)
        }
    }

    fn integer_lanes(register: __m256i) -> [[i32; 2]; WIDTH / 2] {
        #[expect(unsafe_code, reason = "a register holds 8 i32")]
        // SAFETY: both types are 32 bytes of integers without invalid values.
        unsafe {
            std::mem::transmute::<__m256i, [[i32; 2]; WIDTH / 2]>(register)
        }
    }

    fn words(lanes: &[[i16; 4]; WIDTH / 2]) -> __m256i {
        #[expect(unsafe_code, reason = "a register holds 16 i16")]
        // SAFETY: both types are 32 bytes of integers without invalid values.
        unsafe {
            std::mem::transmute::<[[i16; 4]; WIDTH / 2], __m256i>(*lanes)
        }
    }

    /// Runs where the processor has AVX2, whatever else it has.
    #[cfg(test)]
    pub(super) fn integer_sums_if_there(sums: IntegerSums<'_>) -> bool {
        let there = super::Level::detect().has(super::Instructions::Avx2);
        if there {
            #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
            // SAFETY: AVX2 and fused multiplication were just detected.
            unsafe {
                integer_sums(sums);
            }
        }
        there
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512, __m512i, _MM_HINT_T0, _mm_prefetch, _mm512_add_ps, _mm512_fmadd_ps,
        _mm512_set1_epi64, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    };

    use crate::periphery::layout::{FourInputs, LANES};
    use crate::periphery::sums::{FULL_GROUP, IntegerSums};

    /// Pairs of numbers of 32 bits in a register: half a panel.
    const HALF: usize = LANES / 2;

    /// The loop of `IntegerSums::run` with one register for each row of 16 accumulators.
    ///
    /// Loads limit the loop as much as products do: with the two magnitudes of a weight side by
    /// side, one broadcast of |k| and k² serves both of their products.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
    pub(super) fn integer_sums<const AHEAD: bool>(sums: IntegerSums<'_>) {
        sums.check();
        let mut ahead = sums.ahead.unwrap_or_default().as_ptr().cast::<[f32; LANES]>();
        let mut y = [_mm512_setzero_ps(); FULL_GROUP];
        let (mut s1, mut s2) = (y, y);
        let mut dots = [[_mm512_setzero_si512(); 2]; FULL_GROUP];
        let mut four = sums.panel.as_ptr();
        for run in sums.runs {
            // Pointers, because ten checked slices do not fit into the registers.
            let mut codes = [sums.codes.as_ptr(); FULL_GROUP];
            let mut powers = [sums.powers.as_ptr(); FULL_GROUP];
            for s in 0..FULL_GROUP {
                let start = sums.starts[s] + run.start;
                codes[s] = codes[s].wrapping_add(start);
                powers[s] = powers[s].wrapping_add(start);
            }
            for at in 0..run.len() {
                #[expect(unsafe_code, reason = "reads through pointers that were checked at once")]
                // SAFETY: `check` has seen that start + run lies in the codes and powers of every
                // sample, and that there are weights for all inputs of the runs.
                let FourInputs { weights, magnitudes } = unsafe { &*four };
                four = four.wrapping_add(1);
                if AHEAD {
                    // Hints: any address is allowed.
                    _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
                    _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(1).cast());
                    ahead = ahead.wrapping_add(2);
                }
                for two in 0..2 {
                    let weights = [floats(&weights[2 * two]), floats(&weights[2 * two + 1])];
                    let [low, high] = halves(&magnitudes[two]);
                    let q = [words(low), words(high)];
                    for s in 0..FULL_GROUP {
                        #[expect(unsafe_code, reason = "as above")]
                        // SAFETY: as above.
                        let (k, power) =
                            unsafe { (&*codes[s].wrapping_add(at), &*powers[s].wrapping_add(at)) };
                        for r in 0..2 {
                            let k = _mm512_set1_ps(k[2 * two + r]);
                            y[s] = _mm512_fmadd_ps(weights[r], k, y[s]);
                            s1[s] = _mm512_add_ps(s1[s], y[s]);
                        }
                        let power = _mm512_set1_epi64(power[two].cast_signed());
                        dots[s] =
                            [add_dot(dots[s][0], q[0], power), add_dot(dots[s][1], q[1], power)];
                    }
                }
                for s in 0..FULL_GROUP {
                    s2[s] = _mm512_add_ps(s2[s], s1[s]);
                }
            }
        }
        let running = sums.running;
        running.y = y.map(float_lanes);
        running.s1 = s1.map(float_lanes);
        running.s2 = s2.map(float_lanes);
        for (lanes, dots) in running.magnitudes.iter_mut().zip(dots) {
            for (lanes, dots) in lanes.as_chunks_mut::<HALF>().0.iter_mut().zip(dots) {
                *lanes = integer_lanes(dots);
            }
        }
    }

    /// The two halves of a panel.
    fn halves<T>(lanes: &[T; LANES]) -> &[[T; HALF]; 2] {
        lanes.as_chunks::<HALF>().0.as_array().expect("16 lanes are twice 8")
    }

    /// `sums` plus, lane by lane, the dot product of two pairs of 16-bit numbers: `vpdpwssd`.
    ///
    /// Written as assembly because LLVM takes the intrinsic apart into a multiplication and an
    /// addition, which costs a sixth of the kernel's time.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    fn add_dot(mut sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
        #[expect(unsafe_code, reason = "one instruction without an intrinsic that is kept whole")]
        // SAFETY: the instruction reads and writes nothing but the named registers, and this
        // function is compiled for processors that have it.
        unsafe {
            std::arch::asm!(
                "vpdpwssd {sums}, {a}, {b}",
                sums = inout(zmm_reg) sums,
                a = in(zmm_reg) a,
                b = in(zmm_reg) b,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sums
    }

    fn floats(lanes: &[f32; LANES]) -> __m512 {
        #[expect(unsafe_code, reason = "a register holds 16 f32")]
        // SAFETY: both types are 64 bytes of f32 without invalid values.
        unsafe {
            std::mem::transmute::<[f32; LANES], __m512>(*lanes)
        }
    }

    fn float_lanes(register: __m512) -> [f32; LANES] {
        #[expect(unsafe_code, reason = "a register holds 16 f32")]
        // SAFETY: both types are 64 bytes of f32 without invalid values.
        unsafe {
            std::mem::transmute::<__m512, [f32; LANES]>(register)
        }
    }

    fn integer_lanes(register: __m512i) -> [[i32; 2]; HALF] {
        #[expect(unsafe_code, reason = "a register holds 16 i32")]
        // SAFETY: both types are 64 bytes of integers without invalid values.
        unsafe {
            std::mem::transmute::<__m512i, [[i32; 2]; HALF]>(register)
        }
    }

    fn words(lanes: &[[i16; 4]; HALF]) -> __m512i {
        #[expect(unsafe_code, reason = "a register holds 32 i16")]
        // SAFETY: both types are 64 bytes of integers without invalid values.
        unsafe {
            std::mem::transmute::<[[i16; 4]; HALF], __m512i>(*lanes)
        }
    }
}
