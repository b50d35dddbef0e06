//! `bench`.

use std::path::PathBuf;

use clap::Args;

use super::exit;
use crate::bench;
use crate::measured::error::Error;
use crate::output::Output;

/// How `bench` ends.
const ENDS: &str = "\
Exit code: 0 if every answer is right, however fast; 1 if one is wrong; 2 for an error in the command \
line or a file.";

/// Time our kernels against their baselines.
#[derive(Clone, Debug, Args)]
#[command(after_help = ENDS)]
pub struct Bench {
    /// Only the rows whose name contains this.
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,
    /// Also write one JSON object a line to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl Bench {
    pub(super) fn run(&self, output: &mut Output) -> Result<u8, Error> {
        bench::run(self.only.as_deref(), self.json.as_deref(), output).map(exit::of)
    }
}
