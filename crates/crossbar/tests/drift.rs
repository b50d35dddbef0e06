//! Drift and what is done against it, where the exact result is known.

use crossbar::compensation::{CompensationReference, CompensationScope, ReadoutInputs};
use crossbar::device::{
    Device, Hermes, HermesDevices, Measured, MeasuredConfig, MeasuredTable, Pcm, PcmAihwkit,
    Programmed, ReRamCmo, StateIndependent,
};
use crossbar::{AnalogMatrix, AnalogTile, MvmNoise, ReadNoise, TileConfig, presets};
use numerics::{Par, Seed};

const INPUTS: usize = 48;
const OUTPUTS: usize = 20;

/// A device that forgets nothing but by one exponent.
fn table() -> MeasuredTable {
    MeasuredTable {
        g_target_us: vec![0.0, 25.0],
        g_mean_us: vec![0.0, 25.0],
        g_std_us: vec![0.0; 2],
        nu_mean: vec![0.06; 2],
        nu_std: vec![0.0; 2],
        read_std_us: vec![0.0; 2],
    }
}

/// Such devices behind ideal wires and converters.
fn exact() -> TileConfig {
    let mut config = presets::standard_pcm();
    let measured = MeasuredConfig::new(table(), 20.0, None);
    config.device = measured.into();
    config.ir_drop.scale = 0.0;
    config.periphery.read_noise = ReadNoise::None;
    config.periphery.adc.noise = 0.0;
    (config.periphery.dac.steps, config.periphery.adc.steps) = (None, None);
    config.periphery.adc.bound = None;
    config
}

fn uniform(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Seed::new(seed).stream().fill_uniform(0, &mut values);
    values.iter().map(|x| 2.0 * x - 1.0).collect()
}

fn program(config: &TileConfig) -> AnalogTile {
    let w = uniform(1, OUTPUTS * INPUTS);
    AnalogTile::program(config, &w, INPUTS, &Seed::new(2), Par::Seq).unwrap()
}

fn outputs(tile: &AnalogTile, x: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; x.len() / INPUTS * OUTPUTS];
    let noise = MvmNoise { seed: Seed::new(5), first_sample: 0 };
    tile.forward(x, &noise, Par::Seq, &mut y);
    y
}

/// g_P ((t + t₀)/t₀)^−ν, from a millisecond to ten years: a time that is a second late would differ by
/// 3·10⁻⁵ of the conductance at an hour.
#[test]
fn conductances_follow_the_power_law_of_their_time() {
    let devices: [(&str, Box<dyn Device>, f64); 6] = [
        ("pcm", Box::new(Pcm::paper()), 20.0),
        ("pcm-aihwkit", Box::new(PcmAihwkit(Pcm::paper())), 20.0),
        ("hermes one", Box::new(Hermes::chip(HermesDevices::One)), 200.0),
        ("hermes two", Box::new(Hermes::chip(HermesDevices::Two)), 300.0),
        ("state-independent", Box::new(StateIndependent::aihwkit()), 20.0),
        ("measured", Box::new(Measured::new(table(), 37.0, None).unwrap()), 37.0),
    ];
    let (g, nu) = ([1.0, 5.0, 10.0], [0.03, 0.06, 0.1]);
    for (name, device, t0) in devices {
        for t in [0.0, 1e-3, 1.0, 60.0, 3600.0, 86_400.0, 315_360_000.0] {
            let mut now = [0.0; 3];
            let devices = Programmed { target_us: &g, programmed_us: &g, parameter: &nu };
            device.drift(devices, t, &mut now);
            for ((now, g), nu) in now.into_iter().zip(g).zip(nu) {
                let exact = f64::from(g) * ((t + t0) / t0).powf(-f64::from(nu));
                let error = (f64::from(now) / exact - 1.0).abs();
                assert!(error < 1e-6, "{name} at {t} s: {now}, not {exact}");
            }
        }
    }
}

#[test]
fn relaxation_is_logarithmic_in_its_time() {
    let device = ReRamCmo::measured(crossbar::device::AcceptanceRange::Narrow);
    for (t, xi) in [(1.0f64, 0.0), (1.0, 1.0), (2.0, 0.0), (3600.0, -1.0), (31_536_000.0, 2.0)] {
        let mut now = [0.0];
        let devices = Programmed { target_us: &[50.0], programmed_us: &[50.0], parameter: &[xi] };
        device.drift(devices, t, &mut now);
        let spread = 0.042_011_37 * t.ln() + 0.411_833_42;
        let exact = 50.0 - 0.089_002_06 * t.ln() + spread * f64::from(xi);
        assert!((f64::from(now[0]) - exact).abs() < 1e-5, "{t} s: {}, not {exact}", now[0]);
    }
}

/// Without noise the factor is the power law itself, for the tile and for each column, by any known
/// inputs, few or more than are read at a time.
#[test]
fn without_noise_the_factor_is_the_power_law() {
    for scope in [CompensationScope::Global, CompensationScope::Column] {
        for inputs in [
            ReadoutInputs::OneHot,
            ReadoutInputs::Uniform { samples: 1 },
            ReadoutInputs::Uniform { samples: 128 },
            ReadoutInputs::Uniform { samples: 50_000 },
        ] {
            for reference in [CompensationReference::Programmed, CompensationReference::Exact] {
                let mut config = exact();
                config.compensation.scope = scope;
                config.compensation.inputs = inputs;
                config.compensation.reference = reference;
                let mut tile = program(&config);
                for t in [0.0, 1.0, 3600.0, 31_536_000.0] {
                    tile.age_to(t, Par::Seq).unwrap();
                    tile.compensate_drift(&Seed::new(3));
                    let exact = ((t + 20.0) / 20.0).powf(0.06);
                    for &factor in tile.compensation() {
                        let error = (f64::from(factor) / exact - 1.0).abs();
                        assert!(error < 5e-6, "{scope:?}, {inputs:?}: {factor}, not {exact}");
                    }
                }
            }
        }
    }
}

/// The standard tile after an hour: the factor is that of its own weights, but for what noise, ADC and
/// wires do to the mean magnitude. ADC, output and read noise raise it by σ²/2σ_y² = 5·10⁻⁴ and 8·10⁻⁴;
/// the drop along the lines is a quarter smaller after the drift, of 0.6 % at most.
#[test]
fn the_factor_of_the_standard_tile_is_that_of_its_weights() {
    const N: usize = 256;
    let mut w = vec![0.0; N * N];
    Seed::new(1).stream().fill_gaussian(0, &mut w);
    w.iter_mut().for_each(|w| *w = (*w * 0.246).clamp(-1.0, 1.0));
    let (config, seed) = (presets::standard_pcm(), Seed::new(2));
    let mut tile = AnalogTile::program(&config, &w, N, &seed, Par::Seq).unwrap();
    let normalised = |tile: &AnalogTile| -> Vec<f64> {
        let rows = tile.weights().into_iter().zip(0..).map(|(w, i): (f32, usize)| {
            f64::from(w) / f64::from(tile.scale()[i / N] * tile.compensation()[i / N])
        });
        rows.collect()
    };
    let before = normalised(&tile);
    tile.age_to(3600.0, Par::Seq).unwrap();
    let after = normalised(&tile);
    tile.compensate_drift(&Seed::new(3));

    let mut x = vec![0.0; 128 * N];
    seed.child("drift-reference").child("inputs").stream().fill_uniform(0, &mut x);
    let magnitude = |w: &[f64]| -> f64 {
        let product = |x: &[f32], w: &[f64]| -> f64 {
            w.iter().zip(x).map(|(w, &x)| w * (2.0 * f64::from(x) - 1.0)).sum()
        };
        x.chunks(N).flat_map(|x| w.chunks(N).map(move |w| product(x, w).abs().min(10.0))).sum()
    };
    let exact = magnitude(&before) / magnitude(&after);
    let factor = f64::from(tile.compensation()[0]);
    assert!((factor / exact - 1.0).abs() < 3e-3, "{factor}, not {exact}");
}

/// Twice the product and a half: what the recalibration found is kept when the drift goes on.
#[test]
fn a_recalibration_outlives_the_next_drift_compensation() {
    let mut tile = program(&exact());
    let x = uniform(4, 200 * INPUTS);
    let plain = outputs(&tile, &x);
    let wanted: Vec<f32> = plain.iter().map(|y| 2.0 * y + 0.5).collect();
    let noise = MvmNoise { seed: Seed::new(6), first_sample: 0 };
    tile.age_to(3600.0, Par::Seq).unwrap();
    tile.compensate_drift(&Seed::new(3));
    tile.recalibrate(&x, &wanted, &noise, Par::Seq).unwrap();
    assert!(tile.recalibration().iter().all(|r| (r - 2.0).abs() < 1e-4));
    for t in [3600.0, 31_536_000.0] {
        tile.age_to(t, Par::Seq).unwrap();
        tile.compensate_drift(&Seed::new(3));
        for (y, wanted) in outputs(&tile, &x).iter().zip(&wanted) {
            assert!((y - wanted).abs() < 1e-3, "at {t} s: {y}, not {wanted}");
        }
    }
}

#[test]
fn the_two_zeros_are_one_age() {
    for name in presets::names() {
        let config = TileConfig::load(name).unwrap();
        let aged = |t: f64| {
            let mut tile = program(&config);
            tile.age_to(t, Par::Seq).unwrap();
            assert_eq!(tile.age_s().to_bits(), 0);
            tile.weights()
        };
        assert_eq!(aged(0.0), aged(-0.0), "{name}");
    }
}

#[test]
fn digital_numbers_that_are_not_finite_are_refused_by_name() {
    let mut tile = program(&exact());
    let (before, x) = (tile.weights(), uniform(4, 3 * INPUTS));
    let mut bad = vec![1.0; OUTPUTS];
    bad[7] = f32::NAN;
    let error = |result: Result<(), crossbar::TileError>| result.unwrap_err().to_string();
    assert_eq!(error(tile.set_scale(&bad)), "scale NaN of output 7 is not finite");
    assert_eq!(error(tile.set_bias(&bad)), "bias NaN of output 7 is not finite");
    assert_eq!(
        error(tile.set_compensation(&bad)),
        "compensation factor NaN of output 7 is not finite"
    );
    let mut reference = vec![0.0; 3 * OUTPUTS];
    reference[2 * OUTPUTS + 4] = f32::INFINITY;
    let noise = MvmNoise { seed: Seed::new(6), first_sample: 0 };
    assert_eq!(
        error(tile.recalibrate(&x, &reference, &noise, Par::Seq)),
        "reference inf of output 4 is not finite"
    );
    assert_eq!(tile.weights(), before, "nothing was changed");
}

#[test]
fn an_empty_bias_removes_the_bias_of_a_matrix_as_of_a_tile() {
    let mut config = exact();
    (config.mapping.max_inputs, config.mapping.max_outputs) = (20, Some(8));
    let w = uniform(1, OUTPUTS * INPUTS);
    let mut matrix = AnalogMatrix::program(&config, &w, INPUTS, &Seed::new(2), Par::Seq).unwrap();
    let outputs = |matrix: &AnalogMatrix| {
        let mut y = vec![0.0; OUTPUTS];
        let noise = MvmNoise { seed: Seed::new(5), first_sample: 0 };
        matrix.forward(&uniform(4, INPUTS), &noise, Par::Seq, &mut y);
        y
    };
    let plain = outputs(&matrix);
    matrix.set_bias(&[0.5; OUTPUTS]).unwrap();
    assert_ne!(outputs(&matrix), plain);
    matrix.set_bias(&[]).unwrap();
    assert_eq!(outputs(&matrix), plain);
    let error = matrix.set_bias(&[f32::NAN; OUTPUTS]).unwrap_err().to_string();
    assert_eq!(error, "bias NaN of output 0 is not finite");
}
