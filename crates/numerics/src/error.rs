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
    /// A floating-point format beyond what is covered.
    #[error(
        "a floating-point format of {exponent_bits} exponent bits, {mantissa_bits} mantissa bits \
         and bias {bias} is not covered: {limit}"
    )]
    FloatFields {
        /// Number of exponent bits.
        exponent_bits: u8,
        /// Number of mantissa bits.
        mantissa_bits: u8,
        /// The exponent bias.
        bias: i32,
        /// What would have to be otherwise.
        limit: &'static str,
    },
    /// A format of IEEE P3109 that does not exist or is not covered.
    #[error("binary{width}p{precision} is not covered: {limit}")]
    P3109 {
        /// Bits of a code.
        width: u8,
        /// Significant bits.
        precision: u8,
        /// What would have to be otherwise.
        limit: &'static str,
    },
    /// The text is no name of a floating-point format.
    #[error("'{0}' is not a floating-point format; write a name such as e4m3, bf16 or Binary8p3se")]
    FloatSyntax(String),
    /// The text is not of the form `<IL,FL>`.
    #[error("'{0}' is not a fixed-point format; write <IL,FL>, for example <2,14>")]
    Syntax(String),
}

/// A parameter of a configuration that is impossible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {problem}")]
pub struct ParameterError {
    /// The parameter's name in a configuration file.
    pub key: &'static str,
    /// What it is, and what is possible.
    pub problem: String,
}

impl ParameterError {
    pub(crate) const fn new(key: &'static str, problem: String) -> Self {
        Self { key, problem }
    }
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
