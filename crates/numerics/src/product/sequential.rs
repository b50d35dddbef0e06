//! Sums in registers that depend on the order of additions: the definition, and a row kernel.
//!
//! The random bits of step t of element (i, j) are those at (i · steps + t) · columns + j of the
//! register's draw, whatever the blocking: a row of columns reads one run of words per step.

use super::accumulator::{Accumulator, Narrow, Register, Schedule};
use crate::draw::{BitSource, Draw, NoBits};
use crate::float::FloatQuantizer;
use crate::format::FixedFormat;
use crate::matrix::FixedView;
use crate::overflow::Overflow;
use crate::quantizer::Quantizer;
use crate::rounding::{ElementBits, Rounding, Split, round};
use crate::simd::{Kernel, dispatch};

/// The operands of sums that are computed row by row: A, and the rows of B widened.
pub(super) struct Rows<'a> {
    a: FixedView<'a>,
    b: Vec<i32>,
    b_max: u32,
    cols: usize,
    /// Where the random bits of row 0 begin.
    origin: u64,
}

/// The draw of a register, to be looked at again and again.
#[derive(Clone, Copy)]
pub(super) struct RegisterBits<'a> {
    pub(super) source: &'a (dyn BitSource + Sync),
    pub(super) first: u64,
    len: u64,
}

impl<'a> RegisterBits<'a> {
    pub(super) const NONE: Self = Self { source: &NoBits, first: 0, len: u64::MAX };

    pub(super) fn of<S: BitSource + Sync>(bits: Draw<&'a S>) -> Self {
        let (source, first, len) = bits.into_parts();
        Self { source, first, len }
    }

    #[track_caller]
    pub(super) fn assert_serves(&self, len: u128) {
        assert!(
            len <= u128::from(self.len),
            "a draw of {} positions does not serve the {len} roundings of a register",
            self.len
        );
    }
}

impl<'a> Rows<'a> {
    /// The operands; `origin` is the position of the random bits of row 0.
    pub(super) fn new(a: FixedView<'a>, b: &FixedView<'a>, origin: u64) -> Self {
        let codes = (0..b.nrows).flat_map(|k| (0..b.ncols).map(move |j| b.get(k, j)));
        Self { a, b: codes.collect(), b_max: b.codes.max_magnitude(), cols: b.ncols, origin }
    }

    /// The position of the random bits of rounding t of the first element of a row.
    fn position(&self, row: usize, steps: u64, t: u64) -> u64 {
        self.origin + (row as u64 * steps + t) * self.cols as u64
    }

    fn b_row(&self, k: usize) -> &[i32] {
        &self.b[k * self.cols..][..self.cols]
    }

    /// Replaces the biases in `sums`, row `row` of C, by what the register holds in the end.
    pub(super) fn accumulate(
        &self,
        accumulator: Accumulator,
        fraction_bits: i32,
        source: &(impl BitSource + ?Sized),
        row: usize,
        sums: &mut [i64],
    ) {
        match accumulator {
            Accumulator::Saturating { bits } => {
                let max = i64::MAX >> (64 - bits);
                sums.iter_mut().for_each(|z| *z = (*z).clamp(-max - 1, max));
                for k in 0..self.a.ncols {
                    let (a, b) = (self.a.get(row, k), self.b_row(k));
                    dispatch(SaturatingStep { a: i64::from(a), b, sums, max });
                }
            }
            Accumulator::FloatGemm => {
                let mut floats: Vec<f32> = sums.iter().map(|&z| z as f32).collect();
                for k in 0..self.a.ncols {
                    let a = self.a.get(row, k) as f32;
                    dispatch(FloatStep { a, b: self.b_row(k), sums: &mut floats });
                }
                // A sum of integers in f32 is an integer.
                sums.iter_mut().zip(floats).for_each(|(z, x)| *z = x as i64);
            }
            Accumulator::Narrow(Narrow {
                register: Register::Fixed(format),
                rounding,
                schedule: Schedule::EachChunk(chunk),
            }) => {
                let row = ChunkedRow { rows: self, format, rounding, chunk, fraction_bits, row };
                row.run(source, sums);
            }
            Accumulator::Narrow(narrow) => match FixedRow::new(self, narrow, fraction_bits, row) {
                Some(fast) => fast.run(source, sums),
                None => {
                    let mut wide: Vec<i128> = sums.iter().map(|&z| i128::from(z)).collect();
                    self.narrow_by_definition(narrow, fraction_bits, source, row, &mut wide);
                    // Fixed-point registers were refused where they could leave 64 bits.
                    let ends = |z: i128| z.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
                    sums.iter_mut().zip(wide).for_each(|(z, wide)| *z = ends(wide));
                }
            },
            Accumulator::Exact | Accumulator::Wrapping { .. } => {
                unreachable!("registers without an order take the exact sums")
            }
        }
    }

    /// [`Self::accumulate`] element by element and step by step.
    #[cfg(test)]
    pub(super) fn by_definition(
        &self,
        accumulator: Accumulator,
        fraction_bits: i32,
        source: &(impl BitSource + ?Sized),
        row: usize,
        sums: &mut [i128],
    ) {
        if let Accumulator::Narrow(narrow) = accumulator {
            return self.narrow_by_definition(narrow, fraction_bits, source, row, sums);
        }
        for (j, sum) in sums.iter_mut().enumerate() {
            let operands = (0..self.a.ncols).map(|k| (self.a.get(row, k), self.b_row(k)[j]));
            let products = operands.clone().map(|(a, b)| i128::from(a) * i128::from(b));
            *sum = match accumulator {
                Accumulator::Exact => *sum + products.sum::<i128>(),
                Accumulator::Wrapping { bits } => {
                    let wrap = |z: i128| z << (128 - bits) >> (128 - bits);
                    products.fold(wrap(*sum), |z, p| wrap(z + p))
                }
                Accumulator::Saturating { bits } => {
                    let end = 1i128 << (bits - 1);
                    let clamp = |z: i128| z.clamp(-end, end - 1);
                    products.fold(clamp(*sum), |z, p| clamp(z + p))
                }
                Accumulator::FloatGemm => {
                    operands.fold(*sum as f32, |z, (a, b)| z + a as f32 * b as f32) as i128
                }
                Accumulator::Narrow(_) => unreachable!("handled above"),
            };
        }
    }

    /// The definition of a narrow register, element by element.
    fn narrow_by_definition(
        &self,
        narrow: Narrow,
        fraction_bits: i32,
        source: &(impl BitSource + ?Sized),
        row: usize,
        sums: &mut [i128],
    ) {
        let steps = narrow.roundings(self.a.ncols);
        for (j, sum) in sums.iter_mut().enumerate() {
            let mut t = 0;
            let mut rounded = |sum: Exact| {
                let position = self.position(row, steps, t) + j as u64;
                t += 1;
                narrow.round(sum, fraction_bits, source, position)
            };
            let product =
                |k: usize| i128::from(self.a.get(row, k)) * i128::from(self.b[k * self.cols + j]);
            let mut register = narrow.load(*sum, fraction_bits);
            let inner = self.a.ncols;
            match narrow.schedule {
                Schedule::EachStep => {
                    for k in 0..inner {
                        register = rounded(register.plus(product(k)));
                    }
                }
                Schedule::EachChunk(chunk) => {
                    for start in (0..inner).step_by(chunk) {
                        let end = inner.min(start + chunk);
                        let exact: i128 = (start..end).map(product).sum();
                        register = rounded(register.plus(exact));
                    }
                }
                Schedule::ChunkBased(chunk) => {
                    for start in (0..inner).step_by(chunk) {
                        let mut inside = Exact::default();
                        for k in start..inner.min(start + chunk) {
                            inside = rounded(inside.plus(product(k)));
                        }
                        register = rounded(register.plus(inside.0));
                    }
                }
            }
            *sum = register.0;
        }
    }
}

/// A register's content in units of the products' last place, in which every register of this
/// module holds an integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Exact(i128);

impl Exact {
    fn plus(self, z: i128) -> Self {
        Self(self.0 + z)
    }
}

impl Narrow {
    /// The bias as the register takes it: by the same kind of rounding, without random bits.
    fn load(&self, bias: i128, fraction_bits: i32) -> Exact {
        let nearest = Self { rounding: Rounding::NearestTiesEven, ..*self };
        nearest.round(Exact(bias), fraction_bits, &NoBits, 0)
    }

    fn round(
        &self,
        sum: Exact,
        fraction_bits: i32,
        source: &(impl BitSource + ?Sized),
        position: u64,
    ) -> Exact {
        match self.register {
            Register::Fixed(format) => {
                let shift = fraction_bits - format.fl();
                let leading =
                    if self.rounding.is_stochastic() { source.word(position, 0) } else { 0 };
                let bits = ElementBits { leading, position, source };
                let code = round(Split::of_wide_integer(sum.0, shift), self.rounding, &bits);
                Exact(i128::from(format.saturate(code)) << shift)
            }
            Register::Float(format) => {
                let quantizer = FloatQuantizer {
                    format,
                    rounding: self.rounding,
                    overflow: Overflow::SaturateFinite,
                };
                Exact(quantizer.round_integer(sum.0, fraction_bits, source, position))
            }
        }
    }
}

/// A row in a fixed-point register, computed in 32 bits: since the register is on the grid,
///
/// ```text
/// R(s·2^n + p) = f + ⌊(r + offset) / 2^n⌋,   f = s + ⌊p / 2^n⌋,   r = p mod 2^n
/// ```
struct FixedRow<'a, 'b> {
    rows: &'a Rows<'b>,
    narrow: Narrow,
    format: FixedFormat,
    shift: u32,
    row: usize,
}

impl<'a, 'b> FixedRow<'a, 'b> {
    /// `None` if a number could exceed 32 bits or the rounding has no kernel.
    fn new(rows: &'a Rows<'b>, narrow: Narrow, fraction_bits: i32, row: usize) -> Option<Self> {
        let Register::Fixed(format) = narrow.register else { return None };
        let shift = fraction_bits - format.fl();
        let few = matches!(narrow.rounding, Rounding::StochasticBits(_));
        let product = u64::from(rows.a.codes.max_magnitude()) * u64::from(rows.b_max);
        // Then register + ⌊product / 2^shift⌋ + 1 stays below 2^31.
        let fits = shift <= 30 && product <= 1 << 30 && format.word_length() <= 30;
        (!few && fits).then_some(Self { rows, narrow, format, shift: shift.unsigned_abs(), row })
    }

    fn run(&self, source: &(impl BitSource + ?Sized), sums: &mut [i64]) {
        let (cols, inner) = (self.rows.cols, self.rows.a.ncols);
        let steps = self.narrow.roundings(inner);
        let mut words = vec![0; if self.narrow.rounding.is_stochastic() { cols } else { 0 }];
        let mut t = 0;
        let mut draw = |words: &mut [u32]| {
            if !words.is_empty() {
                source.fill(self.rows.position(self.row, steps, t), words);
            }
            t += 1;
        };
        let fraction_bits = self.format.fl() + self.shift as i32;
        let load =
            |&z: &i64| (self.narrow.load(i128::from(z), fraction_bits).0 >> self.shift) as i32;
        let mut register: Vec<i32> = sums.iter().map(load).collect();
        if let Schedule::ChunkBased(chunk) = self.narrow.schedule {
            let mut inside = vec![0i32; cols];
            for start in (0..inner).step_by(chunk) {
                inside.fill(0);
                for k in start..inner.min(start + chunk) {
                    draw(&mut words);
                    self.step(k, &mut inside, &words);
                }
                draw(&mut words);
                // Both are on the register's grid: their sum can only saturate.
                crate::slice::add_saturating(&mut register, &inside, self.format);
            }
        } else {
            for k in 0..inner {
                draw(&mut words);
                self.step(k, &mut register, &words);
            }
        }
        for (z, &code) in sums.iter_mut().zip(&register) {
            *z = i64::from(code) << self.shift;
        }
    }

    /// register ← R(register + a_ik · b_kj) for every column j.
    fn step(&self, k: usize, register: &mut [i32], words: &[u32]) {
        let (a, b) = (self.rows.a.get(self.row, k), self.rows.b_row(k));
        let shift = self.shift;
        let (min, max) = (self.format.min_code(), self.format.max_code());
        let step = RoundedStep { a, b, register, words, shift, min, max };
        if shift == 0 {
            return dispatch(step.with(|_, _| 0));
        }
        let half = 1i32 << (shift - 1);
        let mask = half | (half - 1);
        match self.narrow.rounding {
            Rounding::Down => dispatch(step.with(|_, _| 0)),
            Rounding::NearestTiesDown => dispatch(step.with(move |_, _| half - 1)),
            Rounding::NearestTiesEven => dispatch(step.with(move |f, _| half - 1 + (f & 1))),
            Rounding::NearestTiesAway => dispatch(step.with(move |f, _| half + (f >> 31))),
            Rounding::Up => dispatch(step.with(move |_, _| mask)),
            Rounding::TowardZero => dispatch(step.with(move |f, _| (f >> 31) & mask)),
            Rounding::ToOdd => dispatch(step.with(move |f, _| ((f & 1) - 1) & mask)),
            Rounding::Stochastic => dispatch(step.with(move |_, w| (w >> (32 - shift)) as i32)),
            Rounding::StochasticBits(_) => unreachable!("few random bits take the definition"),
        }
    }
}

/// register ← clamp(f + ⌊(r + offset(f, word)) / 2^shift⌋)
struct RoundedStep<'a> {
    a: i32,
    b: &'a [i32],
    register: &'a mut [i32],
    /// Empty if the rounding uses none.
    words: &'a [u32],
    shift: u32,
    min: i32,
    max: i32,
}

impl<'a> RoundedStep<'a> {
    fn with<F: Fn(i32, u32) -> i32>(self, offset: F) -> RoundedStepBy<'a, F> {
        RoundedStepBy { step: self, offset }
    }
}

struct RoundedStepBy<'a, F> {
    step: RoundedStep<'a>,
    offset: F,
}

impl<F: Fn(i32, u32) -> i32> Kernel for RoundedStepBy<'_, F> {
    #[inline(always)]
    fn run(self) {
        let Self { step: RoundedStep { a, b, register, words, shift, min, max }, offset } = self;
        let mask = (1i32 << shift) - 1;
        let next = |s: i32, b: i32, word: u32| {
            let p = a * b;
            let f = s + (p >> shift);
            (f + (((p & mask) + offset(f, word)) >> shift)).max(min).min(max)
        };
        if words.is_empty() {
            for (s, &b) in register.iter_mut().zip(b) {
                *s = next(*s, b, 0);
            }
        } else {
            for ((s, &b), &word) in register.iter_mut().zip(b).zip(words) {
                *s = next(*s, b, word);
            }
        }
    }
}

/// A row in a fixed-point register into which whole chunks are rounded.
struct ChunkedRow<'a, 'b> {
    rows: &'a Rows<'b>,
    format: FixedFormat,
    rounding: Rounding,
    chunk: usize,
    fraction_bits: i32,
    row: usize,
}

impl ChunkedRow<'_, '_> {
    fn run(&self, source: &(impl BitSource + ?Sized), sums: &mut [i64]) {
        let (cols, inner) = (self.rows.cols, self.rows.a.ncols);
        let quantizer = Quantizer::new(self.format, self.rounding);
        let nearest = Quantizer { rounding: Rounding::NearestTiesEven, ..quantizer };
        let shift = self.fraction_bits - self.format.fl();
        let mut codes = vec![0i32; cols];
        nearest.quantize_sums(sums, self.fraction_bits, Draw::none(), &mut codes);
        let steps = inner.div_ceil(self.chunk) as u64;
        for (t, start) in (0..inner).step_by(self.chunk).enumerate() {
            for (z, &code) in sums.iter_mut().zip(&codes) {
                *z = i64::from(code) << shift;
            }
            for k in start..inner.min(start + self.chunk) {
                let a = i64::from(self.rows.a.get(self.row, k));
                dispatch(ExactStep { a, b: self.rows.b_row(k), sums });
            }
            let bits = Draw::new(source, self.rows.position(self.row, steps, t as u64));
            quantizer.quantize_sums(sums, self.fraction_bits, bits, &mut codes);
        }
        for (z, &code) in sums.iter_mut().zip(&codes) {
            *z = i64::from(code) << shift;
        }
    }
}

struct ExactStep<'a> {
    a: i64,
    b: &'a [i32],
    sums: &'a mut [i64],
}

impl Kernel for ExactStep<'_> {
    #[inline(always)]
    fn run(self) {
        for (z, &b) in self.sums.iter_mut().zip(self.b) {
            *z += self.a * i64::from(b);
        }
    }
}

struct SaturatingStep<'a> {
    a: i64,
    b: &'a [i32],
    sums: &'a mut [i64],
    max: i64,
}

impl Kernel for SaturatingStep<'_> {
    #[inline(always)]
    fn run(self) {
        for (z, &b) in self.sums.iter_mut().zip(self.b) {
            // Both terms are below 2^62 in magnitude.
            *z = (*z + self.a * i64::from(b)).clamp(-self.max - 1, self.max);
        }
    }
}

struct FloatStep<'a> {
    a: f32,
    b: &'a [i32],
    sums: &'a mut [f32],
}

impl Kernel for FloatStep<'_> {
    #[inline(always)]
    fn run(self) {
        for (s, &b) in self.sums.iter_mut().zip(self.b) {
            *s += self.a * b as f32;
        }
    }
}
