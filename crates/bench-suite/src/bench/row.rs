//! [`Row`]: one comparison, and how its two sides are timed.

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
    /// Checks the answer, then measures.
    pub measure: fn() -> Result<Measured, Unmeasured>,
}

/// Why a row was not measured.
#[derive(Clone, Debug)]
pub enum Unmeasured {
    /// What it is compared with is not on this machine, or stopped.
    Missing(String),
    /// Our answer is wrong, or there is none.
    Wrong(String),
}

impl From<String> for Unmeasured {
    fn from(reason: String) -> Self {
        Self::Wrong(reason)
    }
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
