//! One tile: the vector kernels and their portable twins. All sums are modulo 2^32.

use super::super::pack::{Group, MR, NR, pair};
use super::Tile;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Instructions, Level};

/// Whether 8-bit words have a kernel of their own on this processor.
pub(in super::super) fn has_quads() -> bool {
    #[cfg(target_arch = "x86_64")]
    return has_vnni();
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg(target_arch = "x86_64")]
fn has_vnni() -> bool {
    Level::detect().has(Instructions::Vnni)
}

/// The sums, modulo 2^32, of a left and a right panel of equally many steps.
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
        if group == Group::Pair && Level::detect().has(Instructions::Avx2) {
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

/// The sums of pairs modulo 2^32, and Σ ⌊p / 2^16⌋ over the products p of two pairs: less than
/// 2^16 per step below the sum.
///
/// `extreme` says that a product may be 2^31; then ⌊(p − 1) / 2^16⌋ is added up, and the difference
/// is at most 2^16 per step.
pub(super) fn multiply_coarse(a: &[u32], b: &[u32], extreme: bool) -> [Tile; 2] {
    debug_assert_eq!(a.len() / MR, b.len() / NR, "panels of different depth");
    #[cfg(target_arch = "x86_64")]
    if Level::detect().has(Instructions::Avx2) {
        let (a, b) = (a.as_chunks().0, b.as_chunks().0);
        #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
        // SAFETY: `coarse_avx2` needs AVX2, which was just detected.
        return unsafe { if extreme { coarse_avx2::<1>(a, b) } else { coarse_avx2::<0>(a, b) } };
    }
    coarse_portable(a, b, extreme)
}

/// The definition, pair by pair; the scalar twin of the vector kernel.
fn coarse_portable(a: &[u32], b: &[u32], extreme: bool) -> [Tile; 2] {
    let mut high = [[0i32; NR]; MR];
    for (a, b) in a.chunks_exact(MR).zip(b.chunks_exact(NR)) {
        for (row, &a) in high.iter_mut().zip(a) {
            let [a0, a1] = pair(a);
            for (sum, &b) in row.iter_mut().zip(b) {
                let [b0, b1] = pair(b);
                let p = i64::from(a0 * b0) + i64::from(a1 * b1);
                *sum += ((p - i64::from(extreme)) >> 16) as i32;
            }
        }
    }
    [pairs_portable(a, b), high]
}

/// The definition, pair by pair; the scalar twin of the vector kernels.
fn pairs_portable(a: &[u32], b: &[u32]) -> Tile {
    let mut tile = [[0i32; NR]; MR];
    for (a, b) in a.chunks_exact(MR).zip(b.chunks_exact(NR)) {
        for (row, &a) in tile.iter_mut().zip(a) {
            let [a0, a1] = pair(a);
            for (sum, &b) in row.iter_mut().zip(b) {
                let [b0, b1] = pair(b);
                *sum = sum.wrapping_add((a0 * b0).wrapping_add(a1 * b1));
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
use x86::{coarse_avx2, pairs_avx2, pairs_vnni, quads_vnni};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, __m512i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
        _mm256_set1_epi32, _mm256_setzero_si256, _mm256_srai_epi32, _mm256_sub_epi32,
        _mm512_dpbusd_epi32, _mm512_dpwssd_epi32, _mm512_loadu_si512, _mm512_set1_epi32,
        _mm512_setzero_si512,
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

    /// One half of the columns after the other: the sums of both kinds fill the registers.
    #[target_feature(enable = "avx2")]
    pub(super) fn coarse_avx2<const LESS: i32>(a: &[[u32; MR]], b: &[[u32; NR]]) -> [Tile; 2] {
        let mut tiles = [[[0; NR]; MR]; 2];
        for half in [0, NR / 2] {
            let mut sums = [_mm256_setzero_si256(); MR];
            let mut high = sums;
            for (a, b) in a.iter().zip(b) {
                // SAFETY: eight of the sixteen 32-bit words of `b` follow; unaligned loads have no
                // further precondition.
                #[expect(unsafe_code, reason = "vector load from an array of that size")]
                let b = unsafe { _mm256_loadu_si256(b[half..].as_ptr().cast()) };
                for ((sum, high), &a) in sums.iter_mut().zip(&mut high).zip(a) {
                    let p = _mm256_madd_epi16(_mm256_set1_epi32(a as i32), b);
                    *sum = _mm256_add_epi32(*sum, p);
                    // 2^31 comes out as −2^31; less one it is a number of 32 bits.
                    let p =
                        if LESS == 0 { p } else { _mm256_sub_epi32(p, _mm256_set1_epi32(LESS)) };
                    *high = _mm256_add_epi32(*high, _mm256_srai_epi32::<16>(p));
                }
            }
            for (tile, vectors) in tiles.iter_mut().zip([sums, high]) {
                for (row, vector) in tile.iter_mut().zip(vectors) {
                    let words: [i32; NR / 2] = bytemuck::cast(vector);
                    row[half..half + NR / 2].copy_from_slice(&words);
                }
            }
        }
        tiles
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
        bytemuck::cast(acc)
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
        bytemuck::cast(acc)
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
            if Level::detect().has(Instructions::Avx2) {
                #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
                // SAFETY: AVX2 was just detected.
                let tile =
                    unsafe { pairs_avx2(a.as_chunks().0, words(steps * NR, 7).as_chunks().0) };
                assert_eq!(tile, pairs_portable(&a, &words(steps * NR, 7)));
            }
        }
    }

    #[test]
    fn coarse_sums_equal_their_portable_twin() {
        for steps in [0, 1, 2, 3, 127, 256] {
            let words = |n: usize, salt: u32| -> Vec<u32> {
                (0..n as u32).map(|i| (i + salt).wrapping_mul(2_654_435_761)).collect()
            };
            let (a, b) = (words(steps * MR, 1), words(steps * NR, 7));
            assert_eq!(multiply_coarse(&a, &b, false), coarse_portable(&a, &b, false), "{steps}");
            // 2^31 from every product: only `extreme` may meet it.
            let (a, b) = (vec![0x8000_8000; steps * MR], vec![0x8000_8000; steps * NR]);
            let [sums, high] = multiply_coarse(&a, &b, true);
            assert_eq!([sums, high], coarse_portable(&a, &b, true), "{steps} extreme steps");
            assert_eq!(high, [[steps as i32 * 0x7fff; NR]; MR]);
        }
    }

    #[test]
    fn extreme_values_wrap_alike() {
        for steps in [1, 127, 128, 256] {
            let (a, b) = (vec![0x8000_8000; steps * MR], vec![0x8000_8000; steps * NR]);
            let expected = (steps as u32).wrapping_mul(1 << 31) as i32;
            assert_eq!(multiply(Group::Pair, &a, &b), [[expected; NR]; MR]);
            assert_eq!(pairs_portable(&a, &b), [[expected; NR]; MR]);
            let (a, b) = (vec![u32::MAX; steps * MR], vec![0x8080_8080; steps * NR]);
            let expected = [[-255 * 512 * steps as i32; NR]; MR];
            assert_eq!(multiply(Group::Quad, &a, &b), expected);
        }
    }
}
