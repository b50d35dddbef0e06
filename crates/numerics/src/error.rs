//! What can be wrong with a format or with the numbers handed to it.

use std::error::Error;
use std::fmt;

use crate::format::FixedFormat;

/// A format that cannot exist, or text that does not describe one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// The word length IL + FL is outside 2..=32.
    WordLength {
        /// Integer bits, the sign included.
        il: i8,
        /// Fractional bits.
        fl: i8,
    },
    /// The binary point is farther than 64 bits away from the word.
    BinaryPoint {
        /// Integer bits, the sign included.
        il: i8,
        /// Fractional bits.
        fl: i8,
    },
    /// A floating-point format beyond what is covered.
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
    P3109 {
        /// Bits of a code.
        width: u8,
        /// Significant bits.
        precision: u8,
        /// What would have to be otherwise.
        limit: &'static str,
    },
    /// The text is no name of a floating-point format.
    FloatSyntax(String),
    /// The text is not of the form `<IL,FL>`.
    Syntax(String),
    /// The text is no name of a format of any kind.
    Unknown(String),
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WordLength { il, fl } => {
                let word_length = i32::from(*il) + i32::from(*fl);
                write!(f, "⟨{il},{fl}⟩ has word length {word_length}, outside 2..=32")
            }
            Self::BinaryPoint { il, fl } => {
                write!(f, "⟨{il},{fl}⟩ puts the binary point outside −64..=64")
            }
            Self::FloatFields { exponent_bits, mantissa_bits, bias, limit } => write!(
                f,
                "a floating-point format of {exponent_bits} exponent bits, {mantissa_bits} \
                 mantissa bits and bias {bias} is not covered: {limit}"
            ),
            Self::P3109 { width, precision, limit } => {
                write!(f, "binary{width}p{precision} is not covered: {limit}")
            }
            Self::FloatSyntax(text) => write!(
                f,
                "'{text}' is not a floating-point format; write a name such as e4m3, bf16 or \
                 Binary8p3se"
            ),
            Self::Syntax(text) => {
                write!(f, "'{text}' is not a fixed-point format; write <IL,FL>, for example <2,14>")
            }
            Self::Unknown(text) => write!(
                f,
                "'{text}' is no format; write fixed point as <8,8>, floating point as e4m3, bf16 or \
                 Binary8p3se, blocks as mxfp8-e4m3, mxfp4 or nvfp4"
            ),
        }
    }
}

impl Error for FormatError {}

/// A parameter of a configuration that is impossible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterError {
    /// The parameter's name in a configuration file.
    pub key: &'static str,
    /// What it is, and what is possible.
    pub problem: String,
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.key, self.problem)
    }
}

impl Error for ParameterError {}

impl ParameterError {
    pub(crate) const fn new(key: &'static str, problem: String) -> Self {
        Self { key, problem }
    }
}

/// A number that lies outside the format it was declared to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeError {
    /// The offending code.
    pub code: i32,
    /// Its index in the slice.
    pub index: usize,
    /// The format it was declared to be in.
    pub format: FixedFormat,
}

impl fmt::Display for CodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, index, format } = self;
        let (min, max) = (format.min_code(), format.max_code());
        write!(f, "code {code} at index {index} lies outside {format} ({min}..={max})")
    }
}

impl Error for CodeError {}
