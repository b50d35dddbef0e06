//! [`BlockQuantizer::decode_into`]: the hot path, from f32 to the values of elements.

use super::format::BlockScale;
use super::kernels::{
    BlockMaxima, CarryWords, ColumnMaxima, Divide, E4m3Scales, Multiply, Row, SpreadWhole,
};
use super::nearest::{Constants, Nearest};
use super::quantizer::BlockQuantizer;
use super::scale::Largest;
use super::scale::ScaleRule;
use super::shape::{BlockLayout, BlockShape};
use crate::draw::{BitSource, Draw};
use crate::float::grid::{Carry, Even, Grid, Rule};
use crate::format::exp2;
use crate::par::Par;
use crate::rounding::{Fraction, Rounding, StochasticVariant};
use crate::simd::dispatch_512;
use crate::simd::vectors::dispatch_vectors;
use crate::slice::largest_finite;

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
        let tensor_scale = self.tensor_scale_for(x);
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
        let nearest = Nearest::of(self);
        let strips =
            Strips { quantizer: self, layout, tensor_scale, source: &source, first, nearest };
        par.for_each_chunk_with(out, task, Scratch::default, |scratch, i, out| {
            let start = i * task;
            strips.decode(scratch, &x[start..start + out.len()], start, out);
        });
    }
}

impl BlockQuantizer {
    /// t of a tensor.
    pub(super) fn tensor_scale_for(&self, x: &[f32]) -> f32 {
        if self.tensor_scale {
            self.tensor_scale_of(largest_finite(x))
        } else {
            self.fixed_tensor_scale()
        }
    }
}

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    words: Vec<u32>,
    /// Largest magnitudes of blocks or columns, as bits.
    maxima: Vec<u32>,
    /// What the elements of a block are divided by, or multiplied with where that is exact, and s_b.
    scales: Vec<(f64, f64)>,
    /// The same for each element, or for each column of a strip.
    spread: Spread,
    /// What takes the place of scales where elements are rounded in f32.
    constants: Constants,
}

/// What elements are multiplied with or divided by, and the scales of their blocks.
#[derive(Default)]
struct Spread {
    factors: Vec<f64>,
    scales: Vec<f64>,
}

impl Scratch {
    /// Repeats the scales of blocks of these lengths.
    fn spread(&mut self, lengths: impl Iterator<Item = usize>) {
        let Spread { factors, scales } = &mut self.spread;
        factors.clear();
        scales.clear();
        for (len, &(factor, scale)) in lengths.zip(&self.scales) {
            factors.extend(std::iter::repeat_n(factor, len));
            scales.extend(std::iter::repeat_n(scale, len));
        }
    }

    /// [`Self::spread`] of blocks of the same length, a multiple of 16, that fill `len` elements.
    fn spread_whole(&mut self, block: usize, len: usize) {
        let Self { spread: Spread { factors, scales }, scales: of_blocks, .. } = self;
        factors.resize(len, 0.0);
        scales.resize(len, 0.0);
        dispatch_512(SpreadWhole { of_blocks, block, factors, scales });
    }
}

/// A matrix to convert.
struct Strips<'a, S> {
    quantizer: &'a BlockQuantizer,
    layout: BlockLayout,
    tensor_scale: f32,
    source: &'a S,
    first: u64,
    /// How elements are rounded where f32 suffices.
    nearest: Option<Nearest>,
}

impl<S: BitSource> Strips<'_, S> {
    /// Converts the elements from index `start` on: whole strips, or whole blocks along rows.
    fn decode(&self, scratch: &mut Scratch, x: &[f32], start: usize, out: &mut [f32]) {
        let BlockLayout { shape, cols, .. } = self.layout;
        let block = self.quantizer.format.block;
        if shape == BlockShape::AlongRows {
            let whole = cols.is_multiple_of(block);
            let (chunk, row) = if whole {
                let chunk = CHUNK.next_multiple_of(block);
                (chunk, chunk)
            } else {
                (cols * (CHUNK / cols).max(1), cols)
            };
            for (i, (x, out)) in x.chunks(chunk).zip(out.chunks_mut(chunk)).enumerate() {
                scratch.maxima.resize(BlockMaxima::count(x.len(), row, block), 0);
                dispatch_vectors(BlockMaxima { x, row, block, maxima: &mut scratch.maxima });
                if let Some(nearest) = self.constants(scratch) {
                    nearest.blocks(&scratch.constants, x, (row, block), out);
                    continue;
                }
                self.scales(scratch);
                if block.is_multiple_of(16) && x.len().is_multiple_of(block) && whole {
                    scratch.spread_whole(block, x.len());
                } else {
                    let blocks = x.chunks(row).flat_map(|row| row.chunks(block));
                    scratch.spread(blocks.map(<[f32]>::len));
                }
                self.convert(scratch, x, x.len(), start + i * chunk, out);
            }
            return;
        }
        let strip = block * cols;
        for (i, (x, out)) in x.chunks(strip).zip(out.chunks_mut(strip)).enumerate() {
            scratch.maxima.resize(cols, 0);
            dispatch_vectors(ColumnMaxima { x, maxima: &mut scratch.maxima });
            if shape == BlockShape::Square {
                let maxima = scratch.maxima.chunks(block);
                let maxima = maxima.map(|maxima| maxima.iter().copied().max().unwrap_or(0));
                scratch.maxima = maxima.collect();
            }
            if let Some(nearest) = self.constants(scratch) {
                if shape == BlockShape::Square {
                    scratch.constants.stretch(block, cols);
                }
                nearest.columns(&scratch.constants, x, out);
                continue;
            }
            if shape == BlockShape::Square {
                self.scales(scratch);
                scratch.spread((0..cols).step_by(block).map(|left| block.min(cols - left)));
            } else {
                self.scales(scratch);
                scratch.spread(std::iter::repeat_n(1, cols));
            }
            let chunk = cols * (CHUNK / cols).max(1);
            for (j, (x, out)) in x.chunks(chunk).zip(out.chunks_mut(chunk)).enumerate() {
                self.convert(scratch, x, cols, start + i * strip + j * chunk, out);
            }
        }
    }

    /// From the maxima of blocks, their constants, if elements can be rounded in f32 and are finite.
    fn constants(&self, scratch: &mut Scratch) -> Option<Nearest> {
        let finite = |max: &u32| f32::from_bits(*max).is_finite();
        let nearest = self.nearest.filter(|_| scratch.maxima.iter().all(finite))?;
        let Scratch { maxima, constants, .. } = scratch;
        nearest.constants(self.quantizer, self.tensor_scale, maxima, constants);
        Some(nearest)
    }

    /// From the maxima of blocks, what their elements are multiplied with or divided by, and the
    /// scales. Both are NaN where the block is.
    fn scales(&self, scratch: &mut Scratch) {
        let Self { quantizer, tensor_scale, .. } = *self;
        let (rule, largest) = (quantizer.scale_rule, Largest::of(quantizer.format.element));
        let Scratch { maxima, scales, .. } = scratch;
        scales.clear();
        scales.resize(maxima.len(), (0.0, 0.0));
        if rule.scale() == BlockScale::PowerOfTwo {
            let shrink = if rule == ScaleRule::ScaledFloor { quantizer.shrink() } else { 1.0 };
            for (&max, scale) in maxima.iter().zip(scales) {
                let max = f32::from_bits(max);
                *scale = if max.is_finite() {
                    let exponent = if max == 0.0 { -127 } else { rule.exponent(largest, max) };
                    (exp2(-exponent) * shrink, exp2(exponent))
                } else {
                    (f64::NAN, f64::NAN)
                };
            }
            return;
        }
        let known = quantizer.tensor_scale.then_some(tensor_scale);
        let top = quantizer.top;
        dispatch_512(E4m3Scales { maxima, rule, largest, top, tensor_scale: known, scales });
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
        let Scratch { words, spread: Spread { factors, scales }, .. } = scratch;
        let first = self.first + start as u64;
        let rounding = self.quantizer.rounding;
        if rounding.is_stochastic() {
            words.resize(x.len(), 0);
            self.source.fill(first, words);
        }
        if let Rounding::StochasticBits(few) = rounding {
            dispatch_512(CarryWords { few, words });
        }
        let rows = Rows { x, width, words, factors, scales };
        let grid = self
            .quantizer
            .format
            .element
            .grid()
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
