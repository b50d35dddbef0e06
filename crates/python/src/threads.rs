//! How many threads work; results do not depend on it.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use numerics::Par;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Operations that are worth more than one thread.
const WORTH_THREADS: usize = 1 << 17;

/// The number that was asked for; 0 for that of the cores.
static WANTED: AtomicUsize = AtomicUsize::new(0);

/// The threads, and the process that started them: after a fork they are not there.
static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// How many threads `dither` uses.
#[pyfunction]
pub(crate) fn threads() -> usize {
    match WANTED.load(Ordering::Relaxed) {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get),
        wanted => wanted,
    }
}

/// Use that many threads from now on. No result depends on it.
///
/// Args:
///     count: at least 1.
#[pyfunction]
pub(crate) fn set_threads(count: usize) -> PyResult<()> {
    if count == 0 {
        return Err(PyValueError::new_err("count: at least one thread has to work"));
    }
    WANTED.store(count, Ordering::Relaxed);
    Ok(())
}

/// Runs `work` on several threads if `size` is worth them.
pub(crate) fn with<T: Send>(size: usize, work: impl FnOnce(Par) -> T + Send) -> T {
    if size < WORTH_THREADS || threads() == 1 {
        return work(Par::Seq);
    }
    match pool() {
        Some(pool) => pool.install(|| work(Par::Rayon)),
        // A system that has no more threads to give still computes.
        None => work(Par::Seq),
    }
}

fn pool() -> Option<Arc<ThreadPool>> {
    let (process, count) = (std::process::id(), threads());
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((started_by, pool)) = &*pool
        && *started_by == process
        && pool.current_num_threads() == count
    {
        return Some(Arc::clone(pool));
    }
    let new = ThreadPoolBuilder::new().num_threads(count).build().ok().map(Arc::new)?;
    let old = pool.replace((process, Arc::clone(&new)));
    if let Some((started_by, old)) = old
        && started_by != process
    {
        // Its threads live in another process, and cannot be told to end.
        std::mem::forget(old);
    }
    Some(new)
}
