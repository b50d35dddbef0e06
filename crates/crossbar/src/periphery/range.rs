//! [`DacRange`], [`AdcRange`] and [`BoundPer`]: from where to where a converter converts.

use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a DAC takes, in units of the input range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DacRange {
    /// [−b, b].
    #[default]
    Symmetric,
    /// [0, b]: negative inputs become 0 and are counted as saturated.
    Unsigned,
}

/// What an ADC takes, in units of a full input on a full weight.
///
/// ```toml
/// range = "symmetric"                    # [−b, b], b being adc.bound; if it is absent, too
/// range = "unsigned"                     # [0, b]
/// range = { low = -2.0, high = 10.0 }    # without adc.bound
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum AdcRange {
    /// [−b, b].
    #[default]
    Symmetric,
    /// [0, b].
    Unsigned,
    /// [low, high], 0 among them. The codes are those steps from `low`, so that 0 need not be one.
    Between {
        /// Lowest output.
        low: f32,
        /// Highest output.
        high: f32,
    },
}

/// Which columns have one range of the ADC.
///
/// ```toml
/// bound_per = "tile"              # if it is absent, too
/// bound_per = "column"
/// bound_per = { columns = 4 }     # four columns that lie side by side, the first ones first
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoundPer {
    /// All of the tile.
    #[default]
    Tile,
    /// Each has its own.
    Column,
    /// So many that lie side by side; the last group may be smaller.
    Columns(usize),
}

impl BoundPer {
    pub(crate) fn is_tile(&self) -> bool {
        *self == Self::Tile
    }

    /// Columns of a group.
    pub(crate) fn columns(self, outputs: usize) -> usize {
        match self {
            Self::Tile => outputs,
            Self::Column => 1,
            Self::Columns(columns) => columns,
        }
    }
}

impl DacRange {
    pub(crate) fn is_symmetric(&self) -> bool {
        *self == Self::Symmetric
    }
}

impl AdcRange {
    pub(crate) fn is_symmetric(&self) -> bool {
        *self == Self::Symmetric
    }
}

/// [`AdcRange::Between`] as a table.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ends {
    low: f32,
    high: f32,
}

impl Serialize for AdcRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Symmetric => serializer.serialize_str("symmetric"),
            Self::Unsigned => serializer.serialize_str("unsigned"),
            Self::Between { low, high } => Ends { low, high }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for AdcRange {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Range;

        impl<'de> Visitor<'de> for Range {
            type Value = AdcRange;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a range: \"symmetric\", \"unsigned\" or { low = …, high = … }")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<AdcRange, E> {
                match name {
                    "symmetric" => Ok(AdcRange::Symmetric),
                    "unsigned" => Ok(AdcRange::Unsigned),
                    _ => Err(E::invalid_value(de::Unexpected::Str(name), &self)),
                }
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<AdcRange, M::Error> {
                let Ends { low, high } = Ends::deserialize(MapAccessDeserializer::new(map))?;
                Ok(AdcRange::Between { low, high })
            }
        }
        source.deserialize_any(Range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Held {
        range: AdcRange,
    }

    #[test]
    fn ranges_are_written_as_they_are_read() {
        for (range, text) in [
            (AdcRange::Symmetric, "range = \"symmetric\"\n"),
            (AdcRange::Unsigned, "range = \"unsigned\"\n"),
            (AdcRange::Between { low: -2.0, high: 10.0 }, "[range]\nlow = -2.0\nhigh = 10.0\n"),
        ] {
            assert_eq!(toml::to_string(&Held { range }).unwrap(), text);
            assert_eq!(toml::from_str::<Held>(text).unwrap(), Held { range });
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for (text, message) in [
            ("range = \"both\"", "expected a range: \"symmetric\", \"unsigned\" or { low"),
            ("range = 3.0", "expected a range: \"symmetric\", \"unsigned\" or { low"),
            ("range = { low = -2.0 }", "missing field `high`"),
            ("range = { low = -2.0, hi = 10.0 }", "unknown field `hi`"),
        ] {
            let error = toml::from_str::<Held>(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
