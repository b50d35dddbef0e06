//! What a test says that does not run; the tests of the whole crate include this file.

use std::io::Write;

/// Says that a test did not run, where everyone sees it: what is printed the usual way is swallowed
/// for tests that pass.
pub(crate) fn skipped(why: impl std::fmt::Display) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    writeln!(std::io::stderr(), "skipped: {test}: {why}").expect("standard error can be written");
}
