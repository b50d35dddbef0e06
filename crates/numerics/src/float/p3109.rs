//! The formats of IEEE P3109, by width and precision.

use super::{FloatFormat, Specials};
use crate::error::FormatError;

/// Whether the numbers of a format of IEEE P3109 have a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signedness {
    /// `s`: both signs.
    Signed,
    /// `u`: no number below zero.
    Unsigned,
}

/// Whether a format of IEEE P3109 has infinities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    /// `e`: with infinities.
    Extended,
    /// `f`: finite numbers and NaN.
    Finite,
}

impl FloatFormat {
    /// IEEE P3109 Binary`width`p`precision`se, signed and extended: [`Self::p3109_with`].
    ///
    /// # Errors
    ///
    /// [`FormatError::P3109`] unless `width` is in 3..=16 and `precision` in 1..`width`.
    pub const fn p3109(width: u8, precision: u8) -> Result<Self, FormatError> {
        Self::p3109_with(width, precision, Signedness::Signed, Domain::Extended)
    }

    /// A format of IEEE P3109: K bits, P of them significant, the implicit one counted.
    ///
    /// ```text
    /// P − 1 mantissa bits, K − P exponent bits (K − P + 1 without a sign), bias 2^(exponent bits − 1)
    /// signed:   NaN 2^(K−1),  ∞ 2^(K−1) − 1,  −∞ 2^K − 1
    /// unsigned: NaN 2^K − 1,  ∞ 2^K − 2
    /// ```
    ///
    /// Source: IEEE P3109 interim report 4.0 §4.
    ///
    /// # Errors
    ///
    /// [`FormatError::P3109`] unless `width` is in 3..=16 and `precision` in 1..`width`, or equal to it
    /// if unsigned.
    pub const fn p3109_with(
        width: u8,
        precision: u8,
        signedness: Signedness,
        domain: Domain,
    ) -> Result<Self, FormatError> {
        let signed = matches!(signedness, Signedness::Signed);
        let limit = if width < 3 || width > 16 {
            "the width lies in 3..=16"
        } else if signed && (precision < 1 || precision >= width) {
            "the precision is at least 1 and below the width"
        } else if precision < 1 || precision > width {
            "the precision is at least 1 and not above the width"
        } else {
            let exponent_bits = width - precision + !signed as u8;
            let specials = match domain {
                Domain::Extended => Specials::P3109Extended,
                Domain::Finite => Specials::P3109Finite,
            };
            let bias = 1 << (exponent_bits - 1);
            return Self::with_sign(signed, exponent_bits, precision - 1, bias, specials);
        };
        Err(FormatError::P3109 { width, precision, limit })
    }
}
