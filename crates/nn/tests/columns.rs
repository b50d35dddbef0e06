//! Columns of layers on tiles: how much the loss depends on them, and devices without errors.

mod common;

use common::gaussian;
use crossbar::{TileConfig, WeightNoiseConfig};
use nn::arithmetic::{AnalogTraining, InputRange, InputRangeRule, WeightStep};
use nn::layers::{Builder, Init, Linear, Readout};
use nn::{
    Analog, AnyArithmetic, Devices, Mode, Outcome, Parameters, Pass, Policy, Run, Step, Task,
    Tensor, Workspace, batches, column_gradients, ops,
};
use numerics::{Par, Seed};

const INPUTS: usize = 13;
const HIDDEN: usize = 7;
const EXAMPLES: usize = 12;

/// Two layers; the loss is the sum of squares of what the second says.
#[derive(Debug)]
struct Squares {
    layers: [Linear; 2],
    x: Vec<f32>,
}

impl Task for Squares {
    fn len(&self) -> usize {
        EXAMPLES
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let rows = examples.iter().flat_map(|&i| &self.x[i as usize * INPUTS..][..INPUTS]);
        let x = Tensor::new(&[examples.len(), INPUTS], rows.copied().collect());
        let x = step.tape.constant(x);
        let hidden = self.layers[0].forward(x, step);
        let y = self.layers[1].forward(hidden, step);
        let squares = ops::mul(step, y, y);
        Outcome { loss: ops::sum(step, squares), units: examples.len(), wrong: None, logits: None }
    }
}

fn build(arithmetic: AnyArithmetic) -> (Parameters, Squares) {
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(arithmetic);
    let mut b = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
    let mut layer = |name: &str, from, to| {
        Linear::new(&mut b, name, from, to, Init::XavierNormal, Readout::Layer)
    };
    let layers = [layer("first", INPUTS, HIDDEN), layer("second", HIDDEN, 3)];
    (parameters, Squares { layers, x: gaussian("x", EXAMPLES * INPUTS) })
}

/// On tiles without errors of any kind g is γ times the gradients of the float network, whichever
/// weights steps act on and however the matrices are split; and nothing has changed.
#[test]
fn column_gradients_are_those_of_normalised_weights() {
    let seed = Seed::new(5);
    let (mut float, task) = build(AnyArithmetic::Float32);
    let order = batches(EXAMPLES, 4, &seed.child("order"));
    let mut absolute = vec![vec![0.0f64; HIDDEN * INPUTS], vec![0.0; 3 * HIDDEN]];
    for examples in &order[..2] {
        let mut work = Workspace::new();
        let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Train, par: Par::Seq };
        let outcome = task.forward(examples, &mut work.step(&float, pass));
        work.tape.backward(outcome.loss, 1.0, &mut float, pass);
        for (sums, name) in absolute.iter_mut().zip(["first.weight", "second.weight"]) {
            let found = float.iter().find(|p| p.name() == name).unwrap();
            let gradient = found.gradient().unwrap();
            sums.iter_mut().zip(gradient).for_each(|(s, g)| *s += f64::from(g.abs()) / 2.0);
        }
        float.clear_gradients();
    }
    for (step, max_inputs) in [
        (WeightStep::Normalized, 512),
        (WeightStep::Logical, 512),
        (WeightStep::Normalized, 5),
        (WeightStep::Logical, 5),
    ] {
        let mut tile = TileConfig::load("ideal").unwrap();
        tile.mapping.max_inputs = max_inputs;
        tile.ir_drop.scale = 0.0;
        tile.periphery.dac.steps = None;
        tile.periphery.adc.steps = None;
        tile.periphery.adc.noise = 0.0;
        tile.periphery.adc.bound = Some(1e6);
        let input_range = InputRange { rule: InputRangeRule::Fixed, ..InputRange::default() };
        let training = AnalogTraining { input_range, step, ..AnalogTraining::default() };
        let analog = Analog::new(tile, training).unwrap();
        let (mut parameters, task) = build(AnyArithmetic::Analog(Box::new(analog)));
        parameters.convert_from(&float);
        ["first", "second"].iter().for_each(|layer| parameters.set_input_range(layer, 100.0));
        let found = column_gradients(&task, &parameters, 4, 2, Run::new(&seed, Par::Seq));
        assert_eq!(found.len(), 2);
        assert!(parameters.iter().all(|p| p.gradient().is_none()));
        for (analog, absolute) in parameters.analog().zip(&absolute) {
            let (outputs, inputs) = analog.shape();
            let mut expected = vec![0.0; outputs];
            let scales = analog.scales(&parameters);
            let mut scale = scales.iter();
            for part in analog.cut().parts() {
                for row in part.rows.clone() {
                    let part = &absolute[row * inputs..][part.columns.clone()];
                    expected[row] += f64::from(*scale.next().unwrap()) * part.iter().sum::<f64>();
                }
            }
            for (found, expected) in found[analog.name()].iter().zip(expected) {
                let expected = expected / inputs as f64;
                assert!((found - expected).abs() < 2e-5 * expected, "{found}, not {expected}");
            }
        }
    }
}

/// Exempted columns of a programmed layer have their weights back after an hour, the others not.
#[test]
fn exempted_columns_of_a_programmed_layer_are_exact() {
    let training = AnalogTraining {
        weight_noise: Some(WeightNoiseConfig::paper(3.0, 0.0)),
        ..AnalogTraining::default()
    };
    let tile = TileConfig::load("standard-pcm").unwrap();
    let analog = Analog::new(tile.clone(), training).unwrap();
    let (parameters, _) = build(AnyArithmetic::Analog(Box::new(analog)));
    let run = Run::new(&Seed::new(6), Par::Seq);
    let mut devices = Devices::program(&parameters, |_| tile.clone(), run).unwrap();
    let exempt: Vec<bool> = (0..HIDDEN).map(|column| column < 3).collect();
    devices.exempt_columns("first", &exempt, run);
    devices.age_to(3600.0, run).unwrap();
    for (index, analog) in parameters.analog().enumerate() {
        let programmed = devices.layer(analog.name()).unwrap();
        let (found, wanted) = (programmed.weights(), analog.logical(&parameters));
        let inputs = analog.shape().1;
        let rows = found.chunks_exact(inputs).zip(wanted.chunks_exact(inputs));
        for (column, (found, wanted)) in rows.enumerate() {
            let exact = found.iter().zip(wanted).all(|(f, w)| (f - w).abs() < 1e-6);
            assert_eq!(exact, index == 0 && column < 3, "{} {column}", analog.name());
        }
    }
}
