//! Checks the models against a file of golden values.
//!
//! ```text
//! cargo run --release -p crossbar --example conformance -- FILE.json
//! ```
//!
//! prints a row per quantity (worst error, tolerance, ok or FAIL) and exits with 1 on a FAIL, with
//! 2 if the file cannot be read or nothing in it can be checked. `docs/crossbar/conformance.md`
//! describes the two formats, and the units of the errors.

#![expect(clippy::print_stdout, reason = "a command prints its result")]

mod check;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path] = &arguments[..] else {
        println!("usage: conformance FILE.json");
        return ExitCode::from(2);
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            println!("{path}: {error}");
            return ExitCode::from(2);
        }
    };
    let rows = match check::check(&text) {
        Ok(rows) => rows,
        Err(error) => {
            println!("{path}: {error}");
            return ExitCode::from(2);
        }
    };
    println!("{:48} {:>8} {:>11} {:>11}", "quantity", "values", "worst error", "tolerance");
    for row in &rows {
        let verdict = if row.ok() { "ok" } else { "FAIL" };
        println!(
            "{:48} {:>8} {:>11.2e} {:>11.2e} {verdict}",
            row.quantity, row.values, row.worst, row.tolerance
        );
    }
    let failed = rows.iter().filter(|row| !row.ok()).count();
    println!("{} quantities, {failed} failed", rows.len());
    ExitCode::from(u8::from(failed > 0))
}
