//! `cargo xtask ci`: every check, the cheapest first.

use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::process::{PROGRAM, cargo};
use crate::{no_arguments, refuse, say};

/// Runs all checks and stops at the first that fails.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let help = "format, lints, documentation, tests, smoke reproduction, example, benchmark";
    if let Some(exit) = no_arguments("ci", help, arguments) {
        return exit;
    }
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    documentation.env("RUSTDOCFLAGS", "--deny warnings");
    let example = ["xtask", "train", "docs/examples/mnist-fixed.toml", "--out", "target/ci"];
    let bare = ["test", "--package", "numerics", "--no-default-features", "--locked"];
    let one_thread =
        ["check", "--package", "crossbar", "--no-default-features", "--all-targets", "--locked"];
    let checks: [(&str, Command); 9] = [
        ("format", cargo(&["fmt", "--all", "--check"])),
        (
            "lints",
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "--deny",
                "warnings",
            ]),
        ),
        ("documentation", documentation),
        ("tests", cargo(&["test", "--workspace", "--locked"])),
        ("numerics without features", cargo(&bare)),
        ("crossbar without features", cargo(&one_thread)),
        ("smoke reproduction", tested(&["xtask", "reproduce", "--scale", "smoke", "--fresh"])),
        // Of the commands in the documents those that no test runs.
        ("example", tested(&example)),
        ("benchmark", tested(&["xtask", "bench", "--only", "analog_convolution"])),
    ];
    for (name, command) in checks {
        let started = Instant::now();
        if !passes(name, command) {
            refuse(&format!("{name} failed"));
            return ExitCode::FAILURE;
        }
        say(&format!("== {name}: {:.0} s", started.elapsed().as_secs_f64()));
    }
    ExitCode::SUCCESS
}

/// A command on the program that the tests were run with: it lies beside this one. To build it once more, for
/// release, would take as long as all tests.
fn tested(arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    if let Ok(ours) = std::env::current_exe() {
        command
            .env(PROGRAM, ours.with_file_name(format!("dither{}", std::env::consts::EXE_SUFFIX)));
    }
    command
}

fn passes(name: &str, mut command: Command) -> bool {
    say(&format!("== {name}"));
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            refuse(&format!("cannot start cargo: {error}"));
            false
        }
    }
}
