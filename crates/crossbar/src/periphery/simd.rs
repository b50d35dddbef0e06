//! Runs a kernel with the widest vector instructions that the processor has: the only module of
//! this crate with unsafe code.
//!
//! A kernel is plain scalar code marked `#[inline(always)]`; compiled again inside functions that
//! enable vector instructions it is vectorised by the compiler. All versions with fused
//! multiplication execute the same operations in the same order and give the same bits; a
//! processor without it rounds products on their own.

use super::product::IntegerSums;

/// Scalar code that the compiler can vectorise.
pub(crate) trait Kernel {
    /// Runs the kernel; `FMA` says whether fused multiplication is one instruction.
    /// Implementations are `#[inline(always)]`.
    fn run<const FMA: bool>(self);
}

#[cfg(target_arch = "x86_64")]
mod detect {
    use std::sync::LazyLock;

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(super) enum Level {
        Baseline,
        Avx2,
        Avx512,
    }

    pub(super) static LEVEL: LazyLock<Level> = LazyLock::new(|| {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        match (avx2, avx512) {
            (true, true) => Level::Avx512,
            (true, false) => Level::Avx2,
            (false, _) => Level::Baseline,
        }
    });
}

/// Runs `kernel`, compiled for the best instruction set that this processor has.
pub(crate) fn dispatch<K: Kernel>(kernel: K) {
    #[cfg(target_arch = "x86_64")]
    match *detect::LEVEL {
        detect::Level::Avx512 => {
            #[expect(unsafe_code, reason = "calls code compiled for AVX-512")]
            // SAFETY: `run_avx512` needs the features that `LEVEL` has detected.
            unsafe {
                run_avx512(kernel);
            }
        }
        detect::Level::Avx2 => {
            #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
            // SAFETY: `run_avx2` needs the features that `LEVEL` has detected.
            unsafe {
                run_avx2(kernel);
            }
        }
        detect::Level::Baseline => kernel.run::<false>(),
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
    if *detect::LEVEL == detect::Level::Avx512 {
        #[expect(unsafe_code, reason = "calls code compiled for AVX-512")]
        // SAFETY: `avx512::integer_sums` needs the features that `LEVEL` has detected.
        unsafe {
            avx512::integer_sums(sums);
        }
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if *detect::LEVEL == detect::Level::Avx2 {
        #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
        // SAFETY: `avx2::integer_sums` needs the features that `LEVEL` has detected.
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
        __m256, __m256i, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps, _mm256_fmadd_ps,
        _mm256_madd_epi16, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_srli_epi16,
    };

    use super::super::product::{FULL_GROUP, IntegerSums, LANES};

    /// Lanes of a register: half a panel.
    const HALF: usize = LANES / 2;

    /// The loop of `IntegerSums::run` for one half of the lanes after the other, the f32 sums
    /// before the integer ones, so that the accumulators of each loop fit into 16 registers.
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn integer_sums(mut sums: IntegerSums<'_>) {
        for half in 0..2 {
            float_sums(&mut sums, half);
            dot_sums(&mut sums, half);
        }
    }

    #[target_feature(enable = "avx2,fma")]
    fn float_sums(sums: &mut IntegerSums<'_>, half: usize) {
        let running = &mut *sums.running;
        let mut y = running.y.map(|lanes| floats(&halves(&lanes)[half]));
        let mut s1 = running.s1.map(|lanes| floats(&halves(&lanes)[half]));
        let mut s2 = running.s2.map(|lanes| floats(&halves(&lanes)[half]));
        let panel = sums.panel.as_chunks::<HALF>().0.as_chunks::<8>().0;
        let codes = sums.codes.as_chunks::<FULL_GROUP>().0.as_chunks::<4>().0;
        for (w, k) in panel.iter().zip(codes) {
            for (r, k) in k.iter().enumerate() {
                let w = floats(&w[2 * r + half]);
                for s in 0..FULL_GROUP {
                    y[s] = _mm256_fmadd_ps(w, _mm256_set1_ps(k[s]), y[s]);
                    s1[s] = _mm256_add_ps(s1[s], y[s]);
                }
            }
            for s in 0..FULL_GROUP {
                s2[s] = _mm256_add_ps(s2[s], s1[s]);
            }
        }
        for s in 0..FULL_GROUP {
            let at = half * HALF;
            running.y[s][at..at + HALF].copy_from_slice(&float_lanes(y[s]));
            running.s1[s][at..at + HALF].copy_from_slice(&float_lanes(s1[s]));
            running.s2[s][at..at + HALF].copy_from_slice(&float_lanes(s2[s]));
        }
    }

    #[target_feature(enable = "avx2,fma")]
    fn dot_sums(sums: &mut IntegerSums<'_>, half: usize) {
        let running = &mut *sums.running;
        let mut current = running.current.map(|lanes| integers(&halves(&lanes)[half]));
        let mut variance = running.variance.map(|lanes| integers(&halves(&lanes)[half]));
        let rounding = _mm256_set1_epi16(64);
        let pairs = sums.pairs.as_chunks::<LANES>().0.as_chunks::<2>().0;
        let sizes = sums.sizes.as_chunks::<FULL_GROUP>().0;
        let squares = sums.squares.as_chunks::<FULL_GROUP>().0;
        for ((q, size), square) in pairs.iter().zip(sizes).zip(squares) {
            let q = words(&q[half]);
            let q8 = _mm256_srli_epi16::<7>(_mm256_add_epi16(q, rounding));
            for s in 0..FULL_GROUP {
                let products = _mm256_madd_epi16(q, pair(size[s]));
                current[s] = _mm256_add_epi32(current[s], products);
                let products = _mm256_madd_epi16(q8, pair(square[s]));
                variance[s] = _mm256_add_epi32(variance[s], products);
            }
        }
        for s in 0..FULL_GROUP {
            let at = half * HALF;
            running.current[s][at..at + HALF].copy_from_slice(&integer_lanes(current[s]));
            running.variance[s][at..at + HALF].copy_from_slice(&integer_lanes(variance[s]));
        }
    }

    fn halves<T>(lanes: &[T; LANES]) -> &[[T; HALF]; 2] {
        lanes.as_chunks::<HALF>().0.as_array().expect("16 lanes are twice 8")
    }

    #[target_feature(enable = "avx2")]
    fn pair([low, high]: [i16; 2]) -> __m256i {
        _mm256_set1_epi32(i32::from(high) << 16 | i32::from(low as u16))
    }

    fn floats(lanes: &[f32; HALF]) -> __m256 {
        #[expect(unsafe_code, reason = "a register holds 8 f32")]
        // SAFETY: both types are 32 bytes of f32 without invalid values.
        unsafe {
            std::mem::transmute::<[f32; HALF], __m256>(*lanes)
        }
    }

    fn float_lanes(register: __m256) -> [f32; HALF] {
        #[expect(unsafe_code, reason = "a register holds 8 f32")]
        // SAFETY: both types are 32 bytes of f32 without invalid values.
        unsafe {
            std::mem::transmute::<__m256, [f32; HALF]>(register)
        }
    }

    fn integers(lanes: &[i32; HALF]) -> __m256i {
        #[expect(unsafe_code, reason = "a register holds 8 i32")]
        // SAFETY: both types are 32 bytes of integers without invalid values.
        unsafe {
            std::mem::transmute::<[i32; HALF], __m256i>(*lanes)
        }
    }

    fn integer_lanes(register: __m256i) -> [i32; HALF] {
        #[expect(unsafe_code, reason = "a register holds 8 i32")]
        // SAFETY: both types are 32 bytes of integers without invalid values.
        unsafe {
            std::mem::transmute::<__m256i, [i32; HALF]>(register)
        }
    }

    fn words(lanes: &[i16; LANES]) -> __m256i {
        #[expect(unsafe_code, reason = "a register holds 16 i16")]
        // SAFETY: both types are 32 bytes of integers without invalid values.
        unsafe {
            std::mem::transmute::<[i16; LANES], __m256i>(*lanes)
        }
    }

    /// Runs where the processor has AVX2, whatever else it has.
    #[cfg(test)]
    pub(super) fn integer_sums_if_there(sums: IntegerSums<'_>) -> bool {
        let there = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
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
        __m512, __m512i, _mm512_add_epi16, _mm512_add_ps, _mm512_fmadd_ps, _mm512_set1_epi16,
        _mm512_set1_epi32, _mm512_set1_ps, _mm512_srli_epi16,
    };

    use super::super::product::{FULL_GROUP, IntegerSums, LANES};

    /// The loop of `IntegerSums::run` with one register for each row of 16 accumulators.
    ///
    /// 1. `vpdpwssd` adds the two products of a pair to each of 16 sums of 32 bits.
    /// 2. (q + 64) >> 7 is `to_8_bits`: q ≥ 0, and q + 64 < 2^16 as an unsigned number.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
    pub(super) fn integer_sums(sums: IntegerSums<'_>) {
        let running = sums.running;
        let mut y = running.y.map(|lanes| floats(&lanes));
        let mut s1 = running.s1.map(|lanes| floats(&lanes));
        let mut s2 = running.s2.map(|lanes| floats(&lanes));
        let mut current = running.current.map(|lanes| integers(&lanes));
        let mut variance = running.variance.map(|lanes| integers(&lanes));
        let half = _mm512_set1_epi16(64);

        let panel = sums.panel.as_chunks::<LANES>().0.as_chunks::<4>().0;
        let pairs = sums.pairs.as_chunks::<{ 2 * LANES }>().0.as_chunks::<2>().0;
        let codes = sums.codes.as_chunks::<FULL_GROUP>().0.as_chunks::<4>().0;
        let sizes = sums.sizes.as_chunks::<FULL_GROUP>().0.as_chunks::<2>().0;
        let squares = sums.squares.as_chunks::<FULL_GROUP>().0.as_chunks::<2>().0;
        for ((((w, q), k), size), square) in
            panel.iter().zip(pairs).zip(codes).zip(sizes).zip(squares)
        {
            for two in 0..2 {
                let w = [floats(&w[2 * two]), floats(&w[2 * two + 1])];
                let q = words(&q[two]);
                let q8 = _mm512_srli_epi16::<7>(_mm512_add_epi16(q, half));
                for s in 0..FULL_GROUP {
                    for (w, k) in w.iter().zip(&k[2 * two..]) {
                        y[s] = _mm512_fmadd_ps(*w, _mm512_set1_ps(k[s]), y[s]);
                        s1[s] = _mm512_add_ps(s1[s], y[s]);
                    }
                    current[s] = add_dot(current[s], q, pair(size[two][s]));
                    variance[s] = add_dot(variance[s], q8, pair(square[two][s]));
                }
            }
            for s in 0..FULL_GROUP {
                s2[s] = _mm512_add_ps(s2[s], s1[s]);
            }
        }
        running.y = y.map(float_lanes);
        running.s1 = s1.map(float_lanes);
        running.s2 = s2.map(float_lanes);
        running.current = current.map(integer_lanes);
        running.variance = variance.map(integer_lanes);
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

    #[target_feature(enable = "avx512f")]
    fn pair([low, high]: [i16; 2]) -> __m512i {
        _mm512_set1_epi32(i32::from(high) << 16 | i32::from(low as u16))
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

    fn integers(lanes: &[i32; LANES]) -> __m512i {
        #[expect(unsafe_code, reason = "a register holds 16 i32")]
        // SAFETY: both types are 64 bytes of integers without invalid values.
        unsafe {
            std::mem::transmute::<[i32; LANES], __m512i>(*lanes)
        }
    }

    fn integer_lanes(register: __m512i) -> [i32; LANES] {
        #[expect(unsafe_code, reason = "a register holds 16 i32")]
        // SAFETY: both types are 64 bytes of integers without invalid values.
        unsafe {
            std::mem::transmute::<__m512i, [i32; LANES]>(register)
        }
    }

    fn words(lanes: &[i16; 2 * LANES]) -> __m512i {
        #[expect(unsafe_code, reason = "a register holds 32 i16")]
        // SAFETY: both types are 64 bytes of integers without invalid values.
        unsafe {
            std::mem::transmute::<[i16; 2 * LANES], __m512i>(*lanes)
        }
    }
}
