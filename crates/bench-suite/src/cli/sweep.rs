//! `sweep`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::beside::{Found, stem};
use super::data::data_folder;
use super::exit::HOLDS;
use super::part::{Part, Share};
use super::values::{threads, threads_or_cores};
use crate::experiment::{AnyExperiment, Records, Results};
use crate::experiments::sweep::{self, Axes};
use crate::measured::error::Error;
use crate::measured::networks::own::{Files, Own};
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::output::Output;
use crate::report::{Job, Report};
use crate::request::Request;
use crate::runner;
use crate::signals::Signals;
use crate::store::Store;

/// How `sweep` ends.
const ENDS: &str = "\
Exit code: 0 if the report is written; 1 if a training diverges; 2 for an error in the command line, a file \
or the data; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, each once the step is finished and \
saved.";

/// Train networks for one hardware after another: every network of a file on every tile and in every
/// format, seed by seed.
///
/// Writes a report, and sweep.csv with a row for each training. The same command again goes on where a run
/// stopped.
///
/// Example: cargo xtask sweep docs/examples/sweep.toml --scale smoke
#[derive(Clone, Debug, Args)]
#[command(after_help = ENDS)]
pub struct Sweep {
    /// The axes, a TOML file; docs/examples/sweep.toml is one.
    #[arg(value_name = "FILE")]
    pub axes: PathBuf,
    /// smoke (seconds), desk (minutes, real data), long (hours) or paper (the paper's own size).
    #[arg(long, default_value_t = Scale::Desk)]
    pub scale: Scale,
    /// Folder of records and report [default: results/sweep/FILE/SCALE].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Folder of data sets that do not ship with the source, looked in first [default: that
    /// of the environment variable DITHER_DATA].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Threads; those beyond the number of points serve the kernels [default: all cores].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads())]
    pub threads: Option<u32>,
    /// Run everything again, replacing records and trained networks.
    #[arg(long)]
    pub fresh: bool,
    /// What of it is run here.
    #[command(flatten)]
    pub part: Part,
}

/// The experiment with all that it needs.
struct Asked {
    experiment: sweep::Sweep,
    found: Found,
    points: Vec<Point>,
}

impl Sweep {
    /// The folder of records and report.
    fn out(&self) -> PathBuf {
        let named = || {
            let scale = self.scale.to_string();
            [Path::new("results/sweep"), Path::new(&stem(&self.axes)), Path::new(&scale)]
                .iter()
                .collect()
        };
        self.out.clone().unwrap_or_else(named)
    }

    /// The folder of records, and all points of the command.
    pub(super) fn asked(&self) -> Result<(PathBuf, Vec<Point>), Error> {
        Ok((self.out(), self.experiment()?.points))
    }

    fn experiment(&self) -> Result<Asked, Error> {
        let axes = Axes::read(&self.axes)?;
        let (scale, seed) = (self.scale, axes.seed);
        let folder = data_folder(self.data.as_deref())?;
        let own = |model| {
            let data = axes.data.as_deref().expect("it was checked as the file was read");
            let files = Files { model, data, test: axes.test.as_deref() };
            Own::open(files, &folder).map(|own| Arc::new(own) as _)
        };
        let own = axes.own_network().map(own).transpose()?;
        let found = Found { data: folder, own };
        let experiment = sweep::Sweep::of(axes, scale)?;
        let request = Request { scale, seed, seeds: None, data: found.data.clone() };
        let mut networks = Networks::of(&request).with(found.own.clone());
        let points = experiment.points(&request, &mut networks)?;
        Ok(Asked { experiment, found, points })
    }

    pub(super) fn run(&self, signals: &Signals, output: &mut Output) -> Result<u8, Error> {
        let share = self.part.share()?;
        if self.fresh && !matches!(share, Share::Whole) {
            let reason = "--fresh is for the whole; other shards are at the same networks";
            return Err(Error::Usage(reason.to_owned()));
        }
        let Asked { experiment, found, points } = self.experiment()?;
        let store = Store::open(&self.out())?;
        if self.fresh {
            points.iter().try_for_each(|point| store.forget(point))?;
            store.forget_models()?;
        }
        let wanted = share.of(points.clone())?;
        signals.listen()?;
        let threads = threads_or_cores(self.threads);
        runner::run(&wanted, &store, found.sources(), threads, signals.stop())?;
        if !share.reports() {
            share.say_complete(&store, output);
            return Ok(HOLDS);
        }
        share.check(&store, &points)?;
        let jobs = [Job { experiment: &experiment as &dyn AnyExperiment, points, left_out: None }];
        let title = format!("Sweep {}", stem(&self.axes));
        let report = Report::collect(&store, self.scale, &jobs)?.about(title);
        let [Job { points, .. }] = jobs;
        let mut with_records = Vec::new();
        for point in points {
            let record = store.load(&point)?;
            with_records.push((point, record));
        }
        let records = Records { scale: self.scale, points: &with_records };
        let table = store.write("sweep.csv", &experiment.csv(&Results::read(&records)))?;
        output.line(format_args!("Table: {}", table.display()));
        output.line(format_args!("Report: {}", report.write(&store)?.display()));
        Ok(HOLDS)
    }
}
