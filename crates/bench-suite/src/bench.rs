//! Timing rows: ours against a baseline, measured in turn in one process.
//!
//! Machines are shared and noisy, so a row alternates the two and compares medians: only the
//! ratio is meant to be quoted. A row checks its answer before it times anything.

mod numerics;

use std::time::Instant;

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

/// Every row, in the order of the crates; each module of `bench` holds the rows of one crate.
pub fn rows() -> Vec<Row> {
    let groups: &[&[Row]] = &[numerics::ROWS];
    groups.concat()
}
