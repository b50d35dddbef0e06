//! What is not finite: an input is a number of the converter, a weight makes its outputs NaN.

use std::ops::Range;

use crossbar::wires::IrDropConfig;
use crossbar::{
    ArrayWeights, Batch, BoundManagement, ClipMask, ConverterRounding, Digital, Inputs, MvmNoise,
    NoiseManagement, Out, Periphery, PeripheryConfig, ReadNoise, SShape, Saturation, WeightNoise,
    WeightNoiseConfig, WeightNoiseModel, WeightScale, Windows, presets,
};
use numerics::{Par, Seed};

const INPUTS: usize = 20;
const BAD: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];

fn uniform(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Seed::new(seed).stream().fill_uniform(0, &mut values);
    values.iter().map(|x| 2.0 * x - 1.0).collect()
}

/// Peripheries that take every path: integer, float and plain sums, with and without nonlinearity,
/// stochastic rounding, managements, and without any converter.
fn configurations() -> Vec<(&'static str, PeripheryConfig, IrDropConfig)> {
    let config = presets::standard_pcm();
    let (integer, wires) = (config.periphery, config.ir_drop);
    let off = IrDropConfig { scale: 0.0, ..wires };
    let mut float = integer.clone();
    float.dac.noise = 0.02;
    let mut plain = integer.clone();
    plain.read_noise = ReadNoise::None;
    let mut continuous = plain.clone();
    (continuous.dac.steps, continuous.adc.steps, continuous.adc.bound) = (None, None, None);
    let mut shaped = integer.clone();
    shaped.adc.s_shape = Some(SShape { strength: 0.25, spread: 0.1, slope: 0.5 });
    shaped.read_noise = ReadNoise::Constant { sigma: 0.01 };
    shaped.adc.gain_std = 0.02;
    let mut stochastic = integer.clone();
    stochastic.dac.rounding = ConverterRounding::Stochastic;
    stochastic.adc.rounding = ConverterRounding::Stochastic;
    let mut managed = integer.clone();
    managed.dac.noise_management = NoiseManagement::AbsMax;
    managed.dac.bound_management = BoundManagement::Iterative { max_halvings: 4 };
    managed.adc.bound = Some(1.0);
    vec![
        ("integer sums", integer, wires),
        ("float sums", float, wires),
        ("plain sums", plain, off),
        ("no converter", continuous, off),
        ("S-shape", shaped, wires),
        ("stochastic rounding", stochastic, wires),
        ("managements", managed, wires),
    ]
}

struct Product {
    y: Vec<f32>,
    saturation: Saturation,
}

fn product(
    (config, wires): (&PeripheryConfig, &IrDropConfig),
    weights: &ArrayWeights,
    x: Inputs<'_>,
) -> Product {
    let outputs = weights.outputs();
    let periphery = Periphery::new(config, wires, INPUTS, outputs, &Seed::new(7)).unwrap();
    let scale = vec![0.5; outputs];
    let digital = Digital { input_range: 1.0, scale: &scale, bias: &[] };
    let noise = MvmNoise { seed: Seed::new(8), first_sample: 0 };
    let mut y = vec![0.0; x.samples(INPUTS) * outputs];
    let (batch, out) = (Batch { inputs: x, noise }, Out::replace(&mut y));
    let saturation = periphery.forward(weights, batch, digital, Par::Seq, out);
    Product { y, saturation }
}

/// For every path, every kind of number, an output of its own panel and one that shares it, batches
/// that fill no group, one chunk and two, and inputs that are all zero.
#[test]
fn a_weight_that_is_not_finite_makes_its_output_nan_and_no_other() {
    for (name, config, wires) in configurations() {
        for outputs in [8, 33] {
            let good = uniform(1, outputs * INPUTS);
            for (bad, (output, input)) in BAD.into_iter().zip([(0, 3), (5, 0), (7, INPUTS - 1)]) {
                let mut w = good.clone();
                w[output * INPUTS + input] = bad;
                let good = ArrayWeights::pack(&good, outputs, INPUTS);
                let bad = ArrayWeights::pack(&w, outputs, INPUTS);
                for batch in [1, 61] {
                    for x in [uniform(2, batch * INPUTS), vec![0.0; batch * INPUTS]] {
                        let with = |w| product((&config, &wires), w, Inputs::Rows(&x)).y;
                        let (good, bad) = (with(&good), with(&bad));
                        let rows = good.chunks(outputs).zip(bad.chunks(outputs));
                        for (good, bad) in rows {
                            for (i, (good, bad)) in good.iter().zip(bad).enumerate() {
                                if i == output {
                                    assert!(bad.is_nan(), "{name}, {outputs} outputs: {bad}");
                                } else if name == "managements" {
                                    // Whether a sample is halved may hang on any of its outputs.
                                    assert!(bad.is_finite(), "{name}, {outputs} outputs: {bad}");
                                } else {
                                    assert_eq!(good, bad, "{name}, {outputs} outputs");
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_phase_and_a_slab_of_weights_that_are_not_finite_show_too() {
    let outputs = 130;
    let good = uniform(1, outputs * INPUTS);
    let mut bad = good.clone();
    bad[100 * INPUTS + 4] = f32::INFINITY;
    let x = uniform(2, 7 * INPUTS);
    for (name, config, wires) in configurations() {
        let mut phases = ArrayWeights::pack(&good, outputs, INPUTS);
        phases.set_negative_phase(&bad);
        let mut made = ArrayWeights::zeros(outputs, INPUTS);
        let slabs = outputs.div_ceil(ArrayWeights::SLAB);
        made.repack_with(vec![(); slabs].into_iter(), Par::Seq, |range: Range<usize>, (), rows| {
            rows.copy_from_slice(&bad[range.start * INPUTS..range.end * INPUTS]);
        });
        for weights in [&phases, &made] {
            let y = product((&config, &wires), weights, Inputs::Rows(&x)).y;
            for row in y.chunks(outputs) {
                for (i, y) in row.iter().enumerate() {
                    assert_eq!(y.is_nan(), i == 100, "{name}: output {i} is {y}");
                }
            }
        }
        // Packed again with finite weights, nothing is left of it.
        made.repack(&good, Par::Seq);
        let y = product((&config, &wires), &made, Inputs::Rows(&x)).y;
        assert!(y.iter().all(|y| y.is_finite()), "{name}");
    }
}

#[test]
fn windows_show_weights_that_are_not_finite() {
    let outputs = 20;
    let mut w = uniform(1, outputs * INPUTS);
    w[3 * INPUTS] = f32::NAN;
    let weights = ArrayWeights::pack(&w, outputs, INPUTS);
    let images = uniform(2, 2 * 80);
    let runs = [0..8, 20..32];
    let windows = Windows { images: &images, image_len: 80, starts: &[0, 4, 40], runs: &runs };
    for (name, config, wires) in configurations() {
        let y = product((&config, &wires), &weights, Inputs::Windows(windows)).y;
        for row in y.chunks(outputs) {
            for (i, y) in row.iter().enumerate() {
                assert_eq!(y.is_nan(), i == 3, "{name}: output {i} is {y}");
            }
        }
    }
}

/// As 0, and as the end of the range; both are counted and marked as clipped.
#[test]
fn an_input_that_is_not_finite_is_a_number_of_the_converter() {
    let outputs = 33;
    let weights = ArrayWeights::pack(&uniform(1, outputs * INPUTS), outputs, INPUTS);
    let x = uniform(2, 5 * INPUTS);
    for (name, config, wires) in configurations() {
        // The largest input of a sample sets its range there.
        let managed = config.dac.noise_management == NoiseManagement::AbsMax;
        for (bad, stands_for) in BAD.into_iter().zip([0.0, 1.0, -1.0]) {
            let (mut with, mut without) = (x.clone(), x.clone());
            (with[2 * INPUTS + 5], without[2 * INPUTS + 5]) = (bad, stands_for);
            let with = product((&config, &wires), &weights, Inputs::Rows(&with));
            let without = product((&config, &wires), &weights, Inputs::Rows(&without));
            assert!(with.y.iter().all(|y| y.is_finite()), "{name}: {bad}");
            let bounded = config.dac.bound.is_finite();
            assert!(bounded, "every converter has a bound");
            if !managed {
                assert_eq!(with.y, without.y, "{name}: {bad}");
                assert_eq!(with.saturation.inputs, without.saturation.inputs + 1, "{name}: {bad}");
            }
        }
    }
}

#[test]
fn an_input_that_is_not_finite_is_marked_as_clipped() {
    let (_, config, wires) = configurations().remove(0);
    let periphery = Periphery::new(&config, &wires, INPUTS, 1, &Seed::new(7)).unwrap();
    let weights = ArrayWeights::pack(&uniform(1, INPUTS), 1, INPUTS);
    let mut x = uniform(2, INPUTS);
    x[..3].copy_from_slice(&BAD);
    let digital = Digital { input_range: 1.0, scale: &[1.0], bias: &[] };
    let noise = MvmNoise { seed: Seed::new(8), first_sample: 0 };
    let (mut y, mut mask) = ([0.0], ClipMask::default());
    let out = Out { clipped_inputs: Some(&mut mask), ..Out::replace(&mut y) };
    periphery.forward(&weights, Batch::rows(&x, &noise), digital, Par::Seq, out);
    assert!((0..INPUTS).all(|input| mask.is_clipped(0, input) == (input < 3)));
}

#[test]
#[should_panic(expected = "input range inf is not finite and > 0")]
fn an_infinite_input_range_is_refused() {
    let (_, config, wires) = configurations().remove(0);
    let periphery = Periphery::new(&config, &wires, INPUTS, 1, &Seed::new(7)).unwrap();
    let weights = ArrayWeights::zeros(1, INPUTS);
    let digital = Digital { input_range: f32::INFINITY, scale: &[1.0], bias: &[] };
    let noise = MvmNoise { seed: Seed::new(8), first_sample: 0 };
    let (batch, mut y) = (Batch::rows(&[0.0; INPUTS], &noise), [0.0]);
    periphery.forward(&weights, batch, digital, Par::Seq, Out::replace(&mut y));
}

/// Noise is added to what has diverged, and nothing of it becomes finite again.
#[test]
fn noise_leaves_weights_that_are_not_finite_as_they_are() {
    let (outputs, inputs) = (3, 150);
    let mut w = uniform(1, outputs * inputs);
    let places = [7, inputs + 70, 2 * inputs + 149];
    places.into_iter().zip(BAD).for_each(|(at, bad)| w[at] = bad);
    let device = WeightNoiseConfig::paper(2.0, 0.0).model;
    for model in [device, WeightNoiseModel::Constant { sigma: 0.1 }, WeightNoiseModel::None] {
        let config = WeightNoiseConfig {
            model,
            scale: 2.0,
            drop_connect: 0.0,
            relative_to: WeightScale::Unit,
        };
        let noise = WeightNoise::new(&config).unwrap();
        let mut out = vec![0.0; w.len()];
        noise.for_batch(1.0, &Seed::new(3)).perturb(&w, inputs, Par::Seq, &mut out);
        for (i, (out, w)) in out.iter().zip(&w).enumerate() {
            assert_eq!(out.is_finite(), w.is_finite(), "weight {i}: {w} became {out}");
        }
    }
}
