//! [`FixedFormat`]: the fixed-point format ⟨IL, FL⟩.
//!
//! ```text
//!          IL bits            FL bits
//!   ┌───┬───────────┐ . ┌────────────────┐
//!   │ s │  integer  │ . │    fraction    │      value = code · ε,   ε = 2^−FL
//!   └───┴───────────┘ . └────────────────┘      code  in [−2^(WL−1), 2^(WL−1) − 1]
//!    two's complement, WL = IL + FL
//! ```
//!
//! IL counts the sign bit, so the range is [−2^(IL−1), 2^(IL−1) − ε].
//!
//! Source: [Gupta15 §3].

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::error::FormatError;

/// The two's-complement fixed-point format ⟨IL, FL⟩ of word length WL = IL + FL in 2..=32.
///
/// Either part may be negative: ⟨−2, 10⟩ is an 8-bit word whose largest value is 2^−3 − 2^−10.
///
/// # Examples
///
/// ```
/// use numerics::FixedFormat;
///
/// let format: FixedFormat = "<2,14>".parse()?;
/// assert_eq!(format.word_length(), 16);
/// assert_eq!(format.epsilon(), 2f64.powi(-14));
/// assert_eq!((format.min(), format.max()), (-2.0, 2.0 - format.epsilon()));
/// assert_eq!(format.to_string(), "<2,14>");
/// # Ok::<(), numerics::FormatError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(try_from = "String", into = "String")
)]
pub struct FixedFormat {
    il: i8,
    fl: i8,
}

impl FixedFormat {
    /// The format with `il` integer bits (sign included) and `fl` fractional bits.
    ///
    /// # Errors
    ///
    /// [`FormatError::WordLength`] unless `il + fl` is in 2..=32, [`FormatError::BinaryPoint`]
    /// unless both lie in −64..=64.
    pub const fn new(il: i8, fl: i8) -> Result<Self, FormatError> {
        let word_length = il as i32 + fl as i32;
        if word_length < 2 || word_length > 32 {
            return Err(FormatError::WordLength { il, fl });
        }
        if il < -64 || il > 64 || fl < -64 || fl > 64 {
            return Err(FormatError::BinaryPoint { il, fl });
        }
        Ok(Self { il, fl })
    }

    /// A format that is known to be possible.
    pub(crate) const fn preset(il: i8, fl: i8) -> Self {
        assert!(il as i32 + fl as i32 >= 2 && il as i32 + fl as i32 <= 32, "a possible format");
        Self { il, fl }
    }

    /// Integer bits, the sign included.
    pub const fn il(self) -> i32 {
        self.il as i32
    }

    /// Fractional bits.
    pub const fn fl(self) -> i32 {
        self.fl as i32
    }

    /// WL = IL + FL, in 2..=32.
    pub const fn word_length(self) -> u32 {
        (self.il as i32 + self.fl as i32).unsigned_abs()
    }

    /// The largest code, 2^(WL−1) − 1.
    pub const fn max_code(self) -> i32 {
        (u32::MAX >> (33 - self.word_length())) as i32
    }

    /// The smallest code, −2^(WL−1).
    pub const fn min_code(self) -> i32 {
        -self.max_code() - 1
    }

    /// ε = 2^−FL: the smallest positive value, and the distance between neighbours.
    pub const fn epsilon(self) -> f64 {
        exp2(-self.fl())
    }

    /// The largest value, 2^(IL−1) − ε.
    pub const fn max(self) -> f64 {
        self.max_code() as f64 * self.epsilon()
    }

    /// The smallest value, −2^(IL−1).
    pub const fn min(self) -> f64 {
        self.min_code() as f64 * self.epsilon()
    }

    /// The value of a code, code · ε: exact.
    pub const fn value(self, code: i32) -> f64 {
        code as f64 * self.epsilon()
    }

    /// Whether `code` is one of the format's codes.
    pub const fn contains(self, code: i32) -> bool {
        self.min_code() <= code && code <= self.max_code()
    }

    /// How many bits a sum in units of 2^−`fraction_bits` has below the last place of the format.
    pub(crate) const fn dropped(self, fraction_bits: i32) -> i32 {
        fraction_bits.saturating_sub(self.fl())
    }

    /// The code that the low WL bits of `code` make up: `code` modulo 2^WL.
    pub const fn wrap(self, code: i64) -> i32 {
        let above = 64 - self.word_length();
        ((code << above) >> above) as i32
    }

    /// The code nearest to `code` that the format has.
    pub const fn saturate(self, code: i64) -> i32 {
        if code > self.max_code() as i64 {
            self.max_code()
        } else if code < self.min_code() as i64 {
            self.min_code()
        } else {
            code as i32
        }
    }
}

/// 2^`exponent`, exact for the exponents that formats have.
pub(crate) const fn exp2(exponent: i32) -> f64 {
    assert!(exponent >= -1022 && exponent <= 1023, "2^exponent is not a normal f64");
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

impl fmt::Display for FixedFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{},{}>", self.il, self.fl)
    }
}

impl FromStr for FixedFormat {
    type Err = FormatError;

    /// Reads `<IL,FL>`; blanks around the numbers and the brackets ⟨ ⟩ are accepted.
    fn from_str(text: &str) -> Result<Self, FormatError> {
        let syntax = || FormatError::Syntax(text.to_owned());
        let trimmed = text.trim();
        let inner = trimmed
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'))
            .or_else(|| trimmed.strip_prefix('⟨').and_then(|rest| rest.strip_suffix('⟩')))
            .ok_or_else(syntax)?;
        let (il, fl) = inner.split_once(',').ok_or_else(syntax)?;
        let number = |part: &str| part.trim().parse::<i8>().map_err(|_| syntax());
        Self::new(number(il)?, number(fl)?)
    }
}

impl TryFrom<String> for FixedFormat {
    type Error = FormatError;

    fn try_from(text: String) -> Result<Self, FormatError> {
        text.parse()
    }
}

impl From<FixedFormat> for String {
    fn from(format: FixedFormat) -> Self {
        format.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_the_paper_have_the_papers_range() {
        for (il, fl, max) in
            [(2, 14, 1.99994), (4, 12, 7.99976), (6, 10, 31.99902), (8, 8, 127.99609)]
        {
            let format = FixedFormat::new(il, fl).unwrap();
            assert!((format.max() - max).abs() < 5e-6, "{format} has maximum {}", format.max());
            assert_eq!(format.min(), -exp2(i32::from(il) - 1), "{format}");
        }
    }

    #[test]
    fn extreme_word_lengths_have_their_codes() {
        assert_eq!(FixedFormat::new(1, 1).unwrap().max_code(), 1);
        assert_eq!(FixedFormat::new(1, 31).unwrap().max_code(), i32::MAX);
        assert_eq!(FixedFormat::new(32, 0).unwrap().min_code(), i32::MIN);
    }

    #[test]
    fn impossible_formats_are_refused_by_name() {
        let message = |text: &str| text.parse::<FixedFormat>().unwrap_err().to_string();
        assert_eq!(message("<1,0>"), "⟨1,0⟩ has word length 1, outside 2..=32");
        assert_eq!(message("<20,20>"), "⟨20,20⟩ has word length 40, outside 2..=32");
        assert_eq!(message("<-70,80>"), "⟨-70,80⟩ puts the binary point outside −64..=64");
        for bad in ["", "2,14", "<2;14>", "<2,14", "<two,14>", "<2,14,1>", "<300,1>"] {
            assert!(
                message(bad).starts_with(&format!("'{bad}' is not a fixed-point format")),
                "{bad}"
            );
        }
    }

    #[test]
    fn text_round_trips() {
        for (il, fl) in [(2, 14), (-3, 11), (40, -20)] {
            let format = FixedFormat::new(il, fl).unwrap();
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!(" ⟨2, 14⟩ ".parse(), FixedFormat::new(2, 14));
    }
}
