//! The models against golden files of other simulators and against the crate's own vectors.
//!
//! Files of other simulators are found through the environment variable `DITHER_SHARED`, a
//! directory that holds `golden/`; without it those tests say so and check nothing.

#![expect(clippy::print_stderr, reason = "a skipped test says so")]

#[path = "../examples/conformance/check.rs"]
mod check;

fn assert_conforms(text: &str, what: &str) {
    let rows = check::check(text).unwrap_or_else(|error| panic!("{what}: {error}"));
    for row in &rows {
        let check::Row { quantity, worst, tolerance, .. } = row;
        assert!(row.ok(), "{what}: {quantity}: error {worst:.2e} above {tolerance:.2e}");
    }
}

fn shared(file: &str) -> Option<String> {
    let Some(directory) = std::env::var_os("DITHER_SHARED") else {
        eprintln!("skipped: DITHER_SHARED is not set, {file} is not checked");
        return None;
    };
    let path = std::path::Path::new(&directory).join("golden").join(file);
    Some(std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

#[test]
fn products_and_pcm_equal_aihwkit() {
    if let Some(text) = shared("aihwkit_mvm_and_devices.json") {
        assert_conforms(&text, "aihwkit");
    }
}

#[test]
fn circuits_equal_qucs() {
    if let Some(text) = shared("qucs_circuits.json") {
        assert_conforms(&text, "Qucs");
    }
}

#[test]
fn every_model_equals_its_own_vectors() {
    // Made by the example `make_vectors` from the formulas alone, with analytic moments.
    assert_conforms(include_str!("../vectors/products_and_devices.json"), "own products, devices");
    assert_conforms(include_str!("../vectors/circuits.json"), "own circuits");
}
