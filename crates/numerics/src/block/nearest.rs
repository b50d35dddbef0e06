//! Rounding to nearest in f32, with the bits of [`Grid`] in f64.
//!
//! Two kinds of blocks need no more than f32, and then twice as many elements fit a vector and none is
//! divided:
//!
//! 1. Under a power of two, x / s_b is exact but where it is subnormal, far below half of the smallest
//!    element. Adding 1.5 · 2²³ last places rounds to a multiple of the last place, ties to even, and
//!    subtracting them is exact.
//! 2. E2M1 under a scale f = t · s_b has eight magnitudes, and |x| / f rounds to the sum of the steps at
//!    the boundaries below: Σ step · [|x| > T·f]. x has 24 bits and T·f at most 31, so that a quotient
//!    in f64 lies on the side of T on which x lies of T·f; and an f32 is above T·f if and only if it is
//!    above the f32 below.

use super::format::Element;
use super::quantizer::BlockQuantizer;
use super::scale::{Largest, ScaleRule};
use crate::float::FloatFormat;
use crate::float::grid::Grid;
use crate::rounding::Rounding;
use crate::simd::vectors::{VectorKernel, Vectors, dispatch_vectors};
use crate::simd::{Kernel, dispatch_512};

/// How elements of a block become elements of the format, given some constants of the block.
trait Round<const N: usize>: Copy {
    /// The values of the elements that x becomes.
    fn round<V: Vectors>(self, v: V, x: V::F32, block: [V::F32; N]) -> V::F32;
}

/// The nearest elements, ties to even, as a quantizer wants them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Nearest {
    /// Under powers of two.
    Places(Places),
    /// E2M1 under E4M3.
    Steps,
}

impl Nearest {
    /// What does for the quantizer, if anything does.
    pub(super) fn of(quantizer: &BlockQuantizer) -> Option<Self> {
        let element = quantizer.format.element;
        let nearest = quantizer.rounding == Rounding::NearestTiesEven;
        match quantizer.scale_rule {
            _ if !nearest => None,
            ScaleRule::Floor | ScaleRule::Ceil | ScaleRule::Even | ScaleRule::Rceil => {
                Places::of(element).map(Self::Places)
            }
            ScaleRule::Nearest => {
                (element == Element::Float(FloatFormat::E2M1)).then_some(Self::Steps)
            }
            ScaleRule::ScaledFloor | ScaleRule::TorchaoInference => None,
        }
    }

    /// Writes the constants of blocks with these largest magnitudes, as bits, all finite.
    pub(super) fn constants(
        self,
        quantizer: &BlockQuantizer,
        tensor_scale: f32,
        maxima: &[u32],
        constants: &mut Constants,
    ) {
        match self {
            Self::Places(_) => {
                let (rule, largest) = (quantizer.scale_rule, Largest::of(quantizer.format.element));
                let [inverses, scales, ..] = constants.resized(2, maxima.len());
                dispatch_512(Powers { rule, largest, maxima, inverses, scales });
            }
            Self::Steps => {
                let top = quantizer.top.of(quantizer.format.element.largest());
                let of = constants.resized(STEPS.len() + 1, maxima.len());
                dispatch_512(Boundaries { top, tensor_scale: tensor_scale.into(), maxima, of });
            }
        }
    }

    /// Rounds blocks of neighbours, each with its constants: of each row of `row` elements the last one
    /// is shorter if need be.
    pub(super) fn blocks(
        self,
        constants: &Constants,
        x: &[f32],
        (row, block): (usize, usize),
        out: &mut [f32],
    ) {
        match self {
            Self::Places(round) => {
                dispatch_vectors(Blocks {
                    round,
                    constants: constants.first(),
                    x,
                    row,
                    block,
                    out,
                });
            }
            Self::Steps => {
                let round = Steps;
                dispatch_vectors(Blocks {
                    round,
                    constants: constants.first(),
                    x,
                    row,
                    block,
                    out,
                });
            }
        }
    }

    /// Rounds rows as long as there are constants, one set for each column.
    pub(super) fn columns(self, constants: &Constants, x: &[f32], out: &mut [f32]) {
        match self {
            Self::Places(round) => {
                dispatch_vectors(Columns { round, constants: constants.first(), x, out });
            }
            Self::Steps => {
                dispatch_vectors(Columns { round: Steps, constants: constants.first(), x, out });
            }
        }
    }
}

/// Constants of blocks, those of one kind after another.
#[derive(Default)]
pub(super) struct Constants {
    of: [Vec<f32>; STEPS.len() + 1],
}

impl Constants {
    fn resized(&mut self, kinds: usize, len: usize) -> [&mut [f32]; STEPS.len() + 1] {
        let mut kind = 0;
        self.of.each_mut().map(|constants| {
            constants.resize(if kind < kinds { len } else { 0 }, 0.0);
            kind += 1;
            &mut constants[..]
        })
    }

    fn first<const N: usize>(&self) -> [&[f32]; N] {
        std::array::from_fn(|kind| &self.of[kind][..])
    }

    /// Repeats each constant `len` times, up to `total`.
    pub(super) fn stretch(&mut self, len: usize, total: usize) {
        for constants in self.of.iter_mut().filter(|constants| !constants.is_empty()) {
            *constants = (0..total).map(|i| constants[i / len]).collect();
        }
    }
}

/// The last places of elements under powers of two. The constants of a block are 1 / s_b and s_b.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// The exponent field of the lowest binade, whose last place is that of all numbers below.
    min_field: u32,
    /// From the exponent field of a number to 1.5 · 2²³ of its last places.
    to_shifter: u32,
    max: f32,
    /// The bit of the sign, if zero has one.
    sign: u32,
}

impl Places {
    fn of(element: Element) -> Option<Self> {
        // 1.5, whose last place is 2^−23.
        const HALF: u32 = 1 << 22;
        match element {
            Element::Float(format) => {
                let (min_exponent, bits) = (format.min_exponent(), format.mantissa_bits());
                let fits = (-60..=60).contains(&min_exponent) && (1..=20).contains(&bits);
                let max = format.max();
                (fits && format.is_signed() && max.is_finite() && max < 2.0f64.powi(60)).then_some(
                    Self {
                        min_field: ((min_exponent + 127) as u32) << 23,
                        to_shifter: ((23 - bits) << 23) + HALF,
                        max: max as f32,
                        sign: u32::from(format.has_negative_zero()) << 31,
                    },
                )
            }
            Element::Fixed(format) => {
                // All numbers lie below this exponent.
                let high = 24 - format.fl();
                Some(Self {
                    min_field: ((high + 127) as u32) << 23,
                    to_shifter: HALF.wrapping_sub(1 << 23),
                    max: format.max() as f32,
                    sign: 0,
                })
            }
        }
    }
}

impl Round<2> for Places {
    #[inline(always)]
    fn round<V: Vectors>(self, v: V, x: V::F32, [inverse, scale]: [V::F32; 2]) -> V::F32 {
        let y = v.mul(x, inverse);
        let lowest = v.splat(f32::from_bits(self.min_field));
        let field = v.max_of_bits(v.and_bits(y, 0x7f80_0000), lowest);
        let shifter = v.add_to_bits(field, self.to_shifter);
        let value = v.sub(v.add(y, shifter), shifter);
        let value = v.max(v.min(value, v.splat(self.max)), v.splat(-self.max));
        v.or(v.mul(value, scale), v.and_bits(x, self.sign))
    }
}

/// Magnitudes of E2M1 as steps of half a unit of its scale, by the boundaries below them. The constants
/// of a block are T·f, rounded down, for each boundary, and half a unit.
#[derive(Clone, Copy, Debug)]
struct Steps;

/// Boundary in units of the scale, steps that lie at it, and whether the boundary itself is below it:
/// ties go to even.
const STEPS: [(f64, u32, bool); 7] = [
    (0.25, 1, true),
    (0.75, 1, false),
    (1.25, 1, true),
    (1.75, 1, false),
    (2.5, 2, true),
    (3.5, 2, false),
    (5.0, 4, true),
];

impl Round<{ STEPS.len() + 1 }> for Steps {
    #[inline(always)]
    fn round<V: Vectors>(self, v: V, x: V::F32, block: [V::F32; STEPS.len() + 1]) -> V::F32 {
        let [boundaries @ .., half] = block;
        let magnitude = v.and_bits(x, !SIGN);
        let [one, two, four] = {
            let two = v.add(half, half);
            [half, two, v.add(two, two)]
        };
        let mut sum = v.splat(0.0);
        for (boundary, (_, steps, _)) in boundaries.into_iter().zip(STEPS) {
            let step = match steps {
                1 => one,
                2 => two,
                _ => four,
            };
            sum = v.add_where(sum, step, magnitude, boundary);
        }
        v.or(sum, v.and_bits(x, SIGN))
    }
}

/// The bit of a sign.
const SIGN: u32 = 1 << 31;

/// 1 / s_b and s_b of blocks under powers of two.
struct Powers<'a> {
    rule: ScaleRule,
    largest: Largest,
    maxima: &'a [u32],
    inverses: &'a mut [f32],
    scales: &'a mut [f32],
}

impl Powers<'_> {
    #[inline(always)]
    fn by(self, rule: ScaleRule) {
        /// 2^e for e in −127..=127.
        #[inline(always)]
        fn power(e: i32) -> f32 {
            f32::from_bits(if e == -127 { 1 << 22 } else { ((e + 127) as u32) << 23 })
        }
        let scales = self.inverses.iter_mut().zip(self.scales);
        for (&max, (inverse, scale)) in self.maxima.iter().zip(scales) {
            let exponent = rule.exponent(self.largest, f32::from_bits(max));
            // Of a block of zeros any scale will do.
            (*inverse, *scale) = (power(-exponent), power(exponent));
        }
    }
}

impl Kernel for Powers<'_> {
    #[inline(always)]
    fn run(self) {
        // One loop for each rule, so that none asks which it is.
        match self.rule {
            ScaleRule::Floor => self.by(ScaleRule::Floor),
            ScaleRule::Ceil => self.by(ScaleRule::Ceil),
            ScaleRule::Even => self.by(ScaleRule::Even),
            _ => self.by(ScaleRule::Rceil),
        }
    }
}

/// The boundaries of [`Steps`], from the largest magnitudes of blocks.
struct Boundaries<'a> {
    top: f64,
    /// 1 where there is none: the same numbers.
    tensor_scale: f64,
    maxima: &'a [u32],
    of: [&'a mut [f32]; STEPS.len() + 1],
}

impl Kernel for Boundaries<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { top, tensor_scale, maxima, of } = self;
        let [boundaries @ .., halves] = of;
        for (half, &max) in halves.iter_mut().zip(maxima) {
            let quotient = f64::from(f32::from_bits(max)) / top / tensor_scale;
            *half = (0.5 * Grid::e4m3_scale(quotient)) as f32;
        }
        for (of_blocks, (boundary, _, below)) in boundaries.into_iter().zip(STEPS) {
            for (out, &half) in of_blocks.iter_mut().zip(&*halves) {
                let exact = boundary * (2.0 * f64::from(half) * tensor_scale);
                let nearest = exact as f32;
                let nearest_exact = f64::from(nearest);
                // Positive, so that the number before has the bits before.
                let above = if below { nearest_exact > exact } else { nearest_exact >= exact };
                *out = f32::from_bits(nearest.to_bits() - u32::from(above));
            }
        }
    }
}

/// Blocks of neighbours.
struct Blocks<'a, R, const N: usize> {
    round: R,
    constants: [&'a [f32]; N],
    x: &'a [f32],
    row: usize,
    block: usize,
    out: &'a mut [f32],
}

impl<R: Round<N>, const N: usize> VectorKernel for Blocks<'_, R, N> {
    #[inline(always)]
    fn run<V: Vectors>(self, v: V) {
        let Self { round, constants, x, row, block, out } = self;
        let mut index = 0;
        for (x, out) in x.chunks(row).zip(out.chunks_mut(row)) {
            for (x, out) in x.chunks(block).zip(out.chunks_mut(block)) {
                // Loops, for closures of arrays are not compiled for these vectors.
                let mut of_block = [v.splat(0.0); N];
                for (constant, of_blocks) in of_block.iter_mut().zip(constants) {
                    *constant = v.splat(of_blocks[index]);
                }
                for (x, out) in x.chunks(V::LANES).zip(out.chunks_mut(V::LANES)) {
                    v.store(round.round(v, v.load(x), of_block), out);
                }
                index += 1;
            }
        }
    }
}

/// Rows of elements whose constants stand in columns.
struct Columns<'a, R, const N: usize> {
    round: R,
    constants: [&'a [f32]; N],
    x: &'a [f32],
    out: &'a mut [f32],
}

impl<R: Round<N>, const N: usize> VectorKernel for Columns<'_, R, N> {
    #[inline(always)]
    fn run<V: Vectors>(self, v: V) {
        let Self { round, constants, x, out } = self;
        let cols = constants[0].len();
        // Some columns from the first row to the last, whose constants stay in registers.
        for left in (0..cols).step_by(V::LANES) {
            let columns = left..(left + V::LANES).min(cols);
            let mut of_columns = [v.splat(0.0); N];
            for (constants, all) in of_columns.iter_mut().zip(constants) {
                *constants = v.load(&all[columns.clone()]);
            }
            for (x, out) in x.chunks_exact(cols).zip(out.chunks_exact_mut(cols)) {
                let rounded = round.round(v, v.load(&x[columns.clone()]), of_columns);
                v.store(rounded, &mut out[columns.clone()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use crate::simd::Level;
    use crate::simd::vectors::dispatch_at;

    /// Whatever vectors the processor has, the bits are the same.
    #[test]
    fn all_kinds_of_vectors_give_the_same_bits() {
        const COLS: usize = 43;
        let mut x = vec![0.0; 16 * COLS];
        Seed::new(9).stream().fill_gaussian(0, &mut x);
        let constants: [Vec<f32>; 8] = std::array::from_fn(|kind| {
            (0..x.len()).map(|i| 0.3 * kind as f32 + (i % 7) as f32 * 0.01).collect()
        });
        let first = |len: usize| constants.each_ref().map(|constants| &constants[..len]);
        let of = |level: Level| {
            let (mut blocks, mut columns) = (vec![1.0; x.len()], vec![1.0; x.len()]);
            let (constants, round, x) = (first(x.len()), Steps, &x[..]);
            let (row, block) = (COLS, 16);
            dispatch_at(level, Blocks { round, constants, x, row, block, out: &mut blocks });
            dispatch_at(level, Columns { round, constants: first(COLS), x, out: &mut columns });
            [blocks, columns].concat().into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let levels: Vec<Vec<u32>> = Level::all().map(of).collect();
        assert!(levels.iter().all(|bits| *bits == levels[0]));
    }
}
