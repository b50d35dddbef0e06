//! The RTL under Icarus Verilog, a second simulator that needs no C++, against the model.
//!
//! Where Icarus is not installed the test says so in one line and checks nothing.

mod common;

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use common::{CODES, config, skipped, stimulus};
use systolic::cosim::{Observed, Stimulus, is_installed};
use systolic::{ArrayConfig, ColumnRounding, Edge, Flow, rtl};

/// The run as `rtl/replay.sv` reads it.
fn text(config: &ArrayConfig, stimulus: &Stimulus) -> String {
    let seeds = match &config.rounding {
        ColumnRounding::Stochastic(lfsrs) => lfsrs.seeds.clone(),
        ColumnRounding::NearestTiesDown => vec![0; config.n],
    };
    let mut text = format!(
        "{} {} {} {}\n",
        stimulus.last.len(),
        stimulus.expected_results(),
        stimulus.most_edges,
        stimulus.flow.len()
    );
    for seed in seeds {
        writeln!(text, "{seed}").unwrap();
    }
    for flow in &stimulus.flow {
        writeln!(text, "{}", u8::from(flow.offer) + 2 * u8::from(flow.take)).unwrap();
    }
    for (words, &last) in stimulus.words.chunks_exact(2 * stimulus.n).zip(&stimulus.last) {
        for word in words.iter().chain([&i32::from(last)]) {
            write!(text, "{word} ").unwrap();
        }
        text.push('\n');
    }
    text
}

fn observed(text: &str) -> Observed {
    let mut observed = Observed::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let kind = words.next();
        let numbers: Vec<i32> = words.map_while(|word| word.parse().ok()).collect();
        match (kind, &numbers[..]) {
            (Some("e"), &[flags]) => observed.edges.push(Edge {
                accepted: flags & 1 != 0,
                issued: flags & 2 != 0,
                frozen: flags & 4 != 0,
                done: flags & 8 != 0,
            }),
            (Some("r"), &[edge, column, code]) => {
                observed.results.push((edge as u32, column as u32, code));
            }
            _ => {}
        }
    }
    observed
}

#[test]
fn icarus_shows_the_same_ports_as_the_model() {
    if !is_installed("iverilog") {
        skipped("icarus_shows_the_same_ports_as_the_model", "iverilog is not installed");
        return;
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("icarus");
    let mut sources = rtl::write_sources(&directory).unwrap();
    sources.push(directory.join("replay.sv"));
    std::fs::write(&sources[sources.len() - 1], include_str!("../rtl/replay.sv")).unwrap();

    for (n, formats, stochastic, depth) in [(1, 1, true, 2), (3, 4, true, 2), (4, 0, false, 5)] {
        let config = ArrayConfig {
            edge_depth: depth,
            output_depth: depth,
            ..config(n, formats, stochastic, 9)
        };
        let program = directory.join(format!("replay-{n}.vvp"));
        let output = Command::new("iverilog")
            .args(["-g2012", "-s", "replay", "-o"])
            .arg(&program)
            .args(
                rtl::parameters(&config).unwrap().iter().map(|(k, v)| format!("-Preplay.{k}={v}")),
            )
            .args(&sources)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for (run, kind) in CODES.into_iter().enumerate() {
            let mut stimulus = stimulus(&config, &[5, 1, 12, 2, 3, 30], kind, run as u64);
            stimulus.flow = (0..50u32)
                .map(|c| Flow { offer: c % 7 != run as u32, take: c * c % 5 < 2 })
                .collect();
            let file = directory.join(format!("run-{n}-{run}.txt"));
            std::fs::write(&file, text(&config, &stimulus)).unwrap();
            let output = Command::new("vvp")
                .arg("-n")
                .arg(&program)
                .arg(format!("+run={}", file.display()))
                .output()
                .unwrap();
            let seen = observed(&String::from_utf8_lossy(&output.stdout));
            assert_eq!(seen, stimulus.on_model(&config).unwrap(), "n = {n}, {kind:?}");
        }
    }
}
