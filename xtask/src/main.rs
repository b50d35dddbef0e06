//! `cargo xtask`: starts cargo and `bench-suite` as processes, and links neither.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this is the program that a person talks to")]

mod assumptions;
mod ci;
mod process;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask reproduce [ID…]   run experiments and write the report
cargo xtask train FILE        train a network of your own on MNIST or CIFAR-10
cargo xtask evaluate [NAME…]  check published weights against their known accuracy
cargo xtask sensitivity       tell what imprecise hardware does to one network, and where
cargo xtask merge [ID…]       check that a store is complete and write its report
cargo xtask report [ID…]      write the report of the records that are there; --archive packs both
cargo xtask list              list the experiments
cargo xtask bench             time our kernels against their baselines
cargo xtask assumptions       gather the choices that the source marks in docs/assumptions.md
cargo xtask ci                format, lints, documentation, tests, smoke reproduction

Each takes --help.";

/// How a command without arguments ends that was given some: with its help, or with an error.
fn no_arguments(command: &str, help: &str, arguments: &[String]) -> Option<ExitCode> {
    match arguments.first()?.as_str() {
        "--help" | "-h" => {
            println!("cargo xtask {command}: {help}");
            Some(ExitCode::SUCCESS)
        }
        other => {
            eprintln!("error: 'cargo xtask {command}' takes no arguments, not '{other}'");
            Some(ExitCode::from(2))
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(
            "reproduce" | "train" | "evaluate" | "sensitivity" | "merge" | "report" | "list"
            | "bench",
        ) => process::bench_suite(&arguments),
        Some("assumptions") => assumptions::run(&arguments[1..]),
        Some("ci") => ci::run(&arguments[1..]),
        Some("help" | "--help" | "-h") | None => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        Some(other) => {
            eprintln!("error: there is no command '{other}'\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}
