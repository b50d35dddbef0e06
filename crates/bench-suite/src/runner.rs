//! Runs points side by side and writes each record as soon as it is there.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use numerics::Par;

use crate::datasets::DataFolder;
use crate::experiment::{Context, Experiment, Point};
use crate::progress::{Progress, STOP};
use crate::provenance::Run;
use crate::record::Record;
use crate::store::Store;
use crate::{Error, fault};

/// A point with the experiment that runs it.
pub type Job<'a> = (&'a dyn Experiment, Point);

/// Runs all jobs whose record is not in the store yet.
///
/// Points run side by side, one per thread; threads beyond the number of points serve the kernels
/// inside. Neither changes a bit of any record.
///
/// # Errors
///
/// [`Error::Point`] for the first point that failed, by a panic too; the others run to their ends. If a
/// file cannot be written they stop at their next step. What was written stays.
pub fn run(
    jobs: &[Job<'_>],
    store: &Store,
    data: &DataFolder,
    threads: usize,
) -> Result<(), Error> {
    let mut pending = Vec::new();
    for job in jobs {
        if store.load(&job.1)?.is_none() {
            pending.push(job);
        }
    }
    if pending.is_empty() {
        return Ok(());
    }
    let workers = threads.clamp(1, pending.len());
    let inner = threads / workers;
    let progress = Progress::new(pending.len(), pending.iter().map(|job| job.1.work).sum());
    progress.say(&format!(
        "{} of {} points to run, {workers} side by side{}",
        pending.len(),
        jobs.len(),
        if inner > 1 { format!(", {inner} threads each") } else { String::new() }
    ));

    let models = store.models();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let fail = |what: String, error: Error| {
        if matches!(error, Error::Interrupted) {
            return;
        }
        progress.say(&format!("failed: {what}: {error}"));
        let stops = matches!(error, Error::Io { .. });
        failures.lock().expect("no worker panics with the lock").push((what, error));
        if stops {
            STOP.store(true, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let pool = match rayon::ThreadPoolBuilder::new().num_threads(inner).build() {
                    Ok(pool) => pool,
                    Err(error) => {
                        let what = format!("{inner} threads");
                        return fail(what, Error::Usage(format!("cannot be started: {error}")));
                    }
                };
                while !STOP.load(Ordering::Relaxed) {
                    let Some((experiment, point)) =
                        pending.get(next.fetch_add(1, Ordering::Relaxed))
                    else {
                        break;
                    };
                    let what = point.title();
                    let checkpoint = store.checkpoint(point);
                    let started = Instant::now();
                    let point_progress = progress.start(point);
                    // Another process may have run it in the meantime.
                    if let Ok(Some(_)) = store.load(point) {
                        point_progress.reach(point.work);
                        progress.count();
                        continue;
                    }
                    let par = if inner > 1 { Par::Rayon } else { Par::Seq };
                    let context = Context {
                        data,
                        par,
                        progress: &point_progress,
                        checkpoint: &checkpoint,
                        models: &models,
                    };
                    let saved = fault::caught(|| {
                        let measurements = pool.install(|| experiment.run(point, &context))?;
                        let record = Record::new(point, measurements);
                        let run = Run::ending_now(started.elapsed(), workers, inner);
                        store.save(point, &record, &run)
                    });
                    match saved {
                        Ok(()) => {
                            point_progress.reach(point.work);
                            drop(point_progress);
                            let (seconds, count) =
                                (started.elapsed().as_secs_f64(), progress.count());
                            progress.say(&format!("done: {what} in {seconds:.0} s ({count})"));
                        }
                        Err(error) => {
                            drop(point_progress);
                            fail(what, error);
                        }
                    }
                }
            });
        }
    });
    progress.finish();
    let mut failures = failures.into_inner().expect("no worker panics with the lock").into_iter();
    match failures.next() {
        Some((point, error)) => {
            Err(Error::Point { point, source: Box::new(error), others: failures.len() })
        }
        None if STOP.load(Ordering::Relaxed) => Err(Error::Interrupted),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Findings, Request, Results, Scale};
    use crate::record::Measurements;

    /// Points whose seed is odd fail, the last of them by a panic.
    #[derive(Debug)]
    struct Fragile;

    impl Experiment for Fragile {
        fn id(&self) -> &'static str {
            "test/fragile"
        }

        fn title(&self) -> &'static str {
            "Fragile"
        }

        fn source(&self) -> &'static str {
            "Nowhere"
        }

        fn describe(&self, _: Scale) -> String {
            String::new()
        }

        fn points(&self, _: &Request) -> Result<Vec<Point>, Error> {
            let point = |seed| Point {
                experiment: self.id(),
                name: format!("seed {seed}"),
                config: serde_json::Value::Null,
                seed,
                data: Vec::new(),
                work: 1,
            };
            Ok((0..6).map(point).collect())
        }

        fn run(&self, point: &Point, _: &Context<'_>) -> Result<Measurements, Error> {
            assert!(point.seed != 5, "five is too much");
            if point.seed % 2 == 1 {
                return Err(Error::Usage("it broke".to_owned()));
            }
            Ok(Measurements::default())
        }

        fn findings(&self, _: &Results<'_>) -> Findings {
            Findings::default()
        }
    }

    #[test]
    fn a_point_that_fails_is_named_and_the_others_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (store, data) = (Store::open(folder.path()).unwrap(), DataFolder::new(None));
        let request = Request::new(Scale::Smoke, 0, None, data.clone());
        let points = Fragile.points(&request).unwrap();
        let jobs: Vec<Job<'_>> = points.iter().map(|p| (&Fragile as _, p.clone())).collect();
        let error = run(&jobs, &store, &data, 1).unwrap_err().to_string();
        assert_eq!(error, "test/fragile seed 1: it broke (and 2 more)");
        let error = run(&jobs[5..], &store, &data, 1).unwrap_err().to_string();
        assert!(error.starts_with("test/fragile seed 5: five is too much ("), "{error}");
        for point in &points {
            assert_eq!(store.load(point).unwrap().is_some(), point.seed % 2 == 0, "{}", point.name);
        }
    }
}
