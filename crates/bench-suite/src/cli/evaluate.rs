//! `evaluate`.

use std::path::PathBuf;

use clap::Args;

use super::data::data_folder;
use super::exit::{DOES_NOT_HOLD, HOLDS};
use super::values::{threads, threads_or_cores};
use crate::measured::error::Error;
use crate::measured::measures::evaluation::registered::test_error;
use crate::measured::measures::evaluation::{self, Evaluation};
use crate::measured::networks::NetworkId;
use crate::measured::scale::Scale;
use crate::output::Output;

/// How `evaluate` ends.
const ENDS: &str = "\
Exit code: 0 if every network is as known; 1 if one is not; 2 for an error in the command line, a file \
or the data.";

/// Evaluate a network with weights that others trained, against its known accuracy where there is
/// one.
#[derive(Clone, Debug, Args)]
#[command(after_help = ENDS)]
pub struct Evaluate {
    /// Networks such as resnet20-cifar10, or of the register; a list of them if none is given.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// That of networks of the register: smoke (seconds), desk (minutes, real data), long (hours) or paper
    /// (the paper's own size).
    #[arg(long, default_value_t = Scale::Desk)]
    pub scale: Scale,
    /// Threads for the kernels [default: all cores].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads())]
    pub threads: Option<u32>,
    /// Folder of data sets and weights that do not ship with the source, looked in first [default: that
    /// of the environment variable DITHER_DATA].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// What is evaluated.
enum Evaluated {
    /// A network whose accuracy is known.
    Known(Evaluation),
    /// One of the register.
    Registered(NetworkId),
}

impl Evaluate {
    pub(super) fn run(&self, output: &mut Output) -> Result<u8, Error> {
        if self.names.is_empty() {
            for Evaluation { name, what, .. } in evaluation::all() {
                output.line(format_args!("{name}\n  {what}"));
            }
            for id in NetworkId::ALL {
                output.line(format_args!(
                    "{id}\n  of the register; at desk scale {}",
                    (id.entry().title)("")
                ));
            }
            return Ok(HOLDS);
        }
        let data = data_folder(self.data.as_deref())?;
        // Of the register where nothing is known of that name.
        let find = |name: &String| match name.parse::<NetworkId>() {
            Ok(network) => Ok(Evaluated::Registered(network)),
            Err(_) => evaluation::find(name).map(Evaluated::Known),
        };
        let chosen: Result<Vec<Evaluated>, Error> = self.names.iter().map(find).collect();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads_or_cores(self.threads))
            .build()
            .map_err(|error| Error::Usage(format!("cannot start threads: {error}")))?;
        let mut exit = HOLDS;
        for evaluated in chosen? {
            let evaluation = match evaluated {
                Evaluated::Known(evaluation) => evaluation,
                Evaluated::Registered(network) => {
                    let test = || test_error(network, self.scale, &data);
                    let (error, chance) = pool.install(test)?;
                    output.line(format_args!("{network}\n  {error:.2} %; by chance {chance:.2} %"));
                    continue;
                }
            };
            output.line(evaluation.name);
            for value in pool.install(|| (evaluation.run)(&data))? {
                let mark = if value.holds() { "as known" } else { "NOT AS KNOWN" };
                output.line(format_args!("  {value}: {mark}"));
                if !value.holds() {
                    exit = DOES_NOT_HOLD;
                }
            }
        }
        Ok(exit)
    }
}
