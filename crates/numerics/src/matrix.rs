//! [`FixedMatrix`]: integer codes with their format; [`FixedView`]: a matrix or its transpose.

use crate::code::Codes;
use crate::draw::{BitSource, Draw};
use crate::error::CodeError;
use crate::format::FixedFormat;
use crate::quantizer::Quantizer;

/// A row-major matrix of fixed-point codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedMatrix {
    format: FixedFormat,
    nrows: usize,
    ncols: usize,
    codes: Codes,
}

/// The number of elements of a matrix.
#[track_caller]
pub(crate) fn area(nrows: usize, ncols: usize) -> usize {
    let Some(area) = nrows.checked_mul(ncols) else {
        panic!("a {nrows} × {ncols} matrix has more elements than a usize counts")
    };
    area
}

#[track_caller]
fn assert_area(len: usize, what: &str, nrows: usize, ncols: usize) {
    assert!(len == area(nrows, ncols), "{len} {what} do not make a {nrows} × {ncols} matrix");
}

impl FixedMatrix {
    /// A matrix of zeros.
    ///
    /// # Panics
    ///
    /// If a `usize` does not count its elements.
    #[track_caller]
    pub fn zeros(format: FixedFormat, nrows: usize, ncols: usize) -> Self {
        Self { format, nrows, ncols, codes: Codes::zeros(format, area(nrows, ncols)) }
    }

    /// Takes over row-major codes.
    ///
    /// # Errors
    ///
    /// [`CodeError`] if a code lies outside the format.
    ///
    /// # Panics
    ///
    /// Unless there are `nrows · ncols` codes.
    #[track_caller]
    pub fn from_codes(
        format: FixedFormat,
        nrows: usize,
        ncols: usize,
        codes: &[i32],
    ) -> Result<Self, CodeError> {
        assert_area(codes.len(), "codes", nrows, ncols);
        Ok(Self { format, nrows, ncols, codes: Codes::from_i32(format, codes)? })
    }

    /// Converts row-major values; element (i, j) has the random bits i · `ncols` + j of the draw.
    ///
    /// # Panics
    ///
    /// Unless there are `nrows · ncols` values.
    #[track_caller]
    pub fn quantize(
        values: &[f32],
        nrows: usize,
        ncols: usize,
        quantizer: Quantizer,
        bits: Draw<impl BitSource>,
    ) -> Self {
        assert_area(values.len(), "values", nrows, ncols);
        Self { format: quantizer.format, nrows, ncols, codes: quantizer.quantize_vec(values, bits) }
    }

    /// The format of every element.
    pub fn format(&self) -> FixedFormat {
        self.format
    }

    /// Number of rows.
    pub fn nrows(&self) -> usize {
        self.nrows
    }

    /// Number of columns.
    pub fn ncols(&self) -> usize {
        self.ncols
    }

    /// The row-major codes.
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// The row-major codes, to be changed in place by kernels that stay inside the format.
    pub(crate) fn codes_mut(&mut self) -> &mut Codes {
        &mut self.codes
    }

    /// The code at (`row`, `col`).
    ///
    /// # Panics
    ///
    /// If the position lies outside the matrix.
    #[track_caller]
    pub fn get(&self, row: usize, col: usize) -> i32 {
        assert!(
            row < self.nrows && col < self.ncols,
            "({row}, {col}) lies outside {} × {}",
            self.nrows,
            self.ncols
        );
        self.codes.get(row * self.ncols + col)
    }

    /// Writes the row-major values; exact for words of at most 24 bits, else the nearest f32.
    ///
    /// # Panics
    ///
    /// If `out` does not have `nrows · ncols` elements.
    #[track_caller]
    pub fn write_f32(&self, out: &mut [f32]) {
        crate::slice::dequantize(&self.codes, self.format, out);
    }

    /// The row-major values as [`Self::write_f32`] gives them.
    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.codes.len()];
        self.write_f32(&mut out);
        out
    }

    /// The matrix as an operand of a product.
    pub fn view(&self) -> FixedView<'_> {
        let codes = match &self.codes {
            Codes::I8(v) => CodesRef::I8(v),
            Codes::I16(v) => CodesRef::I16(v),
            Codes::I32(v) => CodesRef::I32(v),
        };
        FixedView {
            format: self.format,
            nrows: self.nrows,
            ncols: self.ncols,
            row_stride: self.ncols,
            col_stride: 1,
            codes,
        }
    }

    /// The transposed matrix as an operand of a product.
    pub fn t(&self) -> FixedView<'_> {
        self.view().t()
    }
}

/// Borrowed codes of one of the three widths.
#[derive(Clone, Copy, Debug)]
pub enum CodesRef<'a> {
    /// Words of at most 8 bits.
    I8(&'a [i8]),
    /// Words of at most 16 bits.
    I16(&'a [i16]),
    /// Words of at most 32 bits.
    I32(&'a [i32]),
}

impl CodesRef<'_> {
    /// Number of codes.
    pub fn len(&self) -> usize {
        match self {
            Self::I8(v) => v.len(),
            Self::I16(v) => v.len(),
            Self::I32(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The largest |code|; 0 without any.
    pub(crate) fn max_magnitude(&self) -> u32 {
        fn of<C: crate::code::Code>(codes: &[C]) -> u32 {
            codes.iter().map(|code| code.to_i32().unsigned_abs()).max().unwrap_or(0)
        }
        match self {
            Self::I8(v) => of(v),
            Self::I16(v) => of(v),
            Self::I32(v) => of(v),
        }
    }

    /// The largest |code| that the type has.
    pub(crate) fn bound(&self) -> u32 {
        match self {
            Self::I8(_) => 1 << 7,
            Self::I16(_) => 1 << 15,
            Self::I32(_) => 1 << 31,
        }
    }

    pub(crate) fn get(&self, index: usize) -> i32 {
        match self {
            Self::I8(v) => i32::from(v[index]),
            Self::I16(v) => i32::from(v[index]),
            Self::I32(v) => v[index],
        }
    }
}

/// A matrix of codes as a product reads it: row-major, or its transpose.
#[derive(Clone, Copy, Debug)]
pub struct FixedView<'a> {
    pub(crate) format: FixedFormat,
    pub(crate) nrows: usize,
    pub(crate) ncols: usize,
    pub(crate) row_stride: usize,
    pub(crate) col_stride: usize,
    pub(crate) codes: CodesRef<'a>,
}

impl<'a> FixedView<'a> {
    /// Row-major codes as an operand. The caller vouches that they lie in `format`: products of
    /// codes beyond it are still exact, but their format says otherwise.
    ///
    /// # Panics
    ///
    /// Unless there are `nrows · ncols` codes.
    #[track_caller]
    pub fn new(codes: CodesRef<'a>, format: FixedFormat, nrows: usize, ncols: usize) -> Self {
        assert_area(codes.len(), "codes", nrows, ncols);
        Self { format, nrows, ncols, row_stride: ncols, col_stride: 1, codes }
    }

    /// The transpose.
    #[must_use]
    pub fn t(self) -> Self {
        Self {
            nrows: self.ncols,
            ncols: self.nrows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// The format of every element.
    pub fn format(&self) -> FixedFormat {
        self.format
    }

    /// Number of rows.
    pub fn nrows(&self) -> usize {
        self.nrows
    }

    /// Number of columns.
    pub fn ncols(&self) -> usize {
        self.ncols
    }

    pub(crate) fn get(&self, row: usize, col: usize) -> i32 {
        self.codes.get(row * self.row_stride + col * self.col_stride)
    }
}

impl Codes {
    /// The codes as an operand without a shape of their own.
    pub fn as_ref(&self) -> CodesRef<'_> {
        match self {
            Self::I8(v) => CodesRef::I8(v),
            Self::I16(v) => CodesRef::I16(v),
            Self::I32(v) => CodesRef::I32(v),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format() -> FixedFormat {
        FixedFormat::new(4, 4).unwrap()
    }

    /// Codes of every width, seen from all sides.
    #[test]
    fn a_view_has_the_shape_and_the_codes_of_its_matrix() {
        for text in ["<4,4>", "<8,8>", "<16,16>"] {
            let format: FixedFormat = text.parse().unwrap();
            let codes = [1, -2, 3, -4, 5, -6];
            let matrix = FixedMatrix::from_codes(format, 2, 3, &codes).unwrap();
            assert_eq!((matrix.nrows(), matrix.ncols(), matrix.format()), (2, 3, format));
            let (view, t) = (matrix.view(), matrix.t());
            assert_eq!((view.nrows(), view.ncols(), view.format()), (2, 3, format));
            assert_eq!((t.nrows(), t.ncols(), t.format()), (3, 2, format));
            for (row, col) in (0..2).flat_map(|row| (0..3).map(move |col| (row, col))) {
                let code = codes[row * 3 + col];
                assert_eq!((view.get(row, col), t.get(col, row)), (code, code));
                assert_eq!(t.t().get(row, col), code);
            }
            let borrowed = matrix.codes().as_ref();
            assert_eq!((borrowed.len(), borrowed.is_empty()), (6, false));
            assert!(Codes::zeros(format, 0).as_ref().is_empty());
        }
    }

    #[test]
    #[should_panic(expected = "matrix has more elements than a usize counts")]
    fn zeros_beyond_all_memory_are_refused() {
        FixedMatrix::zeros(format(), 1 << (usize::BITS - 1), 2);
    }

    #[test]
    #[should_panic(expected = "matrix has more elements than a usize counts")]
    fn a_view_is_not_larger_than_its_codes() {
        FixedView::new(CodesRef::I8(&[]), format(), 1 << (usize::BITS - 1), 2);
    }

    #[test]
    #[should_panic(expected = "matrix has more elements than a usize counts")]
    fn a_product_larger_than_all_memory_is_refused() {
        let huge = 1 << (usize::BITS / 2);
        let a = FixedView::new(CodesRef::I8(&[]), format(), huge, 0);
        let mut out = [];
        crate::Product::new(a, a.t()).wide(&mut out);
    }
}
