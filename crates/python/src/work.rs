//! [`detached`]: work without the interpreter's lock, whose failures become exceptions.

use std::any::Any;
use std::cell::Cell;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use numerics::Par;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::threads;

thread_local! {
    /// Whether a panic of this thread becomes an exception, and need not be printed.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// A `ValueError` about an argument: `name: problem`.
pub(crate) fn refused(name: &str, problem: impl Display) -> PyErr {
    PyValueError::new_err(format!("{name}: {problem}"))
}

/// A `ValueError` in the library's own words.
pub(crate) fn wrong(problem: impl Display) -> PyErr {
    PyValueError::new_err(problem.to_string())
}

/// What `work` gives, computed without the interpreter's lock, on several threads if `size`, roughly
/// the number of elementary operations, is worth them.
///
/// Errors become a `ValueError` in their own words, a panic a `RuntimeError`.
pub(crate) fn detached<T: Send, E: Display>(
    py: Python<'_>,
    size: usize,
    work: impl FnOnce(Par) -> Result<T, E> + Send,
) -> PyResult<T> {
    // What is soon done costs less than giving the lock away.
    const SHORT: usize = 4096;
    let work = || caught(|| threads::with(size, |par| work(par).map_err(|e| e.to_string())));
    let done = if size < SHORT { work() } else { py.detach(work) };
    match done {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(problem)) => Err(PyValueError::new_err(problem)),
        Err(panic) => Err(PyRuntimeError::new_err(panic)),
    }
}

/// What `work` gives, or the message of its panic.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let before = WATCHED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    WATCHED.set(before);
    done.map_err(|payload| message(&*payload))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}

/// Prints no panic that becomes an exception, neither of the caller's thread nor of those that work
/// for it.
pub(crate) fn keep_panics_quiet() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !WATCHED.get() && rayon::current_thread_index().is_none() {
            print(panic);
        }
    }));
}
