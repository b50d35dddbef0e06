//! [`Measurements`]: the numbers that a point measured, as a record keeps them.
//!
//! A measure's own outcome becomes measurements and is read from them by serde: each field is a
//! number or a sequence of numbers under its name.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, IntoDeserializer, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Numbers that a point measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurements {
    /// Single numbers by name.
    #[serde(default, deserialize_with = "numbers")]
    pub values: BTreeMap<String, f64>,
    /// Sequences by name, for example one number per epoch.
    #[serde(default, deserialize_with = "sequences")]
    pub series: BTreeMap<String, Vec<f64>>,
}

/// JSON has no number for what diverged: it is written as `null`, and NaN again once it is read.
fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let read: BTreeMap<String, Option<f64>> = Deserialize::deserialize(from)?;
    Ok(read.into_iter().map(|(name, x)| (name, x.unwrap_or(f64::NAN))).collect())
}

/// See [`numbers`].
fn sequences<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Vec<f64>>, D::Error> {
    let read: BTreeMap<String, Vec<Option<f64>>> = Deserialize::deserialize(from)?;
    let finite = |x: Option<f64>| x.unwrap_or(f64::NAN);
    Ok(read.into_iter().map(|(name, xs)| (name, xs.into_iter().map(finite).collect())).collect())
}

impl Measurements {
    /// The numbers of an outcome.
    ///
    /// # Panics
    ///
    /// Unless every field of it is a number or a sequence of numbers.
    pub fn of(outcome: &impl Serialize) -> Self {
        let mut measurements = Self::default();
        for (name, measured) in fields(outcome) {
            match measured {
                Measured::Number(x) => drop(measurements.values.insert(name, x)),
                Measured::Sequence(xs) => drop(measurements.series.insert(name, xs)),
            }
        }
        measurements
    }

    /// The outcome that has these numbers.
    ///
    /// # Errors
    ///
    /// A clause that says what is missing, or too much.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        let values = self.values.iter().map(|(name, x)| (name.clone(), Measured::Number(*x)));
        let series = self.series.iter();
        let series = series.map(|(name, xs)| (name.clone(), Measured::Sequence(xs.clone())));
        outcome(values.chain(series)).map_err(|error: de::value::Error| error.to_string())
    }
}

/// What stands under a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Measured {
    /// A number.
    Number(f64),
    /// A sequence.
    Sequence(Vec<f64>),
}

/// The numbers of an outcome by name.
///
/// # Panics
///
/// Unless every field of it is a number or a sequence of numbers.
pub(crate) fn fields(outcome: &impl Serialize) -> BTreeMap<String, Measured> {
    let written = serde_json::to_value(outcome).expect("an outcome is plain data");
    serde_json::from_value(written).expect("an outcome is numbers by name")
}

/// The outcome that has these numbers.
pub(crate) fn outcome<'de, T: Deserialize<'de>, E: de::Error>(
    fields: impl IntoIterator<Item = (String, Measured)>,
) -> Result<T, E> {
    T::deserialize(MapDeserializer::new(fields.into_iter()))
}

impl Serialize for Measured {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(x) => to.serialize_f64(*x),
            Self::Sequence(xs) => xs.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Measured {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Measured;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a sequence of numbers")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Measured, E> {
                Ok(Measured::Number(f64::NAN))
            }

            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Measured, E> {
                Ok(Measured::Number(x))
            }

            fn visit_u64<E: de::Error>(self, x: u64) -> Result<Measured, E> {
                Ok(Measured::Number(x as f64))
            }

            fn visit_i64<E: de::Error>(self, x: i64) -> Result<Measured, E> {
                Ok(Measured::Number(x as f64))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Measured, A::Error> {
                let mut all = Vec::new();
                while let Some(x) = seq.next_element::<Measured>()? {
                    let Measured::Number(x) = x else {
                        return Err(de::Error::custom("a sequence of sequences"));
                    };
                    all.push(x);
                }
                Ok(Measured::Sequence(all))
            }
        }
        from.deserialize_any(Read)
    }
}

impl<'de, E: de::Error> IntoDeserializer<'de, E> for Measured {
    type Deserializer = MeasuredDeserializer<E>;

    fn into_deserializer(self) -> Self::Deserializer {
        MeasuredDeserializer { measured: self, error: std::marker::PhantomData }
    }
}

/// Gives a whole number as one where it is, for a field that counts.
#[derive(Debug)]
pub(crate) struct MeasuredDeserializer<E> {
    measured: Measured,
    error: std::marker::PhantomData<E>,
}

impl<'de, E: de::Error> Deserializer<'de> for MeasuredDeserializer<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        /// 2^53, up to which every whole number is a float.
        const WHOLE: f64 = 9_007_199_254_740_992.0;
        match self.measured {
            Measured::Number(x) if x.is_sign_positive() && x < WHOLE && x.fract() == 0.0 => {
                visitor.visit_u64(x as u64)
            }
            Measured::Number(x) => visitor.visit_f64(x),
            Measured::Sequence(xs) => {
                visitor.visit_seq(SeqDeserializer::new(xs.into_iter().map(Measured::Number)))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_some(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Writes structs of numbers as one map; `name` makes the name of a number from that of its struct and
/// that of its field.
pub(crate) fn write_groups<'a, K, T: Serialize + 'a, S: Serializer>(
    groups: impl IntoIterator<Item = (K, &'a T)>,
    name: impl Fn(&K, &str) -> String,
    to: S,
) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(None)?;
    for (key, group) in groups {
        for (field, measured) in fields(group) {
            map.serialize_entry(&name(&key, &field), &measured)?;
        }
    }
    map.end()
}

/// Reads what [`write_groups`] has written; `split` takes a name apart.
pub(crate) fn read_groups<'de, K: Ord, T: DeserializeOwned, D: Deserializer<'de>>(
    from: D,
    split: impl Fn(&str) -> Option<(K, String)>,
) -> Result<BTreeMap<K, T>, D::Error> {
    let mut groups: BTreeMap<K, BTreeMap<String, Measured>> = BTreeMap::new();
    for (name, measured) in BTreeMap::<String, Measured>::deserialize(from)? {
        let (key, field) =
            split(&name).ok_or_else(|| de::Error::custom(format!("unknown field `{name}`")))?;
        groups.entry(key).or_default().insert(field, measured);
    }
    groups.into_iter().map(|(key, group)| Ok((key, outcome(group)?))).collect()
}

/// A name as serde writes it.
///
/// # Panics
///
/// Unless it is written as a string.
pub(crate) fn name_of(key: &impl Serialize) -> String {
    match serde_json::to_value(key) {
        Ok(Value::String(name)) => name,
        other => panic!("a name is a string, not {other:?}"),
    }
}

/// What serde reads from a name.
pub(crate) fn named<T: DeserializeOwned, E: de::Error>(name: &str) -> Result<T, E> {
    T::deserialize(name.into_deserializer())
}

/// Keeps what was measured in a file as [`Measurements`].
pub(crate) mod kept {
    use super::{
        Deserialize, DeserializeOwned, Deserializer, Measurements, Serialize, Serializer, de,
    };

    /// Writes it.
    pub(crate) fn serialize<T: Serialize, S: Serializer>(of: &T, to: S) -> Result<S::Ok, S::Error> {
        Measurements::of(of).serialize(to)
    }

    /// Reads it.
    pub(crate) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        Measurements::deserialize(from)?.read().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outcome {
        error: f64,
        layers: usize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<f64>,
        losses: Vec<f64>,
        order: Vec<usize>,
    }

    #[test]
    fn outcomes_are_read_from_their_numbers() {
        let outcome = Outcome {
            error: -0.0,
            layers: 3,
            value: None,
            losses: vec![0.1, 2.0],
            order: vec![1, 0],
        };
        let measured = Measurements::of(&outcome);
        assert_eq!(measured.values.keys().collect::<Vec<_>>(), ["error", "layers"]);
        assert!(measured.values["error"].is_sign_negative());
        assert_eq!(measured.series["order"], [1.0, 0.0]);
        assert_eq!(measured.read::<Outcome>().unwrap(), outcome);
    }

    #[test]
    fn what_diverged_stays_nan() {
        let (losses, order) = (vec![1.0, f64::INFINITY], Vec::new());
        let outcome = Outcome { error: f64::NAN, layers: 1, value: Some(f64::NAN), losses, order };
        let read: Outcome = Measurements::of(&outcome).read().unwrap();
        assert!(read.error.is_nan() && read.value.unwrap().is_nan() && read.losses[1].is_nan());
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut measured = Measurements::default();
        measured.values.insert("error".to_owned(), 1.0);
        let error = measured.read::<Outcome>().unwrap_err();
        assert_eq!(error, "missing field `layers`");
    }
}
