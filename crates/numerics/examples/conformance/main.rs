//! Without arguments, writes the vectors in `conformance/`; a test compares them. With a file of
//! another program's values, compares those with ours:
//!
//! ```text
//! cargo run --release -p numerics --example conformance -- p3109_v4_k3_to_k8.json
//! ```
//!
//! The exit code is 1 at the first difference, which is named, and 2 for a file that cannot be read.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that says what it found")]

use std::process::ExitCode;

mod check;
mod vectors;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(file) = arguments.next() else {
        return match write() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {}: {error}", vectors::folder().display());
                ExitCode::from(2)
            }
        };
    };
    if let Some(more) = arguments.next() {
        eprintln!("error: one file at a time, and '{}' is another", more.display());
        return ExitCode::from(2);
    }
    match check::file(std::path::Path::new(&file)) {
        Ok(found) => {
            found.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(check::Failure::Differs(difference)) => {
            println!("differs: {difference}");
            ExitCode::from(1)
        }
        Err(check::Failure::Unreadable(reason)) => {
            eprintln!("error: {}: {reason}", file.display());
            ExitCode::from(2)
        }
    }
}

fn write() -> std::io::Result<()> {
    for (name, vectors) in vectors::files() {
        std::fs::write(vectors::folder().join(name), vectors::text(&vectors))?;
    }
    Ok(())
}
