//! Every warning of Verilator is an error, for the paper's array and for the extreme parameters.

mod common;

use std::path::Path;
use std::process::Command;

use common::{FORMATS, config, short_lfsrs, skipped};
use systolic::{ArrayConfig, cosim, rtl};

#[test]
fn the_rtl_is_clean_under_all_warnings() {
    if !cosim::is_installed("verilator") {
        skipped("the_rtl_is_clean_under_all_warnings", "verilator is not installed");
        return;
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lint");
    let sources = rtl::write_sources(&directory).unwrap();
    let mut configs: Vec<ArrayConfig> =
        (0..FORMATS.len()).map(|formats| config(3, formats, true, 0)).collect();
    configs.extend([1, 28].map(|n| config(n, 0, false, 0)));
    configs.push(config(28, 0, true, 0));
    configs.push(ArrayConfig { edge_depth: 1, output_depth: 1, ..config(2, 0, true, 0) });
    configs.push(ArrayConfig { rounding: short_lfsrs(2, 14), ..config(2, 0, true, 0) });
    for config in configs {
        let output = Command::new("verilator")
            .args(["--lint-only", "-Wall", "--top-module", rtl::TOP])
            .args(rtl::parameters(&config).unwrap().iter().map(|(name, v)| format!("-G{name}={v}")))
            .args(&sources)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.is_empty(), "{config:?}\n{text}");
    }
}
