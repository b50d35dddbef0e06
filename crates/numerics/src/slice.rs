//! Elementwise kernels over slices: from codes to values, and sums that saturate.

use crate::code::{Code, Codes, each_width};
use crate::format::{FixedFormat, exp2};
use crate::simd::{Kernel, dispatch, dispatch_512};

/// The largest finite magnitude; 0 if there is none.
///
/// ```
/// assert_eq!(numerics::largest_finite(&[1.0, -3.0, f32::NAN, f32::INFINITY]), 3.0);
/// ```
pub fn largest_finite(x: &[f32]) -> f32 {
    let mut max = 0;
    dispatch_512(Largest { x, max: &mut max });
    let max = f32::from_bits(max);
    if max.is_finite() {
        return max;
    }
    x.iter().filter(|x| x.is_finite()).fold(0.0, |max, x| max.max(x.abs()))
}

/// The largest bits of a magnitude: infinities and NaNs are above all others.
struct Largest<'a> {
    x: &'a [f32],
    max: &'a mut u32,
}

impl Kernel for Largest<'_> {
    #[inline(always)]
    fn run(self) {
        *self.max = self.x.iter().fold(0, |max, x| max.max(x.abs().to_bits()));
    }
}

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
    if has_exact_scale(fraction_bits) {
        dispatch(DequantizeSums { sums, scale: exp2(-fraction_bits) as f32, out });
    } else {
        for (&z, out) in sums.iter().zip(out) {
            *out = nearest_f32(i128::from(z), fraction_bits.saturating_neg());
        }
    }
}

/// Whether z · 2^−`fraction_bits` is rounded only once by rounding z to an f32: the power is an f32,
/// and a product that is subnormal is one of a z that an f32 holds.
const fn has_exact_scale(fraction_bits: i32) -> bool {
    -127 <= fraction_bits && fraction_bits <= 149
}

/// The f32 nearest to z · 2^`exponent`, ties to even.
pub(crate) fn nearest_f32(z: i128, exponent: i32) -> f32 {
    // 53 bits, the last one set if bits are lost: rounded to odd, so that the one rounding to at
    // most 24 bits is that of z.
    let magnitude = z.unsigned_abs();
    let lost = (128 - magnitude.leading_zeros()).saturating_sub(53);
    let sticky = magnitude & ((1 << lost) - 1) != 0;
    let kept = (magnitude >> lost) as u64 | u64::from(sticky);
    // Beyond these powers the result is 0 or infinite whatever the bits are.
    let power = exponent.saturating_add_unsigned(lost).clamp(-256, 256);
    let value = (kept as f64 * exp2(power)) as f32;
    if z < 0 { -value } else { value }
}

/// [`dequantize_sums`] for sums of 32 bits of a product, whose last place is an f32.
pub(crate) fn dequantize_narrow_sums(sums: &[i32], fraction_bits: i32, out: &mut [f32]) {
    debug_assert!(has_exact_scale(fraction_bits), "formats keep FL in −64..=64");
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

#[cfg(test)]
mod tests {
    use super::*;

    /// z · 2^`exponent` by comparing integers: of the two f32 around it the nearer one.
    fn naive_f32(z: i64, exponent: i32) -> f32 {
        if z == 0 {
            return 0.0;
        }
        let magnitude = u128::from(z.unsigned_abs());
        // The last place of an f32 of this size; those of subnormals end at 2^−149.
        let top = 127 - magnitude.leading_zeros() as i32 + exponent;
        let drop = (top - 23).max(-149) - exponent;
        let rounded = if drop <= 0 {
            magnitude << -drop.max(-60)
        } else if drop > 100 {
            0
        } else {
            let (floor, rest) = (magnitude >> drop, magnitude & ((1 << drop) - 1));
            floor + u128::from(rest * 2 + (floor & 1) > 1 << drop)
        };
        let (places, last) = (rounded as f64, exponent + drop.max(-60));
        let value = if last > 200 { f64::INFINITY } else { places * 2f64.powi(last) };
        if z < 0 { -value as f32 } else { value as f32 }
    }

    #[test]
    fn sums_become_the_nearest_f32_whatever_their_last_place() {
        let mut sums = vec![0, 1, -1, 3, 1 << 40, i64::MAX, i64::MIN, (1 << 24) + 1];
        // Ties of 24 bits and their neighbours, in every size.
        sums.extend((25..62).flat_map(|bits| {
            let tie = (1i64 << bits) + (1 << (bits - 24));
            [tie - 1, tie, tie + 1, -tie, tie + (1 << (bits - 23))]
        }));
        let mut out = vec![0.0; sums.len()];
        for fraction_bits in (-300..400).chain([1022, 1023, i32::MAX, i32::MIN]) {
            dequantize_sums(&sums, fraction_bits, &mut out);
            for (&z, &y) in sums.iter().zip(&out) {
                let expected = naive_f32(z, fraction_bits.saturating_neg().clamp(-1000, 1000));
                assert_eq!(y, expected, "{z} · 2^−({fraction_bits})");
                assert_eq!(y, nearest_f32(i128::from(z), fraction_bits.saturating_neg()));
            }
        }
        assert_eq!(nearest_f32((1 << 100) + 1, -100), 1.0);
        assert_eq!(nearest_f32((1 << 100) + (1 << 76) + 1, -100), 1.0 + f32::EPSILON);
        assert_eq!(nearest_f32((1 << 100) + (1 << 76), -100), 1.0, "a tie goes to even");
    }
}
