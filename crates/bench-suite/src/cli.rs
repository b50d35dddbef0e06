//! The command line: a file for each command, with its arguments, its help and what it does; and what
//! several have in common.

pub mod age;
mod among;
pub mod bench;
mod beside;
pub mod check;
mod data;
pub mod entry;
pub mod evaluate;
pub mod exit;
pub mod export;
pub mod export_help;
pub mod fetch;
pub mod fit_device;
mod judged;
pub mod list;
pub mod merge;
mod one_network;
mod part;
pub mod report;
pub mod reproduce;
mod selection;
pub mod sensitivity;
pub mod status;
pub mod submit;
pub mod sweep;
pub mod train;
mod values;

use clap::{Parser, Subcommand};

use crate::measured::error::Error;
use crate::output::Output;
use crate::signals::Signals;
use age::Age;
use bench::Bench;
use check::Check;
use evaluate::Evaluate;
use export::Export;
use export_help::ExportHelp;
use fetch::Fetch;
use fit_device::FitDevice;
use list::List;
use merge::Merge;
use report::Report;
use reproduce::Reproduce;
use sensitivity::Sensitivity;
use status::StatusOf;
use submit::Submit;
use sweep::Sweep;
use train::Train;

/// Reproduces the papers: trains, measures, judges their claims, writes the report.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands, in the order of their help; each says with its arguments what it is for.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "a text here would stand in the place of the command's own")]
pub enum Command {
    Reproduce(Reproduce),
    Fetch(Fetch),
    Train(Train),
    Evaluate(Evaluate),
    Sensitivity(Sensitivity),
    Age(Age),
    Sweep(Sweep),
    Submit(Submit),
    Status(StatusOf),
    FitDevice(FitDevice),
    Check(Check),
    Export(Export),
    ExportHelp(ExportHelp),
    Merge(Merge),
    Report(Report),
    List(List),
    Bench(Bench),
}

impl Command {
    /// Does it, and says how the program ends: one of [`exit`].
    ///
    /// # Errors
    ///
    /// What is wrong with the command line, a file or the data, and what ends a run.
    pub fn run(&self, signals: &Signals, output: &mut Output) -> Result<u8, Error> {
        match self {
            Self::Reproduce(arguments) => arguments.run(signals, output),
            Self::Fetch(arguments) => arguments.run(signals, output),
            Self::Train(arguments) => arguments.run(signals, output),
            Self::Evaluate(arguments) => arguments.run(output),
            Self::Sensitivity(arguments) => arguments.run(signals, output),
            Self::Age(arguments) => arguments.run(signals, output),
            Self::Sweep(arguments) => arguments.run(signals, output),
            Self::Submit(arguments) => arguments.run(output),
            Self::Status(arguments) => arguments.run(output),
            Self::FitDevice(arguments) => arguments.run(output),
            Self::Check(arguments) => arguments.run(output),
            Self::Export(arguments) => arguments.run(output),
            Self::ExportHelp(arguments) => arguments.run(output),
            Self::Merge(arguments) => arguments.run(output),
            Self::Report(arguments) => arguments.run(output),
            Self::List(arguments) => arguments.run(output),
            Self::Bench(arguments) => arguments.run(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
