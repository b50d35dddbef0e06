//! Brings the records of several stores together.

use std::path::{Path, PathBuf};

use crate::measured::error::Error;
use crate::measured::point::Point;
use crate::provenance::Run;
use crate::record::{self, Record};
use crate::store::Store;

/// Adds to the store in `out`, which need not be there, the records of `points` that other stores
/// have, so that it has all of them. Records that are there stay. A damaged record of which another
/// store has a whole one goes to `warn`, as a line.
///
/// Everything is looked at before anything is written: an error leaves `out` as it was.
///
/// # Errors
///
/// [`Error::Io`] if a store of `from` is not there or `out` cannot be written; [`Error::Record`] if
/// the only record of a point is damaged; [`Error::Conflict`] if two stores measured something else
/// for one point; [`Error::Incomplete`] if a point has no record anywhere.
pub fn merge<'a>(
    out: &Path,
    from: &[PathBuf],
    points: impl IntoIterator<Item = &'a Point>,
    mut warn: impl FnMut(&str),
) -> Result<Store, Error> {
    let mut stores = Vec::new();
    for folder in from {
        stores.push(Store::existing(folder)?);
    }
    let own = out.exists().then(|| Store::existing(out)).transpose()?;
    let (mut adopted, mut missing, mut total) = (Vec::new(), Vec::new(), 0);
    for point in points {
        total += 1;
        match found(point, own.as_ref(), &stores, &mut warn)? {
            Found::Nowhere => missing.push(format!("{} {}", point.experiment, point.name)),
            Found::Here => {}
            Found::There(record, run) => adopted.push((point, record, run)),
        }
    }
    if !missing.is_empty() {
        return Err(Error::Incomplete { folder: out.to_owned(), missing, total });
    }
    let store = Store::open(out)?;
    for (point, record, run) in &adopted {
        store.adopt(point, record, run.as_ref())?;
    }
    Ok(store)
}

/// Where the record of a point is.
enum Found {
    Nowhere,
    /// In the store that is added to.
    Here,
    /// In another one.
    There(Box<Record>, Option<Run>),
}

fn found(
    point: &Point,
    own: Option<&Store>,
    others: &[Store],
    warn: &mut impl FnMut(&str),
) -> Result<Found, Error> {
    let mut first: Option<(&Store, Record)> = None;
    let mut damaged = Vec::new();
    for store in own.into_iter().chain(others) {
        match store.load(point) {
            Err(error @ Error::Record { .. }) => damaged.push(error),
            loaded => match (loaded?, &first) {
                (None, _) => {}
                (Some(record), None) => first = Some((store, record)),
                (Some(record), Some((whose, known))) => {
                    let [known, other] = [known, &record].map(|record| &record.measurements);
                    if let Some(difference) = record::difference(known, other) {
                        let files = [*whose, store].map(|store| store.record_path(point));
                        return Err(Error::Conflict { files, difference });
                    }
                }
            },
        }
    }
    let Some((store, record)) = first else {
        return damaged.into_iter().next().map_or(Ok(Found::Nowhere), Err);
    };
    let whole = store.record_path(point);
    for error in damaged {
        if let Error::Record { path, reason } = error {
            let (path, whole) = (path.display(), whole.display());
            warn(&format!("damaged: record {path} {reason}; {whole} is taken instead"));
        }
    }
    if own.is_some_and(|own| std::ptr::eq(own, store)) {
        return Ok(Found::Here);
    }
    Ok(Found::There(Box::new(record), store.run(point)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::measurements::Measurements;

    fn point(seed: u64) -> Point {
        crate::measured::point::testing::point(
            "test/merge",
            &format!("seed {seed}"),
            serde_json::Value::Null,
            seed,
        )
    }

    /// A store with records of these seeds, which measured `x`.
    fn store(folder: &Path, seeds: &[u64], x: f64) -> Store {
        let store = Store::open(folder).unwrap();
        for &seed in seeds {
            let mut measured = Measurements::default();
            measured.values.insert("error".to_owned(), 1.0);
            measured.series.insert("loss".to_owned(), vec![0.5, x]);
            store.adopt(&point(seed), &Record::new(&point(seed), measured), None).unwrap();
        }
        store
    }

    #[test]
    fn records_that_differ_are_named_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, out] = ["a", "b", "out"].map(|name| folder.path().join(name));
        store(&a, &[0, 1], 0.25);
        let differs = store(&b, &[1, 2], 0.125);
        let points = [0, 1, 2].map(point);
        let both = [a.clone(), b.clone()];
        let error = merge(&out, &both, &points, |_| ()).unwrap_err().to_string();
        for part in ["/a/records", "/b/records", "loss[1]", "0.25", "0.125"] {
            assert!(error.contains(part), "'{part}' is not in {error}");
        }
        assert!(!out.exists());
        // The same where one of the two is in the store that is added to.
        let own = store(&out, &[1], 0.5);
        let error = merge(&out, &both, &points, |_| ()).unwrap_err().to_string();
        assert!(error.contains("/out/records"), "{error}");
        own.forget(&point(1)).unwrap();
        differs.forget(&point(1)).unwrap();
        let merged = merge(&out, &both, &points, |_| ()).unwrap();
        assert!(points.iter().all(|point| merged.has(point)));
    }

    #[test]
    fn what_is_missing_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let [a, out] = ["a", "out"].map(|name| folder.path().join(name));
        store(&a, &[0], 1.0);
        let points = [0, 1].map(point);
        let error = merge(&out, std::slice::from_ref(&a), &points, |_| ()).unwrap_err();
        assert!(error.to_string().starts_with("1 of 2 records are missing in "), "{error}");
        let nowhere = [a, folder.path().join("nowhere")];
        let error = merge(&out, &nowhere, &points, |_| ()).unwrap_err().to_string();
        assert!(error.contains("nowhere"), "{error}");
        assert!(!out.exists());
    }

    #[test]
    fn a_whole_record_goes_before_a_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        let stores = ["a", "b", "out"].map(|name| folder.path().join(name));
        let [a, b, out] = stores.clone();
        let [damaged, whole, own] = stores.map(|folder| store(&folder, &[0], 1.0));
        let point = point(0);
        for store in [&damaged, &own] {
            std::fs::write(store.record_path(&point), "{").unwrap();
        }
        let mut lines = Vec::new();
        let merged =
            merge(&out, &[a.clone(), b], [&point], |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].contains("/a/") && lines[1].contains("/b/"), "{lines:?}");
        assert_eq!(merged.load(&point).unwrap(), whole.load(&point).unwrap());
        // Where there is no other it is an error.
        std::fs::write(own.record_path(&point), "{").unwrap();
        let error = merge(&out, &[a], [&point], |_| ()).unwrap_err();
        assert!(matches!(error, Error::Record { .. }), "{error}");
    }
}
