//! The models against golden files of other simulators and against the crate's own vectors.
//!
//! The file of AIHWKit is `golden/aihwkit_mvm_and_devices.json` beside this test. That of Qucs is not
//! ours to ship: it is found through the environment variable `DITHER_SHARED`, a directory that holds
//! `golden/qucs_circuits.json`; without it the test says on standard error that it checks nothing.

use std::io::Write;

use sha2::{Digest, Sha256};

#[path = "../examples/conformance/check.rs"]
mod check;

/// Of the file that the circuits were compared with.
const QUCS_SHA256: &str = "9ee83c64982f4c190f30d83afbfc0913e9eb2f1bdd7586bd3eff555e7de0cb6c";

fn assert_conforms(text: &str, what: &str) {
    let rows = check::check(text).unwrap_or_else(|error| panic!("{what}: {error}"));
    for row in &rows {
        let check::Row { quantity, worst, tolerance, .. } = row;
        assert!(row.ok(), "{what}: {quantity}: error {worst:.2e} above {tolerance:.2e}");
    }
}

#[test]
fn products_and_pcm_equal_aihwkit() {
    assert_conforms(include_str!("golden/aihwkit_mvm_and_devices.json"), "aihwkit");
}

#[test]
fn circuits_equal_qucs() {
    let Some(directory) = std::env::var_os("DITHER_SHARED") else {
        // The harness keeps what a test prints, but not what it writes.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: circuits_equal_qucs (DITHER_SHARED is not set; docs/crossbar/conformance.md)"
        );
        return;
    };
    let path = std::path::Path::new(&directory).join("golden/qucs_circuits.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let digest = Sha256::digest(&text).iter().fold(String::new(), |mut hex, byte| {
        hex.push_str(&format!("{byte:02x}"));
        hex
    });
    assert_eq!(digest, QUCS_SHA256, "{} is another file", path.display());
    assert_conforms(&text, "Qucs");
}

#[test]
fn every_model_equals_its_own_vectors() {
    // Made by the example `make_vectors` from the formulas alone, with analytic moments.
    assert_conforms(include_str!("../vectors/products_and_devices.json"), "own products, devices");
    assert_conforms(include_str!("../vectors/circuits.json"), "own circuits");
}
