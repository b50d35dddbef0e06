//! The loops of [`BlockQuantizer::decode_into`](super::BlockQuantizer::decode_into), as kernels that are
//! compiled for several instruction sets.

use super::scale;
use super::scale::Largest;
use super::scale::{ScaleRule, Top};
use crate::float::grid::{Grid, Rule, UNIT};
use crate::rounding::StochasticBits;
use crate::simd::Kernel;
use crate::simd::vectors::{VectorKernel, Vectors};

/// Writes the largest magnitude of each block of rows, as bits: infinities and NaNs are above all
/// other numbers.
pub(super) struct BlockMaxima<'a> {
    pub(super) x: &'a [f32],
    pub(super) row: usize,
    pub(super) block: usize,
    pub(super) maxima: &'a mut [u32],
}

impl BlockMaxima<'_> {
    /// Blocks of `len` elements in such rows, the last one of which may be cut.
    pub(super) fn count(len: usize, row: usize, block: usize) -> usize {
        len / row * row.div_ceil(block) + (len % row).div_ceil(block)
    }
}

impl VectorKernel for BlockMaxima<'_> {
    #[inline(always)]
    fn run<V: Vectors>(self, v: V) {
        let Self { x, row, block, maxima } = self;
        let blocks = x.chunks(row).flat_map(|row| row.chunks(block));
        for (max, block) in maxima.iter_mut().zip(blocks) {
            *max = v.largest_bits(largest(v, v.splat(0.0), block));
        }
    }
}

/// The larger magnitudes, as bits, of a vector and all vectors of `x`.
#[inline(always)]
fn largest<V: Vectors>(v: V, max: V::F32, x: &[f32]) -> V::F32 {
    let magnitude = |x: &[f32]| v.and_bits(v.load(x), u32::MAX >> 1);
    x.chunks(V::LANES).fold(max, |max, x| v.max_of_bits(max, magnitude(x)))
}

/// What elements are divided by and the scale of blocks, under E4M3 scales.
pub(super) struct E4m3Scales<'a> {
    pub(super) maxima: &'a [u32],
    pub(super) rule: ScaleRule,
    pub(super) largest: Largest,
    pub(super) top: Top,
    pub(super) tensor_scale: Option<f32>,
    pub(super) scales: &'a mut [(f64, f64)],
}

impl Kernel for E4m3Scales<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { maxima, rule, largest, top, tensor_scale, scales } = self;
        let factor = f64::from(tensor_scale.unwrap_or(1.0));
        for (&max, scales) in maxima.iter().zip(scales) {
            let max = f32::from_bits(max);
            let scale = Grid::e4m3_scale(scale::quotient(rule, largest, top, tensor_scale, max));
            let scale = if max.is_finite() { scale } else { f64::NAN };
            *scales = (scale * factor, scale);
        }
    }
}

/// Writes the largest magnitudes of columns, as bits, of rows as long as there are maxima.
pub(super) struct ColumnMaxima<'a> {
    pub(super) x: &'a [f32],
    pub(super) maxima: &'a mut [u32],
}

impl VectorKernel for ColumnMaxima<'_> {
    #[inline(always)]
    fn run<V: Vectors>(self, v: V) {
        let Self { x, maxima } = self;
        let cols = maxima.len();
        let mut of_columns = [0.0; 16];
        for left in (0..cols).step_by(V::LANES) {
            let columns = left..(left + V::LANES).min(cols);
            let rows = x.chunks_exact(cols).map(|row| &row[columns.clone()]);
            let max = rows.fold(v.splat(0.0), |max, row| largest(v, max, row));
            v.store(max, &mut of_columns[..columns.len()]);
            maxima[columns].iter_mut().zip(of_columns).for_each(|(max, x)| *max = x.to_bits());
        }
    }
}

/// Repeats the scales of blocks of a multiple of 16 elements.
pub(super) struct SpreadWhole<'a> {
    pub(super) of_blocks: &'a [(f64, f64)],
    pub(super) block: usize,
    pub(super) factors: &'a mut [f64],
    pub(super) scales: &'a mut [f64],
}

impl Kernel for SpreadWhole<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { of_blocks, block, factors, scales } = self;
        // Stores of known length are whole vectors.
        let factors = factors.as_chunks_mut::<16>().0.chunks_exact_mut(block / 16);
        let scales = scales.as_chunks_mut::<16>().0.chunks_exact_mut(block / 16);
        for ((factors, scales), &(factor, scale)) in factors.zip(scales).zip(of_blocks) {
            factors.iter_mut().for_each(|factors| *factors = [factor; 16]);
            scales.iter_mut().for_each(|scales| *scales = [scale; 16]);
        }
    }
}

/// Turns random words into those of [`StochasticBits::carry_word`].
pub(super) struct CarryWords<'a> {
    pub(super) few: StochasticBits,
    pub(super) words: &'a mut [u32],
}

impl Kernel for CarryWords<'_> {
    #[inline(always)]
    fn run(self) {
        for word in self.words {
            *word = self.few.carry_word(*word);
        }
    }
}

/// Elements to convert, each with its scale.
pub(super) struct Row<'a, R> {
    pub(super) grid: Grid,
    pub(super) rule: R,
    pub(super) x: &'a [f32],
    pub(super) words: &'a [u32],
    pub(super) factors: &'a [f64],
    pub(super) scales: &'a [f64],
    pub(super) out: &'a mut [f32],
    pub(super) undecided: &'a mut u64,
}

impl<R: Rule> Row<'_, R> {
    #[inline(always)]
    fn run(self, quotient: impl Fn(f64, f64) -> f64) {
        let Self { grid, rule, x, words, factors, scales, out, undecided } = self;
        let mut any = 0;
        let mut convert = |x: f32, u: f64, (factor, scale), out: &mut f32| {
            let (value, undecided) = grid.round(quotient(f64::from(x), factor), rule, u);
            any |= u64::from(undecided);
            *out = (value * scale) as f32;
        };
        let operands = x.iter().zip(factors.iter().copied().zip(scales.iter().copied())).zip(out);
        if R::RANDOM {
            for (((&x, scales), out), &word) in operands.zip(words) {
                convert(x, f64::from(word) * UNIT, scales, out);
            }
        } else {
            operands.for_each(|((&x, scales), out)| convert(x, 0.0, scales, out));
        }
        *undecided |= any;
    }
}

/// Elements x · factor.
pub(super) struct Multiply<'a, R>(pub(super) Row<'a, R>);

impl<R: Rule> Kernel for Multiply<'_, R> {
    #[inline(always)]
    fn run(self) {
        self.0.run(|x, factor| x * factor);
    }
}

/// Elements x / factor.
pub(super) struct Divide<'a, R>(pub(super) Row<'a, R>);

impl<R: Rule> Kernel for Divide<'_, R> {
    #[inline(always)]
    fn run(self) {
        self.0.run(|x, divisor| x / divisor);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Element;
    use super::*;
    use crate::float::FloatFormat;
    use crate::float::grid::Carry;
    use crate::seed::Seed;
    use crate::simd::vectors::dispatch_at;
    use crate::simd::{Level, dispatch, dispatch_512};
    use crate::slice::largest_finite;

    /// Whatever instructions a kernel is compiled for, its bits are the same.
    #[test]
    fn kernels_for_all_instruction_sets_give_the_same_bits() {
        const LEN: usize = 1003;
        let (mut x, mut words) = (vec![0.0; LEN], vec![0; LEN]);
        let stream = Seed::new(6).stream();
        stream.fill_gaussian(0, &mut x);
        stream.fill_words(0, &mut words);
        let (factors, scales) = (vec![1.0 / 3.0; LEN], vec![0.25; LEN]);
        let element = Element::Float(FloatFormat::E2M1);
        let grid = element.grid().expect("a format with mantissa bits");
        let rule = Carry::<false, true>;
        let run = |how: &dyn Fn(Divide<'_, Carry<false, true>>)| {
            let (mut out, mut undecided) = (vec![0.0; LEN], 0);
            let row = Row {
                grid,
                rule,
                x: &x,
                words: &words,
                factors: &factors,
                scales: &scales,
                out: &mut out,
                undecided: &mut undecided,
            };
            how(Divide(row));
            (out.iter().map(|y: &f32| y.to_bits()).collect::<Vec<_>>(), undecided)
        };
        let portable = run(&|kernel| kernel.run());
        assert_eq!(run(&|kernel| dispatch(kernel)), portable);
        assert_eq!(run(&|kernel| dispatch_512(kernel)), portable);
        let maxima = |how: &dyn Fn(BlockMaxima<'_>), block| {
            let mut maxima = vec![0; BlockMaxima::count(LEN, 500, block)];
            how(BlockMaxima { x: &x, row: 500, block, maxima: &mut maxima });
            maxima
        };
        for block in [16, 32, 7, 600] {
            let rows = x.chunks(500).flat_map(|row| row.chunks(block));
            let largest: Vec<u32> = rows.map(|block| largest_finite(block).to_bits()).collect();
            for level in Level::all() {
                assert_eq!(maxima(&|kernel| dispatch_at(level, kernel), block), largest);
            }
        }
    }
}
