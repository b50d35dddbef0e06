//! [`Measurements`]: the numbers that a point measured.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

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
