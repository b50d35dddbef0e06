//! Wires in the products of tiles: lines by their circuit, and the estimate at the end of its range.

use crossbar::compensation::{CompensationReference, CompensationScope, ReadoutInputs};
use crossbar::device::Faults;
use crossbar::wires::{LineConfig, bit_line_currents, ir_drop_estimate};
use crossbar::{AnalogTile, MvmNoise, Saturation, TileConfig, UnitCell, WeightScale};
use numerics::{Par, Seed};

const INPUTS: usize = 96;
const OUTPUTS: usize = 6;

fn uniform(name: &str, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Seed::new(1).child(name).stream().fill_uniform(0, &mut values);
    values.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
    values
}

/// Exact devices of 9 to 88.2 µS and exact converters; no estimate of wires.
fn ideal(cell: UnitCell) -> TileConfig {
    let exact = "base = \"reram-cmo\"\n[device]\nprogramming_noise_scale = 0.0\nread_noise_scale = 0.0\n\
                 drift_scale = 0.0\n[periphery]\nread_noise = \"none\"\n[periphery.adc]\nnoise = 0.0\n";
    let mut config = TileConfig::from_toml(exact).unwrap();
    config.mapping.unit_cell = cell;
    config.mapping.scale = WeightScale::Unit;
    config.ir_drop.scale = 0.0;
    config.periphery.dac.steps = None;
    (config.periphery.adc.steps, config.periphery.adc.bound) = (None, None);
    config
}

fn product(tile: &AnalogTile, x: &[f32]) -> (Vec<f32>, Saturation) {
    let mut y = vec![0.0; x.len() / tile.inputs() * tile.outputs()];
    let noise = MvmNoise { seed: Seed::new(7), first_sample: 0 };
    let saturation = tile.forward(x, &noise, Par::Seq, &mut y);
    (y, saturation)
}

/// Currents of one bit line of the exact ladder, in µA for inputs in V.
fn ladder(plus_us: &[f32], minus_us: &[f32], x: &[f32], ohm: f64) -> f64 {
    let siemens = |g: &[f32]| g.iter().map(|&g| 1e-6 * f64::from(g)).collect::<Vec<f64>>();
    let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    1e6 * bit_line_currents(&siemens(plus_us), &siemens(minus_us), &x, ohm).unwrap()
}

#[test]
fn a_tile_multiplies_as_its_bit_lines_conduct() {
    let ohm = 8.0;
    let (w, x) = (uniform("w", OUTPUTS * INPUTS), uniform("x", INPUTS));
    for cell in [UnitCell::ActiveDevice, UnitCell::DifferentialPair, UnitCell::SingleDevice] {
        let mut config = ideal(cell.clone());
        config.lines =
            Some(LineConfig { word_ohm: 0.0, bit_ohm: ohm, source_ohm: 0.0, ground_ohm: 0.0 });
        let tile = AnalogTile::program(&config, &w, INPUTS, &Seed::new(3), Par::Seq).unwrap();
        let [g_min, g_max] = tile.range_us();
        let arrays: Vec<&[f32]> = tile.conductances_us().collect();
        let (y, _) = product(&tile, &x);
        let none = vec![0.0; INPUTS];
        let mut dropped = 0.0f64;
        for i in 0..OUTPUTS {
            let row = |g: &[f32]| g[i * INPUTS..][..INPUTS].to_vec();
            let expected = match cell {
                UnitCell::SingleDevice => {
                    let zero = vec![g_min + 0.5 * (g_max - g_min); INPUTS];
                    let seen = ladder(&row(arrays[0]), &none, &x, f64::from(ohm));
                    2.0 * (seen - ladder(&zero, &none, &x, f64::from(ohm)))
                }
                UnitCell::DifferentialPair => {
                    ladder(&row(arrays[0]), &row(arrays[1]), &x, f64::from(ohm))
                }
                _ => {
                    let (mut plus, mut minus) = (row(arrays[0]), vec![g_min; INPUTS]);
                    for j in 0..INPUTS {
                        if w[i * INPUTS + j] < 0.0 {
                            std::mem::swap(&mut plus[j], &mut minus[j]);
                        }
                    }
                    ladder(&plus, &minus, &x, f64::from(ohm))
                }
            } / f64::from(g_max - g_min);
            let ideal: f64 = (0..INPUTS).map(|j| f64::from(w[i * INPUTS + j] * x[j])).sum();
            dropped = dropped.max((expected - ideal).abs());
            // Sums of 96 products of up to 1 in f32.
            let error = (f64::from(y[i]) - expected).abs();
            assert!(
                error < 96.0 * 4.0 * f64::from(f32::EPSILON),
                "{cell:?}: {} for {expected}",
                y[i]
            );
        }
        assert!(dropped > 0.1, "{cell:?}: the wires did nothing");
    }
}

/// Devices stuck at their partners conduct where they are.
#[test]
fn pairs_with_stuck_devices_load_the_lines_they_are_on() {
    let (w, x) = (uniform("w", OUTPUTS * INPUTS), uniform("x", INPUTS));
    let mut config = ideal(UnitCell::ActiveDevice);
    config.faults = Faults { stuck_at_g_max: 0.3, ..Faults::default() };
    let tile = |config: &TileConfig| {
        AnalogTile::program(config, &w, INPUTS, &Seed::new(3), Par::Seq).unwrap()
    };
    let (plain, _) = product(&tile(&config), &x);
    let lines = |bit_ohm| LineConfig { word_ohm: 0.0, bit_ohm, source_ohm: 0.0, ground_ohm: 0.0 };
    config.lines = Some(lines(1e-6));
    let (through, _) = product(&tile(&config), &x);
    for (a, b) in plain.iter().zip(&through) {
        assert!((a - b).abs() < 96.0 * 4.0 * f32::EPSILON, "{a} and {b}");
    }
    config.lines = Some(lines(8.0));
    assert_ne!(product(&tile(&config), &x).0, plain);
}

#[test]
fn bits_and_slices_have_lines_too() {
    let w = uniform("w", OUTPUTS * INPUTS);
    for cell in [
        UnitCell::Pairs { significances: vec![1.0, 0.25] },
        UnitCell::BitSliced { bits_per_cell: 2, cells: 4 },
    ] {
        let mut config = ideal(cell.clone());
        let program = |config: &TileConfig| {
            AnalogTile::program(config, &w, INPUTS, &Seed::new(3), Par::Seq).unwrap()
        };
        let plain = program(&config).weights();
        let lines =
            |ohm| LineConfig { word_ohm: ohm, bit_ohm: ohm, source_ohm: ohm, ground_ohm: ohm };
        config.lines = Some(lines(0.0));
        let ideal = program(&config).weights();
        for (a, b) in plain.iter().zip(&ideal) {
            assert!((a - b).abs() < 1e-5, "{cell:?}: {a} and {b}");
        }
        config.lines = Some(lines(5.0));
        let dropped = program(&config).weights();
        let sum = |w: &[f32]| w.iter().map(|w| w.abs()).sum::<f32>();
        assert!(sum(&dropped) < 0.98 * sum(&plain), "{cell:?}");
    }
}

#[test]
fn lines_are_read_from_a_file() {
    let text = "base = \"standard-pcm\"\n[lines]\nword_ohm = 0.35\nbit_ohm = 0.35\n";
    let config = TileConfig::from_toml(text).unwrap();
    assert_eq!(config.lines.unwrap().source_ohm, 0.0);
    assert_eq!(TileConfig::from_toml(&config.to_toml()).unwrap(), config);
    let negative = text.replace("bit_ohm = 0.35", "bit_ohm = -1.0");
    let error = TileConfig::from_toml(&negative).unwrap_err().to_string();
    assert!(error.contains("lines.bit_ohm"), "{error}");
    let unknown = text.replace("bit_ohm", "bitline_ohm");
    let error = TileConfig::from_toml(&unknown).unwrap_err().to_string();
    assert!(error.contains("bitline_ohm"), "{error}");
}

/// 4096 weights and inputs of 1: the cubic would give −3.0·10⁶.
#[test]
fn the_estimate_is_held_at_the_end_of_its_range_and_says_so() {
    let n = 4096;
    let mut config = ideal(UnitCell::ActiveDevice);
    config.ir_drop = TileConfig::load("standard-pcm").unwrap().ir_drop;
    config.mapping.max_inputs = n;
    let w = vec![1.0; 2 * n];
    let tile = AnalogTile::program(&config, &w, n, &Seed::new(3), Par::Seq).unwrap();
    // One sample beyond the range, one within, and one in the other half of the panel.
    let mut x = vec![1.0; n];
    x.extend(vec![0.01; n]);
    x.extend(vec![-1.0; n]);
    let (y, saturation) = product(&tile, &x);
    assert_eq!(saturation, Saturation { inputs: 0, outputs: 0, drops: 4 });
    for (y, x) in y.chunks(2).zip(x.chunks(n)) {
        let ideal: f64 = x.iter().map(|&x| f64::from(x)).sum();
        let expected = ideal + ir_drop_estimate(&w[..n], x, &config.ir_drop);
        for &y in y {
            assert!((f64::from(y) / expected - 1.0).abs() < 1e-3, "{y} for {expected}");
            assert!(f64::from(y) / ideal > 0.0, "the drop is larger than what drops");
        }
    }
}

/// A tile within the range of the estimate does not count.
#[test]
fn the_standard_tile_is_within_the_range_of_the_estimate() {
    let config = TileConfig::load("standard-pcm").unwrap();
    let w = vec![1.0; 512];
    let tile = AnalogTile::program(&config, &w, 512, &Seed::new(3), Par::Seq).unwrap();
    assert_eq!(product(&tile, &[1.0; 512]).1.drops, 0);
}

/// AIHWKit 1.1.0, `POS_NEG_SEPARATE`: each phase is a product of its own.
#[test]
fn each_phase_of_a_product_has_the_drop_of_its_own_current() {
    let mut config = ideal(UnitCell::ActiveDevice);
    config.ir_drop = TileConfig::load("standard-pcm").unwrap().ir_drop;
    config.ir_drop.scale = 10.0;
    config.periphery.polarity_asymmetry = 0.1;
    for steps in [None, Some(254.0)] {
        config.periphery.dac.steps = steps;
        let n = 512;
        let w = uniform("w", OUTPUTS * n);
        let tile = AnalogTile::program(&config, &w, n, &Seed::new(3), Par::Seq).unwrap();
        let x = uniform("x", n);
        let plus: Vec<f32> = x.iter().map(|x| x.max(0.0)).collect();
        let minus: Vec<f32> = x.iter().map(|x| x.min(0.0)).collect();
        let [(both, _), (plus, _), (minus, _)] = [x, plus, minus].map(|x| product(&tile, &x));
        for ((both, plus), minus) in both.iter().zip(&plus).zip(&minus) {
            let error = (both - (plus + minus)).abs();
            assert!(error < 512.0 * f32::EPSILON, "{both} for {plus} and {minus}");
        }
    }
}

/// Devices that only drift, through converters that clip, or only add noise.
#[test]
fn a_drift_readout_tells_what_can_be_wrong_with_its_factors() {
    let mut config = TileConfig::load("standard-pcm").unwrap();
    config.compensation.scope = CompensationScope::Global;
    config.compensation.inputs = ReadoutInputs::Uniform { samples: 64 };
    config.compensation.reference = CompensationReference::Programmed;
    config.periphery.read_noise = crossbar::ReadNoise::None;
    let readout = |config: &TileConfig, size: f32| {
        let w: Vec<f32> = uniform("w", OUTPUTS * INPUTS).iter().map(|w| size * w).collect();
        let mut tile = AnalogTile::program(config, &w, INPUTS, &Seed::new(3), Par::Seq).unwrap();
        tile.age_to(3600.0, Par::Seq).unwrap();
        let seed = Seed::new(4);
        let readout = tile.drift_readout(&seed);
        assert_eq!(tile.compensate_drift(&seed), readout.saturation);
        assert_eq!(tile.compensation(), readout.factors);
        readout
    };
    let mut clean = config.clone();
    clean.periphery.adc.noise = 0.0;
    let clean = readout(&clean, 1.0);
    assert_eq!((clean.saturation.outputs, &clean.noise[..]), (0, &[0.0][..]));
    assert_eq!(clean.conversions, [64 * INPUTS as u64, 64 * OUTPUTS as u64]);

    let mut noisy = config.clone();
    noisy.mapping.scale = WeightScale::Unit;
    noisy.periphery.adc.noise = 0.4;
    let noisy = readout(&noisy, 0.02);
    // Σ (w x)² is 96 · 0.02² / 9 = 0.0043, σ² is 0.16.
    assert!(noisy.noise[0] > 0.9, "{:?}", noisy.noise);
    assert!((noisy.factors[0] - 1.0).abs() < 0.1, "{:?}", noisy.factors);

    let mut clipped = config.clone();
    clipped.periphery.adc.noise = 0.0;
    clipped.periphery.adc.bound = Some(1.0);
    let clipped = readout(&clipped, 1.0);
    assert!(clipped.saturation.outputs > 100, "{:?}", clipped.saturation);
    assert!(clipped.factors[0] < clean.factors[0]);

    let mut columns = config;
    columns.compensation.scope = CompensationScope::Column;
    assert_eq!(readout(&columns, 1.0).noise.len(), OUTPUTS);
}

#[derive(serde::Deserialize)]
struct Phases {
    cases: Vec<Products>,
}

#[derive(serde::Deserialize)]
struct Products {
    weights: Vec<Vec<f32>>,
    inputs: Vec<Vec<f32>>,
    products: Vec<ProductOfAihwkit>,
}

#[derive(serde::Deserialize)]
struct ProductOfAihwkit {
    ir_drop_scale: f32,
    dac_steps: Option<f32>,
    two_phases: Vec<Vec<f32>>,
    one_phase: Vec<Vec<f32>>,
}

/// With an asymmetry too small to show in f32 there are two phases of the same weights.
#[test]
fn the_drop_in_one_phase_and_in_two_is_that_of_aihwkit() {
    let phases: Phases = serde_json::from_str(include_str!("golden/aihwkit_phases.json")).unwrap();
    let mut apart = 0.0f32;
    for Products { weights, inputs, products } in phases.cases {
        let (w, x) = (weights.concat(), inputs.concat());
        for product in products {
            let mut config = ideal(UnitCell::ActiveDevice);
            config.ir_drop = TileConfig::load("standard-pcm").unwrap().ir_drop;
            config.ir_drop.scale = product.ir_drop_scale;
            config.periphery.dac.steps = product.dac_steps;
            for (asymmetry, expected) in [(1e-12, &product.two_phases), (0.0, &product.one_phase)] {
                config.periphery.polarity_asymmetry = asymmetry;
                let width = inputs[0].len();
                let program = AnalogTile::program(&config, &w, width, &Seed::new(3), Par::Seq);
                let (y, _) = self::product(&program.unwrap(), &x);
                for (ours, theirs) in y.iter().zip(expected.concat()) {
                    // Sums of up to 256 products of 1 in f32, and a drop of up to 20 times as much.
                    let error = (ours - theirs).abs();
                    assert!(error < 256.0 * 4.0 * f32::EPSILON, "{ours} for {theirs}");
                }
            }
            let [two, one] = [product.two_phases.concat(), product.one_phase.concat()];
            apart = two.iter().zip(one).map(|(a, b)| (a - b).abs()).fold(apart, f32::max);
        }
    }
    assert!(apart > 0.1, "the two differ by {apart} at most");
}
