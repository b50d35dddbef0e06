//! One tile: the vector kernels and their portable twins.

use super::super::pack::{Group, MR, NR, pair};
use super::Tile;

/// Whether 8-bit words have a kernel of their own on this processor.
pub(in super::super) fn has_quads() -> bool {
    #[cfg(target_arch = "x86_64")]
    return has_vnni();
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg(target_arch = "x86_64")]
fn has_vnni() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512vnni")
}

/// The 32-bit sums of a left and a right panel of equally many steps.
pub(super) fn multiply(group: Group, a: &[u32], b: &[u32]) -> Tile {
    debug_assert_eq!(a.len() / MR, b.len() / NR, "panels of different depth");
    #[cfg(target_arch = "x86_64")]
    {
        let (a, b) = (a.as_chunks::<MR>().0, b.as_chunks::<NR>().0);
        if has_vnni() {
            #[expect(unsafe_code, reason = "calls code compiled for AVX-512 VNNI")]
            // SAFETY: both functions need AVX-512F and VNNI, which were just detected.
            return unsafe {
                match group {
                    Group::Pair => pairs_vnni(a, b),
                    Group::Quad => quads_vnni(a, b),
                }
            };
        }
        if group == Group::Pair && crate::simd::avx2() {
            #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
            // SAFETY: `pairs_avx2` needs AVX2, which was just detected.
            return unsafe { pairs_avx2(a, b) };
        }
    }
    match group {
        Group::Pair => pairs_portable(a, b),
        Group::Quad => quads_portable(a, b),
    }
}

/// The definition, pair by pair; the scalar twin of the vector kernels.
fn pairs_portable(a: &[u32], b: &[u32]) -> Tile {
    let mut tile = [[0i32; NR]; MR];
    for (a, b) in a.chunks_exact(MR).zip(b.chunks_exact(NR)) {
        for (row, &a) in tile.iter_mut().zip(a) {
            let [a0, a1] = pair(a);
            for (sum, &b) in row.iter_mut().zip(b) {
                let [b0, b1] = pair(b);
                *sum += a0 * b0 + a1 * b1;
            }
        }
    }
    tile
}

/// The definition, quad by quad: unsigned bytes of `a` times signed bytes of `b`.
fn quads_portable(a: &[u32], b: &[u32]) -> Tile {
    let mut tile = [[0i32; NR]; MR];
    for (a, b) in a.chunks_exact(MR).zip(b.chunks_exact(NR)) {
        for (row, &a) in tile.iter_mut().zip(a) {
            for (sum, &b) in row.iter_mut().zip(b) {
                let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
                *sum +=
                    a.iter().zip(b).map(|(&a, b)| i32::from(a) * i32::from(b as i8)).sum::<i32>();
            }
        }
    }
    tile
}

#[cfg(target_arch = "x86_64")]
use x86::{pairs_avx2, pairs_vnni, quads_vnni};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, __m512i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
        _mm256_set1_epi32, _mm256_setzero_si256, _mm512_dpbusd_epi32, _mm512_dpwssd_epi32,
        _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    };

    use super::{MR, NR, Tile};

    #[target_feature(enable = "avx2")]
    pub(super) fn pairs_avx2(a: &[[u32; MR]], b: &[[u32; NR]]) -> Tile {
        let mut acc = [[_mm256_setzero_si256(); 2]; MR];
        for (a, b) in a.iter().zip(b) {
            // SAFETY: `b` holds sixteen 32-bit words, two vectors of eight; unaligned loads have
            // no further precondition.
            #[expect(unsafe_code, reason = "vector loads from an array of that size")]
            let (b0, b1) = unsafe {
                let at = b.as_ptr().cast::<__m256i>();
                (_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1)))
            };
            for (acc, &a) in acc.iter_mut().zip(a) {
                let a = _mm256_set1_epi32(a as i32);
                acc[0] = _mm256_add_epi32(acc[0], _mm256_madd_epi16(a, b0));
                acc[1] = _mm256_add_epi32(acc[1], _mm256_madd_epi16(a, b1));
            }
        }
        bytemuck::cast(acc)
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn pairs_vnni(a: &[[u32; MR]], b: &[[u32; NR]]) -> Tile {
        let mut acc = [_mm512_setzero_si512(); MR];
        for (a, b) in a.iter().zip(b) {
            let b = load(b);
            for (acc, &a) in acc.iter_mut().zip(a) {
                *acc = _mm512_dpwssd_epi32(*acc, _mm512_set1_epi32(a as i32), b);
            }
        }
        acc.map(words)
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn quads_vnni(a: &[[u32; MR]], b: &[[u32; NR]]) -> Tile {
        let mut acc = [_mm512_setzero_si512(); MR];
        for (a, b) in a.iter().zip(b) {
            let b = load(b);
            for (acc, &a) in acc.iter_mut().zip(a) {
                *acc = _mm512_dpbusd_epi32(*acc, _mm512_set1_epi32(a as i32), b);
            }
        }
        acc.map(words)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(b: &[u32; NR]) -> __m512i {
        // SAFETY: `b` holds sixteen 32-bit words, one vector; the load may be unaligned.
        #[expect(unsafe_code, reason = "vector load from an array of that size")]
        unsafe {
            _mm512_loadu_si512(b.as_ptr().cast())
        }
    }

    fn words(v: __m512i) -> [i32; NR] {
        bytemuck::cast(v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(n: usize, salt: u32) -> Vec<u32> {
        (0..n as u32).map(|i| (i + salt).wrapping_mul(2_654_435_761) & 0x0fff_0fff).collect()
    }

    #[test]
    fn the_vector_kernels_equal_their_portable_twins() {
        for steps in [0, 1, 2, 3, 127, 128] {
            let (a, b) = (words(steps * MR, 1), words(steps * NR, 7));
            assert_eq!(multiply(Group::Pair, &a, &b), pairs_portable(&a, &b), "{steps} steps");
            let b: Vec<u32> = b.iter().map(|b| b.wrapping_mul(0x8003)).collect();
            assert_eq!(multiply(Group::Quad, &a, &b), quads_portable(&a, &b), "{steps} steps");
            // The AVX2 kernel is the one below VNNI: it is tested wherever it can run.
            #[cfg(target_arch = "x86_64")]
            if crate::simd::avx2() {
                #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
                // SAFETY: AVX2 was just detected.
                let tile =
                    unsafe { pairs_avx2(a.as_chunks().0, words(steps * NR, 7).as_chunks().0) };
                assert_eq!(tile, pairs_portable(&a, &words(steps * NR, 7)));
            }
        }
    }

    #[test]
    fn extreme_values_reach_no_limit_of_32_bits() {
        // 256 pairs of 2^15 · 2^7 per half chunk, 128 quads of 255 · 128 · 4.
        let (a, b) = (vec![0x8000_8000; 128 * MR], vec![0xff80_ff80; 128 * NR]);
        assert_eq!(multiply(Group::Pair, &a, &b), [[1 << 30; NR]; MR]);
        let (a, b) = (vec![u32::MAX; 128 * MR], vec![0x8080_8080; 128 * NR]);
        assert_eq!(multiply(Group::Quad, &a, &b), [[-255 * 128 * 512; NR]; MR]);
    }
}
