//! `fit-device`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use crossbar::device::ReadNoiseOf;
use crossbar::fit::FitOptions;
use numerics::Seed;

use super::exit::HOLDS;
use super::values::seed;
use crate::device_fit;
use crate::measured::error::Error;
use crate::output::Output;

/// How `fit-device` ends, and what a file is.
const ENDS: &str = "\
Files have a heading for each column and a reading in each row:

  device; target (µS); time (s); conductance (µS)
  a1; 10; 20; 9,83
  a1; 10; 3600; 7,91

`pulse` may stand in the place of `target`, `resistance (kOhm)` in that of a conductance, several of `chip`, `row`, \
`col` … in that of `device`; other columns are ignored. Units stand in the headings: S, mS, µS, nS, Ohm … GOhm; s, ms, \
µs, min, h, d. Commas, semicolons, tabs or | between values, decimal commas where those are no commas, lines before \
the headings and comments are read as they come. docs/crossbar/fit-device.md has more.

Exit code: 0 when a device was written, whatever the report warns of; 2 if a file cannot be read or nothing can be \
fitted.";

/// Make a device of a tile from readings of a laboratory, with a report.
///
/// Example: cargo xtask fit-device chip.csv --t0 20 --out device.toml
#[derive(Clone, Debug, Args)]
#[command(after_help = ENDS)]
pub struct FitDevice {
    /// Files of readings; a device that is in several of them is one.
    #[arg(value_name = "RAW.csv", required = true)]
    pub files: Vec<PathBuf>,
    /// Where the tile with the device is written; its report stands beside it, as HTML.
    #[arg(long, value_name = "FILE", default_value = "device.toml")]
    pub out: PathBuf,
    /// The tile that has the device: a preset, or a TOML file.
    #[arg(long, value_name = "TILE", default_value = "standard-pcm")]
    pub base: String,
    /// Reference time of the drift in seconds: the earliest reading, if it is not given.
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub t0: Option<f64>,
    /// Duration of one read in seconds, the inverse of its bandwidth: read noise then grows with time as 1/f noise
    /// does. It is constant otherwise.
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub read_time: Option<f64>,
    /// What the amplitude of the read noise is a share of; what is more likely, if it is not given.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub read_noise_of: Option<Share>,
    /// The share of devices that is held out to test the fit.
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, allow_negative_numbers = true)]
    pub hold_out: f64,
    /// Resamples of the devices, for intervals.
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub resamples: usize,
    /// What draws held-out devices and resamples.
    #[arg(long, value_name = "SEED", default_value_t = 0, value_parser = seed())]
    pub seed: u64,
}

/// A conductance.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Share {
    /// That which was aimed at.
    Target,
    /// That which is left after drift.
    Drifted,
}

impl FitDevice {
    pub(super) fn run(&self, output: &mut Output) -> Result<u8, Error> {
        let options = FitOptions {
            t0_s: self.t0,
            t_read_s: self.read_time,
            read_noise_of: self.read_noise_of.map(|share| match share {
                Share::Target => ReadNoiseOf::Target,
                Share::Drifted => ReadNoiseOf::Drifted,
            }),
            held_out: self.hold_out,
            resamples: self.resamples,
            seed: Seed::new(self.seed),
        };
        device_fit::run(&self.files, &options, &self.base, &self.out, output)?;
        Ok(HOLDS)
    }
}
