//! Devices are of the weights they were programmed with: what changes a weight erases them.

mod common;

use common::{gaussian, pass};
use crossbar::TileConfig;
use nn::layers::{Init, Linear, Readout, build};
use nn::{
    Analog, AnalogTraining, Arithmetic, Mode, Outcome, Parameters, Pass, Policy, Recipe, Role,
    Step, Storage, Tape, Task, Tensor, checkpoint, evaluate, load_pretrained, ops, same_names,
    train,
};
use numerics::{Par, Seed};
use safetensors::{Dtype, tensor::TensorView};

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
        let loss = ops::mean_squared_error(step.tape, y, rows(&self.y, OUTPUTS).data());
        Outcome { loss, units: examples.len(), wrong: None, logits: None }
    }
}

fn network(arithmetic: Arithmetic) -> (Parameters, Regression) {
    let (parameters, layer) = build(&Policy::uniform(arithmetic), Seed::new(1), |builder| {
        Linear::new(builder, "fc1", INPUTS, OUTPUTS, Init::XavierNormal, Readout::Layer)
    });
    let (x, y) = (gaussian("x", EXAMPLES * INPUTS), gaussian("y", EXAMPLES * OUTPUTS));
    (parameters, Regression { layer, x, y })
}

fn on_tiles() -> (Parameters, Regression) {
    let tile = TileConfig::load("standard-pcm").unwrap();
    network(Arithmetic::Analog(Box::new(Analog::new(tile, AnalogTraining::default()).unwrap())))
}

fn program(parameters: &mut Parameters) {
    let tile = |layer: &nn::AnalogWeights| layer.config().tile().clone();
    parameters.program(tile, &Seed::new(2), Par::Seq).unwrap();
}

fn has_devices(parameters: &Parameters) -> bool {
    parameters.analog().all(|layer| layer.programmed().is_some())
}

/// The weights of another network as a PyTorch file.
fn pretrained() -> Vec<u8> {
    let bytes = |len: usize| -> Vec<u8> { (0..len).flat_map(|_| 0.25f32.to_le_bytes()).collect() };
    let (weight, bias) = (bytes(OUTPUTS * INPUTS), bytes(OUTPUTS));
    let views = [
        ("fc1.weight", TensorView::new(Dtype::F32, vec![OUTPUTS, INPUTS], &weight).unwrap()),
        ("fc1.bias", TensorView::new(Dtype::F32, vec![OUTPUTS], &bias).unwrap()),
    ];
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn whatever_changes_a_weight_erases_the_devices() {
    let (float, _) = network(Arithmetic::Float32);
    let mut zero = on_tiles().0;
    zero.get_mut(first_id()).set_values(&[0.0; 48]);
    let file = checkpoint::save(&zero, "");
    type Change<'a> = (&'static str, Box<dyn Fn(&mut Parameters, &Regression) + 'a>);
    let changes: Vec<Change<'_>> = vec![
        ("load", Box::new(|p, _| drop(checkpoint::load(p, &file).unwrap()))),
        (
            "train",
            Box::new(|p, task| {
                let recipe = Recipe { batch: 10, epochs: 1, ..Recipe::sgd(10, 1, 0.01) };
                train(task, p, &recipe, (&Seed::new(3), Par::Seq)).unwrap();
            }),
        ),
        ("convert_from", Box::new(|p, _| p.convert_from(&float))),
        ("copy_from", Box::new(|p, _| p.copy_from(&zero))),
        ("set_input_range", Box::new(|p, _| p.set_input_range("fc1", 1e-3))),
        ("get_mut", Box::new(|p, _| p.get_mut(first_id()).set_values(&[0.5; 48]))),
        ("iter_mut", Box::new(|p, _| p.iter_mut().for_each(|p| p.set_values(&p.values())))),
    ];
    for (name, change) in changes {
        let (mut never, task) = on_tiles();
        let mut parameters = never.clone();
        program(&mut parameters);
        assert!(has_devices(&parameters));
        change(&mut parameters, &task);
        change(&mut never, &task);
        assert!(!has_devices(&parameters), "{name} leaves the old devices");
        let of = |parameters: &Parameters| evaluate(&task, parameters, &Seed::new(4), Par::Seq);
        assert_eq!(of(&parameters), of(&never), "{name}");
    }
    // Weights of a file go onto a network without devices, and off one with them.
    let (mut plain, _) = network(Arithmetic::Float32);
    load_pretrained(&mut plain, &pretrained(), same_names).unwrap();
    let (mut tiles, _) = on_tiles();
    program(&mut tiles);
    tiles.convert_from(&plain);
    assert!(!has_devices(&tiles));
}

/// The id of the first parameter, the weights of the layer.
fn first_id() -> nn::ParameterId {
    let mut parameters = Parameters::new();
    let storage = Storage::Float { values: vec![0.0], increment: None };
    parameters.add("w".to_owned(), Role::Weight, &[1], storage)
}

#[test]
fn gradients_and_reading_leave_the_devices() {
    let (mut parameters, task) = on_tiles();
    program(&mut parameters);
    let mut tape = Tape::new();
    let pass = pass();
    let examples: Vec<u32> = (0..EXAMPLES as u32).collect();
    let outcome =
        task.forward(&examples, &mut Step { tape: &mut tape, parameters: &parameters, pass });
    tape.backward(outcome.loss, 1.0, &mut parameters, pass);
    assert!(parameters.gradient_norm() > 0.0);
    parameters.clear_gradients();
    parameters.forget_optimizer();
    evaluate(&task, &parameters, &Seed::new(4), Par::Seq);
    assert!(has_devices(&parameters));
    let eval = Pass { mode: Mode::Eval, ..pass };
    tape.clear();
    task.forward(&examples, &mut Step { tape: &mut tape, parameters: &parameters, pass: eval });
    tape.clear();
    parameters.age_to(3600.0, &Seed::new(5), Par::Seq).unwrap();
}

#[test]
#[should_panic(expected = "fc1 has no devices to age: program it after its last change")]
fn devices_that_are_gone_do_not_age() {
    let (mut parameters, _) = on_tiles();
    program(&mut parameters);
    parameters.set_input_range("fc1", 0.5);
    parameters.age_to(1.0, &Seed::new(5), Par::Seq).ok();
}

#[test]
fn a_network_that_cannot_be_programmed_has_no_devices() {
    let (mut parameters, _) = on_tiles();
    program(&mut parameters);
    let broken = |layer: &nn::AnalogWeights| {
        let mut tile = layer.config().tile().clone();
        tile.periphery.dac.steps = Some(-1.0);
        tile
    };
    parameters.program(broken, &Seed::new(2), Par::Seq).unwrap_err();
    assert!(!has_devices(&parameters));
}

#[test]
fn a_programmed_layer_keeps_its_bias() {
    let (mut parameters, task) = on_tiles();
    let bias: Vec<f32> = vec![0.7, -0.7, 0.3, 0.0];
    for parameter in parameters.iter_mut().filter(|p| p.role() == Role::Bias) {
        parameter.set_values(&bias);
    }
    program(&mut parameters);
    let mut tape = Tape::new();
    let x = tape.constant(Tensor::new(&[1, INPUTS], vec![0.0; INPUTS]));
    let pass = Pass { mode: Mode::Eval, ..pass() };
    let step = &mut Step { tape: &mut tape, parameters: &parameters, pass };
    let y = task.layer.forward(x, step);
    // An output of nothing but the noise of the ADC, whose standard deviation is 0.04 times the
    // scale of a column, at most 1, on every reading: eight of it.
    let y = tape.value(y).data();
    for (y, bias) in y.iter().zip(&bias) {
        assert!((y - bias).abs() < 0.32, "{y} for a bias of {bias}");
    }
}
