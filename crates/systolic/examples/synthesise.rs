//! Synthesises the RTL with Yosys and rewrites `src/synthesis/xc7.toml`.
#![allow(clippy::print_stdout, reason = "an example shows its results")]

use std::error::Error;
use std::path::Path;

use systolic::synthesis::{Module, Synthesis, configuration, synthesise, tool};

fn main() -> Result<(), Box<dyn Error>> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = std::env::temp_dir().join("systolic-synthesis");
    let mut synthesis =
        Synthesis { tool: tool()?, format: configuration(1, true)?.a, modules: Vec::new() };
    let parts = [("mac_cell", true), ("lfsr", true), ("round_unit", true), ("round_unit", false)];
    let sizes = [2, 4, 8, 28];
    let arrays = ["systolic_array", "accelerator"]
        .into_iter()
        .flat_map(|module| [true, false].map(|stochastic| (module, stochastic)))
        .flat_map(|(module, stochastic)| sizes.map(|n| (module, stochastic, n)));
    let parts = parts.into_iter().map(|(module, stochastic)| (module, stochastic, 1));
    for (module, stochastic, n) in parts.chain(arrays) {
        let cells = synthesise(module, &configuration(n, stochastic)?, &directory)?;
        println!("{module:15} n = {n:2} stochastic = {stochastic:5} {cells:?}");
        synthesis.modules.push(Module { module: module.to_owned(), n, stochastic, cells });
    }
    let text = format!(
        "# Made by: cargo run --release -p systolic --example synthesise\n{}",
        toml::to_string(&synthesis)?
    );
    std::fs::write(home.join("src/synthesis/xc7.toml"), text)?;
    Ok(())
}
