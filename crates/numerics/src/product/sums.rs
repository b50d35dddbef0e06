//! How the sums of a product are computed, block by block.

use super::accumulator::{Accumulator, Narrow, Register};
use super::buffer::{Buffer, Sums};
use super::exact::Exact;
use super::sequential::Rows;
use super::{Product, pack};
use crate::sum::Sum;

/// Computes the sums of `(first row, number of rows)`.
type SumsOfRows<'a> = Box<dyn for<'b> Fn(usize, usize, &'b mut Buffer) -> Sums<'b> + Sync + 'a>;

impl<'a> Product<'a> {
    /// Computes the sums of blocks of whole rows and hands each block to
    /// `epilogue(index of its first element, sums, its part of out)` while it is in the cache.
    ///
    /// Sums of 32 bits stay `headroom` below 2^31 in magnitude; with `None` all have 64.
    pub(super) fn for_each_block<T: Send>(
        &self,
        headroom: Option<u32>,
        out: &mut [T],
        epilogue: impl Fn(u64, Sums<'_>, &mut [T]) + Sync,
    ) {
        let (rows, inner, cols) = (self.a.nrows, self.a.ncols, self.b.ncols);
        if rows == 0 || cols == 0 {
            return;
        }
        let sums_of = self.accumulation(headroom);
        let block_rows = block_rows(rows, inner, cols);
        let block = |buffer: &mut Buffer, block: usize, out: &mut [T]| {
            let first_row = block * block_rows;
            let sums = sums_of(first_row, out.len() / cols, buffer);
            epilogue((first_row * cols) as u64, sums, out);
        };
        self.par.for_each_chunk_with(out, block_rows * cols, Buffer::default, block);
    }

    /// What computes the sums of whole rows, bias included, in the chosen accumulator.
    fn accumulation(&self, headroom: Option<u32>) -> SumsOfRows<'a> {
        let cols = self.b.ncols;
        let bias = self.bias_row();
        let product = *self;
        let (bits, wraps) = match self.accumulator {
            Accumulator::Exact => (64, false),
            Accumulator::Wrapping { bits } => (u32::from(bits), true),
            // A register that no sum can fill is an exact one.
            Accumulator::Saturating { bits } if self.fits(u32::from(bits), &bias) => (64, false),
            _ => {
                let operands = self.rows();
                return Box::new(move |first_row, rows, buffer| {
                    let sums = buffer.wide(rows * cols);
                    for (i, row) in sums.chunks_mut(cols).enumerate() {
                        row.copy_from_slice(&bias);
                        product.accumulate_row(&operands, first_row + i, row);
                    }
                    Sums::Wide(sums)
                });
            }
        };
        let exact = Exact::new(self.a, self.b, self.par);
        let has_bias = self.bias.is_some();
        // What is left of 31 bits for the products.
        let limit = match headroom {
            Some(headroom) if !wraps => {
                let left = i64::from(i32::MAX) - i64::from(headroom) - largest(&bias) as i64;
                u32::try_from(left).ok()
            }
            _ => None,
        };
        let narrow_bias: Vec<i32> = bias.iter().map(|&b| b as i32).collect();
        Box::new(move |first_row, rows, buffer| {
            match exact.sums_of_rows(first_row, rows, limit, buffer) {
                Sums::Narrow(sums) => {
                    if has_bias {
                        add_to_rows(sums, &narrow_bias);
                    }
                    Sums::Narrow(sums)
                }
                Sums::Wide(sums) => {
                    if has_bias {
                        add_to_rows(sums, &bias);
                    }
                    if wraps {
                        sums.iter_mut().for_each(|z| *z = *z << (64 - bits) >> (64 - bits));
                    }
                    Sums::Wide(sums)
                }
            }
        })
    }

    fn accumulate_row(&self, rows: &Rows<'_>, row: usize, sums: &mut [i64]) {
        let source = self.register_bits.source;
        rows.accumulate(self.accumulator, self.fraction_bits(), source, row, sums);
    }

    /// The operands of a register, and where its bits begin.
    pub(super) fn rows(&self) -> Rows<'a> {
        // A register that draws nothing looks at no position.
        let origin = match self.roundings() {
            0 => 0,
            steps => self.register_bits.first + self.first_row * steps * self.b.ncols as u64,
        };
        Rows::new(self.a, &self.b, origin)
    }

    /// Roundings on the way to one element.
    fn roundings(&self) -> u64 {
        match self.accumulator {
            Accumulator::Narrow(narrow) if narrow.rounding.is_stochastic() => {
                narrow.roundings(self.a.ncols)
            }
            _ => 0,
        }
    }

    /// Refuses registers with fewer random bits than they draw, at the caller's line.
    #[track_caller]
    pub(super) fn assert_register_bits(&self) {
        let rows = u128::from(self.first_row) + self.a.nrows as u128;
        let row = u128::from(self.roundings()) * self.b.ncols as u128;
        self.register_bits.assert_serves(rows.saturating_mul(row));
    }

    /// Whether every partial sum fits a two's-complement register of that many bits.
    fn fits(&self, bits: u32, bias: &[i64]) -> bool {
        let [a, b] = [self.a.codes.max_magnitude(), self.b.codes.max_magnitude()];
        let products = self.a.ncols as u128 * product_of(a, b);
        products + u128::from(largest(bias)) < 1 << (bits - 1)
    }

    /// Refuses sums that may not fit 64 bits or for which the register lacks random bits, at the
    /// caller's line.
    #[track_caller]
    pub(super) fn assert_possible(&self) {
        self.assert_register_bits();
        let limit: u128 = match self.accumulator {
            // One is defined modulo its width, the others stop at their ends.
            Accumulator::Wrapping { .. } | Accumulator::Saturating { .. } => return,
            Accumulator::Narrow(Narrow { register: Register::Fixed(_), .. }) => return,
            Accumulator::Exact => 1 << 63,
            // Roundings can enlarge a sum.
            Accumulator::FloatGemm | Accumulator::Narrow(_) => 1 << 62,
        };
        let bias = self
            .bias
            .map_or(0, |(codes, shift)| u128::from(codes.as_ref().max_magnitude()) << shift);
        let terms = self.a.ncols;
        let fits = |[a, b]: [u32; 2]| terms as u128 * product_of(a, b) + bias < limit;
        // Codes are looked at only where there could be too large ones.
        if fits([self.a.codes.bound(), self.b.codes.bound()]) {
            return;
        }
        let [a, b] = [self.a.codes.max_magnitude(), self.b.codes.max_magnitude()];
        assert!(
            fits([a, b]),
            "sums of {terms} products of codes up to {a} and {b} may not fit 64 bits; \
             `Accumulator::Wrapping` takes their low bits"
        );
    }
}

/// The product of two magnitudes.
fn product_of(a: u32, b: u32) -> u128 {
    u128::from(a) * u128::from(b)
}

/// Adds the row of biases to every row of sums.
fn add_to_rows<Z: Sum>(sums: &mut [Z], bias: &[Z]) {
    for row in sums.chunks_mut(bias.len()) {
        row.iter_mut().zip(bias).for_each(|(z, &b)| *z = z.wrapping_add(b));
    }
}

/// The largest magnitude of a bias.
fn largest(bias: &[i64]) -> u64 {
    bias.iter().map(|b| b.unsigned_abs()).max().unwrap_or(0)
}

/// Rows per block: whole panels, few enough that the packed rows and the sums stay in the
/// second-level cache, and enough blocks for several threads. Does not depend on the threads.
fn block_rows(rows: usize, inner: usize, cols: usize) -> usize {
    const CACHE_BYTES: usize = 512 << 10;
    let bytes_per_row = 2 * inner + 8 * cols;
    let fitting = (CACHE_BYTES / bytes_per_row.max(1)).clamp(pack::MR, 16 * pack::MR);
    let fitting = fitting.min(rows.div_ceil(4).max(pack::MR));
    fitting.next_multiple_of(pack::MR)
}
