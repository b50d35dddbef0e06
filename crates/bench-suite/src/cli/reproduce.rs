//! `reproduce`.

use std::path::PathBuf;

use clap::Args;

use super::exit::HOLDS;
use super::judged::Judging;
use super::part::{Part, Shard, Share};
use super::selection::{Selected, Selection};
use super::values::{threads, threads_or_cores};
use crate::measured::error::Error;
use crate::measured::networks::subject::Sources;
use crate::measured::point::Point;
use crate::output::{Output, remark};
use crate::report::Report;
use crate::runner;
use crate::signals::Signals;
use crate::store::Store;

/// How a run that judges claims ends.
const ENDS: &str = "\
Exit code: 0 if all was computed that can be decided at this scale with the data that are here, whatever \
became of the claims of the papers, which are the result; 1 if a claim fails that holds by construction (of \
the accelerator, the tile, its circuits), if training diverges, or, with --strict, if any claim fails or is \
inconclusive; 2 for an error in the command line, a file or the data; 130 after Ctrl-C, 143 after SIGTERM, \
129 after SIGHUP, each once the step is finished and saved.";

/// Run experiments and write the report.
///
/// The same command again goes on where a run stopped.
#[derive(Clone, Debug, Args)]
#[command(after_help = ENDS)]
pub struct Reproduce {
    /// What to run.
    #[command(flatten)]
    pub selection: Selection,
    /// How its claims are judged.
    #[command(flatten)]
    pub judging: Judging,
    /// Points to run side by side; threads beyond their number serve the kernels [default: all
    /// cores].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads())]
    pub threads: Option<u32>,
    /// What of it is run here.
    #[command(flatten)]
    pub part: Part,
    /// Keep the records that are there: the default, for scripts that want to say so.
    #[arg(long, conflicts_with = "fresh")]
    pub resume: bool,
    /// Run every point again, replacing its record; networks are trained again, too, unless only some
    /// experiments or a shard are asked for.
    #[arg(long)]
    pub fresh: bool,
}

impl Reproduce {
    /// The folder of records, and all points of the command.
    pub(super) fn asked(&self) -> Result<(PathBuf, Vec<Point>), Error> {
        let selected = self.selection.jobs()?;
        say_left_out(&selected);
        let jobs = selected.jobs;
        Ok((self.selection.out(), jobs.into_iter().flat_map(|job| job.points).collect()))
    }

    pub(super) fn run(&self, signals: &Signals, output: &mut Output) -> Result<u8, Error> {
        let share = self.part.share()?;
        let mut selection = self.selection.clone();
        if let Share::Element(_, element) = &share {
            // No other experiment opens its data.
            selection.ids = element.experiments().into_iter().map(str::to_owned).collect();
        }
        let selected = selection.jobs()?;
        if !matches!(share, Share::Element(..)) {
            say_left_out(&selected);
        }
        let Selected { jobs, data, .. } = selected;
        let all = || jobs.iter().flat_map(|job| &job.points);
        let store = Store::open(&self.selection.out())?;
        let wanted = share.of(all().cloned().collect())?;
        if self.fresh {
            wanted.iter().try_for_each(|point| store.forget(point))?;
            // Points that were not asked for, or that others run, share the trained networks.
            if self.selection.ids.is_empty() && matches!(share, Share::Whole) {
                store.forget_models()?;
            }
        }
        signals.listen()?;
        runner::run(
            &wanted,
            &store,
            Sources::registered(&data),
            threads_or_cores(self.threads),
            signals.stop(),
        )?;
        if let Share::Shard(Shard { index, count }) = share {
            output.line(format_args!(
                "shard {index}/{count} is complete in {folder}; when all are, run this, with a --from for \
                 the folder of each: cargo xtask merge{} --from {folder}",
                self.selection.arguments(),
                folder = store.folder().display()
            ));
            return Ok(HOLDS);
        }
        if !share.reports() {
            share.say_complete(&store, output);
            return Ok(HOLDS);
        }
        share.check(&store, all())?;
        let report = Report::collect(&store, self.selection.scale, &jobs)?;
        self.judging.write(&store, &report, output)
    }
}

/// What lacks its data, and what would get it.
fn say_left_out(Selected { jobs, fetchable, .. }: &Selected) {
    for job in jobs {
        if let Some(reason) = &job.left_out {
            remark(format_args!("left out: {}: {reason}", job.experiment.id()));
        }
    }
    for (name, added) in fetchable {
        remark(format_args!("cargo xtask fetch {name} would add {}", added.join(", ")));
    }
}
