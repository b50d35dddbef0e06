//! Slices of f32 into a format and back: the values of the codes, without the codes.
//!
//! What [`Integers`] do not cover or decide goes through the [`Grid`], and what that leaves undecided by
//! way of its code.

use super::FloatQuantizer;
use super::grid::{Carry, Even, Grid, Rule, UNIT};
use super::integers::Integers;
use crate::draw::BitSource;
use crate::overflow::Overflow;
use crate::rounding::{Fraction, Rounding};
use crate::simd::{Kernel, dispatch_512};

/// Elements that are converted at a time.
const CHUNK: usize = 1024;

/// Replaces every element by its value in the format, element i with the bits of `first` + i.
pub(super) fn convert(
    quantizer: &FloatQuantizer,
    x: &mut [f32],
    source: &(impl BitSource + ?Sized),
    first: u64,
) {
    let mut words = [0; CHUNK];
    let mut values = [0.0; CHUNK];
    let grid = Grid::of_float(quantizer.format);
    let integers = Integers::of(quantizer);
    for (i, x) in x.chunks_mut(CHUNK).enumerate() {
        let first = first + (i * CHUNK) as u64;
        let (words, values) = (&mut words[..x.len()], &mut values[..x.len()]);
        values.copy_from_slice(x);
        let values = &*values;
        if quantizer.rounding.is_stochastic() {
            source.fill(first, words);
        }
        if integers.is_some_and(|integers| integers.convert(values, words, x)) {
            continue;
        }
        let decided = grid.is_some_and(|grid| {
            let rest = Rest::of(quantizer);
            match quantizer.rounding {
                Rounding::NearestTiesEven => run(grid, Even, rest, values, words, x),
                Rounding::Stochastic => run(grid, Carry::<false, true>, rest, values, words, x),
                Rounding::StochasticBits(few) => {
                    words.iter_mut().for_each(|word| *word = few.carry_word(*word));
                    if few.fraction == Fraction::SignMagnitude {
                        run(grid, Carry::<true, true>, rest, values, words, x)
                    } else {
                        run(grid, Carry::<false, true>, rest, values, words, x)
                    }
                }
                _ => false,
            }
        });
        if !decided {
            for ((out, &value), position) in x.iter_mut().zip(values).zip(first..) {
                let code = quantizer.code_at(value.into(), source, position);
                *out = quantizer.format.decode(code) as f32;
            }
        }
    }
}

/// What becomes of numbers beyond the grid.
#[derive(Clone, Copy)]
pub(super) struct Rest {
    /// Of a positive number above the largest.
    pub(super) over: f64,
    pub(super) infinity: f64,
    pub(super) nan: f64,
}

impl Rest {
    /// Where the rounding leads to infinity: to the nearest, and stochastic.
    pub(super) fn of(quantizer: &FloatQuantizer) -> Self {
        let format = quantizer.format;
        let over = match quantizer.overflow {
            Overflow::Propagate => format.decode(format.overflow_code(false)),
            _ => format.max(),
        };
        let infinity = match (quantizer.overflow, format.infinity_code()) {
            (Overflow::Saturate, Some(_)) => f64::INFINITY,
            _ => over,
        };
        Self { over, infinity, nan: if format.nan_code().is_some() { f64::NAN } else { 0.0 } }
    }
}

/// Whether all elements are decided.
fn run<R: Rule>(
    grid: Grid,
    rule: R,
    rest: Rest,
    values: &[f32],
    words: &[u32],
    out: &mut [f32],
) -> bool {
    let mut undecided = 0;
    dispatch_512(Convert { grid, rule, rest, values, words, out, undecided: &mut undecided });
    undecided == 0
}

struct Convert<'a, R> {
    grid: Grid,
    rule: R,
    rest: Rest,
    values: &'a [f32],
    words: &'a [u32],
    out: &'a mut [f32],
    undecided: &'a mut u64,
}

impl<R: Rule> Kernel for Convert<'_, R> {
    #[inline(always)]
    fn run(self) {
        let Self { grid, rule, rest, values, words, out, undecided } = self;
        let mut any = 0;
        for ((&x, &word), out) in values.iter().zip(words).zip(out) {
            let x = f64::from(x);
            let u = if R::RANDOM { f64::from(word) * UNIT } else { 0.0 };
            let (value, undecided) = grid.unbounded(x, rule, u);
            // What is not finite has no last place, and nothing to decide.
            any |= u64::from(undecided & x.is_finite());
            let value = if value.abs() > grid.max() { rest.over.copysign(x) } else { value };
            let value = if x.is_infinite() { rest.infinity.copysign(x) } else { value };
            let value = if x.is_nan() { rest.nan } else { value };
            // One NaN for all.
            *out = if value.is_nan() { f32::NAN } else { value as f32 };
        }
        *undecided |= any;
    }
}
