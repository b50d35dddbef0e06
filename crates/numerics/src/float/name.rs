//! Names of [`FloatFormat`]s, as text and in configurations.

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "serde")]
use serde::de::value::MapAccessDeserializer;
#[cfg(feature = "serde")]
use serde::de::{Error, MapAccess, Visitor};
#[cfg(feature = "serde")]
use serde::{Deserialize, Deserializer};

#[cfg(feature = "serde")]
use super::Parts;
use super::{Domain, FloatFormat, Signedness, Specials};
use crate::error::FormatError;

/// The formats that have a name of their own.
const NAMES: [(&str, FloatFormat); 11] = [
    ("f16", FloatFormat::F16),
    ("bf16", FloatFormat::BF16),
    ("tf32", FloatFormat::TF32),
    ("e4m3", FloatFormat::E4M3),
    ("e5m2", FloatFormat::E5M2),
    ("e4m3fnuz", FloatFormat::E4M3FNUZ),
    ("e5m2fnuz", FloatFormat::E5M2FNUZ),
    ("e3m2", FloatFormat::E3M2),
    ("e2m3", FloatFormat::E2M3),
    ("e2m1", FloatFormat::E2M1),
    ("e6m9", FloatFormat::FP16_E6M9),
];

/// `Binary8p3se` and the like, or a name of the others: `f16`, `bf16`, `tf32`, `e4m3`, `e5m2`,
/// `e4m3fnuz`, `e5m2fnuz`, `e3m2`, `e2m3`, `e2m1`, `e6m9`. What has no name is written by its fields,
/// which do not parse.
impl fmt::Display for FloatFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = NAMES.iter().find(|(_, format)| format == self) {
            return f.write_str(name);
        }
        let Self { exponent_bits, mantissa_bits, bias, specials, signed } = *self;
        let domain = match specials {
            Specials::P3109Extended => Some('e'),
            Specials::P3109Finite => Some('f'),
            _ => None,
        };
        match domain {
            Some(domain) if bias == 1 << (exponent_bits - 1) && self.width() <= 16 => {
                let sign = if signed { 's' } else { 'u' };
                write!(f, "Binary{}p{}{sign}{domain}", self.width(), mantissa_bits + 1)
            }
            _ => {
                let sign = if signed { "" } else { "unsigned " };
                write!(f, "{sign}e{exponent_bits}m{mantissa_bits} of bias {bias} ({specials:?})")
            }
        }
    }
}

impl FromStr for FloatFormat {
    type Err = FormatError;

    /// Reads the names that are printed; `p3109:8:3` is short for `Binary8p3se`.
    fn from_str(text: &str) -> Result<Self, FormatError> {
        if let Some((_, format)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(*format);
        }
        let syntax = || FormatError::FloatSyntax(text.to_owned());
        let number = |digits: &str| -> Result<u8, FormatError> {
            let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
            digits.parse().ok().filter(|_| plain).ok_or_else(syntax)
        };
        if let Some(fields) = text.strip_prefix("p3109:") {
            let (width, precision) = fields.split_once(':').ok_or_else(syntax)?;
            return Self::p3109(number(width)?, number(precision)?);
        }
        let (width, rest) =
            text.strip_prefix("Binary").and_then(|t| t.split_once('p')).ok_or_else(syntax)?;
        let kinds = [
            ("se", Signedness::Signed, Domain::Extended),
            ("sf", Signedness::Signed, Domain::Finite),
            ("ue", Signedness::Unsigned, Domain::Extended),
            ("uf", Signedness::Unsigned, Domain::Finite),
        ];
        let (precision, signedness, domain) = kinds
            .into_iter()
            .find_map(|(kind, s, d)| rest.strip_suffix(kind).map(|precision| (precision, s, d)))
            .ok_or_else(syntax)?;
        Self::p3109_with(number(width)?, number(precision)?, signedness, domain)
    }
}

#[cfg(feature = "serde")]
impl<'de> Deserialize<'de> for FloatFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Format;
        impl<'de> Visitor<'de> for Format {
            type Value = FloatFormat;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a floating-point format or its fields")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<FloatFormat, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FloatFormat, A::Error> {
                let parts = Parts::deserialize(MapAccessDeserializer::new(map))?;
                FloatFormat::try_from(parts).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Format)
    }
}
