//! Gives the code a version: the SHA-256 of every source that can change a measured number.
//!
//! That is the sources of the crates below, all that measures, the lock file and the toolchain. What a point is made from is part of its own name. Experiments, the report and
//! the command line are no part of the version, so that a new figure does not throw away records.
//! Builds from an archive without git have the same version.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// What is hashed, relative to the workspace.
const SOURCES: [&str; 11] = [
    "Cargo.lock",
    "rust-toolchain.toml",
    "crates/numerics/src",
    "crates/crossbar/presets",
    "crates/crossbar/src",
    "crates/systolic/src",
    "crates/nn/presets",
    "crates/nn/src",
    "crates/datasets/src",
    "crates/onnx/src",
    "crates/bench-suite/src/measured",
];

fn main() {
    // Where the package is now, which need not be where this script was compiled.
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let workspace = package.join("../..");
    let mut files = Vec::new();
    for source in SOURCES {
        let path = workspace.join(source);
        println!("cargo::rerun-if-changed={}", path.display());
        let before = files.len();
        collect(&path, &mut files);
        assert!(files.len() > before, "{} is no source of the code's version", path.display());
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in &files {
        let name = file.strip_prefix(&workspace).expect("collected below the workspace");
        let content = std::fs::read(file).expect("a source file is readable");
        hash.update(name.to_string_lossy().replace('\\', "/"));
        hash.update([0]);
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    let digest: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=DITHER_CODE_VERSION={digest}");
    // Where it is only git knows, of a linked worktree for one. Cargo would run this script each time
    // if it named a file that is not there, as in an archive.
    let log = first_line(&package, "git", &["rev-parse", "--git-path", "logs/HEAD"]);
    let log = package.join(log);
    if log.is_file() {
        println!("cargo::rerun-if-changed={}", log.display());
    }
    println!("cargo::rustc-env=DITHER_RUSTC={}", first_line(&package, "rustc", &["--version"]));
    let commit = first_line(&package, "git", &["rev-parse", "--short=12", "HEAD"]);
    let root = SOURCES.map(|source| format!(":/{source}"));
    let status = ["status", "--porcelain", "--"].into_iter().chain(root.iter().map(|s| &**s));
    // Of the sources that count alone; "unknown" if there are no changes to name.
    let changed = first_line(&package, "git", &status.collect::<Vec<_>>()) != "unknown";
    let dirty = if changed { "-dirty" } else { "" };
    println!("cargo::rustc-env=DITHER_COMMIT={commit}{dirty}");
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_file() {
        files.push(path.to_owned());
    } else if let Ok(entries) = std::fs::read_dir(path) {
        entries.flatten().for_each(|entry| collect(&entry.path(), files));
    }
}

/// What a tool says in its first line, or "unknown" where it cannot be asked.
fn first_line(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let text =
        output.ok().filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok());
    text.and_then(|text| text.lines().next().map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned())
}
