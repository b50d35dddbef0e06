//! Where numbers come from beside the version of the code: [`Run`], the circumstances of a run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The commit that was built, with "-dirty" behind it if sources that count differed from it; or
/// "unknown".
pub const COMMIT: &str = env!("DITHER_COMMIT");

/// The compiler.
pub const RUSTC: &str = env!("DITHER_RUSTC");

/// When, where and how long a point ran. It is kept beside the record, not in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Seconds of wall time since it was last resumed.
    pub seconds: f64,
    /// Seconds since 1970 at the end.
    pub finished_unix_s: u64,
    /// The processor and system.
    pub machine: String,
    /// Number of points that ran side by side.
    pub workers: usize,
    /// Threads that the point itself could use.
    pub threads: usize,
    /// The commit that was built.
    pub commit: String,
    /// The compiler.
    pub compiler: String,
}

impl Run {
    /// The circumstances of a run that ends now.
    pub fn ending_now(elapsed: Duration, workers: usize, threads: usize) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the date is told beside a result, never inside"
        )]
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            seconds: elapsed.as_secs_f64(),
            finished_unix_s: now.map_or(0, |d| d.as_secs()),
            machine: machine(),
            workers,
            threads,
            commit: COMMIT.to_owned(),
            compiler: RUSTC.to_owned(),
        }
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a run is plain data");
        text.push('\n');
        text
    }

    /// Reads the file's text; `None` if it is damaged, for nothing depends on it.
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// Processor, number of cores and system.
pub fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpu = cpu.unwrap_or_else(|| "unknown processor".to_owned());
    format!("{cpu}, {cores} cores, {} {}", std::env::consts::OS, std::env::consts::ARCH)
}
