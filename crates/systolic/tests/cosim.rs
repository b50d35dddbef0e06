//! The RTL under Verilator against the model: every port at every clock edge, bit for bit.
//!
//! Where Verilator is not installed each test says so in one line and checks nothing.

mod common;

use std::path::Path;

use common::{CODES, Codes, FORMATS, config, short_lfsrs, skipped, stimulus};
use numerics::Seed;
use systolic::cosim::{CosimError, Simulator, Stimulus};
use systolic::{ArrayConfig, Flow};

fn simulator(config: &ArrayConfig) -> Option<Simulator> {
    match Simulator::build(config, Path::new(env!("CARGO_TARGET_TMPDIR"))) {
        Ok(simulator) => Some(simulator),
        Err(CosimError::ToolAbsent(tool)) => {
            let test = std::thread::current();
            let test = test.name().unwrap_or("a test of the RTL");
            skipped(test, &format!("{tool} is not installed"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn check(simulator: &mut Simulator, config: &ArrayConfig, stimulus: &Stimulus) {
    let expected = stimulus.on_model(config).unwrap();
    assert_eq!(expected.results.len(), stimulus.expected_results(), "the model gave up");
    let observed = simulator.run(stimulus).unwrap();
    // The first difference says more than two long lists.
    for (edge, (rtl, model)) in observed.edges.iter().zip(&expected.edges).enumerate() {
        assert_eq!(rtl, model, "ports at edge {edge}");
    }
    for (rtl, model) in observed.results.iter().zip(&expected.results) {
        assert_eq!(rtl, model, "result (edge, column, code)");
    }
    assert_eq!(observed, expected);
}

/// Random tiles with random lengths, codes and stalls, `runs` times 20 tiles.
fn random_tiles(config: &ArrayConfig, runs: u64) -> usize {
    const TILES: usize = 20;
    let Some(mut simulator) = simulator(config) else { return 0 };
    for run in 0..runs {
        let mut words = [0; 2 * TILES + 64];
        Seed::new(run).child("cosim").stream().fill_words(0, &mut words);
        // Half of the tiles are shorter than the drain limit, some are long.
        let lengths: Vec<usize> = words[..TILES]
            .iter()
            .map(|&word| match word % 8 {
                0..4 => 1 + (word >> 8) as usize % config.n,
                4..7 => 1 + (word >> 8) as usize % 24,
                _ => 1 + (word >> 8) as usize % 100,
            })
            .collect();
        let kind = CODES[run as usize % CODES.len()];
        let mut stimulus = stimulus(config, &lengths, kind, run);
        let percent = [0, 10, 50, 80][(run / 4) as usize % 4];
        stimulus.flow = words[2 * TILES..]
            .iter()
            .map(|&word| Flow { offer: word % 100 >= percent, take: (word >> 16) % 100 >= percent })
            .chain([Flow::FREE])
            .collect();
        check(&mut simulator, config, &stimulus);
    }
    runs as usize * TILES
}

#[test]
fn ten_thousand_random_tiles_are_equal_at_every_edge() {
    // n, formats, stochastic, FIFO depths: every format of the list, the poorest FIFOs too.
    let arrays = [
        (1, 3, true, 2, 1),
        (2, 0, true, 4, 4),
        (3, 4, true, 2, 3),
        (3, 6, false, 1, 1),
        (4, 2, true, 5, 2),
        (5, 5, true, 8, 8),
        (8, 1, true, 9, 4),
    ];
    let tiles: usize = arrays
        .into_iter()
        .map(|(n, formats, stochastic, edge_depth, output_depth)| {
            let config = ArrayConfig {
                edge_depth,
                output_depth,
                ..config(n, formats, stochastic, n as u64)
            };
            random_tiles(&config, 75)
        })
        .sum();
    assert!(tiles == 0 || tiles >= 10_000, "only {tiles} tiles");
    assert_eq!(FORMATS.len(), arrays.len());
}

/// A register read at its full width, one step per sample, seeds 1, 2, …
#[test]
fn poor_lfsrs_are_poor_in_hardware_too() {
    let mut config = config(4, 0, true, 0);
    config.rounding = short_lfsrs(4, 14);
    random_tiles(&config, 5);
}

#[test]
fn back_to_back_tiles_keep_the_papers_cycle_counts() {
    let config = config(4, 0, true, 7);
    let Some(mut simulator) = simulator(&config) else { return };
    for k in [1, 2, 3, 4, 5, 16, 50] {
        let tiles = 9;
        let stimulus = stimulus(&config, &vec![k; tiles], Codes::Small, k as u64);
        check(&mut simulator, &config, &stimulus);
        let observed = simulator.run(&stimulus).unwrap();
        let first = observed.edges.iter().position(|edge| edge.issued).unwrap();
        let done = observed.edges.iter().rposition(|edge| edge.done).unwrap();
        // k + 2n − 2 cycles for a tile, max(k, n) for each further one.
        assert_eq!(done - first, k + (tiles - 1) * k.max(4) + 2 * 4 - 2, "k = {k}");
    }
}

#[test]
fn the_largest_sums_saturate_and_do_not_wrap() {
    let config = config(4, 0, true, 7);
    let Some(mut simulator) = simulator(&config) else { return };
    // k = 2^13: sums of 2^43, far beyond the result's range on either side.
    for kind in [Codes::Smallest, Codes::Extreme] {
        let stimulus = stimulus(&config, &[1 << 13, 1, 1 << 13], kind, 3);
        check(&mut simulator, &config, &stimulus);
    }
    let stimulus = stimulus(&config, &[1 << 13], Codes::Smallest, 3);
    let results = simulator.run(&stimulus).unwrap().results;
    assert!(results.iter().all(|&(_, _, code)| code == config.out.max_code()));
}
