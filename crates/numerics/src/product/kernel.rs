//! The inner kernel: 6 × 16 exact sums from two packed panels.
//!
//! ```text
//! pairs:  acc[i][j] += a[i][k]·b[k][j] + a[i][k+1]·b[k+1][j]      16-bit values, 32-bit sums
//! quads:  acc[i][j] += Σ_{k…k+3} (a[i][k] + 128)·b[k][j]          8-bit values, 32-bit sums
//! ```
//!
//! Pairs are one `vpmaddwd` and one `vpaddd` for eight columns with AVX2, one `vpdpwssd` for
//! sixteen with AVX-512 VNNI. Quads need VNNI (`vpdpbusd`); without it 8-bit words go as pairs.
//!
//! A 32-bit sum of pairs over a chunk is exact if √(Σa²)·√(Σb²) < 2^31, for then every partial sum
//! is below it in magnitude (Cauchy–Schwarz). Otherwise b = 256·b₁ + b₀ with −128 ≤ b₀ ≤ 127 and
//! −128 ≤ b₁ ≤ 128; each half has Σb² ≤ 512·2^14 over a chunk, which is safe unless every a is
//! −32768, and then half a chunk is. A sum of quads over a chunk is below 512·2^15 = 2^24.

mod multiply;

use super::pack::{Group, KC, LeftPanels, MR, NR, RightPanels, chunk_range};
use crate::simd::{Kernel, dispatch};

pub(super) use multiply::has_quads;
use multiply::multiply;

/// 32-bit sums of one left panel with one right panel.
type Tile = [[i32; NR]; MR];

/// Adds 2^`shift` times the sums of all left panels with all right panels to `out`, which is
/// row-major with as many columns as `right` has lines.
pub(super) fn add_sums(left: &LeftPanels, right: &RightPanels, shift: u32, out: &mut [i64]) {
    dispatch(AddSums { left, right, shift, out });
}

struct AddSums<'a> {
    left: &'a LeftPanels,
    right: &'a RightPanels,
    shift: u32,
    out: &'a mut [i64],
}

impl Kernel for AddSums<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { left, right, shift, out } = self;
        let columns = right.lines;
        for j in 0..right.panels() {
            let width = NR.min(columns - j * NR);
            for chunk in 0..right.chunks() {
                for i in 0..left.panels() {
                    let rows = MR.min(left.lines - i * MR);
                    let target = &mut out[i * MR * columns + j * NR..];
                    let mut add =
                        |tile: &Tile, shift| add(target, columns, rows, width, tile, shift);
                    match left.group {
                        Group::Pair => pairs(left, i, right, j, chunk, shift, &mut add),
                        Group::Quad => {
                            let (a, b) = parts(left, i, right, j, chunk);
                            add(&multiply(Group::Quad, a, b), shift);
                        }
                    }
                }
            }
            if left.group == Group::Quad {
                // Σ(a + 128)·b − 128·Σb
                let sums = right.line_sums(j);
                for row in out.chunks_exact_mut(columns) {
                    for (z, &sum) in row[j * NR..].iter_mut().zip(&sums[..width]) {
                        *z -= (sum << 7) << shift;
                    }
                }
            }
        }
    }
}

/// The sums of one chunk of pairs, in as many tiles as the magnitudes demand.
#[inline(always)]
fn pairs(
    left: &LeftPanels,
    i: usize,
    right: &RightPanels,
    j: usize,
    chunk: usize,
    shift: u32,
    add: &mut impl FnMut(&Tile, u32),
) {
    let (a, b) = parts(left, i, right, j, chunk);
    let a_square = left.square(i, chunk);
    if fits_32_bits(a_square, right.square(j, chunk)) {
        add(&multiply(Group::Pair, a, b), shift);
        return;
    }
    for (half, extra) in right.halves(j).iter().zip([0, 8]) {
        let (start, end) = chunk_range(Group::Pair, chunk, NR, half.len());
        let b = &half[start..end];
        if fits_32_bits(a_square, (KC as u64) << 14) {
            add(&multiply(Group::Pair, a, b), shift + extra);
        } else {
            let middle = (KC / 4).min(a.len() / MR);
            let (a0, a1) = a.split_at(middle * MR);
            let (b0, b1) = b.split_at(middle * NR);
            add(&multiply(Group::Pair, a0, b0), shift + extra);
            add(&multiply(Group::Pair, a1, b1), shift + extra);
        }
    }
}

/// One chunk of a left and of a right panel.
#[inline(always)]
fn parts<'a>(
    left: &'a LeftPanels,
    i: usize,
    right: &'a RightPanels,
    j: usize,
    chunk: usize,
) -> (&'a [u32], &'a [u32]) {
    let (a, b) = (left.panel(i), right.panel(j));
    let (a_start, a_end) = chunk_range(left.group, chunk, MR, a.len());
    let (b_start, b_end) = chunk_range(right.group, chunk, NR, b.len());
    (&a[a_start..a_end], &b[b_start..b_end])
}

/// Whether √(Σa²)·√(Σb²) < 2^31.
#[inline(always)]
fn fits_32_bits(a_squares: u64, b_squares: u64) -> bool {
    u128::from(a_squares) * u128::from(b_squares) < 1 << 62
}

/// Adds a tile to its place in the sums.
#[inline(always)]
fn add(out: &mut [i64], columns: usize, rows: usize, width: usize, tile: &Tile, shift: u32) {
    for (row, tile) in tile.iter().enumerate().take(rows) {
        let out = &mut out[row * columns..][..width];
        // A row of full width has a length that the compiler knows.
        if let Some(out) = out.first_chunk_mut::<NR>() {
            for (sum, &t) in out.iter_mut().zip(tile) {
                *sum += i64::from(t) << shift;
            }
        } else {
            for (sum, &t) in out.iter_mut().zip(tile) {
                *sum += i64::from(t) << shift;
            }
        }
    }
}
