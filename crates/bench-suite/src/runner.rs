//! Runs points side by side and writes each record as soon as it is there.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use numerics::Par;

use crate::Error;
use crate::datasets::DataFolder;
use crate::experiment::{Context, Experiment, Point};
use crate::progress::{Progress, STOP};
use crate::provenance::Run;
use crate::record::Record;
use crate::store::Store;

/// A point with the experiment that runs it.
pub type Job<'a> = (&'a dyn Experiment, Point);

/// Runs all jobs whose record is not in the store yet.
///
/// Points run side by side, one per thread; threads beyond the number of points serve the kernels
/// inside. Neither changes a bit of any record.
///
/// # Errors
///
/// The first error of a point; the others stop at their next step. What was written stays.
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
    let progress = Progress::new(pending.iter().map(|job| job.1.work).sum());
    progress.say(&format!(
        "{} of {} points to run, {workers} side by side{}",
        pending.len(),
        jobs.len(),
        if inner > 1 { format!(", {inner} threads each") } else { String::new() }
    ));

    let models = store.models();
    let next = AtomicUsize::new(0);
    let first_error = Mutex::new(None);
    let fail = |error: Error| {
        STOP.store(true, Ordering::Relaxed);
        let mut slot = first_error.lock().expect("no worker panics with the lock");
        // The cause comes before the interruptions that follow from it.
        if slot.is_none() {
            *slot = Some(error);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let pool = match rayon::ThreadPoolBuilder::new().num_threads(inner).build() {
                    Ok(pool) => pool,
                    Err(error) => {
                        return fail(Error::Usage(format!(
                            "cannot start {inner} threads: {error}"
                        )));
                    }
                };
                while !STOP.load(Ordering::Relaxed) {
                    let Some((experiment, point)) =
                        pending.get(next.fetch_add(1, Ordering::Relaxed))
                    else {
                        break;
                    };
                    let checkpoint = store.checkpoint(point);
                    let started = Instant::now();
                    let point_progress = progress.start(point);
                    let par = if inner > 1 { Par::Rayon } else { Par::Seq };
                    let context = Context {
                        data,
                        par,
                        progress: &point_progress,
                        checkpoint: &checkpoint,
                        models: &models,
                    };
                    let measured = pool.install(|| experiment.run(point, &context));
                    let saved = measured.and_then(|measurements| {
                        let record = Record::new(point, measurements);
                        store.save(
                            point,
                            &record,
                            &Run::ending_now(started.elapsed(), workers, inner),
                        )
                    });
                    match saved {
                        Ok(()) => {
                            point_progress.reach(point.work);
                            drop(point_progress);
                            progress.say(&format!(
                                "done: {} {} in {:.0} s",
                                point.experiment,
                                point.name,
                                started.elapsed().as_secs_f64()
                            ));
                        }
                        Err(error) => fail(error),
                    }
                }
            });
        }
    });
    progress.finish();
    let error = first_error.into_inner().expect("no worker panics with the lock");
    match error {
        Some(error) => Err(error),
        None if STOP.load(Ordering::Relaxed) => Err(Error::Interrupted),
        None => Ok(()),
    }
}
