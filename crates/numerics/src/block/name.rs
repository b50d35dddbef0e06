//! Names of [`BlockFormat`]s, as text and in configurations.

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "serde")]
use serde::de::value::MapAccessDeserializer;
#[cfg(feature = "serde")]
use serde::de::{Error, MapAccess, Visitor};
#[cfg(feature = "serde")]
use serde::{Deserialize, Deserializer};

use super::format::BlockFormat;
#[cfg(feature = "serde")]
use super::format::Fields;
use crate::error::ParameterError;

const NAMES: [(&str, BlockFormat); 7] = [
    ("mxfp8-e4m3", BlockFormat::MXFP8_E4M3),
    ("mxfp8-e5m2", BlockFormat::MXFP8_E5M2),
    ("mxfp6-e3m2", BlockFormat::MXFP6_E3M2),
    ("mxfp6-e2m3", BlockFormat::MXFP6_E2M3),
    ("mxfp4", BlockFormat::MXFP4),
    ("mxint8", BlockFormat::MXINT8),
    ("nvfp4", BlockFormat::NVFP4),
];

/// The name of a preset; other formats by their fields, which do not parse.
impl fmt::Display for BlockFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, format)| format == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{self:?}"),
        }
    }
}

impl FromStr for BlockFormat {
    type Err = ParameterError;

    fn from_str(text: &str) -> Result<Self, ParameterError> {
        let found = NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, format)| *format).ok_or_else(|| {
            let names = NAMES.map(|(name, _)| name).join(", ");
            ParameterError::new("format", format!("'{text}' is no block format, of {names}"))
        })
    }
}

#[cfg(feature = "serde")]
impl<'de> Deserialize<'de> for BlockFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Format;
        impl<'de> Visitor<'de> for Format {
            type Value = BlockFormat;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a block format or its fields")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<BlockFormat, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BlockFormat, A::Error> {
                let fields = Fields::deserialize(MapAccessDeserializer::new(map))?;
                BlockFormat::try_from(fields).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_printed() {
        for (name, format) in NAMES {
            assert_eq!(format.to_string(), name);
            assert_eq!(name.parse(), Ok(format));
            #[cfg(feature = "serde")]
            for text in [format!("\"{name}\""), serde_json::to_string(&format).unwrap()] {
                assert_eq!(serde_json::from_str::<BlockFormat>(&text).unwrap(), format);
            }
        }
        let error = "mxfp5".parse::<BlockFormat>().unwrap_err().to_string();
        assert!(
            error.starts_with("`format`: 'mxfp5' is no block format, of mxfp8-e4m3,"),
            "{error}"
        );
    }
}
