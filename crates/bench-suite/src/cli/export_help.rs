//! `export-help`.

use clap::Args;

use super::exit::{HOLDS, OF_NO_JUDGE};
use crate::measured::error::Error;
use crate::output::Output;

/// From a model of PyTorch to the files that other commands take.
const EXPORT_HELP: &str = include_str!("export_help.py");

/// Print the lines of PyTorch that write a network and its examples for the other commands.
///
/// Example: cargo xtask export-help > export.py
#[derive(Clone, Copy, Debug, Args)]
#[command(after_help = OF_NO_JUDGE)]
pub struct ExportHelp {}

impl ExportHelp {
    pub(super) fn run(self, output: &mut Output) -> Result<u8, Error> {
        output.line(EXPORT_HELP.trim_end());
        Ok(HOLDS)
    }
}
