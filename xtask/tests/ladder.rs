//! The architecture as a test: which crate may use which.

use std::process::Command;

/// Which workspace crates each crate may depend on, in code, tests and build scripts.
const LADDER: [(&str, &[&str]); 11] = [
    ("numerics", &[]),
    ("crossbar", &["numerics"]),
    ("systolic", &["numerics"]),
    ("nn", &["numerics", "crossbar"]),
    ("datasets", &["numerics", "nn"]),
    ("onnx", &["numerics", "nn", "datasets"]),
    ("mpi-exchange", &["nn"]),
    ("report", &[]),
    (
        "bench-suite",
        &["numerics", "crossbar", "systolic", "nn", "datasets", "onnx", "mpi-exchange", "report"],
    ),
    ("dither-python", &["numerics", "crossbar", "nn", "bench-suite"]),
    ("xtask", &[]),
];

#[test]
fn every_crate_uses_only_crates_below_it() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, for it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let name = |value: &serde_json::Value| value["name"].as_str().expect("a name").to_owned();
    let ours: Vec<String> = packages.iter().map(name).collect();
    assert_eq!(ours.len(), LADDER.len(), "the ladder lists every crate of the workspace: {ours:?}");
    for package in packages {
        let crate_name = name(package);
        let (_, allowed) = LADDER
            .iter()
            .find(|(rung, _)| *rung == crate_name)
            .unwrap_or_else(|| panic!("{crate_name} has no rung on the ladder"));
        let dependencies = package["dependencies"].as_array().expect("a list of dependencies");
        for used in dependencies.iter().map(name).filter(|used| ours.contains(used)) {
            assert!(allowed.contains(&&*used), "{crate_name} must not use {used}");
        }
    }
}

/// Who wants formats and rounding alone builds neither threads nor files nor other number types; who
/// wants tiles alone, neither threads nor linear algebra.
#[test]
fn crates_without_features_are_small() {
    let tree = |package: &str, features: &[&str]| -> Vec<String> {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--package", package, "--edges", "normal", "--prefix", "none"])
            .args(["--no-dedupe", "--locked", "--offline"])
            .args(features)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs, for it runs this test");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("names of packages");
        text.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
    };
    for (package, optional) in [
        ("numerics", &["rayon", "rayon-core", "serde", "serde_core", "fixed", "half", "syn"][..]),
        ("crossbar", &["rayon", "rayon-core", "faer"]),
    ] {
        let (all, alone) = (tree(package, &[]), tree(package, &["--no-default-features"]));
        for used in optional {
            assert!(all.iter().any(|name| name == used), "{package}: {used} belongs to a feature");
            assert!(!alone.iter().any(|name| name == used), "{package} needs {used} always");
        }
    }
}

#[test]
fn every_source_file_says_what_it_is() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("crates"), root.join("xtask")];
    let mut silent = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                if !text.starts_with("//!") {
                    silent.push(path);
                }
            }
        }
    }
    assert!(silent.is_empty(), "files that do not begin with a //! line: {silent:?}");
}
