//! `dither`, started by `cargo xtask`, too.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use bench_suite::cli::entry;

fn main() -> ExitCode {
    ExitCode::from(entry::run(std::env::args_os()))
}
