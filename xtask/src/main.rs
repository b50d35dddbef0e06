//! `cargo xtask`: starts cargo and `bench-suite` as processes, and links neither.
#![forbid(unsafe_code)]

mod assumptions;
mod ci;
mod help;
mod process;
mod python;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// An error in the command line or a file.
const ERROR: u8 = 2;

const HELP: &str = "\
cargo xtask reproduce [ID…]   run experiments and write the report
cargo xtask fetch [NAME…]     get data sets that do not ship from where they are published
cargo xtask train [FILE]      train a network for its hardware: of an ONNX file, the register or a TOML file
cargo xtask evaluate [NAME…]  check published weights against their known accuracy
cargo xtask sensitivity       tell what imprecise hardware does to one network, and where
cargo xtask age               tell what becomes of one network on tiles from a second to a year
cargo xtask sweep FILE        train networks for one hardware after another, seed by seed
cargo xtask submit COMMAND…   run a command as an array job on a cluster
cargo xtask status [DIR…]     tell how far what was submitted is, and how long the rest takes
cargo xtask fit-device RAW…   make a device of a tile from readings of a laboratory, with a report
cargo xtask export            write the weights of a finished training under the names that they came with
cargo xtask export-help       print the lines of PyTorch that write a network for check, age, train
cargo xtask check FILE        tell what is in an ONNX file, and whether it gives what it gave elsewhere
cargo xtask merge [ID…]       check that a store is complete and write its report
cargo xtask report [ID…]      write the report of the records that are there; --archive packs both
cargo xtask list              list the experiments
cargo xtask bench             time our kernels against their baselines
cargo xtask assumptions       gather the choices that the source marks in docs/assumptions.md
cargo xtask python            build the wheel of the Python package and run its tests
cargo xtask ci                format, lints, documentation, tests, smoke reproduction

Each takes --help. --version tells that of this program.";

/// How a command without arguments ends that was given some: with its help, or with an error.
fn no_arguments(command: &str, help: &str, arguments: &[String]) -> Option<ExitCode> {
    Some(match arguments.first()?.as_str() {
        "--help" | "-h" => say(&format!("cargo xtask {command}: {help}")),
        other => refuse(&format!("'cargo xtask {command}' takes no arguments, not '{other}'")),
    })
}

/// Says a line on standard output. A reader that has seen enough is no error; a full disk is one.
fn say(line: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            refuse(&format!("cannot write to standard output: {error}"))
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Says what is wrong; where standard error is closed there is no one to tell.
fn refuse(reason: &str) -> ExitCode {
    drop(writeln!(std::io::stderr(), "error: {reason}"));
    ExitCode::from(ERROR)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("assumptions") => assumptions::run(&arguments[1..]),
        Some("ci") => ci::run(&arguments[1..]),
        Some("python") => python::run(&arguments[1..]),
        Some("help" | "--help" | "-h") | None => say(HELP),
        Some("--version" | "-V") => say(concat!("cargo xtask ", env!("CARGO_PKG_VERSION"))),
        Some(command) => match help::of(command) {
            Some(text) => help::answer(command, text, &arguments[1..])
                .unwrap_or_else(|| process::bench_suite(&arguments)),
            None => refuse(&format!("there is no command '{command}'\n\n{HELP}")),
        },
    }
}
