//! [`Format`]: a format of any kind, by its name.

use std::fmt;
use std::str::FromStr;

use crate::block::BlockFormat;
use crate::error::FormatError;
use crate::float::FloatFormat;
use crate::format::FixedFormat;

/// A format of one of the three kinds.
///
/// Its text is that of the kind: `<8,8>`; `e4m3`, `bf16`, `Binary8p3se` or `p3109:8:3`; `mxfp4`,
/// `nvfp4`. No text names formats of two kinds.
///
/// # Examples
///
/// ```
/// use numerics::{BlockFormat, FixedFormat, FloatFormat, Format};
///
/// assert_eq!("<8,8>".parse(), Ok(Format::Fixed(FixedFormat::new(8, 8)?)));
/// assert_eq!("e4m3".parse(), Ok(Format::Float(FloatFormat::E4M3)));
/// assert_eq!("p3109:8:3".parse(), Ok(Format::Float(FloatFormat::p3109(8, 3)?)));
/// assert_eq!("nvfp4".parse(), Ok(Format::Block(BlockFormat::NVFP4)));
/// # Ok::<(), numerics::FormatError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Fixed point.
    Fixed(FixedFormat),
    /// Floating point.
    Float(FloatFormat),
    /// Blocks under a shared scale.
    Block(BlockFormat),
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(format) => format.fmt(f),
            Self::Float(format) => format.fmt(f),
            Self::Block(format) => format.fmt(f),
        }
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        if text.trim_start().starts_with(['<', '⟨']) {
            return text.parse().map(Self::Fixed);
        }
        if let Ok(format) = text.parse() {
            return Ok(Self::Block(format));
        }
        match text.parse() {
            Ok(format) => Ok(Self::Float(format)),
            Err(FormatError::FloatSyntax(text)) => Err(FormatError::Unknown(text)),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_as_it_is_printed() {
        for name in ["<2,14>", "<-3,11>", "bf16", "e5m2fnuz", "Binary9p4uf", "mxint8", "nvfp4"] {
            let format: Format = name.parse().unwrap();
            assert_eq!(format.to_string(), name);
        }
        assert_eq!("p3109:8:3".parse::<Format>().unwrap().to_string(), "Binary8p3se");
    }

    #[test]
    fn what_is_wrong_is_said_of_the_kind_that_is_meant() {
        let message = |text: &str| text.parse::<Format>().unwrap_err().to_string();
        assert!(message("<8;8>").contains("is not a fixed-point format"));
        assert!(message("<20,20>").contains("word length 40"));
        assert!(message("p3109:40:3").contains("the width lies in 3..=16"));
        let unknown = message("mxfp5");
        assert!(unknown.starts_with("'mxfp5' is no format"), "{unknown}");
        assert!(unknown.contains("<8,8>") && unknown.contains("e4m3") && unknown.contains("nvfp4"));
    }
}
