//! The MVM error of the standard tile, [Rasch23 Eq. 20 and Fig. 4].
//!
//! Convention: 512 × 512 weights from N(0, 0.246) divided by the largest of the matrix, inputs from
//! U(−1, 1), only the active device of a pair, programming error and 20 s of accumulated read noise
//! without drift.

use crossbar::compensation::CompensationScope;
use crossbar::device::{DeviceConfig, Pcm};
use crossbar::wires::ir_drop_estimate;
use crossbar::{
    AnalogTile, MvmNoise, ReadNoise, SShape, TileConfig, UnitCell, WeightScale, mvm_error, presets,
};
use numerics::{Par, Seed};

const N: usize = 512;
const BATCH: usize = 100;

/// A change of the tile by its name.
type Boost<'a> = (&'a str, &'a dyn Fn(&mut TileConfig));

fn error_percent(change: impl Fn(&mut TileConfig), seed: u64) -> f64 {
    error_at(20.0, change, seed)
}

fn error_at(t_s: f64, change: impl Fn(&mut TileConfig), seed: u64) -> f64 {
    let (tile, w, x) = aged(t_s, change, seed);
    measured_percent(&tile, &w, &x, seed)
}

/// A tile at an age, with the weights it was programmed with and inputs.
fn aged(t_s: f64, change: impl Fn(&mut TileConfig), seed: u64) -> (AnalogTile, Vec<f32>, Vec<f32>) {
    let mut config = presets::standard_pcm();
    config.mapping.scale = WeightScale::Matrix;
    config.compensation.scope = CompensationScope::None;
    pcm(&mut config).drift_scale = 0.0;
    change(&mut config);
    let seed = Seed::new(seed);
    let mut w = vec![0.0; N * N];
    seed.child("w").stream().fill_gaussian(0, &mut w);
    w.iter_mut().for_each(|w| *w *= 0.246);
    if config.mapping.scale == WeightScale::Unit {
        w.iter_mut().for_each(|w| *w = w.clamp(-1.0, 1.0));
    }
    let mut x = vec![0.0; BATCH * N];
    seed.child("x").stream().fill_uniform(0, &mut x);
    x.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
    let mut tile = AnalogTile::program(&config, &w, N, &seed.child("tile"), Par::Seq).unwrap();
    tile.age_to(t_s, Par::Seq).unwrap();
    tile.compensate_drift(&seed.child("compensation"));
    (tile, w, x)
}

fn measured_percent(tile: &AnalogTile, w: &[f32], x: &[f32], seed: u64) -> f64 {
    let mut y = vec![0.0; x.len()];
    let noise = MvmNoise { seed: Seed::new(seed).child("mvm"), first_sample: 0 };
    tile.forward(x, &noise, Par::Seq, &mut y);
    let exact: Vec<f32> = x
        .chunks_exact(N)
        .flat_map(|x| {
            w.chunks_exact(N)
                .map(move |w| w.iter().zip(x).map(|(w, x)| f64::from(w * x)).sum::<f64>() as f32)
        })
        .collect();
    100.0 * mvm_error(&exact, &y, N)
}

/// The error that a tile must have, in f64: that of its own weights, of the wires and of the steps of
/// the DAC, term by term, and the variances of its noises, of which the ADC's steps are one.
fn expected_percent(tile: &AnalogTile, w: &[f32], x: &[f32]) -> f64 {
    let TileConfig { periphery, ir_drop, .. } = tile.config();
    let ReadNoise::Pcm { sigma } = periphery.read_noise else { panic!("PCM has such a noise") };
    let (sigma, noise) = (f64::from(sigma), f64::from(periphery.adc.noise));
    let step = f64::from(periphery.adc.step().expect("the ADC has steps"));
    let bound = f64::from(periphery.adc.bound.expect("the ADC has a bound"));
    let steps = periphery.dac.steps.expect("the DAC has steps");
    let scale = tile.scale()[0];
    let now: Vec<f32> = tile.weights().into_iter().map(|w| w / scale).collect();
    let (mut error, mut size) = (0.0, 0.0);
    for x in x.chunks(N) {
        let driven: Vec<f32> =
            x.iter().map(|x| (x * steps / 2.0).round_ties_even() / (steps / 2.0)).collect();
        let (mut squares, mut sizes) = (0.0, 0.0);
        for (now, w) in now.chunks(N).zip(w.chunks(N)) {
            let sum = |f: &dyn Fn(f64, f64) -> f64, w: &[f32], x: &[f32]| -> f64 {
                w.iter().zip(x).map(|(&w, &x)| f(f64::from(w), f64::from(x))).sum()
            };
            let product = |w: &[f32], x: &[f32]| sum(&|w, x| w * x, w, x);
            let z = product(now, &driven) + ir_drop_estimate(now, &driven, ir_drop);
            let exact = product(w, x);
            let read = sigma * sigma * sum(&|w, x| w.abs() * x * x, now, &driven);
            let variance = noise * noise + read + step * step / 12.0;
            let scale = f64::from(scale);
            squares += (scale * z.clamp(-bound, bound) - exact).powi(2) + scale * scale * variance;
            sizes += exact * exact;
        }
        error += f64::sqrt(squares);
        size += f64::sqrt(sizes);
    }
    100.0 * error / size
}

/// 20 vectors of 512 outputs: their squared noises scatter by 1 %, the error by a third of that.
#[test]
fn the_error_of_a_tile_is_that_of_its_weights_wires_and_noises() {
    let changes: [Boost<'_>; 6] = [
        ("standard", &|_| ()),
        ("IR drop 10.8", &|c| c.ir_drop.scale = 10.8),
        ("output noise 0.33", &|c| c.periphery.adc.noise = 0.33),
        ("read noise 0.071", &|c| c.periphery.read_noise = ReadNoise::Pcm { sigma: 0.071 }),
        ("programming error 1.63", &|c| pcm(c).programming_noise_scale = 1.63),
        ("stuck at g_max 0.086 %", &|c| c.faults.stuck_at_g_max = 0.000_86),
    ];
    for (name, change) in changes {
        let (tile, w, x) = aged(20.0, change, 0);
        let x = &x[..20 * N];
        let (found, expected) = (measured_percent(&tile, &w, x, 0), expected_percent(&tile, &w, x));
        assert!((found / expected - 1.0).abs() < 0.01, "{name}: {found} %, not {expected} %");
    }
}

/// The scatter of the cross-check is 5 to 10 % of each value; the matrix maximum adds as much.
fn mean(change: impl Fn(&mut TileConfig)) -> f64 {
    (0..3).map(|seed| error_percent(&change, seed)).sum::<f64>() / 3.0
}

#[test]
fn the_standard_tile_has_an_error_between_13_and_16_percent() {
    let error = mean(|_| ());
    assert!((13.0..16.0).contains(&error), "{error} %");
}

/// The PCM device of a configuration.
fn pcm(config: &mut TileConfig) -> &mut Pcm {
    match &mut config.device {
        DeviceConfig::Pcm(pcm) => pcm,
        other => panic!("the standard tile has PCM devices, not {other:?}"),
    }
}

/// Each nonideality, raised alone to where a cross-check of the paper's setting found 20 %: the
/// value at the boost stays within 17 to 23 %, the cross-check's own scatter of 5 to 10 % per
/// parameter and the convention's 0.5 points each way.
#[test]
fn every_boost_brings_the_error_to_about_20_percent() {
    let boosts: [Boost<'_>; 13] = [
        ("IR drop 10.8", &|c| c.ir_drop.scale = 10.8),
        ("output noise 0.33", &|c| c.periphery.adc.noise = 0.33),
        ("read noise 0.071", &|c| c.periphery.read_noise = ReadNoise::Pcm { sigma: 0.071 }),
        ("ADC 15 steps", &|c| c.periphery.adc.steps = Some(15.0)),
        ("DAC 7.2 steps", &|c| c.periphery.dac.steps = Some(7.2)),
        ("programming error 1.63", &|c| pcm(c).programming_noise_scale = 1.63),
        ("accumulated read noise 1.84", &|c| pcm(c).read_noise_scale = 1.84),
        ("both 1.39", &|c| {
            pcm(c).programming_noise_scale = 1.39;
            pcm(c).read_noise_scale = 1.39;
        }),
        ("polarity asymmetry 0.19", &|c| c.periphery.polarity_asymmetry = 0.19),
        ("stuck at reset 1.9 %", &|c| c.faults.stuck_at_reset = 0.019),
        ("stuck at g_max 0.086 %", &|c| c.faults.stuck_at_g_max = 0.000_86),
        ("stuck at random 0.33 %", &|c| c.faults.stuck_at_random = 0.003_3),
        ("input noise 0.078", &|c| c.periphery.dac.noise = 0.078),
    ];
    for (name, boost) in boosts {
        let error = mean(boost);
        assert!((17.0..23.0).contains(&error), "{name}: {error} %");
    }
}

/// The S-shape of the paper's strength, without spread, in the cross-check: 21.9 %.
#[test]
fn the_s_shape_alone_brings_the_error_to_about_22_percent() {
    let error = mean(|c| {
        c.periphery.adc.s_shape = Some(SShape { strength: 0.25, spread: 0.0, slope: 0.5 });
    });
    assert!((19.0..25.0).contains(&error), "{error} %");
}

/// The cross-check's second convention: AIHWKit's devices, weights cut at ±1, both devices of a pair
/// and 1 h with drift compensation. It has 15.6 %, and 20 % with drift exponents 2.4 times as
/// large. (The paper's devices, whose read noise does not shrink with the conductance, have 17 %.)
#[test]
fn drift_2_4_times_as_fast_brings_the_error_to_about_20_percent() {
    let error = |drift_scale: f32| -> f64 {
        let change = |c: &mut TileConfig| {
            *c = presets::standard_pcm();
            c.mapping.scale = WeightScale::Unit;
            c.mapping.unit_cell = UnitCell::DifferentialPair;
            c.device = DeviceConfig::PcmAihwkit(Pcm { drift_scale, ..Pcm::paper() });
        };
        (0..3).map(|seed| error_at(3600.0, change, seed)).sum::<f64>() / 3.0
    };
    let (standard, boosted) = (error(1.0), error(2.4));
    assert!((14.0..17.0).contains(&standard), "{standard} %");
    assert!((17.0..23.0).contains(&boosted), "{boosted} %");
}
