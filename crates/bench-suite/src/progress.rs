//! How far a run is: bars with the time left on a terminal that can draw them, plain lines elsewhere.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::measured::point::Point;
use crate::measured::progress::PointProgress;
use crate::output::remark;
use crate::stop::Stop;

/// The progress of all points of a run, and the wish to stop it.
#[derive(Debug)]
pub struct Progress {
    bars: Option<(MultiProgress, ProgressBar)>,
    stop: Stop,
    done: AtomicU64,
    total: u64,
    points: usize,
    ended: AtomicUsize,
    silent: bool,
}

/// The bars on the terminal, for those who speak in between.
static DRAWN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Says a line that stays, whoever is drawing.
pub fn announce(line: &str) {
    let drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    say(drawn.as_ref(), line);
}

fn say(bars: Option<&MultiProgress>, line: &str) {
    match bars {
        // A bar that cannot draw has no one to tell.
        Some(bars) => drop(bars.println(line)),
        None => remark(line),
    }
}

fn draw(bars: Option<MultiProgress>) {
    *DRAWN.lock().unwrap_or_else(PoisonError::into_inner) = bars;
}

/// How far a file is that comes over a network: a bar on a terminal that can draw it, nothing elsewhere.
#[derive(Debug)]
pub struct Transfer {
    bars: MultiProgress,
    bar: ProgressBar,
}

impl Transfer {
    /// A file of which some of its bytes are there.
    pub fn new(name: &str, there: u64, bytes: u64) -> Self {
        let bars = MultiProgress::new();
        let style = ProgressStyle::with_template(
            "{msg} {wide_bar} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, \
             {eta_precise} left",
        )
        .expect("a valid template");
        let bar = ProgressBar::new(bytes).with_style(style).with_message(name.to_owned());
        let bar = bars.add(bar.with_position(there));
        // It is no speed to have some already.
        bar.reset_eta();
        draw((!bars.is_hidden()).then(|| bars.clone()));
        Self { bars, bar }
    }

    /// More of it came.
    pub fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        draw(None);
        self.bar.finish_and_clear();
        // A terminal that has gone has no one to tell.
        drop(self.bars.clear());
    }
}

impl Progress {
    /// The progress of a run of so many points, with `total` units of work, which ends when `stop` is
    /// asked for.
    pub fn new(points: usize, total: u64, stop: Stop) -> Self {
        let bars = MultiProgress::new();
        // Hidden where standard error is no terminal, and on one that can only print.
        let bars = (!bars.is_hidden()).then(|| {
            let style = ProgressStyle::with_template(
                "{wide_bar} {msg}, {percent} %  {elapsed_precise}, {eta_precise} left",
            )
            .expect("a valid template");
            let all = bars.add(ProgressBar::new(total).with_style(style));
            all.set_message(format!("0 of {points}"));
            (bars, all)
        });
        draw(bars.as_ref().map(|(bars, _)| bars.clone()));
        let (done, ended) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self { bars, stop, done, total, points, ended, silent: false }
    }

    /// The progress of one point, of which nobody is told.
    pub fn silent(total: u64, stop: Stop) -> Self {
        let (done, ended) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self { bars: None, stop, done, total, points: 1, ended, silent: true }
    }

    /// Begins a point.
    pub fn start(&self, point: &Point) -> Running<'_> {
        let bar = self.bars.as_ref().map(|(bars, all)| {
            let style =
                ProgressStyle::with_template("{prefix:.dim} {msg}").expect("a valid template");
            let bar = bars.insert_before(all, ProgressBar::new(point.work).with_style(style));
            bar.set_prefix(point.title());
            bar
        });
        Running { all: self, bar, name: point.title(), done: AtomicU64::new(0), work: point.work }
    }

    /// Says a line that stays.
    pub fn say(&self, line: &str) {
        if self.silent {
            return;
        }
        say(self.bars.as_ref().map(|(bars, _)| bars), line);
    }

    /// Counts a point as done; how many are, of how many.
    pub fn count(&self) -> String {
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        let count = format!("{ended} of {}", self.points);
        if let Some((_, all)) = &self.bars {
            all.set_message(count.clone());
        }
        count
    }

    fn advance(&self, units: u64) {
        self.done.fetch_add(units, Ordering::Relaxed);
        if let Some((_, all)) = &self.bars {
            all.inc(units);
        }
    }

    fn percent(&self) -> u64 {
        let done = self.done.load(Ordering::Relaxed).min(self.total);
        // A configuration may ask for more work than there is time: its hundredfold is no u64.
        (100 * u128::from(done) / u128::from(self.total.max(1))) as u64
    }

    /// Removes the bars.
    pub fn finish(&self) {
        draw(None);
        if let Some((bars, all)) = &self.bars {
            all.finish_and_clear();
            drop(bars.clear());
        }
    }
}

/// The progress of one point of a run.
#[derive(Debug)]
pub struct Running<'a> {
    all: &'a Progress,
    bar: Option<ProgressBar>,
    name: String,
    done: AtomicU64,
    work: u64,
}

impl PointProgress for Running<'_> {
    fn stopped(&self) -> bool {
        self.all.stop.is_asked()
    }

    fn advance(&self, units: u64) {
        let before = self.done.load(Ordering::Relaxed);
        self.reach(before + units);
    }

    fn reach(&self, units: u64) {
        let units = units.min(self.work);
        let before = self.done.fetch_max(units, Ordering::Relaxed);
        self.all.advance(units.saturating_sub(before));
    }

    fn warn(&self, line: &str) {
        self.all.say(line);
    }

    fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(message.to_owned()),
            None => {
                let percent = self.all.percent();
                self.all.say(&format!("[{percent:>3} %] {}: {message}", self.name));
            }
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
