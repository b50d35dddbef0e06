//! [`Product`]: the exact product of two fixed-point matrices, with one Convert per element.
//!
//! ```text
//! z_ij = b_j + Σ_k a_ik · b_kj     exact, in units of 2^−(FL_a + FL_b)
//! c_ij = Convert(z_ij)             one rounding, one saturation
//! ```
//!
//! Every partial product is exact, the sum is exact, and the bias is added inside the sum before its
//! only rounding. A sum has 64 bits: 2^33 − 1 terms of 16-bit words, 2^17 − 1 of 24-bit ones, and
//! what the codes at hand allow of longer ones; a product whose sums might not fit is refused.
//!
//! Source: [Gupta15 §3.2].
//!
//! How it is computed: words of up to 16 bits are multiplied in pairs into 32-bit sums. Packing
//! measures the Euclidean norm of every row and column; where |row| · |column| < 2^31 no sum can
//! overflow (Cauchy–Schwarz), so all stay in 32 bits, epilogue included. Else they are flushed into
//! 64-bit ones after every chunk, and where even a chunk may overflow, a coarse second sum tells the
//! upper bits. Words of up to 24 bits are two limbs that take the same way, and 8-bit words go in
//! fours where the processor can. So the result is exact whatever the operands are, and fast for
//! those that occur. Products with longer words are computed plainly, term by term.
//!
//! [`Accumulator`] replaces the exact sum by that of a narrower register; scales multiply it.

mod accumulator;
mod buffer;
mod exact;
mod kernel;
mod naive;
mod pack;
mod scale;
mod sequential;
mod sums;
#[cfg(test)]
mod tests;

use crate::code::{Code, Codes, each_width};
use crate::draw::{BitSource, Draw};
use crate::error::ParameterError;
use crate::format::FixedFormat;
use crate::matrix::{FixedMatrix, FixedView, area};
use crate::par::Par;
use crate::quantizer::Quantizer;
use crate::sum::Sum;

use accumulator::Terms;
pub use accumulator::{Accumulator, Narrow, Register, Schedule};
use buffer::Sums;
use scale::Scales;
use sequential::RegisterBits;

/// A product A·B (+ bias) that has yet to be told what becomes of its exact sums.
///
/// # Examples
///
/// ```
/// use numerics::{Draw, FixedMatrix, Product, Quantizer, Rounding};
///
/// let nearest = Quantizer::new("<2,14>".parse()?, Rounding::NearestTiesDown);
/// let matrix = |x: &[f32], rows, cols| FixedMatrix::quantize(x, rows, cols, nearest, Draw::none());
/// let a = matrix(&[0.5, -0.25, 1.0, 1.5, 0.0, 0.125], 2, 3);
/// let b = matrix(&[1.0, 0.5, 0.5, 1.0, 0.25, -1.0], 3, 2);
/// let c = Product::new(a.view(), b.view()).convert(nearest, Draw::none());
/// assert_eq!(c.to_f32(), [0.625, -1.0, 1.53125, 0.625]);
/// # Ok::<(), numerics::FormatError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Product<'a> {
    a: FixedView<'a>,
    b: FixedView<'a>,
    bias: Option<(&'a Codes, u32)>,
    first_row: u64,
    accumulator: Accumulator,
    register_bits: RegisterBits<'a>,
    scales: Scales<'a>,
    par: Par,
}

impl std::fmt::Debug for Product<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shape = |view: &FixedView<'_>| format!("{} {}x{}", view.format, view.nrows, view.ncols);
        f.debug_struct("Product")
            .field("a", &shape(&self.a))
            .field("b", &shape(&self.b))
            .field("bias", &self.bias.is_some())
            .field("accumulator", &self.accumulator)
            .field("par", &self.par)
            .finish_non_exhaustive()
    }
}

impl<'a> Product<'a> {
    /// The product of `a` (rows, inner) and `b` (inner, columns).
    ///
    /// # Panics
    ///
    /// If the inner dimensions differ.
    #[track_caller]
    pub fn new(a: FixedView<'a>, b: FixedView<'a>) -> Self {
        assert_eq!(
            a.ncols, b.nrows,
            "cannot multiply {} × {} by {} × {}: inner dimensions differ",
            a.nrows, a.ncols, b.nrows, b.ncols
        );
        Self {
            a,
            b,
            bias: None,
            first_row: 0,
            accumulator: Accumulator::Exact,
            register_bits: RegisterBits::NONE,
            scales: Scales::default(),
            par: Par::Seq,
        }
    }

    /// Adds a row of biases, one per column, inside the exact sum.
    ///
    /// # Panics
    ///
    /// If their number is not that of the columns, or if the bias format has more fractional bits
    /// than the products have (then it cannot be added exactly), or more than 31 fewer.
    #[track_caller]
    #[must_use]
    pub fn bias(self, codes: &'a Codes, format: FixedFormat) -> Self {
        assert_eq!(
            codes.len(),
            self.b.ncols,
            "{} biases for {} columns",
            codes.len(),
            self.b.ncols
        );
        let shift = self.fraction_bits() - format.fl();
        assert!(
            (0..=31).contains(&shift),
            "a bias in {format} cannot be added inside products with {} fractional bits",
            self.fraction_bits()
        );
        Self { bias: Some((codes, shift.unsigned_abs())), ..self }
    }

    /// Says that row 0 is row `first` of a larger product: its rows have the random bits that they have
    /// there. Given the same draws, a product that is cut into blocks of rows rounds like the whole
    /// one, in its registers and in its conversion.
    ///
    /// # Examples
    ///
    /// ```
    /// use numerics::{BitSource, CodesRef, FixedView, Product, Quantizer, Rounding, Seed};
    ///
    /// let format = "<2,6>".parse()?;
    /// let quantizer = Quantizer::new(format, Rounding::Stochastic);
    /// let (a, b) = ([17i8, -90, 33, 101, 5, -71], [40i8, -3]);
    /// let rows = |a| FixedView::new(CodesRef::I8(a), format, a.len() / 2, 2);
    /// let b = FixedView::new(CodesRef::I8(&b), format, 2, 1);
    /// let bits = Seed::new(2015).child("c").stream();
    /// let whole = Product::new(rows(&a), b).convert(quantizer, bits.at(0));
    /// let last = Product::new(rows(&a[4..]), b).first_row(2).convert(quantizer, bits.at(0));
    /// assert_eq!(last.get(0, 0), whole.get(2, 0));
    /// # Ok::<(), numerics::FormatError>(())
    /// ```
    #[must_use]
    pub fn first_row(self, first: u64) -> Self {
        Self { first_row: first, ..self }
    }

    /// Adds up in a register of the given kind instead of exactly.
    ///
    /// `bits` are those of a register that rounds stochastically: rounding t of element (i, j) has
    /// the one at (i · roundings per element + t) · columns + j, rows counted from
    /// [`Self::first_row`].
    ///
    /// # Panics
    ///
    /// If [`Self::check_accumulator`] refuses the register.
    #[track_caller]
    #[must_use]
    pub fn accumulator<S: BitSource + Sync>(
        self,
        accumulator: Accumulator,
        bits: Draw<&'a S>,
    ) -> Self {
        if let Err(error) = self.check_accumulator(accumulator) {
            panic!("{error}");
        }
        if let Accumulator::Narrow(narrow) = accumulator {
            bits.assert_suits(narrow.rounding);
        }
        Self { accumulator, register_bits: RegisterBits::of(bits), ..self }
    }

    /// Whether [`Self::accumulator`] takes this register.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] as [`Accumulator::check`], and if the register has more fractional bits than
    /// the products, or is so wide that its numbers or their sums with products leave 64 bits.
    pub fn check_accumulator(&self, accumulator: Accumulator) -> Result<(), ParameterError> {
        accumulator.check_for(&Terms {
            fraction_bits: self.fraction_bits(),
            inner: self.a.ncols,
            largest: [self.a, self.b]
                .map(|view| view.codes.max_magnitude().into())
                .iter()
                .product(),
        })
    }

    /// Multiplies row i of the sums by `scales[i]`, exactly, before the conversion.
    ///
    /// # Panics
    ///
    /// If there is not one finite scale for each row.
    #[track_caller]
    #[must_use]
    pub fn scale_rows(self, scales: &'a [f32]) -> Self {
        let rows = Scales::check(scales, self.a.nrows, "rows");
        Self { scales: Scales { rows, ..self.scales }, ..self }
    }

    /// Multiplies column j of the sums by `scales[j]`, exactly, before the conversion.
    ///
    /// # Panics
    ///
    /// If there is not one finite scale for each column.
    #[track_caller]
    #[must_use]
    pub fn scale_cols(self, scales: &'a [f32]) -> Self {
        let cols = Scales::check(scales, self.b.ncols, "columns");
        Self { scales: Scales { cols, ..self.scales }, ..self }
    }

    /// Lets the product use threads.
    #[must_use]
    pub fn par(self, par: Par) -> Self {
        Self { par, ..self }
    }

    /// Fractional bits of the exact sums: FL_a + FL_b.
    pub fn fraction_bits(&self) -> i32 {
        self.a.format.fl() + self.b.format.fl()
    }

    /// Converts every sum; element (i, j) has the random bits i · columns + j of the draw, rows counted
    /// from [`Self::first_row`].
    ///
    /// # Panics
    ///
    /// If fewer bits are dropped than the rounding has random bits, or if a sum may not fit 64 bits
    /// and the accumulator is none that cares for it ([`Accumulator::Wrapping`],
    /// [`Accumulator::Saturating`]).
    #[track_caller]
    pub fn convert(&self, quantizer: Quantizer, bits: Draw<impl BitSource + Sync>) -> FixedMatrix {
        let mut c = FixedMatrix::zeros(quantizer.format, self.a.nrows, self.b.ncols);
        each_width!(c.codes_mut(), out => self.convert_codes(quantizer, bits, out));
        c
    }

    #[track_caller]
    fn convert_codes<C: Code>(
        &self,
        quantizer: Quantizer,
        bits: Draw<impl BitSource + Sync>,
        out: &mut [C],
    ) {
        self.assert_conversion(quantizer);
        bits.assert_suits(quantizer.rounding);
        let bits = &self.bits_of_rows(bits);
        self.for_each_block(self.headroom(quantizer), out, |first, sums, out| match sums {
            Sums::Narrow(sums) => self.convert_block(quantizer, bits, first, sums, out),
            Sums::Wide(sums) => self.convert_block(quantizer, bits, first, sums, out),
        });
    }

    /// The source and the position of the product's first element, of all the draw's.
    #[track_caller]
    fn bits_of_rows<S: BitSource>(&self, bits: Draw<S>) -> (S, u64) {
        let cols = self.b.ncols as u128;
        bits.assert_serves((u128::from(self.first_row) + self.a.nrows as u128) * cols);
        let (source, first, _) = bits.skip(self.first_row * self.b.ncols as u64).into_parts();
        (source, first)
    }

    /// Refuses a conversion at the caller's line that the epilogue would refuse on another thread.
    #[track_caller]
    fn assert_conversion(&self, quantizer: Quantizer) {
        self.assert_possible();
        quantizer.assert_possible();
        if self.scales.is_one() {
            quantizer.assert_random_bits(self.fraction_bits() - quantizer.format.fl());
        }
    }

    /// The headroom that the conversion of 32-bit sums needs; `None` if it takes 64-bit ones.
    fn headroom(&self, quantizer: Quantizer) -> Option<u32> {
        if self.scales.is_one() { quantizer.headroom(self.fraction_bits()) } else { None }
    }

    fn convert_block<Z: Sum, C: Code>(
        &self,
        quantizer: Quantizer,
        (source, origin): &(impl BitSource, u64),
        first: u64,
        sums: &[Z],
        out: &mut [C],
    ) {
        let fraction_bits = self.fraction_bits();
        if self.scales.is_one() {
            let first = origin + first;
            quantizer.convert_sums(sums, fraction_bits, source, first, out);
            return;
        }
        let shift = fraction_bits - quantizer.format.fl();
        for ((z, out), index) in sums.iter().zip(out).zip(first..) {
            let position = origin + index;
            let scaled = self.scales.apply(z.to_i64(), index, self.b.ncols);
            let wraps = quantizer.wraps();
            let split = if wraps { scaled.split_modulo(shift) } else { scaled.split(shift) };
            *out = C::from_i32(quantizer.finish(split, source, position));
        }
    }

    /// Converts every sum and writes the values as f32, which holds words of 24 bits exactly.
    ///
    /// # Panics
    ///
    /// If `out` does not hold rows · columns elements, and as [`Self::convert`].
    #[track_caller]
    pub fn convert_to_f32(
        &self,
        quantizer: Quantizer,
        bits: Draw<impl BitSource + Sync>,
        out: &mut [f32],
    ) {
        self.assert_output(out.len());
        self.assert_conversion(quantizer);
        bits.assert_suits(quantizer.rounding);
        let bits = &self.bits_of_rows(bits);
        self.for_each_block(self.headroom(quantizer), out, |first, sums, out| match sums {
            Sums::Narrow(sums) => self.convert_values(quantizer, bits, first, sums, out),
            Sums::Wide(sums) => self.convert_values(quantizer, bits, first, sums, out),
        });
    }

    /// [`Self::convert_block`] into values.
    fn convert_values<Z: Sum>(
        &self,
        quantizer: Quantizer,
        bits: &(impl BitSource, u64),
        first: u64,
        sums: &[Z],
        out: &mut [f32],
    ) {
        let mut codes = [0i32; 1024];
        for ((sums, out), first) in
            sums.chunks(1024).zip(out.chunks_mut(1024)).zip((first..).step_by(1024))
        {
            let codes = &mut codes[..sums.len()];
            self.convert_block(quantizer, bits, first, sums, codes);
            crate::slice::dequantize_slice(codes, quantizer.format, out);
        }
    }

    /// Writes the sums, scaled but unrounded but for the f32 that holds them: the nearest one.
    ///
    /// # Panics
    ///
    /// If `out` does not hold rows · columns elements, or a sum may not fit 64 bits as
    /// [`Self::convert`] says.
    #[track_caller]
    pub fn wide_f32(&self, out: &mut [f32]) {
        self.assert_output(out.len());
        self.assert_possible();
        let fraction_bits = self.fraction_bits();
        if self.scales.is_one() {
            self.for_each_block(Some(0), out, |_, sums, out| match sums {
                Sums::Narrow(sums) => {
                    crate::slice::dequantize_narrow_sums(sums, fraction_bits, out)
                }
                Sums::Wide(sums) => crate::slice::dequantize_sums(sums, fraction_bits, out),
            });
        } else {
            self.for_each_block(None, out, |first, sums, out| {
                for ((z, out), index) in sums.to_i64().zip(out).zip(first..) {
                    *out = self.scales.apply(z, index, self.b.ncols).to_f32(fraction_bits);
                }
            });
        }
    }

    /// Writes the sums that the accumulator ends with, in units of 2^−[`Self::fraction_bits`] and
    /// before any scale.
    ///
    /// # Panics
    ///
    /// If `out` does not hold rows · columns elements, or a sum may not fit 64 bits as
    /// [`Self::convert`] says.
    #[track_caller]
    pub fn wide(&self, out: &mut [i64]) {
        self.assert_output(out.len());
        self.assert_possible();
        self.for_each_block(Some(0), out, |_, sums, out| {
            out.iter_mut().zip(sums.to_i64()).for_each(|(out, z)| *out = z);
        });
    }

    /// The exact sums by the definition, one product after another: the oracle of the fast path.
    ///
    /// Whatever the accumulator, this adds up exactly; a sum that does not fit 64 bits is refused.
    #[cfg(test)]
    #[track_caller]
    fn wide_naive(&self) -> Vec<i64> {
        naive::in_64_bits(naive::sums(&self.a, &self.b, &self.bias_row()))
    }

    /// The sums of the chosen accumulator by its definition, element by element and step by step:
    /// the oracle of the row kernels.
    #[cfg(test)]
    #[track_caller]
    fn accumulate_naive(&self) -> Vec<i64> {
        let (rows, cols) = (self.a.nrows, self.b.ncols);
        self.assert_register_bits();
        let (bias, operands) = (self.bias_row(), self.rows());
        let source = self.register_bits.source;
        let mut sums: Vec<i128> = bias.repeat(rows).into_iter().map(i128::from).collect();
        for (row, sums) in sums.chunks_mut(cols.max(1)).enumerate() {
            operands.by_definition(self.accumulator, self.fraction_bits(), source, row, sums);
        }
        naive::in_64_bits(sums)
    }

    #[track_caller]
    fn assert_output(&self, len: usize) {
        let (rows, cols) = (self.a.nrows, self.b.ncols);
        assert!(len == area(rows, cols), "a {rows} × {cols} product does not fill {len} elements");
    }

    /// The biases of one row, in units of the products' last place.
    fn bias_row(&self) -> Vec<i64> {
        match self.bias {
            Some((codes, shift)) => {
                codes.to_i32().iter().map(|&code| i64::from(code) << shift).collect()
            }
            None => vec![0; self.b.ncols],
        }
    }
}

/// A·B with one Convert per element: [`Product::new`] followed by [`Product::convert`].
///
/// # Panics
///
/// If the inner dimensions differ.
#[track_caller]
pub fn fixed_gemm(
    a: FixedView<'_>,
    b: FixedView<'_>,
    quantizer: Quantizer,
    bits: Draw<impl BitSource + Sync>,
) -> FixedMatrix {
    Product::new(a, b).convert(quantizer, bits)
}
