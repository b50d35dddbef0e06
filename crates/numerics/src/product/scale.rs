//! Row and column scales: factors that multiply an exact sum before its only rounding.
//!
//! ```text
//! c_ij = Convert(r_i · s_j · z_ij)      r, s in f32, the product exact, one rounding
//! ```
//!
//! A scale is an integer of 24 bits times a power of two, so r · s · z is an integer of at most
//! 112 bits times a power of two: it is computed as such, whatever the scales are.

use crate::rounding::Split;

/// An f32 as significand · 2^exponent.
#[derive(Clone, Copy, Debug)]
struct Factor {
    significand: i32,
    exponent: i32,
}

impl Factor {
    const ONE: Self = Self { significand: 1, exponent: 0 };

    fn of(scale: f32) -> Self {
        let bits = scale.to_bits();
        let exponent = ((bits >> 23) & 0xff) as i32;
        let fraction = (bits & 0x7f_ffff) as i32;
        let magnitude = if exponent == 0 { fraction } else { fraction | 1 << 23 };
        let significand = if bits >> 31 == 1 { -magnitude } else { magnitude };
        Self { significand, exponent: exponent.max(1) - 150 }
    }
}

/// The scales of a product; absent ones are 1.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scales<'a> {
    pub(super) rows: Option<&'a [f32]>,
    pub(super) cols: Option<&'a [f32]>,
}

impl<'a> Scales<'a> {
    pub(super) fn is_one(&self) -> bool {
        self.rows.is_none() && self.cols.is_none()
    }

    /// r_i · s_j · z at the index i · columns + j: an integer and the power of two it is times.
    pub(super) fn apply(&self, z: i64, index: u64, columns: usize) -> Scaled {
        let (row, col) = ((index / columns as u64) as usize, (index % columns as u64) as usize);
        let factor = |scales: Option<&[f32]>, i| scales.map_or(Factor::ONE, |s| Factor::of(s[i]));
        let (r, s) = (factor(self.rows, row), factor(self.cols, col));
        Scaled {
            integer: i128::from(z) * i128::from(r.significand) * i128::from(s.significand),
            exponent: r.exponent + s.exponent,
        }
    }

    #[track_caller]
    pub(super) fn check(scales: &'a [f32], lines: usize, name: &str) -> Option<&'a [f32]> {
        assert_eq!(scales.len(), lines, "{} scales for {lines} {name}", scales.len());
        if let Some(i) = scales.iter().position(|s| !s.is_finite()) {
            panic!("scale {} of the {name} is {}, not a finite number", i, scales[i]);
        }
        Some(scales)
    }
}

/// integer · 2^exponent.
pub(super) struct Scaled {
    integer: i128,
    exponent: i32,
}

impl Scaled {
    /// Split at the binary point after division by 2^`shift`.
    pub(super) fn split(&self, shift: i32) -> Split {
        Split::of_wide_integer(self.integer, shift - self.exponent)
    }

    /// [`Self::split`] with the integer part modulo 2^62 instead of clamped.
    pub(super) fn split_modulo(&self, shift: i32) -> Split {
        let dropped = shift - self.exponent;
        if dropped <= 0 {
            let low = self.integer.checked_shl(dropped.unsigned_abs()).unwrap_or(0) as i64;
            return Split { floor: low, fraction: 0, rest: false };
        }
        // Modulo 2^62, with room for a carry and the sign of the number, on which some roundings
        // depend.
        const MODULUS: i128 = 1 << 62;
        let floor = self.integer >> dropped.min(127);
        let low = floor.rem_euclid(MODULUS) - if floor < 0 { MODULUS } else { 0 };
        Split { floor: low as i64, ..self.split(shift) }
    }

    /// The nearest f32 to the value divided by 2^`shift`.
    pub(super) fn to_f32(&self, shift: i32) -> f32 {
        crate::slice::nearest_f32(self.integer, self.exponent - shift)
    }
}
