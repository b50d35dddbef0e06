//! [`Errors`]: test errors by what was tested, and when.

use std::fmt;

use serde::de::{DeserializeOwned, Error};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::measured::measurements::{name_of, named};

/// What tells tests of one network apart; serde writes it as a string.
pub trait Way:
    Copy + Ord + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

impl<W> Way for W where
    W: Copy + Ord + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

/// Test errors in %, one per programming, by what was tested and by seconds after programming.
#[derive(Clone, Debug, PartialEq)]
pub struct Errors<W>(Vec<(W, f64, Vec<f64>)>);

impl<W> Default for Errors<W> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<W: Way> Errors<W> {
    /// Adds those of every time.
    pub fn add(&mut self, way: W, times_s: &[f64], errors: Vec<Vec<f64>>) {
        let timed = times_s.iter().zip(errors);
        self.0.extend(timed.map(|(&t_s, errors)| (way, t_s, errors)));
    }

    /// Those of one way at a time; none if it was not tested then.
    pub fn at(&self, way: W, t_s: f64) -> &[f64] {
        let found = self.0.iter().find(|(w, t, _)| *w == way && *t == t_s);
        found.map_or(&[], |(.., errors)| errors)
    }
}

impl<W: Way> Serialize for Errors<W> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (way, t_s, errors) in &self.0 {
            map.serialize_entry(&format!("{}_{t_s}s", name_of(way)), errors)?;
        }
        map.end()
    }
}

impl<'de, W: Way> Deserialize<'de> for Errors<W> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = std::collections::BTreeMap::<String, Vec<f64>>::deserialize(from)?;
        let timed = |(name, errors): (String, Vec<f64>)| {
            let parts = name.strip_suffix('s').and_then(|name| name.rsplit_once('_'));
            let parts = parts.and_then(|(way, t_s)| Some((way, t_s.parse().ok()?)));
            let (way, t_s) =
                parts.ok_or_else(|| D::Error::custom(format!("unknown field `{name}`")))?;
            Ok((named(way)?, t_s, errors))
        };
        read.into_iter().map(timed).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::measurements::Measurements;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Tile {
        Own,
        OtherOne,
    }

    #[test]
    fn errors_are_read_by_way_and_time() {
        let mut errors = Errors::default();
        errors.add(Tile::Own, &[1.0, 0.5], vec![vec![3.0], vec![4.0, 5.0]]);
        errors.add(Tile::OtherOne, &[3600.0], vec![vec![]]);
        let measured = Measurements::of(&errors);
        let names: Vec<&String> = measured.series.keys().collect();
        assert_eq!(names, ["other_one_3600s", "own_0.5s", "own_1s"]);
        let read: Errors<Tile> = measured.read().unwrap();
        assert_eq!(read.at(Tile::Own, 0.5), [4.0, 5.0]);
        assert!(read.at(Tile::Own, 3600.0).is_empty());
        assert!(
            Measurements::of(
                &[("own", 1.0)].into_iter().collect::<std::collections::BTreeMap<_, _>>()
            )
            .read::<Errors<Tile>>()
            .is_err()
        );
    }
}
