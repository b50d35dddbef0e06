//! `dither`, started by `cargo xtask`, too: parses the command line and turns errors into one line
//! and an exit code.
#![forbid(unsafe_code)]

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use bench_suite::cli::Cli;
use bench_suite::cli::exit::{DOES_NOT_HOLD, ERROR, HOLDS};
use bench_suite::cli::fetch::advice;
use bench_suite::output::{Output, remark};
use bench_suite::program::as_typed;
use bench_suite::signals::Signals;
use bench_suite::stop::Stop;
use bench_suite::{Error, fault};
use clap::Parser;

fn main() -> ExitCode {
    fault::watch();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return say(&answer),
    };
    let mut output = Output::standard();
    let signals = Signals::new(Stop::default());
    let done = fault::caught(|| cli.command.run(&signals, &mut output));
    let done = done.and_then(|code| output.end().map(|()| code));
    ExitCode::from(done.unwrap_or_else(|error| {
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
    }))
}

/// Help, the version, or what is wrong with the command line.
fn say(answer: &clap::Error) -> ExitCode {
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
            ExitCode::from(ERROR)
        }
        _ => ExitCode::from(code),
    }
}
