//! [`Record`]: what a point measured, under the hash of what made it.

use std::collections::BTreeMap;

use datasets::DataSum;
use datasets::sum::hex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::measured::hash::{CODE_VERSION, SCHEMA, hash};
use crate::measured::measurements::Measurements;
use crate::measured::point::Point;

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
            code: CODE_VERSION.to_owned(),
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
        let incomplete = |error: serde_json::Error| {
            format!("is not a complete record ({})", shortened(&error.to_string()))
        };
        // Read first, for another layout has other fields.
        let head: Head = serde_json::from_str(text).map_err(incomplete)?;
        if head.schema != SCHEMA {
            return Err(format!("has layout {}, not {SCHEMA}", head.schema));
        }
        if head.code != CODE_VERSION {
            let (there, here) = (shortened(&head.code), CODE_VERSION);
            return Err(format!("is of code version {there}, this is {here}"));
        }
        let record: Self = serde_json::from_str(text).map_err(incomplete)?;
        if record.checksum != checksum(&record.measurements) {
            return Err("was altered: its measurements do not match their checksum".to_owned());
        }
        let expected = Self::new(point, Measurements::default());
        let differs = [
            ("experiment", record.experiment != expected.experiment),
            ("name", record.point != expected.point),
            ("seed", record.seed != expected.seed),
            ("configuration", record.config != expected.config),
            ("data", record.data != expected.data),
            ("key", record.key != expected.key),
        ];
        if let Some((what, _)) = differs.into_iter().find(|(_, differs)| *differs) {
            return Err(format!("does not belong to point '{}': its {what} differs", point.name));
        }
        match point.check(&record.measurements) {
            Ok(()) => Ok(record),
            Err(reason) => Err(format!("has other measurements than '{}': {reason}", point.name)),
        }
    }
}

/// What every layout of a record has.
#[derive(Deserialize)]
struct Head {
    schema: u32,
    code: String,
}

/// The beginning of a text that may come from anywhere.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

/// The first measurement in which two differ, with both numbers; none if all are the same.
pub(crate) fn difference(a: &Measurements, b: &Measurements) -> Option<String> {
    let numbers = |of: &Measurements| -> BTreeMap<String, f64> {
        let values = of.values.iter().map(|(name, x)| (name.clone(), *x));
        let series = of.series.iter().flat_map(|(name, xs)| {
            let number = move |(i, x): (usize, &f64)| (format!("{name}[{i}]"), *x);
            xs.iter().enumerate().map(number)
        });
        values.chain(series).collect()
    };
    let (a, b) = (numbers(a), numbers(b));
    let text = |x: Option<&f64>| x.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    // What diverged is read as one NaN, whatever it was.
    let same = |x: Option<&f64>, y: Option<&f64>| {
        x.zip(y).is_some_and(|(x, y)| x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()))
    };
    let name = a.keys().chain(b.keys()).find(|name| !same(a.get(*name), b.get(*name)))?;
    Some(format!("{name} is {} and {}", text(a.get(name)), text(b.get(name))))
}

/// The hash of everything that determines a point's measurements.
pub fn key(point: &Point) -> String {
    hash(&(point.experiment, &point.config, point.seed, &point.data))
}

fn checksum(measurements: &Measurements) -> String {
    let text = serde_json::to_string(measurements).expect("measurements are plain data");
    hex(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_diverged_is_read_again_as_nan() {
        let point =
            crate::measured::point::testing::point("test/record", "diverges", Value::Null, 0);
        let mut measurements = Measurements::default();
        measurements.values.insert("error".to_owned(), f64::NAN);
        measurements.series.insert("loss".to_owned(), vec![1.5, f64::INFINITY]);
        let text = Record::new(&point, measurements).to_json();
        let record = Record::from_json(&text, &point).unwrap();
        assert!(record.measurements.values["error"].is_nan());
        assert_eq!(record.measurements.series["loss"][0], 1.5);
        assert!(record.measurements.series["loss"][1].is_nan());
        assert_eq!(record.to_json(), text, "the same bytes once it is written again");
        let altered = text.replace("1.5", "1.6");
        assert!(Record::from_json(&altered, &point).unwrap_err().contains("was altered"));
    }

    fn point() -> Point {
        let width = serde_json::json!({ "width": 3 });
        let data = vec![DataSum { name: "digits".to_owned(), sha256: "00".to_owned() }];
        let mut point = crate::measured::point::testing::point("test/record", "a point", width, 0);
        point.data = data;
        point
    }

    fn record() -> String {
        let mut measurements = Measurements::default();
        measurements.values.insert("error".to_owned(), 1.5);
        measurements.series.insert("loss".to_owned(), vec![0.5, 0.25]);
        Record::new(&point(), measurements).to_json()
    }

    #[test]
    fn what_a_record_does_not_belong_to_is_said() {
        let read = |text: &str| Record::from_json(text, &point()).unwrap_err();
        let version = CODE_VERSION;
        let other = record().replace(version, "0123456789abcdef");
        let expected = format!("is of code version 0123456789abcdef, this is {version}");
        assert_eq!(read(&other), expected);
        let other = record().replace("\"schema\": 1,", "\"schema\": 2, \"new\": [],");
        assert_eq!(read(&other), "has layout 2, not 1");
        for (from, to, what) in [
            ("\"seed\": 0", "\"seed\": 1", "seed"),
            ("\"a point\"", "\"another\"", "name"),
            ("\"width\": 3", "\"width\": 4", "configuration"),
            ("\"digits\"", "\"letters\"", "data"),
        ] {
            let expected = format!("does not belong to point 'a point': its {what} differs");
            assert_eq!(read(&record().replace(from, to)), expected);
        }
        let long = "x".repeat(1 << 20);
        for text in
            [record().replace(version, &long), record().replace(": 1.5", &format!(": \"{long}\""))]
        {
            assert!(read(&text).len() < 400, "{}", read(&text).len());
        }
    }

    #[test]
    fn a_damaged_record_is_refused_or_has_the_same_measurements() {
        let whole = Record::from_json(&record(), &point()).unwrap();
        for bytes in crate::testing::mutations(record().as_bytes(), 3000) {
            let Ok(text) = std::str::from_utf8(&bytes) else { continue };
            if let Ok(read) = Record::from_json(text, &point()) {
                assert_eq!(read.measurements, whole.measurements, "{text}");
            }
        }
    }

    #[test]
    fn the_first_difference_is_named() {
        let of = |x: f64, loss: &[f64]| Measurements {
            values: [("error".to_owned(), x)].into(),
            series: [("loss".to_owned(), loss.to_vec())].into(),
        };
        assert_eq!(difference(&of(f64::NAN, &[1.0]), &of(f64::NAN, &[1.0])), None);
        let named = |a, b| difference(&a, &b).unwrap();
        assert_eq!(named(of(1.0, &[]), of(2.0, &[3.0])), "error is 1 and 2");
        assert_eq!(named(of(1.0, &[0.0]), of(1.0, &[-0.0])), "loss[0] is 0 and -0");
        assert_eq!(named(of(1.0, &[0.5]), of(1.0, &[0.5, 1.0])), "loss[1] is nothing and 1");
    }
}
