//! `cargo xtask ci`: every check, the cheapest first.

use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::process::cargo;
use crate::{no_arguments, refuse, say};

/// Runs all checks and stops at the first that fails.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let help = "format, lints, documentation, tests, Python package, smoke reproduction, example, benchmark";
    if let Some(exit) = no_arguments("ci", help, arguments) {
        return exit;
    }
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    documentation.env("RUSTDOCFLAGS", "--deny warnings");
    let example = ["xtask", "train", "docs/examples/mnist-fixed.toml", "--out", "target/ci"];
    let bare = ["test", "--package", "numerics", "--no-default-features", "--locked"];
    let one_thread =
        ["check", "--package", "crossbar", "--no-default-features", "--all-targets", "--locked"];
    let checks: [(&str, Command); 10] = [
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
        ("Python package", cargo(&["xtask", "python"])),
        ("smoke reproduction", cargo(&["xtask", "reproduce", "--scale", "smoke", "--fresh"])),
        // Of the commands in the documents those that no test runs.
        ("example", cargo(&example)),
        ("benchmark", cargo(&["xtask", "bench", "--only", "analog_convolution"])),
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
