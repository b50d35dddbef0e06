//! [`BlockQuantizer::decode_into`]: the hot path, from f32 to the values of elements.

use super::grid::{Carry, Even, Grid, Rule, UNIT};
use super::quantizer::{largest, largest_of};
use super::{BlockLayout, BlockQuantizer, BlockScale, BlockShape, ScaleRule, scale};
use crate::format::exp2;
use crate::simd::{Kernel, dispatch_512};
use crate::{BitSource, Draw, Fraction, Par, Rounding, StochasticVariant};

/// Elements that are converted at a time: their words and scales stay in the caches next to a core.
const CHUNK: usize = 2048;

impl BlockQuantizer {
    /// Converts a row-major matrix and writes s_b · e_i of every element: what the codes of
    /// [`Self::quantize_matrix`] stand for, without the tensor scale t, which is returned.
    ///
    /// The values are those of [`BlockMatrix::to_scaled_f32`](super::BlockMatrix::to_scaled_f32), bit
    /// for bit but for the bits of NaNs, for any number of threads. They have at most as many
    /// significant bits as an element and a scale together, so a product of them is exact in f32 up
    /// to its sum; multiplied by t the values would round.
    ///
    /// # Shapes
    ///
    /// - `x`, `out`: that of `layout`, row by row
    ///
    /// # Panics
    ///
    /// If the quantizer cannot work ([`Self::check`]) or the lengths are not those of the layout.
    #[track_caller]
    pub fn decode_into(
        &self,
        x: &[f32],
        layout: BlockLayout,
        bits: Draw<impl BitSource + Sync>,
        par: Par,
        out: &mut [f32],
    ) -> f32 {
        self.assert_possible();
        let tensor_scale = if self.tensor_scale {
            self.tensor_scale_of(largest_finite(x))
        } else {
            self.fixed_tensor_scale()
        };
        self.decode_scaled_into(x, layout, tensor_scale, bits, par, out);
        tensor_scale
    }

    /// [`Self::decode_into`] with a tensor scale that the caller knows, such as that of the whole
    /// matrix for a part of its rows.
    ///
    /// # Panics
    ///
    /// As [`Self::decode_into`], if the scale is not a positive finite number, or if it is not
    /// [`Self::fixed_tensor_scale`] where there is no tensor scale.
    #[track_caller]
    pub fn decode_scaled_into(
        &self,
        x: &[f32],
        layout: BlockLayout,
        tensor_scale: f32,
        bits: Draw<impl BitSource + Sync>,
        par: Par,
        out: &mut [f32],
    ) {
        self.assert_possible();
        self.assert_tensor_scale(tensor_scale);
        layout.assert_holds(x.len());
        layout.assert_holds(out.len());
        if x.is_empty() {
            return;
        }
        let (source, first) = bits.serve(self.rounding, x.len());
        let (height, _) = layout.shape.block(self.format.block);
        // Whole strips of blocks, of a few chunks.
        let strip = height.min(layout.rows) * layout.cols;
        let task = match layout.shape {
            // Blocks that are not cut at the end of a row can be cut apart anywhere.
            BlockShape::AlongRows if layout.cols.is_multiple_of(self.format.block) => {
                (8 * CHUNK).next_multiple_of(self.format.block)
            }
            _ => strip * (8 * CHUNK).div_ceil(strip),
        };
        let strips = Strips { quantizer: self, layout, tensor_scale, source: &source, first };
        par.for_each_chunk_with(out, task, Scratch::default, |scratch, i, out| {
            let start = i * task;
            strips.decode(scratch, &x[start..start + out.len()], start, out);
        });
    }
}

/// [`largest`], vectorised.
fn largest_finite(x: &[f32]) -> f32 {
    struct Largest<'a>(&'a [f32], &'a mut u32);
    impl Kernel for Largest<'_> {
        #[inline(always)]
        fn run(self) {
            *self.1 = self.0.iter().fold(0, |max, x| max.max(x.abs().to_bits()));
        }
    }
    let mut max = 0;
    dispatch_512(Largest(x, &mut max));
    let max = f32::from_bits(max);
    if max.is_finite() { max } else { largest(x) }
}

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    words: Vec<u32>,
    maxima: Vec<u32>,
    /// What elements are divided by, or multiplied with where that is exact: one for each element,
    /// or for each column of a strip.
    factors: Vec<f64>,
    /// s_b, as many.
    scales: Vec<f64>,
}

/// A matrix to convert.
struct Strips<'a, S> {
    quantizer: &'a BlockQuantizer,
    layout: BlockLayout,
    tensor_scale: f32,
    source: &'a S,
    first: u64,
}

impl<S: BitSource> Strips<'_, S> {
    /// Converts the elements from index `start` on: whole strips, or whole blocks along rows.
    fn decode(&self, scratch: &mut Scratch, x: &[f32], start: usize, out: &mut [f32]) {
        let BlockLayout { shape, cols, .. } = self.layout;
        let block = self.quantizer.format.block;
        if shape == BlockShape::AlongRows {
            let whole = cols.is_multiple_of(block);
            let chunk =
                if whole { CHUNK.next_multiple_of(block) } else { cols * (CHUNK / cols).max(1) };
            for (i, (x, out)) in x.chunks(chunk).zip(out.chunks_mut(chunk)).enumerate() {
                scratch.factors.clear();
                scratch.scales.clear();
                for row in x.chunks(if whole { chunk } else { cols }) {
                    for block in row.chunks(block) {
                        let (factor, scale) = self.scale(largest_bits(block));
                        let end = scratch.scales.len() + block.len();
                        scratch.factors.resize(end, factor);
                        scratch.scales.resize(end, scale);
                    }
                }
                self.convert(scratch, x, x.len(), start + i * chunk, out);
            }
            return;
        }
        let strip = block * cols;
        for (i, (x, out)) in x.chunks(strip).zip(out.chunks_mut(strip)).enumerate() {
            scratch.maxima.clear();
            scratch.maxima.resize(cols, 0);
            for row in x.chunks(cols) {
                dispatch_512(Maxima { row, maxima: &mut scratch.maxima });
            }
            scratch.factors.clear();
            scratch.scales.clear();
            let width = if shape == BlockShape::Square { block } else { 1 };
            for maxima in scratch.maxima.chunks(width) {
                let max = maxima.iter().copied().max().unwrap_or(0);
                let (factor, scale) = self.scale(f32::from_bits(max));
                let end = scratch.scales.len() + maxima.len();
                scratch.factors.resize(end, factor);
                scratch.scales.resize(end, scale);
            }
            let chunk = cols * (CHUNK / cols).max(1);
            for (j, (x, out)) in x.chunks(chunk).zip(out.chunks_mut(chunk)).enumerate() {
                self.convert(scratch, x, cols, start + i * strip + j * chunk, out);
            }
        }
    }

    /// What the elements of a block are divided by (multiplied with, if [`Self::multiplies`]), and
    /// the scale of the block. Both are NaN where the block is.
    fn scale(&self, max: f32) -> (f64, f64) {
        let quantizer = self.quantizer;
        let (rule, element) = (quantizer.scale_rule, quantizer.format.element);
        if !max.is_finite() {
            return (f64::NAN, f64::NAN);
        }
        if rule.scale() == BlockScale::PowerOfTwo {
            let exponent = if max == 0.0 { -127 } else { rule.exponent(element, max) };
            let shrink = if rule == ScaleRule::ScaledFloor { quantizer.shrink() } else { 1.0 };
            return (exp2(-exponent) * shrink, exp2(exponent));
        }
        let known = quantizer.tensor_scale.then_some(self.tensor_scale);
        let scale = Grid::e4m3_scale(scale::quotient(rule, element, quantizer.top, known, max));
        (scale * f64::from(self.tensor_scale), scale)
    }

    /// Converts elements from index `start` on; the scales hold for every `width` of them.
    fn convert(
        &self,
        scratch: &mut Scratch,
        x: &[f32],
        width: usize,
        start: usize,
        out: &mut [f32],
    ) {
        let Scratch { words, factors, scales, .. } = scratch;
        let first = self.first + start as u64;
        let rounding = self.quantizer.rounding;
        if rounding.is_stochastic() {
            words.resize(x.len(), 0);
            self.source.fill(first, words);
        }
        if let Rounding::StochasticBits(few) = rounding {
            words.iter_mut().for_each(|word| *word = few.carry_word(*word));
        }
        let rows = Rows { x, width, words, factors, scales };
        let grid = Grid::of(self.quantizer.format.element)
            .filter(|_| self.quantizer.scale_rule != ScaleRule::TorchaoInference);
        let decided = match (grid, rounding) {
            (Some(grid), Rounding::NearestTiesEven) => self.round(grid, Even, rows, out),
            (Some(grid), Rounding::Stochastic) => self.round(grid, Carry::<false, true>, rows, out),
            (Some(grid), Rounding::StochasticBits(few)) => {
                // Only the rule C compares more than its bits.
                match (few.fraction, few.variant) {
                    (Fraction::TwosComplement, StochasticVariant::C) => {
                        self.round(grid, Carry::<false, true>, rows, out)
                    }
                    (Fraction::TwosComplement, _) => {
                        self.round(grid, Carry::<false, false>, rows, out)
                    }
                    (Fraction::SignMagnitude, StochasticVariant::C) => {
                        self.round(grid, Carry::<true, true>, rows, out)
                    }
                    (Fraction::SignMagnitude, _) => {
                        self.round(grid, Carry::<true, false>, rows, out)
                    }
                }
            }
            _ => false,
        };
        if !decided {
            self.define(x, width, scales, first, out);
        }
    }

    /// Converts rows; whether all elements are decided.
    fn round<R: Rule>(&self, grid: Grid, rule: R, rows: Rows<'_>, out: &mut [f32]) -> bool {
        let mut undecided = 0;
        let Rows { x, width, words, factors, scales } = rows;
        let words = if R::RANDOM { words.chunks(width) } else { [].chunks(width) };
        let words = words.chain(std::iter::repeat(&[][..]));
        for ((x, words), out) in x.chunks(width).zip(words).zip(out.chunks_mut(width)) {
            let row = Row { grid, rule, x, words, factors, scales, out, undecided: &mut undecided };
            if self.quantizer.format.scale == BlockScale::PowerOfTwo {
                dispatch_512(Multiply(row));
            } else {
                dispatch_512(Divide(row));
            }
        }
        undecided == 0
    }

    /// The definition, element by element.
    fn define(&self, x: &[f32], width: usize, scales: &[f64], first: u64, out: &mut [f32]) {
        let quantizer = self.quantizer;
        for (i, (&x, out)) in x.iter().zip(out).enumerate() {
            let scale = scales[i % width];
            let y = quantizer.element(x, scale, self.tensor_scale);
            let code = quantizer.element_code(y, self.source, first + i as u64);
            *out = (scale * quantizer.format.element.decode(code)) as f32;
        }
    }
}

/// [`largest_of`] a short slice.
fn largest_bits(x: &[f32]) -> f32 {
    largest_of(x.iter().copied())
}

/// The largest magnitudes of columns, as bits.
struct Maxima<'a> {
    row: &'a [f32],
    maxima: &'a mut [u32],
}

impl Kernel for Maxima<'_> {
    #[inline(always)]
    fn run(self) {
        for (max, x) in self.maxima.iter_mut().zip(self.row) {
            *max = (*max).max(x.abs().to_bits());
        }
    }
}

/// Rows of `width` elements, the last one shorter if need be: words for each element if the rounding
/// draws any, scales for each of a row.
#[derive(Clone, Copy)]
struct Rows<'a> {
    x: &'a [f32],
    width: usize,
    words: &'a [u32],
    factors: &'a [f64],
    scales: &'a [f64],
}

/// Elements to convert, each with its scale.
struct Row<'a, R> {
    grid: Grid,
    rule: R,
    x: &'a [f32],
    words: &'a [u32],
    factors: &'a [f64],
    scales: &'a [f64],
    out: &'a mut [f32],
    undecided: &'a mut u64,
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
struct Multiply<'a, R>(Row<'a, R>);

impl<R: Rule> Kernel for Multiply<'_, R> {
    #[inline(always)]
    fn run(self) {
        self.0.run(|x, factor| x * factor);
    }
}

/// Elements x / factor.
struct Divide<'a, R>(Row<'a, R>);

impl<R: Rule> Kernel for Divide<'_, R> {
    #[inline(always)]
    fn run(self) {
        self.0.run(|x, divisor| x / divisor);
    }
}
