//! Conversions to and from the static types of the `fixed` and `half` crates.

use fixed::traits::Fixed;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use crate::draw::{BitSource, Draw};
use crate::float::{FloatFormat, FloatQuantizer};
use crate::format::FixedFormat;
use crate::matrix::FixedMatrix;

impl FixedFormat {
    /// The format of a signed type of the `fixed` crate, such as `FixedI16<U14>`.
    ///
    /// `None` for types wider than 32 bits and for unsigned ones.
    ///
    /// # Examples
    ///
    /// ```
    /// use fixed::types::I2F14;
    /// use numerics::FixedFormat;
    ///
    /// let format = FixedFormat::of_fixed::<I2F14>().unwrap();
    /// assert_eq!(format.to_string(), "<2,14>");
    /// assert_eq!(format.value(i32::from(I2F14::MAX.to_bits())), I2F14::MAX.to_num::<f64>());
    /// ```
    pub fn of_fixed<F: Fixed>() -> Option<Self> {
        if !F::IS_SIGNED {
            return None;
        }
        let (il, fl) = (i8::try_from(F::INT_NBITS).ok()?, i8::try_from(F::FRAC_NBITS).ok()?);
        Self::new(il, fl).ok()
    }
}

impl FixedMatrix {
    /// A row-major matrix of numbers of the `fixed` crate, whose bits are its codes.
    ///
    /// `None` for types without a [`FixedFormat`]: unsigned ones and those wider than 32 bits.
    ///
    /// # Panics
    ///
    /// Unless there are `nrows · ncols` values.
    ///
    /// # Examples
    ///
    /// ```
    /// use fixed::types::I2F14;
    /// use numerics::FixedMatrix;
    ///
    /// let row = [I2F14::from_num(0.5), I2F14::from_num(-1.25)];
    /// let matrix = FixedMatrix::from_fixed(&row, 1, 2).unwrap();
    /// assert_eq!(matrix.to_f32(), [0.5, -1.25]);
    /// assert_eq!(matrix.to_fixed::<I2F14>().unwrap(), row);
    /// ```
    #[track_caller]
    pub fn from_fixed<F: Fixed>(values: &[F], nrows: usize, ncols: usize) -> Option<Self> {
        let format = FixedFormat::of_fixed::<F>()?;
        let codes: Option<Vec<i32>> =
            values.iter().map(|x| TryInto::<i32>::try_into(x.to_bits()).ok()).collect();
        let matrix = Self::from_codes(format, nrows, ncols, &codes?);
        Some(matrix.expect("the bits of a type are codes of its format"))
    }

    /// The row-major elements as numbers of the `fixed` crate.
    ///
    /// `None` unless `F` has the format of the matrix.
    pub fn to_fixed<F: Fixed>(&self) -> Option<Vec<F>> {
        if FixedFormat::of_fixed::<F>() != Some(self.format()) {
            return None;
        }
        let bits = self.codes().to_i32().into_iter().map(|code| F::Bits::try_from(code).ok());
        bits.map(|bits| bits.map(F::from_bits)).collect()
    }
}

impl FloatQuantizer {
    /// [`Self::quantize`] into numbers of the `half` crate.
    ///
    /// # Panics
    ///
    /// Unless the format is [`FloatFormat::F16`], and as [`Self::quantize`].
    ///
    /// # Examples
    ///
    /// ```
    /// use half::f16;
    /// use numerics::{Draw, FloatFormat, FloatQuantizer, Overflow, Rounding};
    ///
    /// let quantizer = FloatQuantizer {
    ///     format: FloatFormat::F16,
    ///     rounding: Rounding::TowardZero,
    ///     overflow: Overflow::Saturate,
    /// };
    /// let mut out = [f16::ZERO; 2];
    /// quantizer.quantize_f16(&[0.1, 1e6], Draw::none(), &mut out);
    /// assert!(out[0].to_f32() <= 0.1);
    /// assert_eq!(out[1], f16::MAX);
    /// ```
    #[track_caller]
    pub fn quantize_f16(&self, x: &[f32], bits: Draw<impl BitSource>, out: &mut [f16]) {
        assert!(self.format == FloatFormat::F16, "{:?} is not the format of f16", self.format);
        self.quantize(x, bits, out.reinterpret_cast_mut());
    }

    /// [`Self::quantize`] into numbers of the `half` crate.
    ///
    /// # Panics
    ///
    /// Unless the format is [`FloatFormat::BF16`], and as [`Self::quantize`].
    #[track_caller]
    pub fn quantize_bf16(&self, x: &[f32], bits: Draw<impl BitSource>, out: &mut [bf16]) {
        assert!(self.format == FloatFormat::BF16, "{:?} is not the format of bf16", self.format);
        self.quantize(x, bits, out.reinterpret_cast_mut());
    }
}

#[cfg(test)]
mod tests {
    use fixed::types::{I2F14, I2F30, I4F4, I8F8};

    use super::*;
    use crate::{Overflow, Rounding, Seed};

    #[test]
    fn matrices_of_static_types_round_trip() {
        let all: Vec<I4F4> = (i8::MIN..=i8::MAX).map(I4F4::from_bits).collect();
        let matrix = FixedMatrix::from_fixed(&all, 16, 16).unwrap();
        assert_eq!(matrix.to_fixed::<I4F4>().unwrap(), all);
        assert!(all.iter().zip(matrix.to_f32()).all(|(x, y)| x.to_num::<f32>() == y));
        let wide = [I2F30::MIN, I2F30::MAX];
        let matrix = FixedMatrix::from_fixed(&wide, 1, 2).unwrap();
        assert_eq!(matrix.to_fixed::<I2F30>().unwrap(), wide);
        assert!(matrix.to_fixed::<I2F14>().is_none(), "another format");
        assert!(FixedMatrix::from_fixed(&[fixed::types::U8F8::ONE], 1, 1).is_none());
        assert!(FixedMatrix::from_fixed(&[I8F8::ONE], 1, 1).is_some());
    }

    #[test]
    fn sixteen_bit_floats_of_half_are_the_codes() {
        let stream = Seed::new(1).stream();
        let mut x = vec![0.0; 1000];
        stream.fill_gaussian(0, &mut x);
        let (mut halves, mut brains) = (vec![f16::ZERO; 1000], vec![bf16::ZERO; 1000]);
        let nearest = FloatQuantizer {
            format: FloatFormat::F16,
            rounding: Rounding::NearestTiesEven,
            overflow: Overflow::Propagate,
        };
        nearest.quantize_f16(&x, Draw::none(), &mut halves);
        let brain = FloatQuantizer { format: FloatFormat::BF16, ..nearest };
        brain.quantize_bf16(&x, Draw::none(), &mut brains);
        for ((&x, half), brain) in x.iter().zip(halves).zip(brains) {
            assert_eq!((half, brain), (f16::from_f32(x), bf16::from_f32(x)));
        }
    }

    #[test]
    #[should_panic(expected = "is not the format of f16")]
    fn another_format_is_refused() {
        let quantizer = FloatQuantizer {
            format: FloatFormat::E4M3,
            rounding: Rounding::Down,
            overflow: Overflow::Saturate,
        };
        quantizer.quantize_f16(&[], Draw::none(), &mut []);
    }
}
