//! Devices are of the weights they were programmed with, and multiply in evaluations.

mod common;

use common::{gaussian, pass};
use crossbar::TileConfig;
use nn::layers::{Init, Linear, Readout, build};
use nn::{
    Analog, AnalogTraining, AnalogWeights, AnyArithmetic, Devices, Mode, Outcome, Parameters, Pass,
    Policy, Recipe, Role, Run, Step, Task, Tensor, Weights, Workspace, evaluate, ops, train,
};
use numerics::{Par, Seed};

const INPUTS: usize = 12;
const OUTPUTS: usize = 4;
const EXAMPLES: usize = 40;

/// One layer, whose outputs should be those of another one: a regression.
#[derive(Debug)]
struct Regression {
    layer: Linear,
    x: Vec<f32>,
    y: Vec<f32>,
}

impl Task for Regression {
    fn len(&self) -> usize {
        EXAMPLES
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let rows = |of: &[f32], width: usize| {
            let rows = examples.iter().flat_map(|&i| &of[i as usize * width..][..width]);
            Tensor::new(&[examples.len(), width], rows.copied().collect())
        };
        let x = step.tape.constant(rows(&self.x, INPUTS));
        let y = self.layer.forward(x, step);
        let loss = ops::mean_squared_error(step, y, rows(&self.y, OUTPUTS).data());
        Outcome { loss, units: examples.len(), wrong: None, logits: None }
    }
}

fn network(arithmetic: AnyArithmetic) -> (Parameters, Regression) {
    let (parameters, layer) = build(&Policy::uniform(arithmetic), Seed::new(1), |builder| {
        Linear::new(builder, "fc1", INPUTS, OUTPUTS, Init::XavierNormal, Readout::Layer)
    });
    let (x, y) = (gaussian("x", EXAMPLES * INPUTS), gaussian("y", EXAMPLES * OUTPUTS));
    (parameters, Regression { layer, x, y })
}

fn on_tiles() -> (Parameters, Regression) {
    let tile = TileConfig::load("standard-pcm").unwrap();
    network(AnyArithmetic::Analog(Box::new(Analog::new(tile, AnalogTraining::default()).unwrap())))
}

fn tile(layer: &AnalogWeights) -> TileConfig {
    layer.config().tile().clone()
}

fn run(seed: u64) -> Run {
    Run::new(&Seed::new(seed), Par::Seq)
}

/// Devices multiply in an evaluation and nowhere else: a training pass over them is one over their
/// parameters.
#[test]
fn devices_are_what_an_evaluation_multiplies_by() {
    let (parameters, task) = on_tiles();
    let devices = Devices::program(&parameters, tile, run(2)).unwrap();
    let of = |weights: Weights<'_>, mode| {
        let mut work = Workspace::new();
        let pass = Pass { mode, ..pass() };
        let examples: Vec<u32> = (0..EXAMPLES as u32).collect();
        let outcome = task.forward(&examples, &mut work.step(weights, pass));
        work.tape.value(outcome.loss).item()
    };
    let (plain, programmed) = (Weights::from(&parameters), Weights::from(&devices));
    assert_eq!(of(plain, Mode::Train), of(programmed, Mode::Train));
    assert_ne!(of(plain, Mode::Eval), of(programmed, Mode::Eval));
    let [first, again] = [4, 4].map(|seed| evaluate(&task, &devices, run(seed)));
    assert_eq!(first, again);
    assert_ne!(first, evaluate(&task, &parameters, run(4)));
}

/// Devices of a clone stay what they are when the original goes on.
#[test]
fn devices_are_of_the_weights_that_were_programmed() {
    let (mut parameters, task) = on_tiles();
    let kept = parameters.clone();
    let devices = Devices::program(&kept, tile, run(2)).unwrap();
    let before = evaluate(&task, &devices, run(4));
    train(&task, &mut parameters, &Recipe::sgd(10, 1, 0.01), run(3)).unwrap();
    assert_eq!(evaluate(&task, &devices, run(4)), before);
    let trained = Devices::program(&parameters, tile, run(2)).unwrap();
    assert_ne!(evaluate(&task, &trained, run(4)), before);
}

#[test]
fn a_network_that_cannot_be_programmed_has_no_devices() {
    let (parameters, _) = on_tiles();
    let broken = |layer: &AnalogWeights| {
        let mut tile = tile(layer);
        tile.periphery.dac.steps = Some(-1.0);
        tile
    };
    Devices::program(&parameters, broken, run(2)).unwrap_err();
}

#[test]
fn a_programmed_layer_keeps_its_bias() {
    let (mut parameters, task) = on_tiles();
    let bias: Vec<f32> = vec![0.7, -0.7, 0.3, 0.0];
    for parameter in parameters.iter_mut().filter(|p| p.role() == Role::Bias) {
        parameter.set_values(&bias);
    }
    let devices = Devices::program(&parameters, tile, run(2)).unwrap();
    let mut work = Workspace::new();
    let x = work.tape.constant(Tensor::new(&[1, INPUTS], vec![0.0; INPUTS]));
    let pass = Pass { mode: Mode::Eval, ..pass() };
    let step = &mut work.step(&devices, pass);
    let y = task.layer.forward(x, step);
    // An output of nothing but the noise of the ADC, whose standard deviation is 0.04 times the
    // scale of a column, at most 1, on every reading: eight of it.
    let y = work.tape.value(y).data();
    for (y, bias) in y.iter().zip(&bias) {
        assert!((y - bias).abs() < 0.32, "{y} for a bias of {bias}");
    }
}

/// Training calibrates no ADCs, so a tile that needs it is refused there, and devices may have it.
#[test]
fn columns_of_devices_are_calibrated_from_rows_and_not_trained_on() {
    let mut standard = TileConfig::load("standard-pcm").unwrap();
    standard.periphery.adc.bound_per = crossbar::BoundPer::Column;
    let error = Analog::new(standard, AnalogTraining::default()).unwrap_err().to_string();
    assert!(error.starts_with("adc.bound_per is not the tile: columns get bounds"), "{error}");

    let (parameters, task) = on_tiles();
    let per_column = |layer: &AnalogWeights| {
        let mut tile = tile(layer);
        tile.periphery.adc.bound_per = crossbar::BoundPer::Column;
        tile
    };
    let mut devices = Devices::program(&parameters, per_column, run(2)).unwrap();
    let before = evaluate(&task, &devices, run(4));
    devices.calibrate_adc("fc1", &task.x, 1.0, run(3)).unwrap();
    let (_, _, fc1) = devices.layer("fc1").unwrap().tiles().next().unwrap();
    let bounds = fc1.adc_bounds();
    assert!(bounds.iter().all(|&bound| bound > 0.0 && bound < 10.0), "{bounds:?}");
    assert!(bounds.windows(2).all(|two| two[0] != two[1]), "{bounds:?}");
    assert_ne!(evaluate(&task, &devices, run(4)), before);
    devices.calibrate_adc("fc1", &task.x, 0.0, run(3)).unwrap_err();
}
