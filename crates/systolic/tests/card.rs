//! The card's numbers: those of the paper exactly, those derived from it by their formulas.

mod common;

use common::{Codes, config, matrix};
use systolic::networks::{ProductKind, TrainedNetwork};
use systolic::{Board, BoardError, Bound, Card, Design, GemmShape, Schedule, SystolicArray};

fn cube(size: usize) -> GemmShape {
    GemmShape { l: size, k: size, m: size }
}

/// [Gupta15 §5.3]: 812 DSPs of 840, 260 G-ops/s, 37 G-ops/s/W.
#[test]
fn the_papers_numbers_are_hit() {
    let card = Card::kintex_325t();
    assert_eq!(card.board().largest_array(), 28);
    assert_eq!(systolic::dsp_units(28), 812);
    assert_eq!(format!("{:.1}", card.peak_ops_per_s() / 1e9), "260.3");
    assert_eq!(format!("{:.1}", card.peak_ops_per_joule() / 1e9), "37.2");
    // Exactly 2 · 784 · 166 MHz.
    assert_eq!(card.peak_ops_per_s(), 260_288_000_000.0);
}

/// A is read once, B l/(pn) times, C is written once; compute-bound if and only if
/// 1/m + 1/(pn) + 1/k ≤ bandwidth / (2 bytes · n² · clock) = 0.0246.
#[test]
fn the_bound_follows_the_traffic_formula() {
    let card = Card::kintex_325t();
    let limit: f64 = 6.4e9 / (2.0 * 784.0 * 166e6);
    assert!((limit - 0.0246).abs() < 5e-5);
    let n = 28;
    // Multiples of n and of all block heights, so that no edge blurs the formula.
    for p in [1, 2, 3, 4, 8] {
        for size in (n..1200).step_by(n) {
            let shape = GemmShape { l: 24 * n, k: size, m: size };
            let speed = card.throughput_with(shape, Schedule::Resident { p }).unwrap();
            let formula = 1.0 / size as f64 + 1.0 / (p * n) as f64 + 1.0 / size as f64;
            let expected = if formula <= limit { Bound::Compute } else { Bound::Bandwidth };
            assert_eq!(speed.bound, expected, "p = {p}, m = k = {size}");
        }
    }
}

/// The sizes at which the formula turns, for m = k.
#[test]
fn two_row_tiles_are_needed_and_more_help_smaller_products() {
    let card = Card::kintex_325t();
    let turns = |p: usize| {
        (29..2000).find(|&size| {
            // Long enough for the last results and the first block not to count.
            let shape = GemmShape { l: 24 * 28, k: size, m: size };
            let bytes_per_mac = 2.0 * (2.0 / size as f64 + 1.0 / (28 * p) as f64);
            let macs_per_s = card.peak_ops_per_s() / 2.0;
            let bound = bytes_per_mac * macs_per_s <= card.board().bandwidth_bytes_per_s;
            assert!(card.throughput_with(shape, Schedule::Resident { p }).is_ok());
            bound
        })
    };
    assert_eq!([1, 2, 3, 4, 8].map(turns), [None, Some(298), Some(158), Some(128), Some(100)]);
}

/// One tile on the paper's card, by hand: 28 · 100 words of A and of B are loaded, 100 cycles pass
/// until the last words have entered, 2 · 28 − 2 until the wave has run out, 28 + 4 until the last
/// result has left the output FIFO, and 28² words are written.
#[test]
fn one_product_takes_its_seconds_to_the_digit() {
    let card = Card::kintex_325t();
    let speed = card.throughput(GemmShape { l: 28, k: 100, m: 28 }).unwrap();
    assert_eq!(speed.schedule, Schedule::Resident { p: 1 });
    assert_eq!(speed.bytes, 11_200 + 1568);
    let expected = 11_200.0 / 6.4e9 + (100.0 + 54.0 + 32.0) / 166e6 + 1568.0 / 6.4e9;
    assert!((speed.seconds / expected - 1.0).abs() < 1e-14, "{} s, not {expected}", speed.seconds);
    assert!((speed.seconds - 3.115_481_927_710_843e-6).abs() < 1e-20, "{}", speed.seconds);
    assert!((speed.joules / (7.0 * expected) - 1.0).abs() < 1e-14);
    let peak = 2.0 * 784.0 * 166e6;
    assert!((speed.utilisation / (2.0 * 78_400.0 / expected / peak) - 1.0).abs() < 1e-14);
}

/// Three slices of B against two blocks of A, whose steps wait for the memory or for the array.
#[test]
fn the_steps_of_a_product_take_the_longer_of_their_two_times() {
    let card = Card::kintex_325t();
    // Rows 56 + 10, columns 28 + 28 + 14, k = 40: words of 2 bytes.
    let speed = card
        .throughput_with(GemmShape { l: 66, k: 40, m: 70 }, Schedule::Resident { p: 2 })
        .unwrap();
    let us = |bytes: f64| bytes / 6.4e3;
    let cycles = |tiles: f64| tiles * 40.0 / 166.0;
    let slices = [28.0, 28.0, 14.0];
    // While a slice passes a block of 56 rows the next slice and a third of the 10 rows are loaded,
    // and the results of the step before are written.
    let load = |columns: f64, rows: f64| (columns + rows) * 80.0;
    let store = |columns: f64, rows: f64| 2.0 * columns * rows;
    let third = 10.0 / 3.0;
    let steps = [
        cycles(2.0).max(us(load(slices[1], 0.0))),
        cycles(2.0).max(us(load(slices[2], 0.0) + store(28.0, 56.0))),
        cycles(2.0).max(us(load(slices[0], third) + store(28.0, 56.0))),
        cycles(1.0).max(us(load(slices[1], third) + store(14.0, 56.0))),
        cycles(1.0).max(us(load(slices[2], third) + store(28.0, 10.0))),
        cycles(1.0).max(us(store(28.0, 10.0))),
    ];
    let ends = us(load(slices[0], 56.0)) + 86.0 / 166.0 + us(store(14.0, 10.0));
    let expected = ends + steps.iter().sum::<f64>();
    assert!((speed.seconds * 1e6 / expected - 1.0).abs() < 1e-12, "{speed:?}, not {expected} µs");
}

/// With a memory that takes no time the card takes the cycles that the array takes, edge by edge.
#[test]
fn without_a_memory_a_product_takes_the_cycles_of_the_array() {
    for (n, l, k, m) in
        [(1, 1, 1, 1), (4, 4, 9, 4), (4, 12, 4, 8), (7, 20, 30, 15), (28, 28, 40, 56)]
    {
        let config = config(n, 0, false, 1);
        let a = matrix(config.a, l, k, Codes::Small, 1);
        let b = matrix(config.b, k, m, Codes::Small, 2);
        let trace = SystolicArray::new(config).unwrap().multiply(&a, &b).unwrap().1;
        let paper = Card::kintex_325t();
        let board = Board { bandwidth_bytes_per_s: 1e18, ..paper.board().clone() };
        let design = Design { n, clock_hz: 1e6, ..paper.design().clone() };
        let speed = Card::new(board, design).unwrap().throughput(GemmShape { l, k, m }).unwrap();
        let cycles = speed.seconds * 1e6;
        assert!((cycles - trace.total_cycles as f64).abs() < 1e-3, "n = {n}: {cycles}, {trace:?}");
    }
}

#[test]
fn sustained_rates_stay_below_the_roofline() {
    for card in [Card::kintex_325t(), Card::alveo_u280()] {
        for size in [10, 28, 94, 100, 300, 784, 1000, 2000, 5000, 20_000] {
            let speed = card.throughput(cube(size)).unwrap();
            let roof = card.attainable_ops_per_s(speed.intensity());
            assert!(speed.ops_per_s() <= roof, "{} at {size}: {speed:?}", card.board().name);
            assert!(speed.seconds >= speed.compute_seconds.max(speed.transfer_seconds));
        }
    }
}

/// The first block of A and the last results are paid once, so more columns only help.
#[test]
fn sustained_rates_rise_with_the_columns_of_b() {
    for card in [Card::kintex_325t(), Card::alveo_u280()] {
        let n = card.design().n;
        let rates: Vec<f64> = (1..40)
            .map(|slices| GemmShape { l: 4 * n, k: 784, m: slices * n })
            .map(|shape| card.throughput(shape).unwrap().ops_per_s())
            .collect();
        assert!(rates.is_sorted_by(|a, b| a < b), "{}: {rates:?}", card.board().name);
    }
}

/// Longer inner products leave room for fewer rows of A; from k = 3560 on p is 1, and the memory
/// cannot keep up any more.
#[test]
fn very_long_inner_products_are_bound_by_the_memory_again() {
    let card = Card::kintex_325t();
    let bound = |k| card.throughput(GemmShape { l: 2800, k, m: 2800 }).unwrap().bound;
    assert_eq!((card.row_tiles(3559), card.row_tiles(3560)), (2, 1));
    assert_eq!((bound(3559), bound(3560)), (Bound::Compute, Bound::Bandwidth));
}

#[test]
fn large_products_reach_the_peak_and_small_ones_the_drain_limit() {
    let card = Card::kintex_325t();
    let large = card.throughput(GemmShape { l: 2800, k: 1000, m: 2800 }).unwrap();
    assert_eq!(large.bound, Bound::Compute);
    assert!(large.utilisation > 0.98, "{large:?}");
    // k = 7: the array is idle for 21 of 28 cycles, whatever the memory does.
    let short = card.throughput(GemmShape { l: 2800, k: 7, m: 2800 }).unwrap();
    assert!(short.utilisation <= 0.25);
}

#[test]
fn l2_holds_both_buffers_of_p_plus_one_tiles() {
    let card = Card::kintex_325t();
    for k in [1, 100, 784, 1000, 5000, 10_000, 60_000] {
        let p = card.row_tiles(k) as u64;
        let bytes = |p: u64| 2 * (p + 1) * 28 * k as u64 * 2;
        let capacity = card.design().l2_bram_36kb * 4096;
        assert!(p == 0 || bytes(p) <= capacity, "k = {k}");
        assert!(bytes(p + 1) > capacity, "k = {k}");
    }
    // Inner products of 60 000 do not fit at all and stream past: 2n words per k-step.
    let speed = card.throughput(GemmShape { l: 280, k: 60_000, m: 280 }).unwrap();
    assert_eq!((speed.schedule, speed.bound), (Schedule::Streamed, Bound::Bandwidth));
    let per_step = 2.0 * 28.0 * 2.0 / 6.4e9 * 166e6;
    assert!((speed.utilisation - 1.0 / per_step).abs() < 0.01, "{speed:?}");
}

#[test]
fn the_largest_array_is_the_largest_that_fits() {
    for dsp in 0..2000 {
        let board = Board { dsp, ..Card::kintex_325t().board().clone() };
        let n = board.largest_array();
        assert!(systolic::dsp_units(n) <= dsp && systolic::dsp_units(n + 1) > dsp, "{dsp} slices");
    }
    assert_eq!(Card::alveo_u280().board().largest_array(), Card::alveo_u280().design().n);
}

#[test]
fn networks_have_the_papers_layers() {
    let [dnn, mnist, cifar] = TrainedNetwork::of_the_paper();
    assert_eq!(dnn.parameters(), 785_000 + 1_001_000 + 10_010);
    // 3 products of each weight and sample, less the first layer's backward one.
    let macs = |network: &TrainedNetwork| {
        network.products().iter().map(|product| product.shape.macs()).sum::<u64>()
    };
    assert_eq!(macs(&dnn), 100 * (2 * 784_000 + 3 * 1_000_000 + 3 * 10_000));
    assert_eq!(
        macs(&mnist),
        100 * (2 * 576 * 25 * 8 + 3 * 64 * 200 * 16 + 3 * 256 * 128 + 3 * 128 * 10)
    );
    assert_eq!(
        macs(&cifar),
        100 * (2 * 1024 * 75 * 64 + 3 * (256 + 64) * 1600 * 64 + 3 * 1024 * 10)
    );
    assert!(
        dnn.products().iter().all(|p| p.layer.name != "fc1" || p.kind != ProductKind::Backward)
    );
}

#[test]
fn an_epoch_costs_at_least_its_operations_at_the_peak() {
    for card in [Card::kintex_325t(), Card::alveo_u280()] {
        for network in TrainedNetwork::of_the_paper() {
            let epoch = network.epoch(&card).unwrap();
            let macs: u64 = network.products().iter().map(|product| product.shape.macs()).sum();
            assert_eq!(epoch.ops, 2 * macs * (network.samples / network.batch) as u64);
            assert!(epoch.seconds > epoch.ops as f64 / card.peak_ops_per_s());
            assert!(epoch.update_seconds < epoch.seconds);
            assert!((epoch.joules - epoch.seconds * card.design().power_w).abs() < 1e-9);
            // Every product of the longest sums fits the accumulator: k below 2^17.
            assert!(network.products().iter().all(|product| product.shape.k < 1 << 17));
        }
    }
}

#[test]
fn boards_that_are_too_small_or_make_no_sense_are_refused_by_name() {
    let card = Card::kintex_325t();
    let (board, design) = (card.board().clone(), card.design().clone());
    let refusal =
        |board: &Board, design: Design| Card::new(board.clone(), design).unwrap_err().to_string();
    assert_eq!(
        refusal(&board, Design { n: 29, ..design.clone() }),
        "a 29 × 29 array needs 870 DSP slices, but Kintex-7 325T card has 840"
    );
    assert_eq!(
        refusal(&board, Design { l2_bram_36kb: 404, ..design.clone() }),
        "a 28 × 28 array needs 446 block RAMs of 36 Kb, but Kintex-7 325T card has 445"
    );
    assert_eq!(
        refusal(&board, Design { n: 0, ..design.clone() }),
        "n, the number of rows and columns, is 0"
    );
    assert_eq!(
        refusal(&board, Design { clock_hz: 0.0, ..design.clone() }),
        "clock_hz = 0 is not a positive number"
    );
    assert_eq!(
        refusal(&board, Design { power_w: f64::NAN, ..design }),
        "power_w = NaN is not a positive number"
    );
    assert_eq!(card.throughput(GemmShape { l: 3, k: 0, m: 3 }).unwrap_err().to_string(), "k is 0");
    let unknown = include_str!("../src/boards/kintex_325t.toml").replace("dsp =", "dsps =");
    let error = Card::from_toml(&unknown).unwrap_err();
    assert!(matches!(error, BoardError::Toml(_)));
    assert!(error.to_string().contains("unknown field `dsps`"), "{error}");
}

/// Numbers of any key that a file may hold: refused by name, or a product of any size has a time.
#[test]
fn cards_of_any_numbers_are_refused_by_key_or_can_be_used() {
    let text = include_str!("../src/boards/kintex_325t.toml");
    let whole = ["0", "1", "-1", "2", "1000000000", "4294967296", "9223372036854775807"];
    let broken = ["0.0", "-0.0", "1e-300", "1.0", "1e18", "1e300", "inf", "-inf", "nan"];
    let (mut accepted, mut refused) = (0, 0);
    for line in text.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')) {
        let key = line.split(' ').next().expect("a key");
        for value in whole.iter().chain(&broken) {
            match Card::from_toml(&text.replace(line, &format!("{key} = {value}"))) {
                Ok(card) => {
                    accepted += 1;
                    for shape in [cube(1), cube(50), GemmShape { l: 1, k: usize::MAX, m: 1 }] {
                        assert!(card.throughput(shape).unwrap().seconds >= 0.0, "{key} = {value}");
                        let speed =
                            card.throughput_with(shape, Schedule::Resident { p: usize::MAX });
                        assert!(speed.unwrap().seconds >= 0.0, "{key} = {value}");
                    }
                    let _ = card.board().largest_array();
                }
                Err(error) => {
                    refused += 1;
                    let resource = match key {
                        "dsp" => "DSP slices",
                        "bram_36kb" | "l2_bram_36kb" => "block RAMs of 36 Kb",
                        "n" => "array needs",
                        _ => key,
                    };
                    let message = error.to_string();
                    let named = message.contains(key) || message.contains(resource);
                    assert!(named, "{key} = {value}: {message}");
                }
            }
        }
    }
    assert!(accepted > 20 && refused > 60, "{accepted} accepted, {refused} refused");
}
