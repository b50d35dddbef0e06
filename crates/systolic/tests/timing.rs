//! Cycle counts, measured on the model and equal to the formulas of the paper.

mod common;

use common::{Codes, config, matrix};
use systolic::{Flow, SystolicArray, Trace};

fn trace(n: usize, l: usize, k: usize, m: usize, flow: impl FnMut(u64) -> Flow) -> Trace {
    let config = config(n, 0, true, 1);
    let a = matrix(config.a, l, k, Codes::Small, 1);
    let b = matrix(config.b, k, m, Codes::Small, 2);
    SystolicArray::new(config).unwrap().multiply_with(&a, &b, flow).unwrap().1
}

const SIZES: [usize; 7] = [1, 2, 3, 4, 7, 16, 28];

/// [Gupta15 §5.2]: MACC(n, n) finishes after k + 2n − 2 cycles.
#[test]
fn one_tile_takes_k_plus_2n_minus_2_cycles() {
    for n in SIZES {
        for k in [1, 2, n, n + 1, 100] {
            let trace = trace(n, n, k, n, |_| Flow::FREE);
            assert_eq!(trace.wave_cycles, (k + 2 * n - 2) as u64, "n = {n}, k = {k}");
            assert_eq!(trace.beats, k as u64);
        }
    }
}

/// A tile starts before the one before it ends: k cycles for n² results if k ≥ n, and n cycles if
/// not, since n results leave a column through one rounding unit.
#[test]
fn tiles_follow_each_other_every_k_cycles_down_to_the_drain_limit_of_n() {
    for n in SIZES {
        for k in [1, 2, n - n / 2, n, n + 1, 3 * n] {
            let tiles = 12;
            let trace = trace(n, 3 * n, k, 4 * n, |_| Flow::FREE);
            assert_eq!(trace.tiles, tiles as u64);
            let expected = k + (tiles - 1) * k.max(n) + 2 * n - 2;
            assert_eq!(trace.wave_cycles, expected as u64, "n = {n}, k = {k}");
            assert_eq!(trace.frozen, 0, "n = {n}, k = {k}");
        }
    }
}

/// One edge to enter the FIFOs; then the wave, the move to the local registers, n cycles of drain
/// of the last column, the rounding unit, and the output FIFO.
#[test]
fn the_last_result_leaves_n_plus_3_cycles_after_the_wave() {
    for n in SIZES {
        for k in [n, 50] {
            let trace = trace(n, n, k, n, |_| Flow::FREE);
            assert_eq!(trace.total_cycles, trace.wave_cycles + n as u64 + 4, "n = {n}, k = {k}");
        }
    }
}

#[test]
fn full_tiles_in_a_row_keep_every_multiplier_busy() {
    let n = 28;
    let trace = trace(n, 10 * n, 784, 2 * n, |_| Flow::FREE);
    let (tiles, k) = (20, 784);
    let expected = (tiles * k) as f64 / (tiles * k + 2 * n - 2) as f64;
    assert!((trace.utilisation(n) - expected).abs() < 1e-12);
    assert!(trace.utilisation(n) > 0.99);
}

#[test]
fn edge_tiles_waste_the_cells_beyond_the_edge() {
    let trace = trace(8, 9, 40, 9, |_| Flow::FREE);
    assert_eq!((trace.tiles, trace.macs), (4, 9 * 40 * 9));
    assert_eq!(trace.wave_cycles, 4 * 40 + 14);
}

#[test]
fn a_starved_array_waits_for_its_beats_and_is_never_frozen() {
    let (n, k) = (4, 20);
    let every_third = |cycle: u64| Flow { offer: cycle.is_multiple_of(3), take: true };
    let trace = trace(n, n, k, n, every_third);
    assert_eq!(trace.frozen, 0);
    // The last beat enters 3(k − 1) cycles after the first one.
    assert_eq!(trace.wave_cycles, (3 * (k - 1) + 1 + 2 * n - 2) as u64);
}

#[test]
fn a_blocked_output_freezes_the_array_and_loses_nothing() {
    let n = 4;
    let slow = |cycle: u64| Flow { offer: true, take: cycle.is_multiple_of(5) };
    let trace = trace(n, 4 * n, n, 4 * n, slow);
    assert!(trace.frozen > 0);
    // Each column passes n words per tile, one in five cycles at best.
    assert!(trace.total_cycles >= 5 * 16 * n as u64 - 5);
    assert_eq!(trace.beats, 16 * n as u64);
}

#[test]
fn shallow_fifos_slow_the_array_but_never_stop_it() {
    for depth in 1..6 {
        let mut config = config(4, 0, true, 1);
        config.edge_depth = depth;
        let a = matrix(config.a, 8, 30, Codes::Small, 1);
        let b = matrix(config.b, 30, 8, Codes::Small, 2);
        let trace = SystolicArray::new(config).unwrap().multiply(&a, &b).unwrap().1;
        let steady = 4 * 30 + 6;
        assert_eq!(trace.wave_cycles == steady, depth > 4, "depth {depth}: {trace:?}");
    }
}
