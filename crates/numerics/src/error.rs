//! What can be wrong with a format or with the numbers handed to it.

use crate::FixedFormat;

/// A format that cannot exist, or text that does not describe one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The word length IL + FL is outside 2..=32.
    #[error("⟨{il},{fl}⟩ has word length {}, outside 2..=32", i32::from(*il) + i32::from(*fl))]
    WordLength {
        /// Integer bits, the sign included.
        il: i8,
        /// Fractional bits.
        fl: i8,
    },
    /// The binary point is farther than 64 bits away from the word.
    #[error("⟨{il},{fl}⟩ puts the binary point outside −64..=64")]
    BinaryPoint {
        /// Integer bits, the sign included.
        il: i8,
        /// Fractional bits.
        fl: i8,
    },
    /// A floating-point format that cannot exist or is wider than 16 bits.
    #[error(
        "no floating-point format has {exponent_bits} exponent bits, {mantissa_bits} mantissa \
         bits and bias {bias}"
    )]
    FloatFields {
        /// Number of exponent bits.
        exponent_bits: u8,
        /// Number of mantissa bits.
        mantissa_bits: u8,
        /// The exponent bias.
        bias: i16,
    },
    /// The text is not of the form `<IL,FL>`.
    #[error("'{0}' is not a fixed-point format; write <IL,FL>, for example <2,14>")]
    Syntax(String),
}

/// A number that lies outside the format it was declared to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("code {code} at index {index} lies outside {format} ({}..={})", format.min_code(), format.max_code())]
pub struct CodeError {
    /// The offending code.
    pub code: i32,
    /// Its index in the slice.
    pub index: usize,
    /// The format it was declared to be in.
    pub format: FixedFormat,
}
