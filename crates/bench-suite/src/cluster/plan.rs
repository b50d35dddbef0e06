//! [`Plan`]: which element of an array job runs which points, as a file.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::measured::error::Error;
use crate::measured::files;
use crate::measured::hash::CODE_VERSION;
use crate::measured::point::Point;
use crate::record;

/// Of a million points.
const LARGEST: u64 = 1 << 30;

/// Which element runs which points, and what that was expected to cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of the code, without which no point has the name that it has here.
    pub code: String,
    /// The words of the command.
    pub command: Vec<String>,
    /// Points that had their record already.
    pub done_before: usize,
    /// Cores of an element.
    pub cores: u64,
    /// The elements.
    pub elements: Vec<Element>,
}

/// An element of the array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// Seconds that it is expected to take.
    pub seconds: f64,
    /// Its points, in the order in which they begin.
    pub points: Vec<Planned>,
}

/// A point of an element.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Its experiment.
    pub experiment: String,
    /// The name of its record.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// Seconds on one core that it is expected to take.
    pub core_s: f64,
}

impl Planned {
    /// A point with what it is expected to take.
    pub fn new(point: &Point, core_s: f64) -> Self {
        let Point { experiment, name, .. } = point;
        let (experiment, name) = ((*experiment).to_owned(), name.clone());
        Self { experiment, key: record::key(point), name, core_s }
    }
}

impl Plan {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read, [`Error::Data`] if it is no plan.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let text = files::read_text(file, LARGEST)?;
        serde_json::from_str(&text)
            .map_err(|error| Error::data(file, format!("it is no plan of `submit`: {error}")))
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a plan is plain data");
        text.push('\n');
        text
    }

    /// All points that it is about.
    pub fn points(&self) -> impl Iterator<Item = &Planned> {
        self.elements.iter().flat_map(|element| &element.points)
    }

    /// The element of that number, counted from 1, of so many.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] if the plan, which is in `file`, has another number of elements, or is of another
    /// version of the code.
    pub fn element(&self, file: &Path, index: usize, of: usize) -> Result<&Element, Error> {
        if self.code != CODE_VERSION {
            let reason = format!(
                "it is of code version {}, this program has {CODE_VERSION}; submit again with it",
                self.code
            );
            return Err(Error::data(file, reason));
        }
        match self.elements.get(index.wrapping_sub(1)) {
            Some(element) if self.elements.len() == of => Ok(element),
            _ => {
                let count = self.elements.len();
                Err(Error::data(file, format!("it has {count} elements; there is no {index}/{of}")))
            }
        }
    }
}

impl Element {
    /// The experiments of its points.
    pub fn experiments(&self) -> BTreeSet<&str> {
        self.points.iter().map(|point| &*point.experiment).collect()
    }

    /// Its points among those that a command has, in its order.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] about the plan in `file` if the command has not all of them: it was given with
    /// other data or other arguments.
    pub fn take(&self, file: &Path, points: Vec<Point>) -> Result<Vec<Point>, Error> {
        let mut by_key: std::collections::BTreeMap<String, Point> =
            points.into_iter().map(|point| (record::key(&point), point)).collect();
        let take = |planned: &Planned| {
            by_key.remove(&planned.key).ok_or_else(|| {
                let (experiment, name) = (&planned.experiment, &planned.name);
                let reason = format!(
                    "this command has no such point as {experiment} {name}: its arguments, data or \
                     recipe are not those that were submitted"
                );
                Error::data(file, reason)
            })
        };
        self.points.iter().map(take).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(seed: u64) -> Point {
        crate::measured::point::testing::point(
            "test/plan",
            &format!("seed {seed}"),
            serde_json::Value::Null,
            seed,
        )
    }

    fn plan() -> Plan {
        let element = |seeds: &[u64]| Element {
            seconds: 1.0,
            points: seeds.iter().map(|&seed| Planned::new(&point(seed), 2.0)).collect(),
        };
        Plan {
            code: CODE_VERSION.to_owned(),
            command: vec!["reproduce".to_owned()],
            done_before: 3,
            cores: 2,
            elements: vec![element(&[2, 0]), element(&[1])],
        }
    }

    #[test]
    fn an_element_takes_its_points_in_its_order() {
        let file = Path::new("plan.json");
        let all = || (0..4).map(point).collect::<Vec<_>>();
        let plan: Plan = serde_json::from_str(&plan().to_json()).unwrap();
        let seeds = |index| {
            let element = plan.element(file, index, 2).unwrap();
            element.take(file, all()).unwrap().iter().map(|p| p.seed).collect::<Vec<_>>()
        };
        assert_eq!([seeds(1), seeds(2)], [vec![2, 0], vec![1]]);
        assert_eq!(plan.points().count(), 3);
        for (index, of) in [(3, 2), (1, 3), (0, 2)] {
            let error = plan.element(file, index, of).unwrap_err().to_string();
            assert!(error.contains("plan.json: it has 2 elements"), "{error}");
        }
        let error = plan.elements[0].take(file, vec![point(2)]).unwrap_err().to_string();
        assert!(error.contains("no such point as test/plan seed 0"), "{error}");
        let other = Plan { code: "0123".to_owned(), ..plan };
        let error = other.element(file, 1, 2).unwrap_err().to_string();
        assert!(error.contains("it is of code version 0123"), "{error}");
    }
}
