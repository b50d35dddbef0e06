//! Elementwise kernels over slices: from codes to values, and the weight update.

use crate::code::each_width;
use crate::format::exp2;
use crate::simd::{Kernel, dispatch};
use crate::{Code, Codes, FixedFormat, FixedMatrix};

/// Writes the value code · ε of every code: exact up to 24 bits, else the nearest f32.
///
/// # Panics
///
/// If the lengths differ.
#[track_caller]
pub fn dequantize(codes: &Codes, format: FixedFormat, out: &mut [f32]) {
    each_width!(codes, v => dequantize_slice(v, format, out));
}

/// [`dequantize`] for a slice of codes of known width.
///
/// # Panics
///
/// If the lengths differ.
#[track_caller]
pub fn dequantize_slice<C: Code>(codes: &[C], format: FixedFormat, out: &mut [f32]) {
    assert_eq!(codes.len(), out.len(), "{} codes do not fill {} values", codes.len(), out.len());
    dispatch(Dequantize { codes, scale: format.epsilon() as f32, out });
}

struct Dequantize<'a, C> {
    codes: &'a [C],
    scale: f32,
    out: &'a mut [f32],
}

impl<C: Code> Kernel for Dequantize<'_, C> {
    #[inline(always)]
    fn run(self) {
        for (&code, out) in self.codes.iter().zip(self.out) {
            *out = code.to_i32() as f32 * self.scale;
        }
    }
}

/// Writes the f32 nearest to z · 2^−`fraction_bits` for every exact sum z.
///
/// # Panics
///
/// If the lengths differ.
#[track_caller]
pub fn dequantize_sums(sums: &[i64], fraction_bits: i32, out: &mut [f32]) {
    assert_eq!(sums.len(), out.len(), "{} sums do not fill {} values", sums.len(), out.len());
    dispatch(DequantizeSums { sums, scale: exp2(-fraction_bits) as f32, out });
}

/// [`dequantize_sums`] for sums of 32 bits.
pub(crate) fn dequantize_narrow_sums(sums: &[i32], fraction_bits: i32, out: &mut [f32]) {
    dispatch(Dequantize { codes: sums, scale: exp2(-fraction_bits) as f32, out });
}

struct DequantizeSums<'a> {
    sums: &'a [i64],
    scale: f32,
    out: &'a mut [f32],
}

impl Kernel for DequantizeSums<'_> {
    #[inline(always)]
    fn run(self) {
        // For |z| < 2^51, the bits of 1.5·2^52 + z as an f64 are those of 1.5·2^52 plus z: a
        // conversion that AVX2 has, unlike that from 64-bit integers.
        const MAGIC: f64 = 6_755_399_441_055_744.0;
        const LIMIT: u64 = 1 << 51;
        if self.sums.iter().any(|z| z.unsigned_abs() >= LIMIT) {
            for (&z, out) in self.sums.iter().zip(self.out) {
                *out = z as f32 * self.scale;
            }
        } else {
            for (&z, out) in self.sums.iter().zip(self.out) {
                let exact = f64::from_bits(MAGIC.to_bits().wrapping_add(z as u64)) - MAGIC;
                *out = exact as f32 * self.scale;
            }
        }
    }
}

impl FixedMatrix {
    /// W ← saturate(W + ΔW), elementwise and in place: exact but for saturation.
    ///
    /// Source: [Gupta15 §3]; the two share their grid, so the sum needs no rounding.
    ///
    /// # Panics
    ///
    /// If the numbers of fractional bits or of elements differ.
    #[track_caller]
    pub fn add_saturating(&mut self, update: &Codes, update_format: FixedFormat) {
        let format = self.format();
        assert_eq!(
            format.fl(),
            update_format.fl(),
            "an update in {update_format} is off the grid of {format}"
        );
        assert_eq!(
            self.codes().len(),
            update.len(),
            "{} updates for {} weights",
            update.len(),
            self.codes().len()
        );
        each_width!(self.codes_mut(), w => each_width!(update, d => add_saturating(w, d, format)));
    }
}

/// w ← saturate(w + d) for codes on one grid.
pub(crate) fn add_saturating<W: Code, D: Code>(w: &mut [W], d: &[D], format: FixedFormat) {
    dispatch(AddSaturating { w, d, min: format.min_code(), max: format.max_code() });
}

struct AddSaturating<'a, W, D> {
    w: &'a mut [W],
    d: &'a [D],
    min: i32,
    max: i32,
}

impl<W: Code, D: Code> Kernel for AddSaturating<'_, W, D> {
    #[inline(always)]
    fn run(self) {
        for (w, &d) in self.w.iter_mut().zip(self.d) {
            *w = W::from_i32(w.to_i32().saturating_add(d.to_i32()).clamp(self.min, self.max));
        }
    }
}

/// The number of zeros among at most 2^32 − 1 codes.
pub(crate) fn count_zeros(codes: &[i32]) -> usize {
    let mut zeros = 0;
    dispatch(CountZeros { codes, zeros: &mut zeros });
    zeros as usize
}

struct CountZeros<'a> {
    codes: &'a [i32],
    /// In u32 rather than usize: twice as many per vector.
    zeros: &'a mut u32,
}

impl Kernel for CountZeros<'_> {
    #[inline(always)]
    fn run(self) {
        *self.zeros = self.codes.iter().map(|&code| u32::from(code == 0)).sum();
    }
}
