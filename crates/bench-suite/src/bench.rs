//! Timing rows: ours against a baseline, measured in turn in one process.
//!
//! Machines are shared and noisy, so a row alternates the two and compares medians: only the
//! ratio is meant to be quoted. A row checks its answer before it times anything.

#![expect(clippy::print_stdout, reason = "the rows are this command's output")]

mod crossbar;
mod nn;
mod numerics;
mod paper;
mod systolic;

use std::path::Path;
use std::time::Instant;

use crate::Error;

/// One comparison of `cargo xtask bench`.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Name of the row, in snake case.
    pub name: &'static str,
    /// What is compared with what, in one line.
    pub what: &'static str,
    /// The speed-up (baseline time / our time) that is aimed at.
    pub target: f64,
    /// Checks the answer, then measures; an error says why the row could not be measured.
    pub measure: fn() -> Result<Measured, String>,
}

/// Median times of one row.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Our median time in milliseconds.
    pub ours_ms: f64,
    /// The baseline's median time in milliseconds, or the bound that stands in for it.
    pub baseline_ms: f64,
}

impl Measured {
    /// Baseline time over our time.
    pub fn speedup(&self) -> f64 {
        self.baseline_ms / self.ours_ms
    }
}

/// Runs the two in turn, `rounds` times after one warm-up each, and takes the medians.
pub fn alternate(rounds: usize, mut ours: impl FnMut(), mut baseline: impl FnMut()) -> Measured {
    ours();
    baseline();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        times[0].push(milliseconds(&mut ours));
        times[1].push(milliseconds(&mut baseline));
    }
    let [ours_ms, baseline_ms] = times.map(median);
    Measured { ours_ms, baseline_ms }
}

fn milliseconds(work: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e3
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Measures the rows whose name contains `only` and prints a line each; with `json`, also writes
/// one object a line. Whether a target is met is printed and has no other effect.
///
/// # Errors
///
/// [`Error::Usage`] if no row has that name, [`Error::Io`] if the file cannot be written.
pub fn run(only: Option<&str>, json: Option<&Path>) -> Result<(), Error> {
    let rows: Vec<Row> =
        rows().into_iter().filter(|row| only.is_none_or(|only| row.name.contains(only))).collect();
    if let (Some(only), true) = (only, rows.is_empty()) {
        return Err(Error::Usage(format!("no row of the benchmark contains '{only}' in its name")));
    }
    let mut lines = String::new();
    println!("{:<44} {:>10} {:>12} {:>9} {:>7}", "", "ours", "baseline", "speed-up", "target");
    for row in rows {
        let Row { name, what, target, measure } = row;
        match measure() {
            Ok(measured) => {
                let Measured { ours_ms, baseline_ms } = measured;
                let speedup = measured.speedup();
                let holds = speedup >= target;
                let mark = if holds { "" } else { "  missed" };
                println!(
                    "{name:<44} {ours_ms:>7.2} ms {baseline_ms:>9.2} ms {speedup:>8.2}× {target:>6.2}×{mark}"
                );
                println!("    {what}");
                let line = serde_json::json!({
                    "name": name, "ours_ms": ours_ms, "baseline_ms": baseline_ms,
                    "speedup": speedup, "target": target, "holds": holds,
                });
                lines.push_str(&line.to_string());
                lines.push('\n');
            }
            Err(reason) => println!("{name:<44} not measured: {reason}"),
        }
    }
    match json {
        Some(path) => std::fs::write(path, lines).map_err(Error::io("write", path)),
        None => Ok(()),
    }
}

/// Every row, in the order of the crates; each module of `bench` holds the rows of one crate.
pub fn rows() -> Vec<Row> {
    [numerics::ROWS, &nn::rows(), crossbar::ROWS, systolic::ROWS, paper::ROWS].concat()
}
