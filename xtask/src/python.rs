//! `cargo xtask python`: builds the wheel of `crates/python` and runs its tests on it.
//!
//! Everything goes into a virtual environment below `target`. Where there is no Python for it, or no registry, the
//! check is skipped with a line that says so.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::assumptions::workspace;
use crate::{no_arguments, refuse, say};

/// A Python that has PyTorch, which is too large to be installed here: with it the tests run once more.
const TORCH_PYTHON: &str = "DITHER_TORCH_PYTHON";

/// What builds the wheel and tests it; other libraries are oracles of the tests.
const TOOLS: [&str; 6] =
    ["maturin>=1.9,<2", "numpy", "pytest", "hypothesis", "ml_dtypes", "gfloat"];

/// What the environment is made with: a Python that can make one.
const SUITABLE: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";

/// Why the tests did not run.
enum Obstacle {
    /// The machine has not what they need.
    Missing(String),
    /// Something failed.
    Failed(String),
}

/// Builds and tests the Python package.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let help = "build the wheel of crates/python in a virtual environment and run its tests";
    if let Some(exit) = no_arguments("python", help, arguments) {
        return exit;
    }
    match check() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Obstacle::Missing(reason)) => {
            say(&format!("== the Python package is not tested: {reason}"))
        }
        Err(Obstacle::Failed(reason)) => {
            refuse(&reason);
            ExitCode::FAILURE
        }
    }
}

fn check() -> Result<(), Obstacle> {
    let root = workspace();
    let environment = root.join("target").join("python");
    let python = environment_python(&environment)?;
    let mut tools = pip(&python);
    tools.args(TOOLS);
    succeed(tools)
        .map_err(|reason| Obstacle::Missing(format!("{reason}: is there no registry?")))?;

    // One wheel, whatever versions were built before.
    let wheels = environment.join("wheels");
    if wheels.exists() {
        let removed = std::fs::remove_dir_all(&wheels);
        removed.map_err(|error| Obstacle::Failed(format!("{}: {error}", wheels.display())))?;
    }
    let package = root.join("crates").join("python");
    let mut build = Command::new(&python);
    build.args(["-m", "maturin", "build", "--release", "--locked", "--quiet"]);
    build.arg("--manifest-path").arg(package.join("Cargo.toml")).arg("--out").arg(&wheels);
    let wheel = ["--no-deps", "--no-index", "--force-reinstall", "dither", "--find-links"];
    let mut install = pip(&python);
    install.args(wheel).arg(&wheels);
    for step in [build, install, tests(&python, &package)] {
        succeed(step).map_err(Obstacle::Failed)?;
    }
    let Some(with_torch) = std::env::var_os(TORCH_PYTHON) else { return Ok(()) };
    // Beside what is installed there, which stays as it is.
    let with_torch = PathBuf::from(with_torch);
    let beside = environment.join("beside-torch");
    let into = |mut pip: Command| {
        pip.arg("--upgrade").arg("--target").arg(&beside);
        pip
    };
    let mut install = into(pip(&with_torch));
    install.args(wheel).arg(&wheels);
    let mut tools = into(pip(&with_torch));
    tools.args(["pytest", "hypothesis"]);
    let mut test = tests(&with_torch, &package);
    test.env("PYTHONPATH", &beside);
    for step in [install, tools, test] {
        succeed(step).map_err(Obstacle::Failed)?;
    }
    Ok(())
}

/// `pip install` of an environment.
fn pip(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    command
}

/// The tests of the package.
fn tests(python: &Path, package: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pytest", "--quiet", "-p", "no:cacheprovider", "-rs"]).current_dir(package);
    command
}

/// The interpreter of the virtual environment, which is made if it is not there.
fn environment_python(environment: &Path) -> Result<PathBuf, Obstacle> {
    let windows = cfg!(windows);
    let python = environment.join(if windows { "Scripts" } else { "bin" }).join("python");
    if succeed(quiet(&python, &["-c", SUITABLE])).is_ok() {
        return Ok(python);
    }
    let candidates = ["python3", "python"];
    let suitable = |name: &&&str| succeed(quiet(Path::new(name), &["-c", SUITABLE])).is_ok();
    let Some(found) = candidates.iter().find(suitable) else {
        let needs = "Python 3.10 or later with venv and pip is not to be found";
        return Err(Obstacle::Missing(needs.to_owned()));
    };
    let mut make = Command::new(found);
    make.args(["-m", "venv", "--clear"]).arg(environment);
    succeed(make).map_err(Obstacle::Missing)?;
    Ok(python)
}

fn quiet(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Runs a command; why it did not succeed.
fn succeed(mut command: Command) -> Result<(), String> {
    let what = format!("{command:?}").replace('"', "");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{what}: {status}")),
        Err(error) => Err(format!("cannot start {what}: {error}")),
    }
}
