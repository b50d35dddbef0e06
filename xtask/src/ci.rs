//! `cargo xtask ci`: every check, the cheapest first.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::process::{PROGRAM, cargo};
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
    // Built once with MPI, if it is there, and not once more: its build tools change what others share.
    let mpi: &[&str] = match missing_for_mpi() {
        Some(tool) => {
            say(&format!("== one training on many processes: skipped, there is no {tool}"));
            &[]
        }
        None => &["--features", "bench-suite/mpi"],
    };
    let mut lints = cargo(&["clippy", "--workspace", "--all-targets", "--locked"]);
    lints.args(mpi).args(["--", "--deny", "warnings"]);
    documentation.args(mpi);
    let mut tests = cargo(&["test", "--workspace", "--locked"]);
    tests.args(mpi);
    // Its tests ask for bits, not for speed, and its build is one of its own.
    let mut python = cargo(&["xtask", "python"]);
    python.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_DEBUG", "none");
    let checks: [(&str, Command); 10] = [
        ("format", cargo(&["fmt", "--all", "--check"])),
        ("lints", lints),
        ("documentation", documentation),
        ("tests", tests),
        ("numerics without features", cargo(&bare)),
        ("crossbar without features", cargo(&one_thread)),
        ("Python package", python),
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

/// What a program with MPI needs and this machine lacks, if anything.
fn missing_for_mpi() -> Option<&'static str> {
    let starts = |tool: &str| {
        let mut command = Command::new(tool);
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let tools = ["mpirun", "mpicc"].into_iter().find(|tool| !starts(tool));
    tools.or_else(|| (!has_libclang()).then_some("libclang"))
}

/// Whether libclang is where its users look for it.
fn has_libclang() -> bool {
    if std::env::var_os("LIBCLANG_PATH").is_some() || cfg!(target_os = "macos") {
        return true;
    }
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of_versions = entries(Path::new("/usr/lib")).map(|entry| entry.path().join("lib"));
    let usual = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    let folders = of_versions.chain(usual).chain(entries(Path::new("/usr/lib")).map(|e| e.path()));
    let mut files = folders.flat_map(|folder| entries(&folder).collect::<Vec<_>>());
    files.any(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libclang") && name.contains(".so")
    })
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
