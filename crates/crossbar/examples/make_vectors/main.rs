//! Makes the crate's own golden vectors, from the formulas alone.
//!
//! ```text
//! cargo run --release -p crossbar --example make_vectors -- crates/crossbar/vectors
//! ```
//!
//! writes `products_and_devices.json` and `circuits.json` in the formats of the conformance
//! command. Nothing of the simulator is used: products are f64 sums, moments are integrals over
//! the normal density, circuits are solved by dense elimination.

#![expect(clippy::print_stdout, reason = "a command prints its result")]

#[path = "circuits.rs"]
mod circuits;
#[path = "devices.rs"]
mod devices;
#[path = "products.rs"]
mod products;

use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("usage: make_vectors DIRECTORY")?;
    let directory = std::path::Path::new(&directory);
    let mvm = [(3, 8), (5, 61), (4, 200)].map(|shape| products::product(shape, 0));
    let products_and_devices = json!({
        "source": "formulas of the crossbar crate in f64, by its example make_vectors",
        "mvm": mvm,
        "device": devices::devices(),
    });
    for (name, value) in [
        ("products_and_devices.json", products_and_devices),
        ("circuits.json", circuits::circuits()),
    ] {
        let path = directory.join(name);
        std::fs::write(&path, serde_json::to_string(&value)? + "\n")?;
        println!("{}", path.display());
    }
    Ok(())
}
