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
//! A 32-bit sum is z modulo 2^32. It is z itself where √(Σa²)·√(Σb²) < 2^31 (Cauchy–Schwarz): over
//! the whole inner dimension, then there are 32-bit sums only; or over a chunk, then it is added
//! to a 64-bit one. Otherwise z is found from a coarse sum y with −2^31 ≤ z − y < 2^31:
//!
//! ```text
//! z = y + (((z − y) mod 2^32) as a signed number)
//! ```
//!
//! With AVX2, y = 2^16·Σ⌊p/2^16⌋ over the products p of pairs, from the same pass. With VNNI, y comes
//! from the high bytes of the operands, which are quads and take half a pass:
//!
//! ```text
//! a = 2^8·(u − 128) + 2^7 + a₀,   b = 2^8·b₁ + 2^7 + b₀,   0 ≤ u < 2^8,   −2^7 ≤ a₀, b₀, b₁ < 2^7
//! Σab = y + Σ(a·b₀ + 2^8·a₀·b₁),  y = 2^16·Σu·b₁ − (2^23 − 2^15)·Σb₁ + 2^7·Σa
//! |Σab − y| ≤ √(Σa²)·√(Σb₀²) + √(Σa₀²)·(√(Σb²) + 2^8·√n)     since |2^8·b₁| ≤ |b| + 2^8
//! ```
//!
//! which is below 2^31 for n = 128 whatever the operands are, since |a₀|, |b₀| ≤ 2^7, and for a
//! whole chunk of 512 if their bits are random.

mod multiply;

use super::pack::{GRANULE, Group, LeftPanels, MR, NR, RightPanels, chunk_range};
use crate::simd::{Kernel, dispatch};
use crate::sum::Sum;

pub(super) use multiply::has_quads;
use multiply::{multiply, multiply_coarse};

/// 32-bit sums of one left panel with one right panel.
type Tile = [[i32; NR]; MR];

/// Writes the sums of all left panels with all right panels to `out`, which is row-major with as
/// many columns as `right` has lines. The caller knows that they fit 32 bits.
pub(super) fn narrow_sums(left: &LeftPanels, right: &RightPanels, out: &mut [i32]) {
    dispatch(SumsOf { left, right, shift: 0, replace: true, out, tiles: NarrowTiles });
}

/// Writes 2^`shift` times the sums of all left panels with all right panels to `out`, or adds them
/// unless `replace` is set.
pub(super) fn wide_sums(
    left: &LeftPanels,
    right: &RightPanels,
    shift: u32,
    replace: bool,
    out: &mut [i64],
) {
    dispatch(SumsOf { left, right, shift, replace, out, tiles: WideTiles });
}

struct SumsOf<'a, Z, T> {
    left: &'a LeftPanels,
    right: &'a RightPanels,
    shift: u32,
    replace: bool,
    out: &'a mut [Z],
    tiles: T,
}

/// How the sums of a tile are made; a trait because closures are not sure to be inlined.
trait Tiles<Z> {
    /// Adds the sums of left panel i and right panel j over one chunk; `#[inline(always)]`.
    fn add(
        &self,
        left: &LeftPanels,
        i: usize,
        right: &RightPanels,
        j: usize,
        chunk: usize,
        place: Place<'_, Z>,
    );
}

impl<Z: Sum, T: Tiles<Z>> Kernel for SumsOf<'_, Z, T> {
    #[inline(always)]
    fn run(self) {
        let Self { left, right, shift, replace, out, tiles } = self;
        let columns = right.lines;
        for j in 0..right.panels() {
            for chunk in 0..right.chunks() {
                for i in 0..left.panels() {
                    let place = Place {
                        out: &mut out[i * MR * columns + j * NR..],
                        columns,
                        rows: MR.min(left.lines - i * MR),
                        width: NR.min(columns - j * NR),
                        shift,
                        replace: replace && chunk == 0,
                    };
                    tiles.add(left, i, right, j, chunk, place);
                }
            }
            if left.group == Group::Quad {
                // Σ(a + 128)·b − 128·Σb
                let sums = right.line_sums(j);
                for row in out.chunks_exact_mut(columns) {
                    for (z, &sum) in row[j * NR..].iter_mut().zip(sums) {
                        *z = z.wrapping_add(Z::wrapped(-(sum << 7) << shift));
                    }
                }
            }
        }
    }
}

/// Sums modulo 2^32, which are those that fit.
struct NarrowTiles;

impl Tiles<i32> for NarrowTiles {
    #[inline(always)]
    fn add(
        &self,
        left: &LeftPanels,
        i: usize,
        right: &RightPanels,
        j: usize,
        chunk: usize,
        mut place: Place<'_, i32>,
    ) {
        let (a, b) = parts(left, i, right, j, chunk);
        let tile = multiply(left.group, a, b);
        place.put(&tile);
    }
}

/// Sums of whatever size.
struct WideTiles;

impl Tiles<i64> for WideTiles {
    #[inline(always)]
    fn add(
        &self,
        left: &LeftPanels,
        i: usize,
        right: &RightPanels,
        j: usize,
        chunk: usize,
        mut place: Place<'_, i64>,
    ) {
        let (a, b) = parts(left, i, right, j, chunk);
        // A sum of quads over a chunk is below 512·2^15 = 2^24.
        let fits = left.group == Group::Quad
            || fits_32_bits(left.magnitude(i, chunk).square, right.magnitude(j, chunk).square);
        if fits {
            let tile = multiply(left.group, a, b);
            place.put(&tile);
        } else if has_quads() {
            add_by_bytes(left, i, right, j, chunk, place);
        } else {
            let extreme = left.magnitude(i, chunk).extreme && right.magnitude(j, chunk).extreme;
            let [tile, high] = multiply_coarse(a, b, extreme);
            let (of_rows, of_columns) = (&[0; MR], &[0; NR]);
            place.put(&Nearest { coarse: &high, of_rows, of_columns, modulo: &tile });
        }
    }
}

/// The sums of a tile, made row by row on their way out: a tile of 64-bit sums would not stay in
/// registers. A trait because closures are not sure to be inlined.
trait Rows<Z> {
    /// The sums of a row; `#[inline(always)]`.
    fn row(&self, row: usize) -> [Z; NR];
}

/// 32-bit sums as they are.
impl Rows<i32> for Tile {
    #[inline(always)]
    fn row(&self, row: usize) -> [i32; NR] {
        self[row]
    }
}

/// 32-bit sums that fit.
impl Rows<i64> for Tile {
    #[inline(always)]
    fn row(&self, row: usize) -> [i64; NR] {
        self[row].map(i64::from)
    }
}

/// The numbers nearest to y = 2^16·`coarse` + `of_rows` − `of_columns` that are `modulo` modulo 2^32.
struct Nearest<'a> {
    coarse: &'a Tile,
    of_rows: &'a [i64; MR],
    of_columns: &'a [i64; NR],
    modulo: &'a Tile,
}

impl Rows<i64> for Nearest<'_> {
    #[inline(always)]
    fn row(&self, row: usize) -> [i64; NR] {
        let of_row = self.of_rows[row];
        let mut near = [0; NR];
        for (j, z) in near.iter_mut().enumerate() {
            let (coarse, of_column) = (self.coarse[row][j], self.of_columns[j]);
            // y modulo 2^32 from 32-bit operations, twice as many per vector.
            let low = (coarse << 16).wrapping_add(of_row as i32).wrapping_sub(of_column as i32);
            let rest = self.modulo[row][j].wrapping_sub(low);
            *z = (i64::from(coarse) << 16) + of_row - of_column + i64::from(rest);
        }
        near
    }
}

/// Adds the sums of one chunk of pairs that do not fit 32 bits, with coarse sums of their bytes.
#[inline(always)]
fn add_by_bytes(
    left: &LeftPanels,
    i: usize,
    right: &RightPanels,
    j: usize,
    chunk: usize,
    mut place: Place<'_, i64>,
) {
    let (a, b) = parts(left, i, right, j, chunk);
    let (a_bytes, b_bytes) = (left.high_bytes(i), right.high_bytes(j));
    let (chunk_start, _) = chunk_range(Group::Quad, chunk, 1, a_bytes.quads.len());
    let squares = [left.magnitude(i, chunk).square, right.magnitude(j, chunk).square];
    let steps = a.len() / MR;
    let granules =
        chunk_start / (GRANULE / 4)..(chunk_start + steps.div_ceil(2)).div_ceil(GRANULE / 4);
    let low_squares = [&a_bytes.low_squares, &b_bytes.low_squares]
        .map(|squares| squares[granules.clone()].iter().map(|&x| u64::from(x)).sum());
    let part_steps = granules_per_part(squares, low_squares) * GRANULE / 2;
    for start in (0..steps).step_by(part_steps) {
        let end = steps.min(start + part_steps);
        let tile = multiply(Group::Pair, &a[start * MR..end * MR], &b[start * NR..end * NR]);
        let (first, last) = (chunk_start + start / 2, chunk_start + end.div_ceil(2));
        let quads = multiply(
            Group::Quad,
            &a_bytes.quads[first * MR..last * MR],
            &b_bytes.quads[first * NR..last * NR],
        );
        let granules = first / (GRANULE / 4)..last.div_ceil(GRANULE / 4);
        let mut of_rows = [0i64; MR];
        let mut of_columns = [0i64; NR];
        for (a, b) in a_bytes.sums[granules.clone()].iter().zip(&b_bytes.sums[granules]) {
            of_rows.iter_mut().zip(a).for_each(|(sum, &a)| *sum += i64::from(a) << 7);
            for (sum, &b) in of_columns.iter_mut().zip(b) {
                *sum += i64::from(b) * ((1 << 23) - (1 << 15));
            }
        }
        place.put(&Nearest {
            coarse: &quads,
            of_rows: &of_rows,
            of_columns: &of_columns,
            modulo: &tile,
        });
        place.replace = false;
    }
}

/// How many granules may be summed before a sum can be 2^31 from the coarse one: 4, 2 or 1.
///
/// `squares` are the largest Σa² and Σb² over the chunk, `low_squares` the largest Σa₀² and Σb₀².
fn granules_per_part(squares: [u64; 2], low_squares: [u64; 2]) -> usize {
    let norms = |squares: [u64; 2]| squares.map(|square| (square as f64).sqrt());
    let [a, b] = norms(squares);
    let near = |granules: usize, [a_low, b_low]: [f64; 2]| {
        let n = (granules * GRANULE) as f64;
        a * b_low + a_low * (b + 256.0 * n.sqrt()) < f64::from(i32::MAX)
    };
    let any = |granules: usize| [128.0 * ((granules * GRANULE) as f64).sqrt(); 2];
    if near(4, norms(low_squares)) {
        4
    } else if near(2, any(2)) {
        2
    } else {
        1
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

/// Where a tile belongs in the row-major sums.
struct Place<'a, Z> {
    /// The sums from the tile's first element on.
    out: &'a mut [Z],
    columns: usize,
    rows: usize,
    width: usize,
    shift: u32,
    /// Whether the sums hold nothing yet.
    replace: bool,
}

impl<Z: Sum> Place<'_, Z> {
    /// Adds 2^shift · `tile` to the sums.
    #[inline(always)]
    fn put(&mut self, tile: &impl Rows<Z>) {
        let (shift, columns) = (self.shift, self.columns);
        for row in 0..self.rows {
            let values = tile.row(row);
            let out = &mut self.out[row * columns..][..self.width];
            // A row of full width has a length that the compiler knows.
            match (out.first_chunk_mut::<NR>(), self.replace) {
                (Some(out), true) => {
                    out.iter_mut().zip(values).for_each(|(sum, z)| *sum = z << shift);
                }
                (Some(out), false) => {
                    for (sum, z) in out.iter_mut().zip(values) {
                        *sum = sum.wrapping_add(z << shift);
                    }
                }
                (None, replace) => {
                    for (sum, z) in out.iter_mut().zip(values) {
                        let before = if replace { Z::default() } else { *sum };
                        *sum = before.wrapping_add(z << shift);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_number_is_found_over_the_whole_window() {
        for z in [0, 1 << 31, -(1 << 31), 1 << 39, -(1 << 39), 0x1234_5678_9abc] {
            for off in [0, 1, -1, (1 << 31) - 1, -(1 << 31)] {
                let y = z - off;
                let near = Nearest {
                    coarse: &[[(y >> 16) as i32; NR]; MR],
                    of_rows: &[(y & 0xffff) + (7 << 40); MR],
                    of_columns: &[7 << 40; NR],
                    modulo: &[[z as i32; NR]; MR],
                };
                assert_eq!(near.row(3), [z; NR], "{off} from {z}");
            }
        }
    }

    #[test]
    fn parts_are_as_long_as_operands_allow() {
        let square = |n: u64, x: u64| n * x * x;
        let random = [square(512, 1 << 7) / 3; 2];
        let worst = [square(512, 1 << 7); 2];
        assert_eq!(granules_per_part([square(512, 1 << 15) / 3; 2], random), 4);
        assert_eq!(granules_per_part([square(512, 1 << 15) / 3; 2], worst), 2);
        assert_eq!(granules_per_part([square(512, 1 << 15); 2], worst), 1);
        // One granule is near enough even if all values are the largest.
        let [norm, low] = [1 << 15, 1 << 7].map(|x| (square(128, x) as f64).sqrt());
        assert!(2.0 * norm * low + low * 256.0 * 128f64.sqrt() < f64::from(i32::MAX));
    }
}
