//! `report`.

use std::path::PathBuf;

use clap::Args;

use super::exit::DOES_NOT_HOLD;
use super::judged::{Judging, OF_CLAIMS};
use super::selection::{Selected, Selection};
use crate::measured::error::Error;
use crate::output::Output;
use crate::report::{self, archive};
use crate::store::Store;

/// Write the report of the records that are there.
#[derive(Clone, Debug, Args)]
#[command(after_help = OF_CLAIMS)]
pub struct Report {
    /// What is reported.
    #[command(flatten)]
    pub selection: Selection,
    /// How its claims are judged.
    #[command(flatten)]
    pub judging: Judging,
    /// Also pack report, records and instructions for a reviewer into one file [default:
    /// dither-SCALE.tar.gz in the folder of records].
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub archive: Option<Option<PathBuf>>,
}

impl Report {
    /// The archive to write, if one was asked for.
    pub fn archive(&self) -> Option<PathBuf> {
        let name = format!("dither-{}.tar.gz", self.selection.scale);
        let default = || self.selection.out().join(name);
        self.archive.as_ref().map(|file| file.clone().unwrap_or_else(default))
    }

    pub(super) fn run(&self, output: &mut Output) -> Result<u8, Error> {
        let selection = &self.selection;
        let Selected { jobs, .. } = selection.jobs().map_err(|error| match error {
            Error::UnknownExperiment { id, hint } if self.archive == Some(None) => {
                let hint = format!("{hint}; a file for the archive is --archive={id}");
                Error::UnknownExperiment { id, hint }
            }
            other => other,
        })?;
        let store = Store::existing(&selection.out())?;
        let report = report::Report::collect(&store, selection.scale, &jobs)?;
        let (missing, all) = (report.missing().len(), report.points());
        // Records made by other code have other names, and would be missed without a word.
        let others = match store.others(jobs.iter().flat_map(|job| &job.points)) {
            0 => String::new(),
            1 => {
                "; 1 record there is of another version of the code, data, scale or seed".to_owned()
            }
            n => format!(
                "; {n} records there are of another version of the code, data, scale or seed"
            ),
        };
        let without = format!("{missing} of {all} points have no record in");
        let without = format!("{without} {}{others}", store.folder().display());
        if missing == all {
            return Err(Error::Usage(format!("there is nothing to report: {without}")));
        }
        let mut exit = self.judging.write(&store, &report, output)?;
        if missing > 0 {
            output.line(without);
            exit = DOES_NOT_HOLD;
        }
        if let Some(path) = self.archive() {
            archive::write(&report, &store, &selection.arguments(), &path)?;
            output.line(format_args!("Archive: {}", path.display()));
        }
        Ok(exit)
    }
}
