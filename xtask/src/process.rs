//! Starting cargo.

use std::process::{Command, ExitCode};

/// A cargo command of the toolchain that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Builds `bench-suite` optimised and becomes it, so that Ctrl-C and the exit code are its own.
pub(crate) fn bench_suite(arguments: &[String]) -> ExitCode {
    let mut command =
        cargo(&["run", "--release", "--quiet", "--locked", "--package", "bench-suite", "--"]);
    command.args(arguments);
    eprintln!("Building the experiments (a few minutes the first time) …");
    become_process(command)
}

#[cfg(unix)]
fn become_process(mut command: Command) -> ExitCode {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    eprintln!("error: cannot start cargo: {error}");
    ExitCode::from(2)
}

#[cfg(not(unix))]
fn become_process(mut command: Command) -> ExitCode {
    match command.status() {
        Ok(status) => {
            ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2))
        }
        Err(error) => {
            eprintln!("error: cannot start cargo: {error}");
            ExitCode::from(2)
        }
    }
}
