//! [`Record`]: what a point measured, under the hash of what made it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::datasets::DataSum;
use crate::experiment::Point;
use crate::provenance;

/// Layout of a record file; counted up when it changes.
const SCHEMA: u32 = 1;

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

/// A point, what made it, and what it measured. It holds no time and no machine: the same point
/// gives the same bytes wherever it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Layout of the file.
    pub schema: u32,
    /// The hash of all that follows but the measurements: the name of the file.
    pub key: String,
    /// The experiment.
    pub experiment: String,
    /// The point's name.
    pub point: String,
    /// The complete configuration.
    pub config: Value,
    /// The seed.
    pub seed: u64,
    /// The data sets with their checksums.
    pub data: Vec<DataSum>,
    /// The version of the code: a hash of its sources.
    pub code: String,
    /// What was measured.
    pub measurements: Measurements,
    /// SHA-256 of the measurements, so that a changed digit shows.
    pub checksum: String,
}

impl Record {
    /// The record of a point that has run.
    pub fn new(point: &Point, measurements: Measurements) -> Self {
        Self {
            schema: SCHEMA,
            key: key(point),
            experiment: point.experiment.to_owned(),
            point: point.name.clone(),
            config: point.config.clone(),
            seed: point.seed,
            data: point.data.clone(),
            code: provenance::CODE_VERSION.to_owned(),
            checksum: checksum(&measurements),
            measurements,
        }
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a record is plain data");
        text.push('\n');
        text
    }

    /// Reads the file's text and checks it against the point it should belong to.
    ///
    /// # Errors
    ///
    /// A clause that says what is wrong with the file.
    pub fn from_json(text: &str, point: &Point) -> Result<Self, String> {
        let record: Self = serde_json::from_str(text)
            .map_err(|error| format!("is not a complete record ({error})"))?;
        if record.schema != SCHEMA {
            return Err(format!("has layout {}, not {SCHEMA}", record.schema));
        }
        if record.checksum != checksum(&record.measurements) {
            return Err("was altered: its measurements do not match their checksum".to_owned());
        }
        if (Self {
            measurements: Measurements::default(),
            checksum: String::new(),
            ..record.clone()
        }) != (Self { checksum: String::new(), ..Self::new(point, Measurements::default()) })
        {
            return Err(format!("does not belong to point '{}'", point.name));
        }
        Ok(record)
    }

    /// A sequence by name; empty if the point has none.
    pub fn series(&self, name: &str) -> &[f64] {
        self.measurements.series.get(name).map_or(&[], Vec::as_slice)
    }
}

/// The hash of everything that determines a point's measurements.
pub fn key(point: &Point) -> String {
    hash(&(point.experiment, &point.config, point.seed, &point.data))
}

/// The name of what was made by `parts` and the present code.
pub fn hash(parts: &impl Serialize) -> String {
    let parts = (SCHEMA, provenance::CODE_VERSION, parts);
    let text = serde_json::to_string(&parts).expect("what makes a record is plain data");
    hex(&Sha256::digest(text))[..20].to_owned()
}

fn checksum(measurements: &Measurements) -> String {
    let text = serde_json::to_string(measurements).expect("measurements are plain data");
    hex(&Sha256::digest(text))
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_diverged_is_read_again_as_nan() {
        let point = Point {
            experiment: "test/record",
            name: "diverges".to_owned(),
            config: Value::Null,
            seed: 0,
            data: Vec::new(),
            work: 1,
        };
        let mut measurements = Measurements::default();
        measurements.values.insert("error".to_owned(), f64::NAN);
        measurements.series.insert("loss".to_owned(), vec![1.5, f64::INFINITY]);
        let text = Record::new(&point, measurements).to_json();
        let record = Record::from_json(&text, &point).unwrap();
        assert!(record.measurements.values["error"].is_nan());
        assert_eq!(record.series("loss")[0], 1.5);
        assert!(record.series("loss")[1].is_nan());
        assert_eq!(record.to_json(), text, "the same bytes once it is written again");
        let altered = text.replace("1.5", "1.6");
        assert!(Record::from_json(&altered, &point).unwrap_err().contains("was altered"));
    }
}
