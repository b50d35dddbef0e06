//! The inner kernel: 6 × 16 exact sums from two packed panels.
//!
//! ```text
//! for each pair k, k+1:  acc[i][j] += a[i][k]·b[k][j] + a[i][k+1]·b[k+1][j]      (32 bits)
//! ```
//!
//! With AVX2 the line is one `vpmaddwd` and one `vpaddd` for eight columns. A 32-bit sum over a
//! chunk is exact if √(Σa²)·√(Σb²) < 2^31, for then every partial sum is below it in magnitude.
//! Otherwise b = 256·b₁ + b₀ with −128 ≤ b₀ ≤ 127 and −128 ≤ b₁ ≤ 128, and each half is safe:
//! 256 · 2^15 · 2^7 = 2^30.

use super::pack::{KC, LeftPanels, MR, NR, RightPanels};

type Tile = [[i32; NR]; MR];

/// Sums of all left panels with all right panels, row-major, `right.lines` columns.
pub(super) fn sums(left: &LeftPanels, right: &RightPanels, out: &mut [i64]) {
    let columns = right.lines;
    let mut halves = Halves::default();
    for j in 0..right.panels() {
        halves.panel = None;
        for i in 0..left.panels() {
            let tile = tile_sums(left, i, right, j, &mut halves);
            let width = NR.min(columns - j * NR);
            for (row, sums) in tile.iter().enumerate().take(MR.min(left.lines - i * MR)) {
                let start = (i * MR + row) * columns + j * NR;
                out[start..start + width].copy_from_slice(&sums[..width]);
            }
        }
    }
}

/// The low and high bytes of one right panel, made when first needed.
#[derive(Default)]
struct Halves {
    panel: Option<usize>,
    low: Vec<i16>,
    high: Vec<i16>,
}

impl Halves {
    fn of<'a>(&'a mut self, index: usize, panel: &[i16]) -> (&'a [i16], &'a [i16]) {
        if self.panel != Some(index) {
            self.panel = Some(index);
            self.low.clear();
            self.low.extend(panel.iter().map(|&b| i16::from(b as i8)));
            self.high.clear();
            self.high
                .extend(panel.iter().map(|&b| ((i32::from(b) - i32::from(b as i8)) >> 8) as i16));
        }
        (&self.low, &self.high)
    }
}

/// One tile of exact sums over the whole inner dimension.
fn tile_sums(
    left: &LeftPanels,
    i: usize,
    right: &RightPanels,
    j: usize,
    halves: &mut Halves,
) -> [[i64; NR]; MR] {
    let (a, b) = (left.panel(i), right.panel(j));
    let (a_squares, b_squares) = (left.squares(i), right.squares(j));
    let mut sums = [[0i64; NR]; MR];
    if fits_32_bits(a_squares.iter().sum(), b_squares.iter().sum()) {
        add(&mut sums, &multiply(a, b), 0);
        return sums;
    }
    for (chunk, (&a_square, &b_square)) in a_squares.iter().zip(b_squares).enumerate() {
        let a = part(a, chunk, MR);
        if fits_32_bits(a_square, b_square) {
            add(&mut sums, &multiply(a, part(b, chunk, NR)), 0);
        } else {
            let (low, high) = halves.of(j, b);
            add(&mut sums, &multiply(a, part(low, chunk, NR)), 0);
            add(&mut sums, &multiply(a, part(high, chunk, NR)), 8);
        }
    }
    sums
}

/// Whether √(Σa²)·√(Σb²) < 2^31.
fn fits_32_bits(a_squares: u64, b_squares: u64) -> bool {
    u128::from(a_squares) * u128::from(b_squares) < 1 << 62
}

fn part(panel: &[i16], chunk: usize, width: usize) -> &[i16] {
    let start = chunk * KC * width;
    &panel[start..panel.len().min(start + KC * width)]
}

fn add(sums: &mut [[i64; NR]; MR], tile: &Tile, shift: u32) {
    for (sums, tile) in sums.iter_mut().zip(tile) {
        for (sum, &t) in sums.iter_mut().zip(tile) {
            *sum += i64::from(t) << shift;
        }
    }
}

/// The 32-bit sums of a left and a right panel of equally many pairs.
fn multiply(a: &[i16], b: &[i16]) -> Tile {
    debug_assert_eq!(a.len() / MR, b.len() / NR, "panels of different depth");
    #[cfg(target_arch = "x86_64")]
    if crate::simd::avx2() {
        #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
        // SAFETY: `multiply_avx2` needs AVX2, which was just detected.
        return unsafe { multiply_avx2(a, b) };
    }
    multiply_portable(a, b)
}

/// The definition, pair by pair; the scalar twin of the vector kernel.
fn multiply_portable(a: &[i16], b: &[i16]) -> Tile {
    let mut tile = [[0i32; NR]; MR];
    for (a, b) in a.chunks_exact(2 * MR).zip(b.chunks_exact(2 * NR)) {
        for (row, a) in tile.iter_mut().zip(a.chunks_exact(2)) {
            let (a0, a1) = (i32::from(a[0]), i32::from(a[1]));
            for (sum, b) in row.iter_mut().zip(b.chunks_exact(2)) {
                *sum += a0 * i32::from(b[0]) + a1 * i32::from(b[1]);
            }
        }
    }
    tile
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn multiply_avx2(a: &[i16], b: &[i16]) -> Tile {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi32,
        _mm256_setzero_si256, _mm256_storeu_si256,
    };

    let pairs = (a.len() / (2 * MR)).min(b.len() / (2 * NR));
    let mut acc = [[_mm256_setzero_si256(); 2]; MR];
    let (mut a_at, mut b_at) = (a.as_ptr(), b.as_ptr());
    for _ in 0..pairs {
        // SAFETY: `pairs` is at most the number of whole groups of 2·NR values in `b` and of
        // 2·MR values in `a`; each turn reads one group of both and advances by it. Unaligned
        // loads have no further precondition.
        #[expect(unsafe_code, reason = "vector loads from slices whose length was checked")]
        let (b0, b1, pair) = unsafe {
            let b0 = _mm256_loadu_si256(b_at.cast());
            let b1 = _mm256_loadu_si256(b_at.add(NR).cast());
            let mut pair = [0i32; MR];
            for (i, pair) in pair.iter_mut().enumerate() {
                *pair = a_at.add(2 * i).cast::<i32>().read_unaligned();
            }
            a_at = a_at.add(2 * MR);
            b_at = b_at.add(2 * NR);
            (b0, b1, pair)
        };
        for i in 0..MR {
            let a = _mm256_set1_epi32(pair[i]);
            acc[i][0] = _mm256_add_epi32(acc[i][0], _mm256_madd_epi16(a, b0));
            acc[i][1] = _mm256_add_epi32(acc[i][1], _mm256_madd_epi16(a, b1));
        }
    }
    let mut tile = [[0i32; NR]; MR];
    for (row, acc) in tile.iter_mut().zip(&acc) {
        for (half, acc) in row.chunks_exact_mut(8).zip(acc) {
            // SAFETY: `half` has room for eight 32-bit values; the store may be unaligned.
            #[expect(unsafe_code, reason = "vector store into an array of the same size")]
            unsafe {
                _mm256_storeu_si256(half.as_mut_ptr().cast::<__m256i>(), *acc);
            }
        }
    }
    tile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_kernel_equals_its_portable_twin() {
        let value = |i: usize| ((i * 7919) % 65536) as u16 as i16 >> 4;
        for pairs in [0, 1, 2, 3, 127, 128] {
            let a: Vec<i16> = (0..pairs * 2 * MR).map(value).collect();
            let b: Vec<i16> = (0..pairs * 2 * NR).map(|i| value(i + 31) >> 4).collect();
            assert_eq!(multiply(&a, &b), multiply_portable(&a, &b), "{pairs} pairs");
        }
    }

    #[test]
    fn halves_make_up_the_whole() {
        let all: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        let mut halves = Halves::default();
        let (low, high) = halves.of(0, &all);
        for ((&b, &low), &high) in all.iter().zip(low).zip(high) {
            assert_eq!(i32::from(b), 256 * i32::from(high) + i32::from(low));
            assert!(
                (-128..=127).contains(&low) && (-128..=128).contains(&high),
                "{b} = 256·{high} + {low}"
            );
        }
    }
}
