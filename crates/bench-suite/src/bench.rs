//! Timing rows: ours against a baseline, measured in turn in one process.
//!
//! Machines are shared and noisy, so a row alternates the two and compares medians: only the
//! ratio is meant to be quoted. A row checks its answer before it times anything.

mod crossbar;
mod nn;
mod numerics;
mod onnx;
mod paper;
pub mod row;
mod systolic;

use std::io::Write;
use std::path::Path;

use crate::measured::error::Error;
use crate::output::Output;
use row::{Measured, Row, Unmeasured};

/// Measures the rows whose name contains `only` and prints a line each; with `json`, also writes
/// one object a line. Says whether every answer was right; whether a target is met is printed and has
/// no other effect, and so is a row whose baseline is not on this machine.
///
/// # Errors
///
/// [`Error::Usage`] with the names of all rows if none has that name, [`Error::Io`] if the file cannot
/// be written.
pub fn run(only: Option<&str>, json: Option<&Path>, output: &mut Output) -> Result<bool, Error> {
    let all = rows();
    let wanted = |row: &&Row| only.is_none_or(|only| row.name.contains(only));
    let rows: Vec<&Row> = all.iter().filter(wanted).collect();
    if let (Some(only), true) = (only, rows.is_empty()) {
        let names: Vec<&str> = all.iter().map(|row| row.name).collect();
        return Err(Error::Usage(format!(
            "no row of the benchmark contains '{only}' in its name; there are: {}",
            names.join(", ")
        )));
    }
    time(&rows, json, output)
}

fn time(rows: &[&Row], json: Option<&Path>, output: &mut Output) -> Result<bool, Error> {
    // Better to know before minutes of work than after them; and what was measured stays if they are cut
    // short.
    let create = |path| match std::fs::File::create(path) {
        Ok(file) => Ok((path, file)),
        Err(error) => Err(Error::io("create", path)(error)),
    };
    let mut lines = json.map(create).transpose()?;
    let mut right = true;
    let [ours, baseline, speedup, target] = ["ours", "baseline", "speed-up", "target"];
    output.line(format_args!("{:<44} {ours:>10} {baseline:>12} {speedup:>9} {target:>7}", ""));
    for row in rows {
        let Row { name, what, target, measure } = **row;
        match measure() {
            Ok(measured) => {
                let Measured { ours_ms, baseline_ms } = measured;
                let speedup = measured.speedup();
                let holds = speedup >= target;
                let mark = if holds { "" } else { "  missed" };
                output.line(format_args!(
                    "{name:<44} {ours_ms:>7.2} ms {baseline_ms:>9.2} ms {speedup:>8.2}× {target:>6.2}×{mark}\n    \
                     {what}"
                ));
                let line = serde_json::json!({
                    "name": name, "ours_ms": ours_ms, "baseline_ms": baseline_ms,
                    "speedup": speedup, "target": target, "holds": holds,
                });
                if let Some((path, file)) = &mut lines {
                    writeln!(file, "{line}").map_err(Error::io("write", path))?;
                }
            }
            Err(Unmeasured::Missing(reason)) => {
                output.line(format_args!("{name:<44} not measured: {reason}"));
            }
            Err(Unmeasured::Wrong(reason)) => {
                output.line(format_args!("{name:<44} WRONG: {reason}"));
                right = false;
            }
        }
    }
    Ok(right)
}

/// Every row, in the order of the crates; each module of `bench` holds the rows of one crate.
pub fn rows() -> Vec<Row> {
    [numerics::ROWS, &nn::rows(), onnx::ROWS, crossbar::ROWS, systolic::ROWS, paper::ROWS].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_answer_counts_and_a_missing_baseline_does_not() {
        let row = |measure| Row { name: "row", what: "a with b", target: 1.0, measure };
        let good = row(|| Ok(Measured { ours_ms: 1.0, baseline_ms: 2.0 }));
        let missing = row(|| Err(Unmeasured::Missing("no Python".to_owned())));
        let wrong = row(|| Err(Unmeasured::Wrong("element 3".to_owned())));
        let folder = tempfile::tempdir().unwrap();
        let json = folder.path().join("rows.json");
        let mut output = Output::standard();
        assert!(time(&[&good, &missing, &good], Some(&json), &mut output).unwrap());
        assert_eq!(std::fs::read_to_string(&json).unwrap().lines().count(), 2);
        assert!(!time(&[&wrong, &good], None, &mut output).unwrap());
    }
}
