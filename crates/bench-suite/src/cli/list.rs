//! `list`.

use clap::Args;

use super::exit::{HOLDS, OF_NO_JUDGE};
use crate::experiments::EXPERIMENTS;
use crate::measured::error::Error;
use crate::measured::scale::Scale;
use crate::output::Output;

/// List the experiments.
#[derive(Clone, Copy, Debug, Args)]
#[command(after_help = OF_NO_JUDGE)]
pub struct List {}

impl List {
    pub(super) fn run(self, output: &mut Output) -> Result<u8, Error> {
        for experiment in EXPERIMENTS {
            let (id, source, title) = (experiment.id(), experiment.source(), experiment.title());
            output.line(format_args!("{id}  ({source})\n  {title}"));
            for scale in [Scale::Smoke, Scale::Desk, Scale::Paper] {
                let name = format!("{scale}:");
                output.line(format_args!("  {name:<6} {}", experiment.describe(scale)));
            }
        }
        Ok(HOLDS)
    }
}
