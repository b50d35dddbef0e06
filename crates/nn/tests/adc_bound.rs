//! Ranges of the ADCs that are learned: their gradients, what they do, and where they go.

mod common;

use common::{gaussian, pass};
use crossbar::{BoundPer, TileConfig};
use nn::arithmetic::{AdcBound, AnalogTraining, InputRange, InputRangeRule, LearnedScales};
use nn::layers::{Builder, Init, Linear, Readout};
use nn::optim::Update;
use nn::{
    Analog, AnalogWeights, AnyArithmetic, Devices, Optimizer, Parameters, Policy, Run, Sgd, Tensor,
    Workspace, ops,
};
use numerics::{Par, Seed};

const OUTPUTS: usize = 6;
const INPUTS: usize = 15;
const ROWS: usize = 40;
const BOUND: f32 = 0.4;

/// Nothing but the end of the ADC's range, which many outputs leave; the matrix is on several tiles.
fn tile(bound_per: BoundPer) -> TileConfig {
    let mut tile = TileConfig::load("ideal").unwrap();
    tile.mapping.max_inputs = 8;
    tile.mapping.max_outputs = Some(4);
    tile.ir_drop.scale = 0.0;
    tile.periphery.dac.steps = None;
    tile.periphery.adc.steps = None;
    tile.periphery.adc.noise = 0.0;
    tile.periphery.adc.bound = Some(BOUND);
    tile.periphery.adc.bound_per = bound_per;
    tile
}

fn training(decay: f32) -> AnalogTraining {
    AnalogTraining {
        input_range: InputRange { rule: InputRangeRule::Fixed, ..InputRange::default() },
        adc_bound: Some(AdcBound { decay, inside: 0.95 }),
        learned_scales: LearnedScales::None,
        ..AnalogTraining::default()
    }
}

fn layer(tile: TileConfig, training: AnalogTraining) -> (Parameters, Linear) {
    let mut parameters = Parameters::new();
    let arithmetic = AnyArithmetic::Analog(Box::new(Analog::new(tile, training).unwrap()));
    let policy = Policy::uniform(arithmetic);
    let mut b = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
    let layer = Linear::new(&mut b, "layer", INPUTS, OUTPUTS, Init::XavierNormal, Readout::Layer);
    parameters.set_input_range("layer", 3.0);
    (parameters, layer)
}

/// Inputs of which no product lies so close to the end of the range that it is hard to say on which side. An
/// output counts as clipped from 0.999 of the bound on.
fn inputs(parameters: &Parameters) -> Vec<f32> {
    let analog = parameters.analog().next().unwrap();
    let (w, range) = (analog.normalized(parameters), analog.input_range(parameters));
    let is_clear = |x: &Vec<f32>| {
        let parts = || analog.cut().parts().iter();
        let products = x.chunks(INPUTS).flat_map(|x| {
            parts().flat_map(move |part| part.rows.clone().map(move |row| (x, row, &part.columns)))
        });
        let mut magnitudes = products.map(|(x, row, columns)| {
            columns.clone().map(|j| w[row * INPUTS + j] * (x[j] / range)).sum::<f32>().abs()
        });
        magnitudes.all(|z| !(0.997..1.003).contains(&(z / BOUND)))
    };
    let named = (0..).map(|n| gaussian(&format!("x{n}"), ROWS * INPUTS));
    named.map(|x| x.into_iter().map(|x| x.clamp(-2.9, 2.9)).collect()).find(is_clear).unwrap()
}

fn outputs(parameters: &Parameters, layer: &Linear, x: &[f32]) -> Vec<f32> {
    let mut work = Workspace::new();
    let x = work.tape.constant(Tensor::new(&[ROWS, INPUTS], x.to_vec()));
    let y = layer.forward(x, &mut work.step(parameters, pass()));
    work.tape.value(y).data().to_vec()
}

/// Σ (y − target)², and its gradients if they are asked for.
fn loss(
    parameters: &mut Parameters,
    layer: &Linear,
    (x, target): (&[f32], &[f32]),
    backward: bool,
) -> f64 {
    let mut work = Workspace::new();
    let x = work.tape.constant(Tensor::new(&[ROWS, INPUTS], x.to_vec()));
    let y = layer.forward(x, &mut work.step(&*parameters, pass()));
    let minus = target.iter().map(|t| -t).collect();
    let minus = work.tape.constant(Tensor::new(&[ROWS, OUTPUTS], minus));
    let error = ops::add(&mut work.step(&*parameters, pass()), y, minus);
    let squares = ops::mul(&mut work.step(&*parameters, pass()), error, error);
    let sum = ops::sum(&mut work.step(&*parameters, pass()), squares);
    let value = work.tape.value(squares).data().iter().map(|&x| f64::from(x)).sum();
    if backward {
        work.tape.backward(sum, 1.0, parameters, pass());
    }
    value
}

fn bound(parameters: &Parameters) -> Vec<f32> {
    parameters.analog().next().unwrap().adc_factors(parameters).unwrap()
}

/// Four tiles of 8 + 7 inputs and 3 + 3 outputs, so that groups end with their tiles.
#[test]
fn the_gradient_of_a_range_is_the_derivative_of_the_clipping() {
    for (bound_per, groups) in
        [(BoundPer::Tile, 4), (BoundPer::Column, 12), (BoundPer::Columns(2), 8)]
    {
        let (mut parameters, layer) = layer(tile(bound_per), training(0.0));
        let (x, target) = (inputs(&parameters), gaussian("target", ROWS * OUTPUTS));
        loss(&mut parameters, &layer, (&x, &target), true);
        let found = parameters.iter().position(|p| p.name() == "layer.adc_bound").unwrap();
        let parameter = parameters.iter().nth(found).unwrap();
        let gradient = parameter.gradient().unwrap().to_vec();
        assert_eq!(gradient.len(), groups);
        parameters.clear_gradients();
        for group in 0..groups {
            // Small enough that no output comes to lie on the other side of the end.
            let step = 1e-4;
            let mut at = |d: f32| {
                let mut factors = vec![1.0; groups];
                factors[group] += d;
                parameters.set_adc_factors("layer", &factors);
                loss(&mut parameters, &layer, (&x, &target), false)
            };
            let numeric = (at(step) - at(-step)) / (2.0 * f64::from(step));
            let tape = f64::from(gradient[group]);
            // The rounding of f32 in the difference.
            let is_close = (numeric - tape).abs() < 0.01 * tape.abs().max(1.0);
            assert!(is_close, "{group}: {numeric}, {tape}");
        }
        assert!(gradient.iter().all(|g| *g != 0.0), "{gradient:?}");
    }
}

fn train(
    parameters: &mut Parameters,
    layer: &Linear,
    examples: (&[f32], &[f32]),
    steps: u64,
) -> f64 {
    for step in 0..steps {
        loss(parameters, layer, examples, true);
        optimizer_step(parameters, step);
    }
    loss(parameters, layer, examples, false)
}

fn optimizer_step(parameters: &mut Parameters, step: u64) {
    let (seed, groups) = (Seed::new(3), &[][..]);
    let update = Update { learning_rate: 1e-3, gradient_scale: 1.0, step, seed, groups };
    Optimizer::Sgd(Sgd::default()).step(parameters, &update);
}

/// A range that is too small grows until the network can say what it wants to; one that is too large
/// shrinks.
#[test]
fn ranges_go_where_they_are_needed() {
    let mut wide = tile(BoundPer::Tile);
    wide.periphery.adc.bound = Some(1e4);
    let only_ranges = |parameters: &mut Parameters| {
        parameters.iter_mut().for_each(|p| p.set_frozen(p.name() != "layer.adc_bound"));
    };
    let (mut parameters, wide) = layer(wide, training(1.0));
    let x = inputs(&parameters);
    let target = outputs(&parameters, &wide, &x);
    only_ranges(&mut parameters);
    train(&mut parameters, &wide, (&x, &target), 100);
    // (1 − 10⁻³)¹⁰⁰: nothing is clipped, and only the pull acts.
    for b in bound(&parameters) {
        assert!((b - 0.9048).abs() < 1e-3, "{b}");
    }

    let (mut parameters, layer) = layer(tile(BoundPer::Column), training(0.0));
    let before = loss(&mut parameters, &layer, (&x, &target), false);
    only_ranges(&mut parameters);
    let after = train(&mut parameters, &layer, (&x, &target), 1500);
    assert!(after < 0.05 * before, "{before} to {after}");
    let grown = bound(&parameters);
    assert!(grown.iter().any(|&b| b > 1.5), "{grown:?}");
}

#[test]
fn devices_have_the_ranges_that_were_learned() {
    let (mut parameters, _) = layer(tile(BoundPer::Columns(2)), training(0.0));
    let factors = [0.5, 2.0, 0.25, 4.0, 1.0, 3.0, 0.75, 1.5];
    parameters.set_adc_factors("layer", &factors);
    let seed = Seed::new(3);
    let run = Run::new(&seed, Par::Seq);
    // On the tile of the training, on one with another range, and on one that has none.
    let [own, double, none] = [Some(BOUND), Some(2.0 * BOUND), None].map(|bound| {
        let on = |analog: &AnalogWeights| {
            let mut tile = analog.config().tile().clone();
            tile.periphery.adc.bound = bound;
            if bound.is_none() {
                tile.periphery.adc.bound_per = BoundPer::Tile;
            }
            tile
        };
        let devices = Devices::program(&parameters, on, run).unwrap();
        let matrix = devices.layer("layer").unwrap();
        matrix.tiles().flat_map(|(_, _, tile)| tile.adc_bounds().to_vec()).collect::<Vec<f32>>()
    });
    let groups = [2, 1].into_iter().cycle();
    let of_group = |(factor, columns)| vec![BOUND * factor; columns];
    let expected: Vec<f32> = factors.iter().zip(groups).flat_map(of_group).collect();
    assert_eq!(own, expected);
    assert!(double.iter().zip(&own).all(|(double, own)| *double == 2.0 * own), "{double:?}");
    assert!(none.iter().all(|bound| bound.is_infinite()), "{none:?}");
}

#[test]
fn what_cannot_be_learned_is_named() {
    let refused = |tile: TileConfig, training: AnalogTraining, words: &str| {
        let error = Analog::new(tile, training).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    let none = AnalogTraining { adc_bound: None, ..training(0.0) };
    refused(tile(BoundPer::Column), none, "adc.bound_per is not the tile");
    let mut unbounded = tile(BoundPer::Tile);
    unbounded.periphery.adc.bound = None;
    refused(
        unbounded,
        training(0.0),
        "adc_bound learns the bound of an ADC, and this one has none",
    );
    refused(tile(BoundPer::Tile), training(-1.0), "adc_bound.decay = -1");
    let mut share = training(0.0);
    share.adc_bound = Some(AdcBound { decay: 0.0, inside: 2.0 });
    refused(tile(BoundPer::Tile), share, "adc_bound.inside = 2");
    let mut serial = tile(BoundPer::Tile);
    serial.periphery.dac.steps = Some(254.0);
    serial.periphery.dac.encoding = crossbar::InputEncoding::BitSerial { bits_per_slice: 1 };
    refused(serial, training(0.0), "one conversion");
}
