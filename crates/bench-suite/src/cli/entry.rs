//! The program `dither`: parses a command line and turns errors into one line and an exit code.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};

use clap::Parser;

use super::Cli;
use super::exit::{DOES_NOT_HOLD, ERROR, HOLDS};
use super::fetch::advice;
use crate::fault;
use crate::measured::error::Error;
use crate::output::{Output, remark};
use crate::program::as_typed;
use crate::signals::Signals;
use crate::stop::Stop;

/// Runs the program with its arguments, the first of which is its name, and gives its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    fault::watch();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(answer) => return say(&answer),
    };
    let mut output = Output::standard();
    let signals = Signals::new(Stop::default());
    let done = fault::caught(|| cli.command.run(&signals, &mut output));
    let done = done.and_then(|code| output.end().map(|()| code));
    done.unwrap_or_else(|error| {
        remark(format_args!("error: {error}{}", advice(error.root())));
        match error.root() {
            Error::Interrupted => {
                remark(
                    "What is finished is kept; the same command, without --fresh, goes on from there.",
                );
                signals.exit_code()
            }
            Error::Diverged { .. } => DOES_NOT_HOLD,
            _ => ERROR,
        }
    })
}

/// Help, the version, or what is wrong with the command line.
fn say(answer: &clap::Error) -> u8 {
    let code = if answer.use_stderr() { ERROR } else { HOLDS };
    let stream_is_terminal = if answer.use_stderr() {
        std::io::stderr().is_terminal()
    } else {
        std::io::stdout().is_terminal()
    };
    let plain = std::env::var_os("NO_COLOR").is_some() || !stream_is_terminal;
    let text = answer.render();
    let text = as_typed(&if plain { text.to_string() } else { text.ansi().to_string() });
    let said = match answer.use_stderr() {
        true => write!(std::io::stderr(), "{text}"),
        false => write!(std::io::stdout(), "{text}"),
    };
    match said {
        Err(error) if !answer.use_stderr() && error.kind() != std::io::ErrorKind::BrokenPipe => {
            remark(format_args!("error: cannot write to standard output: {error}"));
            ERROR
        }
        _ => code,
    }
}
