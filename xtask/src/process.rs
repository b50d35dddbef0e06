//! Starting cargo.

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use crate::refuse;

/// A cargo command of the toolchain that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Names a program that was built from `bench-suite` already, to be used as it is.
pub(crate) const PROGRAM: &str = "DITHER_PROGRAM";

/// Builds `bench-suite` optimised and becomes it, so that Ctrl-C and the exit code are its own.
pub(crate) fn bench_suite(arguments: &[String]) -> ExitCode {
    if let Some(program) = std::env::var_os(PROGRAM) {
        let mut command = Command::new(program);
        command.env("DITHER_CALLED", "cargo xtask").args(arguments);
        return become_process(command);
    }
    let mut command = cargo(&["run", "--release", "--locked", "--package", "bench-suite"]);
    // What it tells people to type begins with it.
    command.env("DITHER_CALLED", "cargo xtask");
    // Cargo puts both programs below one folder, each in that of its profile.
    let ours = std::env::current_exe().ok();
    let built = ours.as_deref().and_then(Path::parent).and_then(Path::parent).map(|target| {
        let program = format!("dither{}", std::env::consts::EXE_SUFFIX);
        target.join("release").join(program)
    });
    if built.is_some_and(|program| is_current(&program)) {
        command.arg("--quiet");
    } else {
        drop(writeln!(
            std::io::stderr(),
            "Building the experiments; the first time this takes some minutes …"
        ));
    }
    command.arg("--").args(arguments);
    become_process(command)
}

/// Whether a program is there and no older than its sources, so that cargo has nothing to show.
///
/// A guess: cargo decides, and builds without a word where only its settings are new.
fn is_current(program: &Path) -> bool {
    let Some(built) = modified(program) else { return false };
    // What cargo notes beside the program: `program: source source …`.
    let Ok(list) = std::fs::read_to_string(program.with_extension("d")) else { return false };
    let sources = sources(&list);
    !sources.is_empty()
        && sources.iter().all(|s| modified(Path::new(s)).is_some_and(|t| t <= built))
}

fn modified(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).ok()?.modified().ok()
}

/// The paths of a rule of make, in which a backslash stands before a space.
fn sources(rule: &str) -> Vec<String> {
    let list =
        rule.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, list)| list);
    let list = list.replace("\\ ", "\0");
    list.split_whitespace().map(|path| path.replace('\0', " ")).collect()
}

#[cfg(unix)]
fn become_process(mut command: Command) -> ExitCode {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    refuse(&format!("cannot start {}: {error}", command.get_program().display()))
}

#[cfg(not(unix))]
fn become_process(mut command: Command) -> ExitCode {
    match command.status() {
        Ok(status) => {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            ExitCode::from(code.unwrap_or(crate::ERROR))
        }
        Err(error) => refuse(&format!("cannot start {}: {error}", command.get_program().display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_its_sources_is_not_current() {
        let folder = std::env::temp_dir().join(format!("xtask {}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let [source, program] = ["a source.rs", "program"].map(|name| folder.join(name));
        std::fs::write(&source, "").unwrap();
        assert!(!is_current(&program), "there is none");
        std::fs::write(&program, "").unwrap();
        assert!(!is_current(&program), "nobody knows its sources");
        let escaped = |path: &Path| path.display().to_string().replace(' ', "\\ ");
        let rule = format!("{}: {}\n", escaped(&program), escaped(&source));
        std::fs::write(folder.join("program.d"), rule).unwrap();
        assert!(is_current(&program));
        let later = modified(&program).unwrap() + std::time::Duration::from_secs(60);
        std::fs::File::options().write(true).open(&source).unwrap().set_modified(later).unwrap();
        assert!(!is_current(&program), "the source is newer");
        std::fs::remove_file(&source).unwrap();
        assert!(!is_current(&program), "the source is gone");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
