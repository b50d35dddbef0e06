//! `reproduce`.

use clap::Args;

use super::exit::HOLDS;
use super::judged::Judging;
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
    /// Run only every N-th point, starting with the I-th (1 ≤ I ≤ N), and write no report.
    #[arg(long, value_name = "I/N", allow_hyphen_values = true)]
    pub shard: Option<Shard>,
    /// Keep the records that are there: the default, for scripts that want to say so.
    #[arg(long, conflicts_with = "fresh")]
    pub resume: bool,
    /// Run every point again, replacing its record; networks are trained again, too, unless only some
    /// experiments or a shard are asked for.
    #[arg(long)]
    pub fresh: bool,
}

impl Reproduce {
    pub(super) fn run(&self, signals: &Signals, output: &mut Output) -> Result<u8, Error> {
        let Selected { jobs, data, fetchable } = self.selection.jobs()?;
        let store = Store::open(&self.selection.out())?;
        let mut wanted: Vec<Point> = jobs.iter().flat_map(|job| job.points.clone()).collect();
        if let Some(shard) = self.shard {
            wanted = wanted.into_iter().skip(shard.index - 1).step_by(shard.count).collect();
        }
        if self.fresh {
            wanted.iter().try_for_each(|point| store.forget(point))?;
            // Points that were not asked for, or that others run, share the trained networks.
            if self.selection.ids.is_empty() && self.shard.is_none() {
                store.forget_models()?;
            }
        }
        for job in &jobs {
            if let Some(reason) = &job.left_out {
                remark(format_args!("left out: {}: {reason}", job.experiment.id()));
            }
        }
        for (name, added) in &fetchable {
            remark(format_args!("cargo xtask fetch {name} would add {}", added.join(", ")));
        }
        signals.listen()?;
        runner::run(
            &wanted,
            &store,
            Sources::registered(&data),
            threads_or_cores(self.threads),
            signals.stop(),
        )?;
        match self.shard {
            Some(shard) => {
                output.line(format_args!(
                    "shard {}/{} is complete in {folder}; when all are, run this, with a --from for the \
                     folder of each: cargo xtask merge{} --from {folder}",
                    shard.index,
                    shard.count,
                    self.selection.arguments(),
                    folder = store.folder().display()
                ));
                Ok(HOLDS)
            }
            None => {
                let report = Report::collect(&store, self.selection.scale, &jobs)?;
                self.judging.write(&store, &report, output)
            }
        }
    }
}

/// Every `count`-th point, beginning with the `index`-th, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which share.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |(index, count): (&str, &str)| Some((index.parse().ok()?, count.parse().ok()?));
        let (index, count) = text
            .split_once('/')
            .and_then(parse)
            .ok_or_else(|| format!("'{text}' is not a shard; write I/N, for example 1/4"))?;
        if index < 1 || index > count {
            return Err(format!("there is no shard {index} of {count}; shards count from 1"));
        }
        Ok(Self { index, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_count_from_one() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, count: 3 }));
        for bad in ["0/3", "4/3", "2", "a/b", "1/0", "-1/2"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
