//! How far a run is: bars with the time left on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::experiment::Point;

/// The progress of all points of a run, and the wish to stop it.
#[derive(Debug)]
pub struct Progress {
    bars: Option<(MultiProgress, ProgressBar)>,
    stop: &'static AtomicBool,
    done: AtomicU64,
    total: u64,
}

/// Set by Ctrl-C: running points stop at their next step.
pub static STOP: AtomicBool = AtomicBool::new(false);

impl Progress {
    /// The progress of a run of `total` units of work.
    pub fn new(total: u64) -> Self {
        let bars = std::io::stderr().is_terminal().then(|| {
            let bars = MultiProgress::new();
            let style =
                ProgressStyle::with_template("{wide_bar} {percent:>3} %  {eta_precise} left")
                    .expect("a valid template");
            let all = bars.add(ProgressBar::new(total).with_style(style));
            (bars, all)
        });
        Self { bars, stop: &STOP, done: AtomicU64::new(0), total }
    }

    /// Begins a point.
    pub fn start(&self, point: &Point) -> PointProgress<'_> {
        let bar = self.bars.as_ref().map(|(bars, all)| {
            let style =
                ProgressStyle::with_template("{prefix:.dim} {msg}").expect("a valid template");
            let bar = bars.insert_before(all, ProgressBar::new(point.work).with_style(style));
            bar.set_prefix(point.name.clone());
            bar
        });
        PointProgress {
            all: self,
            bar,
            name: point.name.clone(),
            done: AtomicU64::new(0),
            work: point.work,
        }
    }

    /// Says a line that stays.
    pub fn say(&self, line: &str) {
        match &self.bars {
            // A bar that cannot draw has no one to tell.
            Some((bars, _)) => drop(bars.println(line)),
            None => eprintln!("{line}"),
        }
    }

    fn advance(&self, units: u64) {
        self.done.fetch_add(units, Ordering::Relaxed);
        if let Some((_, all)) = &self.bars {
            all.inc(units);
        }
    }

    fn percent(&self) -> u64 {
        100 * self.done.load(Ordering::Relaxed).min(self.total) / self.total.max(1)
    }

    /// Removes the bars.
    pub fn finish(&self) {
        if let Some((bars, all)) = &self.bars {
            all.finish_and_clear();
            drop(bars.clear());
        }
    }
}

/// The progress of one point.
#[derive(Debug)]
pub struct PointProgress<'a> {
    all: &'a Progress,
    bar: Option<ProgressBar>,
    name: String,
    done: AtomicU64,
    work: u64,
}

impl PointProgress<'_> {
    /// Whether the run shall stop.
    pub fn stopped(&self) -> bool {
        self.all.stop.load(Ordering::Relaxed)
    }

    /// Counts units of work as done.
    pub fn advance(&self, units: u64) {
        let before = self.done.load(Ordering::Relaxed);
        self.reach(before + units);
    }

    /// Counts all units up to `units` as done.
    pub fn reach(&self, units: u64) {
        let units = units.min(self.work);
        let before = self.done.fetch_max(units, Ordering::Relaxed);
        self.all.advance(units.saturating_sub(before));
    }

    /// Says a line that stays.
    pub fn warn(&self, line: &str) {
        self.all.say(line);
    }

    /// Says how far the point is.
    pub fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(message.to_owned()),
            None => eprintln!("[{:>3} %] {}: {message}", self.all.percent(), self.name),
        }
    }
}

impl Drop for PointProgress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
