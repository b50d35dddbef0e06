//! Runs one product through the model and through the RTL under Verilator, port by port.
#![allow(clippy::print_stdout, reason = "an example shows its results")]

use std::error::Error;

use numerics::{FixedFormat, Seed};
use systolic::cosim::{Simulator, Stimulus};
use systolic::{ArrayConfig, ColumnLfsrs, ColumnRounding, Flow};

fn main() -> Result<(), Box<dyn Error>> {
    const N: usize = 4;
    const K: usize = 10;
    let format = FixedFormat::new(2, 14)?;
    let lfsrs = ColumnLfsrs::spread(N, &Seed::new(2015));
    let rounding = ColumnRounding::Stochastic(lfsrs);
    let config = ArrayConfig { output_depth: 2, ..ArrayConfig::new(N, format, rounding) };

    // Two tiles back to back; the consumer takes words in every second cycle only.
    let mut words = vec![0; 2 * K * 2 * N];
    Seed::new(1).stream().fill_words(0, &mut words);
    let stimulus = Stimulus {
        n: N,
        words: words.into_iter().map(|word| (word as i32) >> 18).collect(),
        last: (1..=2 * K).map(|beat| beat % K == 0).collect(),
        flow: vec![Flow { offer: true, take: true }, Flow { offer: true, take: false }],
        most_edges: 1000,
    };
    let model = stimulus.on_model(&config)?;
    let mut simulator = Simulator::build(&config, &std::env::temp_dir().join("systolic-cosim"))?;
    let rtl = simulator.run(&stimulus)?;
    println!("model: {} edges, {} results", model.edges.len(), model.results.len());
    println!("RTL:   {} edges, {} results", rtl.edges.len(), rtl.results.len());
    println!("every port at every edge equal: {}", model == rtl);
    let frozen = rtl.edges.iter().filter(|edge| edge.frozen).count();
    println!("edges frozen by back-pressure: {frozen}");
    Ok(())
}
