//! The configurations of an experiment's points: what they share once, and what is each one's own.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::measured::point::Point;

/// The settings of several points, as dotted keys with values in JSON.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// What every point has.
    pub(super) shared: String,
    /// What differs, once for all points that agree in everything.
    pub(super) own: Vec<String>,
    /// The entry of `own` of each point.
    pub(super) of_point: Vec<usize>,
}

impl Settings {
    pub(super) fn of<'a>(points: impl Iterator<Item = &'a Point>) -> Self {
        let leaves: Vec<BTreeMap<String, String>> = points
            .map(|point| {
                let mut found = BTreeMap::new();
                collect("", &point.config, &mut found);
                found
            })
            .collect();
        let Some(first) = leaves.first() else { return Self::default() };
        let is_shared =
            |key: &String, value: &String| leaves.iter().all(|other| other.get(key) == Some(value));
        let lines = |settings: &BTreeMap<String, String>,
                     keep: &dyn Fn(&String, &String) -> bool| {
            let kept = settings.iter().filter(|(key, value)| keep(key, value));
            kept.map(|(key, value)| format!("{key} = {value}\n")).collect::<String>()
        };
        let shared = lines(first, &|key, value| is_shared(key, value));
        let common: BTreeMap<&String, &String> =
            first.iter().filter(|(key, value)| is_shared(key, value)).collect();
        let mut own: Vec<String> = Vec::new();
        let of_point = leaves
            .iter()
            .map(|settings| {
                let text = lines(settings, &|key, _| !common.contains_key(key));
                own.iter().position(|known| *known == text).unwrap_or_else(|| {
                    own.push(text);
                    own.len() - 1
                })
            })
            .collect();
        Self { shared, own, of_point }
    }
}

/// The values at the ends of all paths, arrays whole.
fn collect(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(&path, value, into);
            }
        }
        _ => {
            let path = if path.is_empty() { "configuration" } else { path };
            into.insert(path.to_owned(), value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_said_once() {
        let point = |config, seed| crate::measured::point::testing::point("a/b", "", config, seed);
        let wide = serde_json::json!({ "net": { "width": 8, "depth": 3 }, "times": [1.0, 2.5] });
        let narrow = serde_json::json!({ "net": { "width": 4, "depth": 3 }, "times": [1.0, 2.5] });
        let points = [point(wide.clone(), 0), point(narrow, 0), point(wide, 1)];
        let settings = Settings::of(points.iter());
        assert_eq!(settings.shared, "net.depth = 3\ntimes = [1.0,2.5]\n");
        assert_eq!(settings.own, ["net.width = 8\n", "net.width = 4\n"]);
        assert_eq!(settings.of_point, [0, 1, 0]);
        assert!(Settings::of([].iter()).own.is_empty());
    }
}
