//! `merge`.

use std::path::PathBuf;

use clap::Args;

use super::judged::{Judging, OF_CLAIMS};
use super::selection::Selection;
use crate::measured::error::Error;
use crate::merge;
use crate::output::{Output, remark};
use crate::report::Report;

/// Check that a store is complete, after adding the records of others, and write the report.
#[derive(Clone, Debug, Args)]
#[command(after_help = OF_CLAIMS)]
pub struct Merge {
    /// What must be there.
    #[command(flatten)]
    pub selection: Selection,
    /// How its claims are judged.
    #[command(flatten)]
    pub judging: Judging,
    /// A store to take records from; may be given several times.
    #[arg(long, value_name = "DIR")]
    pub from: Vec<PathBuf>,
}

impl Merge {
    pub(super) fn run(&self, output: &mut Output) -> Result<u8, Error> {
        let jobs = self.selection.jobs()?.jobs;
        let points = jobs.iter().flat_map(|job| &job.points);
        let warn = |line: &str| remark(line);
        let store = merge::merge(&self.selection.out(), &self.from, points, warn)?;
        self.judging.write(&store, &Report::collect(&store, self.selection.scale, &jobs)?, output)
    }
}
