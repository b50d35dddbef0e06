//! Linear maps on tiles: against the float ones where nothing is imprecise, and rule by rule.

mod common;

use common::{gaussian, pass};
use crossbar::{TileConfig, WeightNoiseConfig, WeightNoiseModel, WeightScale};
use nn::arithmetic::{AnalogTraining, InputRange, InputRangeRule, LearnedScales, WeightStep};
use nn::layers::RecurrentConfig;
use nn::layers::{Builder, Cell, Conv2d, ConvConfig, Init, Linear, Readout, Recurrent};
use nn::optim::{Update, Velocity};
use nn::{
    Analog, AnalogWeights, AnyArithmetic, Devices, Mode, Observer, Optimizer, Parameters, Pass,
    Policy, Run, Sgd, Step, Tensor, TileProduct, Var, Weights, Window, Workspace, ops,
};
use numerics::{Par, Seed};

/// A tile without converters, noise, or drop along the wires.
fn perfect(max_inputs: usize) -> TileConfig {
    let mut tile = TileConfig::load("ideal").unwrap();
    tile.mapping.max_inputs = max_inputs;
    tile.ir_drop.scale = 0.0;
    tile.periphery.dac.steps = None;
    tile.periphery.adc.steps = None;
    tile.periphery.adc.noise = 0.0;
    tile.periphery.adc.bound = Some(1e6);
    tile
}

fn analog(tile: TileConfig, training: AnalogTraining) -> AnyArithmetic {
    AnyArithmetic::Analog(Box::new(Analog::new(tile, training).unwrap()))
}

/// A network of every kind of linear map: grouped convolution, LSTM and GRU, fully connected.
#[derive(Debug)]
struct Network {
    convolution: Conv2d,
    lstm: Recurrent,
    gru: Recurrent,
    last: Linear,
}

const SHAPE: [usize; 4] = [3, 4, 5, 6];

fn build(arithmetic: &AnyArithmetic) -> (Parameters, Network) {
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(arithmetic.clone());
    let mut b = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
    let window = Window::square(3).padding(1);
    let config = ConvConfig::new(window, Init::HeNormal).groups(2);
    let recurrent = |inputs, cell, bidirectional| RecurrentConfig {
        cell,
        inputs,
        width: 7,
        layers: 1,
        bidirectional,
        dropout: 0.0,
    };
    let network = Network {
        convolution: Conv2d::new(&mut b, "conv", 6, 8, config),
        lstm: Recurrent::new(&mut b, "lstm", recurrent(4 * 8, Cell::Lstm, true)),
        gru: Recurrent::new(&mut b, "gru", recurrent(14, Cell::Gru, false)),
        last: Linear::new(&mut b, "last", 7, 5, Init::XavierNormal, Readout::Layer),
    };
    (parameters, network)
}

impl Network {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        let x = self.convolution.forward(x, step);
        let x = ops::reshape(step, x, &[SHAPE[0], SHAPE[2], 4 * 8]);
        let (x, _) = self.lstm.forward(x, None, None, step);
        let (x, _) = self.gru.forward(x, None, None, step);
        self.last.forward(x, step)
    }
}

/// Output, gradient of x, and gradients of all parameters by name.
type Outcome = (Vec<f32>, Vec<f32>, Vec<(String, Vec<f32>)>);

fn run(parameters: &mut Parameters, network: &Network, pass: Pass) -> Outcome {
    let mut work = Workspace::new();
    let x = work.tape.variable(Tensor::new(&SHAPE, gaussian("x", SHAPE.iter().product())));
    let y = network.forward(x, &mut work.step(&*parameters, pass));
    let output = work.tape.value(y).data().to_vec();
    let weights = work.tape.value(y).shape().to_vec();
    let weights = work.tape.constant(Tensor::new(&weights, gaussian("g", output.len())));
    let product = ops::mul(&mut work.step(&*parameters, pass), y, weights);
    let loss = ops::sum(&mut work.step(&*parameters, pass), product);
    let gradients = work.tape.backward(loss, 1.0, parameters, pass);
    let of_parameters = parameters
        .iter()
        .filter_map(|p| Some((p.name().to_owned(), p.gradient()?.to_vec())))
        .collect();
    parameters.clear_gradients();
    (output, gradients.of(x).unwrap().to_vec(), of_parameters)
}

#[track_caller]
fn close(what: &str, a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len(), "{what}");
    let scale = a.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}[{i}]: {a} and {b}, largest {scale}");
    }
}

/// With every nonideality off a converted network has the outputs and the gradients of the float
/// one, whatever tiles its matrices are split over. 1e-5: sums of dozens of terms in another order.
#[test]
fn perfect_tiles_are_the_float_network() {
    let (mut float, float_network) = build(&AnyArithmetic::Float32);
    let expected = run(&mut float, &float_network, pass());
    for (max_inputs, max_outputs) in [(512, None), (10, None), (8, Some(3))] {
        let mut tile = perfect(max_inputs);
        tile.mapping.max_outputs = max_outputs;
        let input_range = InputRange { rule: InputRangeRule::Fixed, ..InputRange::default() };
        let training = AnalogTraining {
            input_range,
            step: WeightStep::Logical,
            learned_scales: LearnedScales::Both,
            ..AnalogTraining::default()
        };
        let (mut parameters, network) = build(&analog(tile, training));
        parameters.convert_from(&float);
        let layers: Vec<String> = parameters.analog().map(|a| a.name().to_owned()).collect();
        assert_eq!(layers.len(), 2 + 4 + 2 + 1);
        layers.iter().for_each(|layer| parameters.set_input_range(layer, 100.0));
        for (analog, name) in parameters.analog().zip(&layers) {
            let float = float.iter().find(|p| *p.name() == format!("{name}.weight")).unwrap();
            close("logical weights", &float.values(), &analog.logical(&parameters), 1e-6);
            assert!(analog.normalized(&parameters).iter().all(|w| w.abs() <= 1.0));
        }
        let scales: Vec<Vec<f32>> = parameters.analog().map(|a| a.scales(&parameters)).collect();
        let cuts: Vec<_> = parameters.analog().map(|a| a.cut().clone()).collect();
        let (y, dx, gradients) = run(&mut parameters, &network, pass());
        close("y", &expected.0, &y, 1e-5);
        close("dx", &expected.1, &dx, 1e-5);
        for (name, float) in &expected.2 {
            let (_, mut tiles) = gradients.iter().find(|(n, _)| n == name).unwrap().clone();
            if let Some(index) = layers.iter().position(|layer| *name == format!("{layer}.weight"))
            {
                // ∂loss/∂w / γ, back to ∂loss/∂w.
                let mut scale = scales[index].iter();
                for part in cuts[index].parts() {
                    for row in part.rows.clone() {
                        let scale = scale.next().unwrap();
                        let row = &mut tiles[row * cuts[index].inputs()..][part.columns.clone()];
                        row.iter_mut().for_each(|g| *g *= scale);
                    }
                }
            }
            close(name, float, &tiles, 2e-5);
        }
        let (mut back, _) = build(&AnyArithmetic::Float32);
        back.convert_from(&parameters);
        for (a, b) in float.iter().zip(back.iter()) {
            close(a.name(), &a.values(), &b.values(), 1e-6);
        }
    }
}

/// y is linear in γ̃, in κ̃ and in β with the noise of the same seed, so differences are exact but
/// for the rounding of f32; for one layer, so that nothing follows that is not linear.
#[test]
fn scales_and_biases_have_their_gradients_under_full_physics() {
    let mut tile = TileConfig::load("standard-pcm").unwrap();
    tile.mapping.max_inputs = 6;
    let training = AnalogTraining {
        weight_noise: Some(WeightNoiseConfig::paper(3.0, 0.01)),
        learned_scales: LearnedScales::Both,
        ..AnalogTraining::default()
    };
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(analog(tile, training));
    let mut b = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
    let layer = Linear::new(&mut b, "layer", 15, 4, Init::XavierNormal, Readout::Layer);
    let (x, g) = (gaussian("x", 6 * 15), gaussian("g", 6 * 4));
    let loss = |parameters: &mut Parameters, backward: bool| {
        let mut work = Workspace::new();
        let x = work.tape.constant(Tensor::new(&[6, 15], x.clone()));
        let y = layer.forward(x, &mut work.step(&*parameters, pass()));
        let value: f64 = work
            .tape
            .value(y)
            .data()
            .iter()
            .zip(&g)
            .map(|(y, g)| f64::from(*y) * f64::from(*g))
            .sum();
        let g = work.tape.constant(Tensor::new(&[6, 4], g.clone()));
        let product = ops::mul(&mut work.step(&*parameters, pass()), y, g);
        let sum = ops::sum(&mut work.step(&*parameters, pass()), product);
        if backward {
            work.tape.backward(sum, 1.0, parameters, pass());
        }
        value
    };
    loss(&mut parameters, true);
    let gradients: Vec<(String, Vec<f32>, Vec<f32>)> = parameters
        .iter()
        .map(|p| (p.name().to_owned(), p.values(), p.gradient().unwrap().to_vec()))
        .collect();
    let names: Vec<&str> = gradients.iter().map(|(name, ..)| &**name).collect();
    assert_eq!(
        names,
        ["layer.weight", "layer.bias", "layer.scale", "layer.tile_scale", "layer.input_range"]
    );
    for (index, (name, values, gradient)) in gradients.iter().enumerate().skip(1).take(3) {
        for i in 0..values.len() {
            let mut at = |d: f32| {
                let mut values = values.clone();
                values[i] += d;
                parameters.iter_mut().nth(index).unwrap().set_values(&values);
                let value = loss(&mut parameters, false);
                values[i] -= d;
                value
            };
            let numeric = (at(0.5) - at(-0.5)) as f32;
            parameters.iter_mut().nth(index).unwrap().set_values(values);
            assert!(
                (numeric - gradient[i]).abs() < 1e-4 * numeric.abs().max(1.0),
                "{name}[{i}]: {numeric} by differences, {} by tape",
                gradient[i]
            );
        }
    }
}

fn standard(training: AnalogTraining) -> AnyArithmetic {
    analog(TileConfig::load("standard-pcm").unwrap(), training)
}

fn noisy() -> AnalogTraining {
    AnalogTraining {
        weight_noise: Some(WeightNoiseConfig::paper(3.0, 0.0)),
        ..AnalogTraining::default()
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let outcome = |par: Par| {
        let (mut parameters, network) = build(&standard(noisy()));
        run(&mut parameters, &network, Pass { par, ..pass() })
    };
    assert_eq!(outcome(Par::Seq), outcome(Par::Rayon));
}

/// Training: all uses of a map in a mini-batch multiply the same noisy weights, other mini-batches
/// others, an evaluation the clean ones, and the ramp begins at no noise.
#[test]
fn weight_noise_is_drawn_once_per_mini_batch() {
    let training = AnalogTraining {
        weight_noise: Some(WeightNoiseConfig {
            model: WeightNoiseModel::Constant { sigma: 0.1 },
            scale: 1.0,
            drop_connect: 0.0,
            relative_to: WeightScale::Unit,
        }),
        ramp: 10,
        ..AnalogTraining::default()
    };
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(analog(perfect(512), training));
    let mut b = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
    let layer = Linear::new(&mut b, "layer", 5, 3, Init::XavierNormal, Readout::Layer);
    let weights = |seed: u64, step: u64, mode: Mode| {
        let pass = Pass { seed: Seed::new(seed), step, mode, ..pass() };
        let mut work = Workspace::new();
        let mut unit = vec![0.0; 25];
        (0..5).for_each(|i| unit[i * 6] = 1.0);
        let x = work.tape.constant(Tensor::new(&[5, 5], unit));
        let mut step = work.step(&parameters, pass);
        let first = layer.forward(x, &mut step);
        step.pass.seed = step.pass.seed.child("another use");
        let second = layer.forward(x, &mut step);
        let value = |y: Var| work.tape.value(y).data().to_vec();
        assert_eq!(value(first), value(second));
        value(first)
    };
    let clean = weights(1, 0, Mode::Eval);
    assert_eq!(clean, weights(2, 20, Mode::Eval));
    assert_eq!(clean, weights(1, 0, Mode::Train));
    let distance = |a: &[f32]| -> f32 {
        a.iter().zip(&clean).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
    };
    let (half, whole) = (weights(1, 5, Mode::Train), weights(1, 10, Mode::Train));
    assert_ne!(whole, weights(2, 10, Mode::Train));
    assert_eq!(whole, weights(1, 11, Mode::Train));
    assert!((distance(&half) / distance(&whole) - 0.5).abs() < 1e-3);
}

/// Makes the gradients of the sum of all outputs.
fn backward(network: &Network, parameters: &mut Parameters) {
    let mut work = Workspace::new();
    let x = work.tape.constant(Tensor::new(&SHAPE, gaussian("x", SHAPE.iter().product())));
    let y = network.forward(x, &mut work.step(&*parameters, pass()));
    let loss = ops::sum(&mut work.step(&*parameters, pass()), y);
    work.tape.backward(loss, 1.0, parameters, pass());
}

fn step_of(parameters: &mut Parameters, rate: f32, number: u64) {
    let sgd = Sgd { momentum: 0.9, ..Sgd::default() };
    step_by(Optimizer::Sgd(sgd), parameters, rate, number);
}

fn step_by(optimizer: Optimizer, parameters: &mut Parameters, learning_rate: f32, step: u64) {
    let (seed, groups) = (Seed::new(3), &[][..]);
    optimizer.step(parameters, &Update { learning_rate, gradient_scale: 1.0, step, seed, groups });
}

/// A step too large pushes weights beyond ±1, where they are clipped. Mapping anew brings the
/// largest of every column to 1 without changing the logical weights.
#[test]
fn weights_are_clipped_and_mapped_anew() {
    let training = AnalogTraining { remap_every: Some(3), ..noisy() };
    let (mut parameters, network) = build(&standard(training));
    for number in 1..=2 {
        backward(&network, &mut parameters);
        step_of(&mut parameters, 0.05, number);
    }
    let clipped =
        parameters.analog().filter(|a| a.normalized(&parameters).iter().any(|w| w.abs() == 1.0));
    assert!(clipped.count() > 0);
    assert!(parameters.analog().all(|a| a.normalized(&parameters).iter().all(|w| w.abs() <= 1.0)));
    let logical = |p: &Parameters| -> Vec<Vec<f32>> { p.analog().map(|a| a.logical(p)).collect() };
    let before = logical(&parameters);
    // Without gradients the update changes nothing but the mapping.
    parameters.clear_gradients();
    step_of(&mut parameters, 0.05, 3);
    for ((before, after), analog) in
        before.iter().zip(logical(&parameters)).zip(parameters.analog())
    {
        close(analog.name(), before, &after, 1e-6);
        let (_, inputs) = analog.shape();
        for row in analog.normalized(&parameters).chunks_exact(inputs) {
            let max = row.iter().fold(0.0f32, |max, w| max.max(w.abs()));
            assert!((max - 1.0).abs() < 1e-6, "{}: largest weight {max}", analog.name());
        }
    }
}

/// At a constant rate both velocities are the same, columns mapped anew or not.
#[test]
fn mapping_anew_keeps_the_momentum_whatever_it_is_a_sum_of() {
    let run = |velocity| {
        let training = AnalogTraining { remap_every: Some(2), ..noisy() };
        let (mut parameters, network) = build(&standard(training));
        for number in 1..=5 {
            backward(&network, &mut parameters);
            let sgd = Sgd { momentum: 0.9, velocity, ..Sgd::default() };
            step_by(Optimizer::Sgd(sgd), &mut parameters, 2e-4, number);
        }
        parameters
    };
    let (gradients, increments) = (run(Velocity::Gradients), run(Velocity::Increments));
    for (a, b) in gradients.iter().zip(increments.iter()) {
        close(a.name(), &a.values(), &b.values(), 1e-5);
    }
}

/// One layer, ideal but for its range: inputs beyond it move it as the rules say.
#[test]
fn the_input_range_follows_its_rule() {
    let x = [0.5f32, 3.0, -4.0, 1.0];
    for (rule, pull) in [
        (InputRangeRule::Fixed, None),
        (InputRangeRule::Paper, Some((true, 0.0))),
        (InputRangeRule::Aihwkit, Some((false, 0.0))),
        (InputRangeRule::Aihwkit, Some((false, 0.01))),
    ] {
        for inside in [0.3, 0.95] {
            let decay = pull.map_or(0.0, |(_, decay)| decay);
            let input_range = InputRange { rule, decay, inside, outputs_inside: None };
            let training = AnalogTraining { input_range, ..AnalogTraining::default() };
            let mut parameters = Parameters::new();
            let policy = Policy::uniform(analog(perfect(512), training));
            let seed = Seed::new(1);
            let mut b = Builder { parameters: &mut parameters, policy: &policy, seed };
            let layer = Linear::new(&mut b, "layer", 4, 3, Init::XavierNormal, Readout::Layer);
            parameters.set_input_range("layer", 2.0);
            let logical = parameters.analog().next().unwrap().logical(&parameters);
            let delta = [1.0f32, -2.0, 0.5];
            let dx: Vec<f32> =
                (0..4).map(|j| (0..3).map(|i| delta[i] * logical[i * 4 + j]).sum()).collect();
            let mut work = Workspace::new();
            let var = work.tape.constant(Tensor::new(&[1, 4], x.to_vec()));
            let step = &mut work.step(&parameters, pass());
            let y = layer.forward(var, step);
            let delta = work.tape.constant(Tensor::new(&[1, 3], delta.to_vec()));
            let product = ops::mul(&mut work.step(&parameters, pass()), y, delta);
            let loss = ops::sum(&mut work.step(&parameters, pass()), product);
            let scale = 4.0;
            work.tape.backward(loss, scale, &mut parameters, pass());
            let gradient = parameters.iter().find(|p| p.name() == "layer.input_range").unwrap();
            let gradient = gradient.gradient().map(|g| g[0]);
            let expected = pull.map(|(all, decay)| {
                let shares = [dx[1], -dx[2]].map(|d| if all { d } else { d.min(0.0) });
                let share: f32 = shares.iter().sum();
                // Half of the inputs lie inside.
                let decay = if 0.5 > inside { decay } else { 0.0 };
                scale * 2.0 * (share + decay)
            });
            match (gradient, expected) {
                (None, None) => {}
                (Some(g), Some(e)) => assert!((g - e).abs() < 1e-4, "{rule:?}: {g}, not {e}"),
                other => panic!("{rule:?}: {other:?}"),
            }
        }
    }
}

/// Output-clipping management: outputs beyond the ADC make the range grow, so that they shrink.
#[test]
fn clipped_outputs_widen_the_input_range() {
    let (range, scale) = (2.0f32, 4.0f32);
    for (bound, limit, expected) in [
        // All three outputs are clipped: g = −(1 − 0) α, times the scale of the loss.
        (Some(1e-4), Some(0.5), -range * scale),
        (Some(1e-4), None, 0.0),
        // None is clipped.
        (None, Some(0.5), 0.0),
    ] {
        let mut tile = perfect(512);
        tile.periphery.adc.bound = bound;
        let input_range = InputRange {
            rule: InputRangeRule::Aihwkit,
            decay: 0.01,
            inside: 0.95,
            outputs_inside: limit,
        };
        let training = AnalogTraining { input_range, ..AnalogTraining::default() };
        let mut parameters = Parameters::new();
        let policy = Policy::uniform(analog(tile, training));
        let mut b = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
        let layer = Linear::new(&mut b, "layer", 4, 3, Init::XavierNormal, Readout::Layer);
        parameters.set_input_range("layer", range);
        let mut work = Workspace::new();
        // Half of the inputs lie beyond the range, too many for its decay.
        let x = work.tape.constant(Tensor::new(&[1, 4], vec![0.5, 3.0, -4.0, 1.0]));
        let y = layer.forward(x, &mut work.step(&parameters, pass()));
        // An error of zero: nothing but the rule about outputs is left.
        let zero = work.tape.constant(Tensor::new(&[1, 3], vec![0.0; 3]));
        let product = ops::mul(&mut work.step(&parameters, pass()), y, zero);
        let loss = ops::sum(&mut work.step(&parameters, pass()), product);
        work.tape.backward(loss, scale, &mut parameters, pass());
        let found = parameters.iter().find(|p| p.name() == "layer.input_range").unwrap();
        let gradient = found.gradient().map_or(0.0, |g| g[0]);
        assert!((gradient - expected).abs() < 1e-5, "{bound:?}, {limit:?}: {gradient}");
    }
}

/// Programmed into devices that remember exactly, the network is the one that was trained; devices
/// with noise and drift differ from it, more so after a year, and are the same for the same seed.
#[test]
fn programmed_networks_multiply_by_their_devices() {
    fn output<'a>(weights: impl Into<Weights<'a>>, network: &Network) -> Vec<f32> {
        let eval = Pass { mode: Mode::Eval, ..pass() };
        let mut work = Workspace::new();
        let x = work.tape.constant(Tensor::new(&SHAPE, gaussian("x", SHAPE.iter().product())));
        let y = network.forward(x, &mut work.step(weights, eval));
        work.tape.value(y).data().to_vec()
    }
    let (mut parameters, network) = build(&analog(perfect(10), AnalogTraining::default()));
    let layers: Vec<String> = parameters.analog().map(|a| a.name().to_owned()).collect();
    layers.iter().for_each(|layer| parameters.set_input_range(layer, 20.0));
    let clean = output(&parameters, &network);
    let run = Run::new(&Seed::new(5), Par::Seq);
    let ideal = Devices::program(&parameters, |a| a.config().tile().clone(), run).unwrap();
    close("ideal devices", &clean, &output(&ideal, &network), 1e-5);

    let mut pcm = TileConfig::load("standard-pcm").unwrap();
    pcm.periphery = perfect(10).periphery;
    pcm.mapping.max_inputs = 10;
    pcm.ir_drop.scale = 0.0;
    let distance = |a: &[f32]| -> f32 {
        a.iter().zip(&clean).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
    };
    let at = |seed: u64, t_s: f64| {
        let run = |seed| Run::new(&Seed::new(seed), Par::Seq);
        let mut devices = Devices::program(&parameters, |_| pcm.clone(), run(seed)).unwrap();
        devices.age_to(t_s, run(6)).unwrap();
        output(&devices, &network)
    };
    let (second, year) = (at(5, 1.0), at(5, 31_536_000.0));
    assert!(0.0 < distance(&second) && distance(&second) < distance(&year));
    assert_eq!(second, at(5, 1.0));
    assert_ne!(second, at(6, 1.0));
    assert_eq!(clean, output(&parameters, &network));
}

#[test]
fn a_recipe_names_its_preset_and_refuses_what_it_does_not_know() {
    let parse = |text: &str| toml::from_str::<Analog>(text);
    let analog = parse(
        "tile = 'standard-pcm'\n[training]\nramp = 100\nlearned_scales = 'both'\n\
         [training.weight_noise]\nscale = 3.0\nrelative_to = 'unit'\n\
         model = { kind = 'constant', sigma = 0.02 }",
    )
    .unwrap();
    assert_eq!(analog.tile(), &TileConfig::load("standard-pcm").unwrap());
    assert_eq!(analog.training().ramp, 100);
    for (text, named) in [
        ("tile = 'no-such-tile'", "no-such-tile"),
        ("tile = 'ideal'\n[training]\nramps = 3", "ramps"),
        ("tile = 'ideal'\n[training]\nremap_every = 0", "remap_every"),
        ("tile = 'ideal'\n[training.input_range]\nrule = 'paper'\ndecay = -1.0", "decay"),
    ] {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.contains(named), "{message}");
    }
    let again = toml::to_string(&analog).unwrap();
    assert_eq!(parse(&again).unwrap(), analog);
}

/// What an observer saw of a layer.
#[derive(Debug)]
struct Product {
    layer: String,
    rows: Vec<f32>,
    output: Vec<f32>,
    clipped: (u64, u64),
}

#[derive(Debug, Default)]
struct Products(Vec<Product>);

impl Observer for Products {
    fn see(&mut self, product: &TileProduct<'_>) {
        let (rows, output) = (product.rows(), product.output().to_vec());
        let clipped = (product.saturation().inputs, product.saturation().outputs);
        self.0.push(Product { layer: product.layer().to_owned(), rows, output, clipped });
    }
}

/// An observer sees the rows that tiles multiplied, what they gave and what they clipped, before
/// and after devices are programmed: element by element what the definition says.
#[test]
fn an_observer_sees_what_tiles_did() {
    let mut tile = perfect(512);
    tile.periphery.adc.bound = Some(0.75);
    let (mut parameters, network) = build(&analog(tile, AnalogTraining::default()));
    let layers: Vec<String> = parameters.analog().map(|a| a.name().to_owned()).collect();
    layers.iter().for_each(|layer| parameters.set_input_range(layer, 0.5));
    for programmed in [false, true] {
        let run = Run::new(&Seed::new(5), Par::Seq);
        let tile = |layer: &AnalogWeights| layer.config().tile().clone();
        let devices = Devices::program(&parameters, tile, run).unwrap();
        let weights = if programmed { Weights::from(&devices) } else { (&parameters).into() };
        let pass = Pass { mode: Mode::Eval, ..pass() };
        let mut work = Workspace::new();
        work.observe(Products::default());
        let x = work.tape.constant(Tensor::new(&SHAPE, gaussian("x", SHAPE.iter().product())));
        network.forward(x, &mut work.step(weights, pass));
        let Products(products) = work.observed().unwrap();
        assert!(work.observed::<Products>().is_none());
        // Two groups, the input's share of three directions, five times of each, the last layer.
        assert_eq!(products.len(), 2 + 3 + 3 * 5 + 1);
        let (mut clipped_inputs, mut clipped_outputs) = (0, 0);
        for Product { layer, rows, output, clipped } in &products {
            let analog = parameters.analog().find(|a| a.name() == layer).unwrap();
            let ((outputs, inputs), scales) = (analog.shape(), analog.scales(&parameters));
            let bias = parameters.iter().find(|p| *p.name() == format!("{layer}.bias")).unwrap();
            let (weights, bias) = (analog.normalized(&parameters), bias.values());
            let saturated = rows.iter().filter(|x| x.abs() > 0.5).count() as u64;
            let (mut at_bound, mut expected) = (0, Vec::new());
            for row in rows.chunks_exact(inputs) {
                for o in 0..outputs {
                    let terms = row.iter().zip(&weights[o * inputs..][..inputs]);
                    let z: f32 = terms.map(|(x, w)| (x / 0.5).clamp(-1.0, 1.0) * w).sum();
                    at_bound += u64::from(z.abs() > 0.75);
                    expected.push(bias[o] + 0.5 * scales[o] * z.clamp(-0.75, 0.75));
                }
            }
            assert_eq!(clipped.1, at_bound, "{layer}, programmed: {programmed}");
            if layer.starts_with("conv") {
                // A value of an image is converted once for all windows that read it.
                assert!((1..=saturated).contains(&clipped.0), "{layer}: {clipped:?}, {saturated}");
            } else {
                assert_eq!(clipped.0, saturated, "{layer}, programmed: {programmed}");
            }
            close(layer, &expected, output, 1e-5);
            clipped_inputs += saturated;
            clipped_outputs += at_bound;
        }
        assert!(clipped_inputs > 0 && clipped_outputs > 0);
    }
}

/// More rows than are multiplied together: each has its own inputs and noise, whatever is cut where.
#[test]
fn rows_of_a_large_batch_are_those_of_its_parts() {
    const ROWS: usize = 1100;
    let policy = Policy::uniform(standard(noisy()));
    let (parameters, layer) = nn::layers::build(&policy, Seed::new(1), |b| {
        Linear::new(b, "layer", 5, 3, Init::XavierNormal, Readout::Layer)
    });
    let x = gaussian("x", ROWS * 5);
    let run = |rows: std::ops::Range<usize>, par: Par| {
        let mut work = Workspace::new();
        let part = x[rows.start * 5..rows.end * 5].to_vec();
        let part = work.tape.constant(Tensor::new(&[rows.len(), 5], part));
        let pass = Pass { mode: Mode::Eval, first_row: rows.start as u64, par, ..pass() };
        let y = layer.forward(part, &mut work.step(&parameters, pass));
        work.tape.value(y).data().to_vec()
    };
    let whole = run(0..ROWS, Par::Seq);
    assert!(whole == run(0..ROWS, Par::Rayon), "threads");
    let parts = [0..1, 1..480, 480..481, 481..ROWS].map(|rows| run(rows, Par::Seq));
    assert!(whole == parts.concat(), "parts");
}

/// Unsigned inputs bit by bit, a lopsided ADC that rounds down: an error passes an output unless one of
/// its conversions came out clipped, weights see the inputs that were multiplied, and the share of
/// conversions that saturate is one of all slices.
#[test]
fn a_layer_learns_on_the_converters_of_a_chip() {
    use crossbar::{AdcRange, ConverterRounding, DacRange, InputEncoding};
    let (inputs, outputs) = (4, 3);
    let mut tile = perfect(512);
    let dac = &mut tile.periphery.dac;
    (dac.range, dac.steps) = (DacRange::Unsigned, Some(255.0));
    dac.encoding = InputEncoding::BitSerial { bits_per_slice: 1 };
    let adc = &mut tile.periphery.adc;
    (adc.range, adc.bound) = (AdcRange::Between { low: -3.0, high: 5.0 }, None);
    (adc.steps, adc.rounding) = (Some(65_535.0), ConverterRounding::Floor);
    let input_range = InputRange {
        rule: InputRangeRule::Aihwkit,
        decay: 0.0,
        inside: 0.95,
        outputs_inside: None,
    };
    let training = AnalogTraining { input_range, ..AnalogTraining::default() };
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(analog(tile, training));
    let mut b = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
    let layer = Linear::new(&mut b, "layer", inputs, outputs, Init::XavierNormal, Readout::Layer);
    parameters.set_input_range("layer", 2.0);
    let weights = parameters.analog().next().unwrap().logical(&parameters);
    let mut work = Workspace::new();
    // One below the range, one above.
    let (x, multiplied) = ([0.5, 3.0, -4.0, 1.0], [0.5, 2.0, 0.0, 1.0]);
    let rows = work.tape.constant(Tensor::new(&[1, inputs], x.to_vec()));
    let y = layer.forward(rows, &mut work.step(&parameters, pass()));
    let found = work.tape.value(y).data().to_vec();
    let products =
        weights.chunks(inputs).map(|w| w.iter().zip(multiplied).map(|(w, x)| w * x).sum());
    close("outputs", &products.collect::<Vec<f32>>(), &found, 0.02);
    let loss = ops::sum(&mut work.step(&parameters, pass()), y);
    work.tape.backward(loss, 1.0, &mut parameters, pass());
    let of = |name: &str| parameters.iter().find(|p| p.name() == name).unwrap().gradient().unwrap();
    let scales: Vec<f32> =
        parameters.analog().next().unwrap().scales(&parameters).iter().map(|s| s.recip()).collect();
    // The step acts on logical weights: ∂w̆ = ∂w / γ.
    let expected: Vec<f32> =
        scales.iter().flat_map(|scale| multiplied.map(|x| scale * x)).collect();
    close("weights", &expected, of("layer.weight"), 1e-4);
    // Only what lies above α reaches it: α min(∂x, 0).
    let above: f32 = weights.chunks(inputs).map(|w| w[1]).sum();
    let gradient = of("layer.input_range")[0];
    assert!((gradient - 2.0 * above.min(0.0)).abs() < 1e-4, "{gradient}, {above}");
}
