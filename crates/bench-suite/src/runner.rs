//! Runs points side by side and writes each record as soon as it is there.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use numerics::Par;

use crate::fault;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::networks::subject::Sources;
use crate::measured::point::Point;
use crate::measured::progress::PointProgress;
use crate::progress::Progress;
use crate::provenance::Run;
use crate::record::Record;
use crate::stop::Stop;
use crate::store::Store;

/// How often is looked whether another process has finished a point.
const LOOK: Duration = Duration::from_millis(100);

/// Runs all points whose record is not in the store yet.
///
/// Where several processes have the store together they run the points together, one after the other.
/// Otherwise points run side by side, one per thread; threads beyond the number of points serve the kernels
/// inside. Neither changes a bit of any record. Points that another process is at are left to it, and
/// waited for.
///
/// # Errors
///
/// [`Error::Point`] for the first point that failed, by a panic too; the others run to their ends. If a
/// file cannot be written they stop at their next step. What was written stays. [`Error::Lost`] if
/// records are not there at the end.
pub fn run(
    points: &[Point],
    store: &Store,
    sources: Sources<'_>,
    threads: usize,
    stop: &Stop,
) -> Result<(), Error> {
    let mut pending = Vec::new();
    for point in points {
        if store.load(point)?.is_none() {
            pending.push(point);
        }
    }
    if pending.is_empty() {
        return Ok(());
    }
    store.sweep_locks();
    let shared = store.processes().count() > 1;
    let workers = if shared { 1 } else { threads.clamp(1, pending.len()) };
    let inner = threads / workers;
    let (processes, work) = (store.processes(), pending.iter().map(|point| point.work).sum());
    let progress = if processes.is_first() {
        Progress::new(pending.len(), work, stop.clone())
    } else {
        Progress::silent(work, stop.clone())
    };
    let together = match processes.count() {
        1 => String::new(),
        count => format!(", by {count} processes together"),
    };
    progress.say(&format!(
        "{} of {} points to run, {workers} side by side{}",
        pending.len(),
        points.len(),
        if inner > 1 { format!(", {inner} threads each") } else { String::new() } + &together
    ));

    let models = store.models();
    // Each with whether it has been said that another process is at it.
    let queue: Mutex<VecDeque<(&Point, bool)>> =
        Mutex::new(pending.iter().map(|point| (*point, false)).collect());
    let failures = Mutex::new(Vec::new());
    let fail = |what: String, error: Error| {
        if matches!(error, Error::Interrupted) {
            return;
        }
        progress.say(&format!("failed: {what}: {error}"));
        let stops = matches!(error, Error::Io { .. });
        failures.lock().expect("no worker panics with the lock").push((what, error));
        if stops {
            stop.ask();
        }
    };
    let run_point = |point: &Point, pool: &rayon::ThreadPool| {
        let checkpoint = store.checkpoint(point);
        let started = Instant::now();
        let point_progress = progress.start(point);
        // Another process may have run it in the meantime.
        if store.load(point)?.is_some() {
            point_progress.reach(point.work);
            progress.count();
            return Ok(());
        }
        let context = Context {
            sources,
            sums: &point.data,
            par: if inner > 1 { Par::Rayon } else { Par::Seq },
            processes,
            progress: &point_progress,
            checkpoint: &checkpoint,
            models: &models,
        };
        let measurements = pool.install(|| point.run(&context))?;
        let run = Run::ending_now(started.elapsed(), workers, inner);
        store.save(point, &Record::new(point, measurements), &run)?;
        point_progress.reach(point.work);
        drop(point_progress);
        let (seconds, count) = (started.elapsed().as_secs_f64(), progress.count());
        progress.say(&format!("done: {} in {seconds:.0} s ({count})", point.title()));
        Ok(())
    };
    let work = || {
        let pool = match rayon::ThreadPoolBuilder::new().num_threads(inner).build() {
            Ok(pool) => pool,
            Err(error) => {
                let what = format!("{inner} threads");
                return fail(what, Error::Usage(format!("cannot be started: {error}")));
            }
        };
        let mut refused = 0;
        while !processes.any(stop.is_asked()) {
            let next = {
                let mut queue = queue.lock().expect("no worker panics with the lock");
                queue.pop_front().map(|next| (next, queue.len()))
            };
            let Some(((point, said), left)) = next else { break };
            match store.take(point) {
                Err(error) => fail(point.title(), error),
                Ok(Some(_lock)) => {
                    refused = 0;
                    fault::caught(|| run_point(point, &pool)).unwrap_or_else(|error| {
                        // A full disk is no fault of the point.
                        if !matches!(error, Error::Interrupted | Error::Io { .. }) {
                            // For those who ask later; where it cannot be kept no one learns of it.
                            drop(store.failed(point, &error));
                        }
                        fail(point.title(), error);
                    });
                }
                // Others first; then this one again, which is done by then, or was given up.
                Ok(None) => {
                    if !said {
                        let holder = store.holder(point);
                        progress.say(&format!("left to {holder}: {}", point.title()));
                    }
                    let mut queue = queue.lock().expect("no worker panics with the lock");
                    queue.push_back((point, true));
                    drop(queue);
                    refused += 1;
                    if refused > left {
                        std::thread::sleep(LOOK);
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    progress.finish();
    store.sweep_locks();
    let mut failures = failures.into_inner().expect("no worker panics with the lock").into_iter();
    match failures.next() {
        Some((point, error)) => {
            Err(Error::Point { point, source: Box::new(error), others: failures.len() })
        }
        None if processes.any(stop.is_asked()) => Err(Error::Interrupted),
        None => complete(points, store),
    }
}

/// Whether every record is there at the end: someone may have removed the store under the run.
fn complete(points: &[Point], store: &Store) -> Result<(), Error> {
    // Others than the first look into folders where there is nothing that someone else has made.
    if !store.processes().is_first() {
        return Ok(());
    }
    let lost = points.iter().filter(|point| !store.has(point));
    let missing: Vec<String> = lost.map(Point::title).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Lost { folder: store.folder().to_owned(), missing, total: points.len() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::LazyLock;

    use datasets::DataFolder;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::measured::measure::Measure;
    use crate::measured::measurements::Measurements;
    use crate::measured::point as planned;

    /// A measure that does something with its seed, and gives nothing.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Does {
        #[serde(skip)]
        does: Option<fn(u64) -> Result<(), Error>>,
    }

    impl Measure for Does {
        type Outcome = BTreeMap<String, f64>;

        fn run(&self, seed: u64, _: &Context<'_>) -> Result<Self::Outcome, Error> {
            self.does.map_or(Ok(()), |does| does(seed))?;
            Ok(BTreeMap::new())
        }
    }

    /// Points of six seeds.
    fn six(does: fn(u64) -> Result<(), Error>) -> Vec<Point> {
        let run = |seed| planned::Run {
            label: format!("seed {seed}"),
            measure: Does { does: Some(does) },
            seed,
            data: Vec::new(),
            work: 1,
        };
        (0..6).map(|seed| Point::new("test/six", run(seed))).collect()
    }

    /// What running them in a folder gives.
    fn run_in(store: &Store, points: &[Point], threads: usize) -> Result<(), Error> {
        run(points, store, Sources::registered(&DataFolder::new(None)), threads, &Stop::default())
    }

    #[test]
    fn a_point_that_fails_is_named_and_the_others_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let points = six(|seed| match seed {
            5 => panic!("five is too much"),
            1 | 3 => Err(Error::Usage("it broke".to_owned())),
            _ => Ok(()),
        });
        let error = run_in(&store, &points, 1).unwrap_err();
        assert_eq!(error.to_string(), "test/six seed 1: it broke (and 2 more)");
        let error = run_in(&store, &points[5..], 1).unwrap_err().to_string();
        assert!(error.starts_with("test/six seed 5: five is too much ("), "{error}");
        for point in &points {
            assert_eq!(store.load(point).unwrap().is_some(), point.seed % 2 == 0, "{}", point.name);
        }
    }

    #[test]
    fn records_that_go_during_a_run_are_missed() {
        static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
        let out = || FOLDER.path().join("out");
        let store = Store::open(&out()).unwrap();
        let points = six(|seed| {
            // The third one finds the records of the first two, and someone removes them.
            if seed == 2 {
                std::fs::remove_dir_all(FOLDER.path().join("out")).unwrap();
            }
            Ok(())
        });
        let error = run_in(&store, &points, 1).unwrap_err().to_string();
        let expected = format!(
            "2 of 6 records have gone from {} during the run: test/six seed 0, test/six seed 1",
            out().display()
        );
        assert_eq!(error, expected);
        assert!(points[2..].iter().all(|point| store.has(point)), "what was written stays");
    }

    #[test]
    fn what_another_process_is_at_is_left_to_it_or_run_when_it_is_gone() {
        static RAN: Mutex<Vec<u64>> = Mutex::new(Vec::new());
        let points = six(|seed| {
            RAN.lock().unwrap().push(seed);
            Ok(())
        });
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        // Another process has two points: one it finishes, the other is lost with it.
        let [finished, lost] = [0, 3].map(|i| store.take(&points[i]).unwrap().unwrap());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while RAN.lock().unwrap().len() < 4 {
                    std::thread::sleep(Duration::from_millis(5));
                }
                let record = Record::new(&points[0], Measurements::default());
                store.adopt(&points[0], &record, None).unwrap();
                drop((finished, lost));
            });
            run_in(&store, &points, 2).unwrap();
        });
        let mut ran = RAN.lock().unwrap().clone();
        assert_eq!(ran.pop(), Some(3), "the lost one is last");
        ran.sort_unstable();
        assert_eq!(ran, [1, 2, 4, 5]);
        assert!(!folder.path().join("locks").exists());
    }
}
