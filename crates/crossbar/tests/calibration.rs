//! Ranges of ADCs that are calibrated from data, against sorted outputs in f64.

use crossbar::{
    AdcRange, AnalogMatrix, AnalogTile, BoundPer, ConverterRounding, MvmNoise, NoiseManagement,
    ReadNoise, SShape, TileConfig, UnitCell, WeightScale, presets,
};
use numerics::{Par, Seed};
use proptest::prelude::*;

fn uniform(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Seed::new(seed).stream().fill_uniform(0, &mut values);
    values.iter().map(|x| 2.0 * x - 1.0).collect()
}

/// Ideal devices that hold weights as they are, no noise, a continuous DAC.
fn quiet() -> TileConfig {
    let mut config = TileConfig::load("ideal").unwrap();
    config.mapping.scale = WeightScale::Unit;
    config.ir_drop.scale = 0.0;
    config.periphery.read_noise = ReadNoise::None;
    config.periphery.dac.steps = None;
    config.periphery.adc.noise = 0.0;
    (config.periphery.adc.steps, config.periphery.adc.bound) = (Some(62.0), Some(8.0));
    config
}

fn noise() -> MvmNoise {
    MvmNoise { seed: Seed::new(8), first_sample: 3 }
}

fn program(config: &TileConfig, weights: &[f32], inputs: usize) -> AnalogTile {
    AnalogTile::program(config, weights, inputs, &Seed::new(1), Par::Seq).unwrap()
}

/// What the ADC is given, (batch, out), of weights and inputs within ±1.
fn exact(weights: &[f32], x: &[f32], inputs: usize) -> Vec<f64> {
    let rows = || weights.chunks(inputs);
    let dot =
        |w: &[f32], x: &[f32]| w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
    x.chunks(inputs).flat_map(|x| rows().map(move |w| dot(w, x))).collect()
}

proptest! {
    #[test]
    fn bounds_are_shares_of_the_sorted_outputs(
        outputs in 1usize..40,
        inputs in 1usize..30,
        batch in 1usize..20,
        group in 1usize..9,
        share in prop::sample::select(vec![0.01f32, 0.5, 0.9, 0.999, 1.0]),
        range in prop::sample::select(vec![
            (AdcRange::Symmetric, Some(8.0f32)),
            (AdcRange::Unsigned, Some(8.0)),
            (AdcRange::Between { low: -2.0, high: 10.0 }, None),
            (AdcRange::Between { low: -3.0, high: 0.0 }, None),
        ]),
        seed in 0u64..1000,
    ) {
        let mut config = quiet();
        (config.periphery.adc.range, config.periphery.adc.bound) = range;
        let needed = |z: f64| match range.0 {
            AdcRange::Symmetric => z.abs(),
            AdcRange::Unsigned => z.max(0.0),
            AdcRange::Between { low, high } => {
                let (low, high) = (f64::from(low), f64::from(high));
                let of = if z > 0.0 { high } else { low };
                if of == 0.0 { 0.0 } else { z / of * high.max(-low) }
            }
        };
        let (w, x) = (uniform(seed, outputs * inputs), uniform(seed + 1, batch * inputs));
        // A sum of n products below 1 in f32, and the factor of the range.
        let rounding = f64::from(f32::EPSILON) * (inputs * inputs + 8) as f64;
        for per in [BoundPer::Tile, BoundPer::Column, BoundPer::Columns(group)] {
            config.periphery.adc.bound_per = per;
            let size = match per {
                BoundPer::Tile => outputs,
                BoundPer::Column => 1,
                BoundPer::Columns(columns) => columns,
            };
            let mut tile = program(&config, &w, inputs);
            tile.calibrate_adc(&x, share, &noise(), Par::Seq).unwrap();
            let z = exact(&tile.weights(), &x, inputs);
            for first in (0..outputs).step_by(size) {
                let columns = first..outputs.min(first + size);
                let mut all: Vec<f64> = z
                    .chunks(outputs)
                    .flat_map(|row| row[columns.clone()].iter().map(|&z| needed(z)))
                    .collect();
                all.sort_by(f64::total_cmp);
                let rank = (f64::from(share) * all.len() as f64).ceil() as usize;
                let expected = match all[rank - 1] {
                    bound if bound < 1e-6 => config.periphery.adc.full_scale().unwrap().into(),
                    bound => bound,
                };
                for column in columns {
                    let bound = f64::from(tile.adc_bounds()[column]);
                    prop_assert!((bound - expected).abs() < rounding, "{} for {}", bound, expected);
                }
            }
            if share == 1.0 {
                let mut y = vec![0.0; batch * outputs];
                let seen = tile.forward(&x, &noise(), Par::Seq, &mut y).outputs;
                let other_side = |z: f64| needed(z) == 0.0 && z.abs() > 0.05;
                prop_assert!(seen == 0 || z.iter().any(|&z| other_side(z)), "{} saturate", seen);
            }
        }
    }
}

/// What is calibrated is what the converters are given: noise, errors of the columns, S-shape and
/// input ranges of samples included.
#[test]
fn everything_in_front_of_the_adc_counts() {
    let (inputs, outputs, batch) = (20, 17, 30);
    let mut config = presets::standard_pcm();
    let adc = &mut config.periphery.adc;
    (adc.bound_per, adc.gain_std, adc.offset_std) = (BoundPer::Column, 0.2, 0.3);
    adc.s_shape = Some(SShape { strength: 0.25, spread: 0.1, slope: 0.5 });
    adc.steps = Some(1022.0);
    config.periphery.dac.noise_management = NoiseManagement::AbsMax;
    let (w, x) = (uniform(1, outputs * inputs), uniform(2, batch * inputs));
    let mut tile = program(&config, &w, inputs);
    // Before, in steps of 10/511, the same products from the same draws.
    let forward = |tile: &AnalogTile| {
        let mut y = vec![0.0; batch * outputs];
        let seen = tile.forward(&x, &noise(), Par::Seq, &mut y);
        (y, seen)
    };
    let (before, _) = forward(&tile);
    tile.calibrate_adc(&x, 1.0, &noise(), Par::Seq).unwrap();
    let (after, seen) = forward(&tile);
    assert_eq!(seen.outputs, 0);
    let step = 10.0 / 511.0;
    for column in 0..outputs {
        let mut largest = 0.0f32;
        for (row, x) in x.chunks(inputs).enumerate() {
            let at = row * outputs + column;
            let range = x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
            let z = before[at] / (tile.scale()[column] * tile.compensation()[column] * range);
            largest = largest.max(z.abs());
            let finer = after[at] / (tile.scale()[column] * range);
            assert!((z - finer).abs() < 0.51 * step + 0.51 * tile.adc_bounds()[column] / 511.0);
        }
        assert!((tile.adc_bounds()[column] - largest).abs() < 0.51 * step, "column {column}");
    }
}

#[test]
fn a_calibration_is_stored_and_comes_back_with_the_same_bits() {
    let (inputs, outputs, batch) = (70, 33, 130);
    let mut config = presets::standard_pcm();
    config.periphery.adc.bound_per = BoundPer::Columns(5);
    config.periphery.adc.rounding = ConverterRounding::Floor;
    let (w, x) = (uniform(1, outputs * inputs), uniform(2, batch * inputs));
    let forward = |tile: &AnalogTile, par: Par| {
        let mut y = vec![0.0; batch * outputs];
        tile.forward(&x, &noise(), par, &mut y);
        y
    };
    let mut tile = program(&config, &w, inputs);
    let before = forward(&tile, Par::Seq);
    let start = tile.adc_bounds().to_vec();
    tile.calibrate_adc(&x, 0.99, &noise(), Par::Seq).unwrap();
    let calibrated = forward(&tile, Par::Seq);
    assert_ne!(before, calibrated);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let mut other = program(&config, &w, inputs);
    pool.install(|| other.calibrate_adc(&x, 0.99, &noise(), Par::Rayon)).unwrap();
    assert_eq!(tile.adc_bounds(), other.adc_bounds());
    assert_eq!(calibrated, pool.install(|| forward(&other, Par::Rayon)));
    // Set by hand, and set back.
    let mut third = program(&config, &w, inputs);
    third.set_adc_bounds(tile.adc_bounds()).unwrap();
    assert_eq!(calibrated, forward(&third, Par::Seq));
    third.set_adc_bounds(&start).unwrap();
    assert_eq!(before, forward(&third, Par::Seq));
}

#[test]
fn a_matrix_calibrates_every_tile_from_the_inputs_that_it_sees() {
    let mut config = quiet();
    config.periphery.adc.bound_per = BoundPer::Column;
    (config.mapping.max_inputs, config.mapping.max_outputs) = (10, Some(4));
    let (inputs, outputs, batch) = (23, 9, 6);
    let (w, x) = (uniform(1, outputs * inputs), uniform(2, batch * inputs));
    let mut matrix = AnalogMatrix::program(&config, &w, inputs, &Seed::new(1), Par::Seq).unwrap();
    matrix.calibrate_adc(&x, 1.0, &noise(), Par::Seq).unwrap();
    for (rows, columns, tile) in matrix.tiles() {
        for (row, &bound) in rows.zip(tile.adc_bounds()) {
            let w = &w[row * inputs..][columns.clone()];
            let largest = x.chunks(inputs).map(|x| {
                let terms = w.iter().zip(&x[columns.clone()]);
                terms.map(|(&w, &x)| f64::from(w) * f64::from(x)).sum::<f64>().abs()
            });
            let largest = largest.fold(0.0, f64::max);
            assert!((f64::from(bound) - largest).abs() < 1e-5, "{bound}, not {largest}");
        }
    }
    let mut y = vec![0.0; batch * outputs];
    assert_eq!(matrix.forward(&x, &noise(), Par::Seq, &mut y).outputs, 0);
}

/// All slices of a weight are converted in the range of their column.
#[test]
fn slices_of_a_weight_count_with_their_column() {
    let mut config = quiet();
    config.periphery.adc.bound_per = BoundPer::Column;
    config.mapping.unit_cell = UnitCell::BitSliced { bits_per_cell: 2, cells: 2 };
    // Digits 3 and 0 of 3 · 4⁰, 0 and 3 of 3 · 4¹, each in units of a full digit.
    let mut tile = program(&config, &[0.2, 0.8], 1);
    tile.calibrate_adc(&[0.5], 1.0, &noise(), Par::Seq).unwrap();
    for &bound in tile.adc_bounds() {
        assert!((bound - 0.5).abs() < 1e-6, "{bound}");
    }
}

/// The reference of the drift compensation is read through the ranges that are there.
#[test]
fn the_drift_reference_sees_the_new_ranges() {
    let mut config = quiet();
    config.periphery.adc.bound = Some(0.5);
    config.compensation = presets::standard_pcm().compensation;
    let (w, x) = (uniform(1, 20 * 30), uniform(2, 30 * 30));
    let mut tile = program(&config, &w, 30);
    // With a bound of 0.5 most of the read-out is clipped, with the one of the data none.
    tile.calibrate_adc(&x, 1.0, &noise(), Par::Seq).unwrap();
    tile.compensate_drift(&Seed::new(3));
    assert!(tile.compensation().iter().all(|&factor| factor == 1.0), "{:?}", tile.compensation());
}

#[test]
fn what_cannot_be_calibrated_is_refused() {
    let config = quiet();
    let mut tile = program(&config, &[1.0, 0.5], 1);
    for share in [0.0, 1.5, f32::NAN] {
        let error = tile.calibrate_adc(&[1.0], share, &noise(), Par::Seq).unwrap_err().to_string();
        assert!(error.starts_with("share = ") && error.ends_with("is not in (0, 1]"), "{error}");
    }
    let error = tile.set_adc_bounds(&[1.0, 0.0]).unwrap_err().to_string();
    assert!(error.starts_with("bound of a column = 0 lies outside"), "{error}");
    assert_eq!(tile.adc_bounds(), [8.0, 8.0]);
    // Nothing tells the range of zeros.
    tile.calibrate_adc(&[0.0], 1.0, &noise(), Par::Seq).unwrap();
    assert_eq!(tile.adc_bounds(), [8.0, 8.0]);
    let mut open = quiet();
    (open.periphery.adc.steps, open.periphery.adc.bound) = (None, None);
    let mut tile = program(&open, &[1.0], 1);
    let error = tile.calibrate_adc(&[1.0], 1.0, &noise(), Par::Seq).unwrap_err().to_string();
    assert!(error.starts_with("adc.bound = inf is no bound"), "{error}");
    open.periphery.adc.bound_per = BoundPer::Column;
    let error = open.check().unwrap_err().to_string();
    assert!(error.starts_with("adc.bound = inf is no bound"), "{error}");
    let mut config = quiet();
    config.periphery.adc.bound_per = BoundPer::Columns(0);
    let error = config.check().unwrap_err().to_string();
    assert!(error.starts_with("adc.bound_per.columns = 0 lies outside"), "{error}");
}

#[test]
fn groups_of_columns_are_read_from_files() {
    let text = presets::text("standard-pcm").unwrap();
    for (key, per) in [
        ("bound_per = \"column\"", BoundPer::Column),
        ("bound_per = { columns = 4 }", BoundPer::Columns(4)),
        ("bound_per = \"tile\"", BoundPer::Tile),
    ] {
        let config =
            TileConfig::from_toml(&text.replace("bound = 10.0", &format!("bound = 10.0\n{key}")));
        let config = config.unwrap();
        assert_eq!(config.periphery.adc.bound_per, per);
        assert_eq!(TileConfig::from_toml(&config.to_toml()).unwrap(), config);
        assert_eq!(config.to_toml().contains("bound_per"), per != BoundPer::Tile);
    }
}
