//! Transposition of 8 × 8 and 16 × 16 blocks of 32-bit words.

#[cfg(target_arch = "x86_64")]
use super::{Instructions, Level};

/// Lines that are transposed together.
pub(crate) const LINES: usize = 8;

/// Writes word `i` of line `j` to `out[i · stride + j]` for the first `count` lines, with `flip` as
/// exclusive-or, and returns the number of words per line that were written: whole blocks of eight,
/// none where the processor lacks AVX2.
///
/// Lines are little-endian words, of equal length.
pub(crate) fn words(
    lines: [&[u8]; LINES],
    flip: u32,
    out: &mut [u32],
    stride: usize,
    count: usize,
) -> usize {
    #[cfg(target_arch = "x86_64")]
    if Level::detect().has(Instructions::Avx2) {
        #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
        // SAFETY: `words_avx2` needs AVX2, which was just detected.
        return unsafe { words_avx2(lines, flip, out, stride, count) };
    }
    let _ = (lines, flip, out, stride, count);
    0
}

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, __m512i, _mm256_permute2x128_si256, _mm256_set1_epi32, _mm256_unpackhi_epi32,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256,
    _mm512_shuffle_i32x4, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn words_avx2(
    lines: [&[u8]; LINES],
    flip: u32,
    out: &mut [u32],
    stride: usize,
    count: usize,
) -> usize {
    let blocks = lines[0].len() / 32;
    let flip = _mm256_set1_epi32(flip as i32);
    for block in 0..blocks {
        let mut v = [flip; LINES];
        for (v, line) in v.iter_mut().zip(lines) {
            let bytes: [u8; 32] = *line[block * 32..].first_chunk().expect("lines of equal length");
            *v = _mm256_xor_si256(*v, bytemuck::cast(bytes));
        }
        for (i, row) in transposed(v).into_iter().enumerate() {
            let row: [u32; LINES] = bytemuck::cast(row);
            let out = &mut out[(block * LINES + i) * stride..];
            if let (LINES, Some(out)) = (count, out.first_chunk_mut()) {
                *out = row;
            } else {
                out[..count].copy_from_slice(&row[..count]);
            }
        }
    }
    blocks * LINES
}

/// Row i of the result is column i of the argument.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn transposed(v: [__m256i; 8]) -> [__m256i; 8] {
    let mut pairs = v;
    for i in 0..4 {
        pairs[2 * i] = _mm256_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    let mut quads = v;
    for (i, at) in [(0, 0), (4, 4)] {
        quads[i] = _mm256_unpacklo_epi64(pairs[at], pairs[at + 2]);
        quads[i + 1] = _mm256_unpackhi_epi64(pairs[at], pairs[at + 2]);
        quads[i + 2] = _mm256_unpacklo_epi64(pairs[at + 1], pairs[at + 3]);
        quads[i + 3] = _mm256_unpackhi_epi64(pairs[at + 1], pairs[at + 3]);
    }
    let mut rows = v;
    for i in 0..4 {
        rows[i] = _mm256_permute2x128_si256::<0x20>(quads[i], quads[i + 4]);
        rows[i + 4] = _mm256_permute2x128_si256::<0x31>(quads[i], quads[i + 4]);
    }
    rows
}

/// Row i of the result is column i of the argument.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transposed_512(v: [__m512i; 16]) -> [__m512i; 16] {
    // Vector 4i + j: columns j, 4 + j, 8 + j and 12 + j of rows 4i to 4i + 3.
    let mut quads = v;
    for i in (0..16).step_by(4) {
        let low = [
            _mm512_unpacklo_epi32(v[i], v[i + 1]),
            _mm512_unpackhi_epi32(v[i], v[i + 1]),
            _mm512_unpacklo_epi32(v[i + 2], v[i + 3]),
            _mm512_unpackhi_epi32(v[i + 2], v[i + 3]),
        ];
        quads[i] = _mm512_unpacklo_epi64(low[0], low[2]);
        quads[i + 1] = _mm512_unpackhi_epi64(low[0], low[2]);
        quads[i + 2] = _mm512_unpacklo_epi64(low[1], low[3]);
        quads[i + 3] = _mm512_unpackhi_epi64(low[1], low[3]);
    }
    let mut rows = v;
    for j in 0..4 {
        // Lanes 0 and 1, and lanes 2 and 3, of two vectors each.
        let front = [
            _mm512_shuffle_i32x4::<0x44>(quads[j], quads[4 + j]),
            _mm512_shuffle_i32x4::<0x44>(quads[8 + j], quads[12 + j]),
        ];
        let back = [
            _mm512_shuffle_i32x4::<0xee>(quads[j], quads[4 + j]),
            _mm512_shuffle_i32x4::<0xee>(quads[8 + j], quads[12 + j]),
        ];
        rows[j] = _mm512_shuffle_i32x4::<0x88>(front[0], front[1]);
        rows[4 + j] = _mm512_shuffle_i32x4::<0xdd>(front[0], front[1]);
        rows[8 + j] = _mm512_shuffle_i32x4::<0x88>(back[0], back[1]);
        rows[12 + j] = _mm512_shuffle_i32x4::<0xdd>(back[0], back[1]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_where_they_belong() {
        let data: Vec<u32> = (0..8 * 21).collect();
        let bytes: Vec<Vec<u8>> = data
            .chunks(21)
            .map(|line| line.iter().flat_map(|word| word.to_le_bytes()).collect())
            .collect();
        for count in 1..=8 {
            let mut out = vec![u32::MAX; 21 * 11];
            let lines = std::array::from_fn(|i| &bytes[i][..]);
            let done = words(lines, 0x100, &mut out[2..], 11, count);
            for (i, row) in out.chunks(11).enumerate() {
                for (j, &word) in row.iter().enumerate() {
                    let written = i < done && (2..2 + count).contains(&j);
                    let expected =
                        if written { ((j - 2) * 21 + i) as u32 ^ 0x100 } else { u32::MAX };
                    assert_eq!(word, expected, "word {i} of line {j}, {count} lines");
                }
            }
        }
    }
}
