//! [`Product`]: the exact product of two fixed-point matrices, with one Convert per element.
//!
//! ```text
//! z_ij = b_j + Σ_k a_ik · b_kj     exact, in units of 2^−(FL_a + FL_b)
//! c_ij = Convert(z_ij)             one rounding, one saturation
//! ```
//!
//! Every partial product is exact, the sum is exact (64 bits; words of up to 24 bits and up to
//! 2^17 terms fit), and the bias is added inside the sum before its only rounding.
//!
//! Source: [Gupta15 §3.2].
//!
//! How it is computed: words of up to 16 bits are multiplied in pairs into 32-bit sums. Packing
//! measures the Euclidean norm of every row and column; where |row| · |column| < 2^31 no 32-bit
//! sum can overflow (Cauchy–Schwarz), and where it is not the second operand is split into two
//! bytes. So the result is exact whatever the operands are, and fast for those that occur.

mod exact;
mod kernel;
mod naive;
mod pack;

use crate::{Code, Codes, FixedFormat, FixedMatrix, FixedView, Par, Quantizer, Stream};

use exact::Exact;

/// A product A·B (+ bias) that has yet to be told what becomes of its exact sums.
///
/// # Examples
///
/// ```
/// use numerics::{FixedMatrix, Product, Quantizer, Rounding, Seed};
///
/// let nearest = Quantizer { format: "<2,14>".parse()?, rounding: Rounding::NearestTiesDown };
/// let stream = Seed::new(0).stream();
/// let a = FixedMatrix::quantize(&[0.5, -0.25, 1.0, 1.5, 0.0, 0.125], 2, 3, nearest, &stream);
/// let b = FixedMatrix::quantize(&[1.0, 0.5, 0.5, 1.0, 0.25, -1.0], 3, 2, nearest, &stream);
/// let c = Product::new(a.view(), b.view()).convert(nearest, &stream);
/// assert_eq!(c.to_f32(), [0.625, -1.0, 1.53125, 0.625]);
/// # Ok::<(), numerics::FormatError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
    a: FixedView<'a>,
    b: FixedView<'a>,
    bias: Option<(&'a Codes, u32)>,
    first_position: u64,
    par: Par,
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
        Self { a, b, bias: None, first_position: 0, par: Par::Seq }
    }

    /// Adds a row of biases, one per column, inside the exact sum.
    ///
    /// # Panics
    ///
    /// If their number is not that of the columns, or if the bias format has more fractional bits
    /// than the products have (then it cannot be added exactly).
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

    /// Gives element (i, j) the random bits at position `first` + i · columns + j, so that a product
    /// cut into blocks of rows rounds like the whole one.
    #[must_use]
    pub fn first_position(self, first: u64) -> Self {
        Self { first_position: first, ..self }
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

    /// Converts every sum; element (i, j) uses the random bits at position i · columns + j after
    /// [`Self::first_position`].
    pub fn convert(&self, quantizer: Quantizer, stream: &Stream) -> FixedMatrix {
        let mut c = FixedMatrix::zeros(quantizer.format, self.a.nrows, self.b.ncols);
        match c.codes_mut() {
            Codes::I8(out) => self.convert_codes(quantizer, stream, out),
            Codes::I16(out) => self.convert_codes(quantizer, stream, out),
            Codes::I32(out) => self.convert_codes(quantizer, stream, out),
        }
        c
    }

    fn convert_codes<C: Code>(&self, quantizer: Quantizer, stream: &Stream, out: &mut [C]) {
        self.for_each_block(out, |first, sums, out| {
            quantizer.quantize_sums(sums, self.fraction_bits(), stream, first, out);
        });
    }

    /// Converts every sum and writes the values as f32, which holds words of 24 bits exactly.
    ///
    /// # Panics
    ///
    /// If `out` does not hold rows · columns elements.
    #[track_caller]
    pub fn convert_to_f32(&self, quantizer: Quantizer, stream: &Stream, out: &mut [f32]) {
        self.assert_output(out.len());
        self.for_each_block(out, |first, sums, out| {
            let mut codes = [0i32; 512];
            for (start, (sums, out)) in sums.chunks(512).zip(out.chunks_mut(512)).enumerate() {
                let codes = &mut codes[..sums.len()];
                quantizer.quantize_sums(
                    sums,
                    self.fraction_bits(),
                    stream,
                    first + 512 * start as u64,
                    codes,
                );
                crate::dequantize_slice(codes, quantizer.format, out);
            }
        });
    }

    /// Writes the sums unrounded but for the f32 that holds them: the nearest one to z · 2^−FL.
    ///
    /// # Panics
    ///
    /// If `out` does not hold rows · columns elements.
    #[track_caller]
    pub fn wide_f32(&self, out: &mut [f32]) {
        self.assert_output(out.len());
        let fraction_bits = self.fraction_bits();
        self.for_each_block(out, |_, sums, out| crate::dequantize_sums(sums, fraction_bits, out));
    }

    /// Writes the exact sums, in units of 2^−[`Self::fraction_bits`].
    ///
    /// # Panics
    ///
    /// If `out` does not hold rows · columns elements.
    #[track_caller]
    pub fn wide(&self, out: &mut [i64]) {
        self.assert_output(out.len());
        self.for_each_block(out, |_, sums, out| out.copy_from_slice(sums));
    }

    /// The exact sums by the definition, one product after another: the oracle of the fast path.
    pub fn wide_naive(&self) -> Vec<i64> {
        let mut sums = naive::sums(&self.a, &self.b);
        self.add_bias(&mut sums);
        sums
    }

    #[track_caller]
    fn assert_output(&self, len: usize) {
        assert_eq!(
            len,
            self.a.nrows * self.b.ncols,
            "a {} × {} product does not fill {len} elements",
            self.a.nrows,
            self.b.ncols
        );
    }

    fn add_bias(&self, sums: &mut [i64]) {
        let Some((codes, shift)) = self.bias else { return };
        let bias: Vec<i64> = codes.to_i32().iter().map(|&code| i64::from(code) << shift).collect();
        for row in sums.chunks_mut(bias.len().max(1)) {
            row.iter_mut().zip(&bias).for_each(|(z, &b)| *z += b);
        }
    }

    /// Computes the exact sums of blocks of whole rows and hands each block to
    /// `epilogue(position of its first element, sums, its part of out)` while it is in the cache.
    fn for_each_block<T: Send>(
        &self,
        out: &mut [T],
        epilogue: impl Fn(u64, &[i64], &mut [T]) + Sync,
    ) {
        let (rows, inner, cols) = (self.a.nrows, self.a.ncols, self.b.ncols);
        if rows == 0 || cols == 0 {
            return;
        }
        let exact = Exact::new(self.a, self.b, self.par);
        let block_rows = block_rows(rows, inner, cols);
        self.par.for_each_chunk(out, block_rows * cols, |block, out| {
            let first_row = block * block_rows;
            let block_rows = out.len() / cols;
            let mut sums = vec![0i64; block_rows * cols];
            exact.sums_of_rows(first_row, block_rows, &mut sums);
            self.add_bias(&mut sums);
            epilogue(self.first_position + (first_row * cols) as u64, &sums, out);
        });
    }
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
    stream: &Stream,
) -> FixedMatrix {
    Product::new(a, b).convert(quantizer, stream)
}
