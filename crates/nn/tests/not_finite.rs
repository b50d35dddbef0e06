//! NaN stays visible: what is not a number does not become one on its way to the loss, and training
//! ends where it diverges. The one exception is what tiles convert, which has no NaN: it is 0 there,
//! in both directions.

mod common;

use std::ops::ControlFlow;

use common::{gaussian, pass};
use crossbar::TileConfig;
use nn::layers::{
    Activation, BatchNorm, Builder, Cell, Conv2d, ConvConfig, EncoderBlock, EncoderConfig, Init,
    LayerNorm, Linear, Readout, Recurrent, RecurrentConfig, build,
};
use nn::ops::{CrossEntropy, CtcTargets, Distillation, Mask, TransducerTargets};
use nn::{
    Analog, AnalogTraining, AnyArithmetic, Classification, Images, Mode, Outcome, Parameters, Pass,
    Pixels, Policy, Progress, Recipe, Run, Step, Stopped, Task, Tensor, Var, Window, Workspace,
    drift_curve, evaluate, models, ops, train, train_epoch,
};
use numerics::{Par, Seed};

type Layer = Box<dyn Fn(Var, &mut Step<'_>) -> Var>;

/// Checks that one NaN anywhere in the input of a layer gives NaN somewhere in its output.
#[track_caller]
fn assert_passes(name: &str, shape: &[usize], make: impl Fn(&mut Builder<'_>) -> Layer) {
    let policy = Policy::uniform(AnyArithmetic::Float32);
    let (parameters, layer) = build(&policy, Seed::new(1), make);
    let clean = gaussian("x", shape.iter().product());
    for mode in [Mode::Train, Mode::Eval] {
        let any_nan = |x: Vec<f32>| {
            let mut work = Workspace::new();
            let x = work.tape.constant(Tensor::new(shape, x));
            let pass = Pass { mode, ..pass() };
            let y = layer(x, &mut work.step(&parameters, pass));
            work.tape.value(y).data().iter().any(|y| y.is_nan())
        };
        assert!(!any_nan(clean.clone()), "{name} makes NaN of numbers");
        for at in 0..clean.len() {
            let mut x = clean.clone();
            x[at] = f32::NAN;
            assert!(any_nan(x), "{name} hides NaN at {at}, {mode:?}");
        }
    }
}

/// An operation without parameters.
#[track_caller]
fn assert_operation_passes(
    name: &str,
    shape: &[usize],
    f: impl Fn(Var, &mut Step<'_>) -> Var + Copy + 'static,
) {
    assert_passes(name, shape, |_| Box::new(f));
}

#[test]
fn operations_pass_nan_on() {
    assert_operation_passes("relu", &[3, 4], |x, s| ops::relu(s, x));
    assert_operation_passes("gelu", &[3, 4], |x, s| ops::gelu(s, x));
    assert_operation_passes("tanh", &[3, 4], |x, s| ops::tanh(s, x));
    assert_operation_passes("sigmoid", &[3, 4], |x, s| ops::sigmoid(s, x));
    assert_operation_passes("softmax", &[3, 4], |x, s| ops::softmax(s, x));
    assert_operation_passes("log_softmax", &[3, 4], |x, s| ops::log_softmax(s, x));
    assert_operation_passes("sum", &[3, 4], |x, s| ops::sum(s, x));
    assert_operation_passes("mean_axes", &[3, 4], |x, s| ops::mean_axes(s, x, 0..1));
    assert_operation_passes("max_pool", &[1, 4, 4, 9], |x, s| {
        ops::max_pool(s, x, &Window::square(2).stride(2))
    });
    assert_operation_passes("average_pool", &[1, 4, 4, 2], |x, s| {
        ops::average_pool(s, x, &Window::square(2).stride(2))
    });
    assert_operation_passes("cosine_similarity", &[2, 3], |x, s| ops::cosine_similarity(s, x, x));
    assert_operation_passes("matmul", &[2, 3, 3], |x, s| ops::matmul(s, x, x));
    for causal in [false, true] {
        assert_operation_passes("attention", &[2, 3, 4], move |x, s| {
            let seed = s.pass.seed.child("dropout");
            ops::attention(s, [x; 3], 2, Mask { lengths: None, causal }, (0.0, &seed))
        });
    }
}

#[test]
fn layers_pass_nan_on() {
    assert_passes("Linear", &[3, 4], |b| {
        let layer = Linear::new(b, "l", 4, 2, Init::XavierNormal, Readout::Layer);
        Box::new(move |x, s| layer.forward(x, s))
    });
    assert_passes("Conv2d", &[1, 4, 4, 2], |b| {
        let config = ConvConfig::new(Window::square(3).padding(1), Init::HeNormal);
        let layer = Conv2d::new(b, "l", 2, 3, config);
        Box::new(move |x, s| layer.forward(x, s))
    });
    for form in 0..3 {
        assert_passes("BatchNorm", &[5, 3], move |b| {
            let layer = BatchNorm::new(b, "l", 3);
            Box::new(move |x, s| match form {
                0 => layer.forward(x, s),
                1 => layer.forward_relu(x, s),
                _ => layer.forward_add_relu(x, x, s),
            })
        });
    }
    assert_passes("LayerNorm", &[3, 4], |b| {
        let layer = LayerNorm::new(b, "l", 4, 1e-5);
        Box::new(move |x, s| layer.forward(x, s))
    });
    for cell in [Cell::Lstm, Cell::Gru] {
        assert_passes("Recurrent", &[2, 3, 4], move |b| {
            let config = RecurrentConfig {
                cell,
                inputs: 4,
                width: 3,
                layers: 2,
                bidirectional: true,
                dropout: 0.0,
            };
            let layer = Recurrent::new(b, "l", config);
            Box::new(move |x, s| layer.forward(x, None, None, s).0)
        });
    }
    for (activation, pre_norm) in [(Activation::Relu, false), (Activation::Gelu, true)] {
        assert_passes("EncoderBlock", &[2, 3, 4], move |b| {
            let config = EncoderConfig {
                width: 4,
                heads: 2,
                inner: 6,
                activation,
                pre_norm,
                dropout: 0.0,
                epsilon: 1e-5,
            };
            let layer = EncoderBlock::new(b, "l", config, Init::XavierNormal);
            Box::new(move |x, s| layer.forward(x, Mask::default(), s))
        });
    }
}

#[test]
fn losses_pass_nan_on() {
    assert_operation_passes("softmax_cross_entropy", &[2, 3], |x, s| {
        ops::softmax_cross_entropy(s, x, &[0, 2])
    });
    for label_smoothing in [0.0, 0.1] {
        assert_operation_passes("cross_entropy", &[2, 3], move |x, s| {
            ops::cross_entropy(s, x, &[0, 2], CrossEntropy { label_smoothing, ignore: None })
        });
    }
    assert_operation_passes("distillation", &[2, 3], |x, s| {
        let options = Distillation { temperature: 2.0, mix: 0.5 };
        ops::distillation(s, x, &[0.5; 6], &[0, 2], None, options)
    });
    assert_operation_passes("mean_squared_error", &[2, 3], |x, s| {
        ops::mean_squared_error(s, x, &[0.5; 6])
    });
    for zero_infinity in [false, true] {
        assert_operation_passes("ctc", &[1, 4, 3], move |x, s| {
            let labels = &[vec![1, 2]];
            ops::ctc(s, x, &CtcTargets { labels, lengths: None, blank: 0, zero_infinity })
        });
    }
    assert_operation_passes("transducer", &[1, 3, 3, 4], |x, s| {
        let labels = &[vec![1, 2]];
        ops::transducer(s, x, &TransducerTargets { labels, lengths: None, blank: 0 })
    });
}

const INPUTS: usize = 6;
const OUTPUTS: usize = 3;

/// Two layers with ReLU between them; the outputs should be zero.
#[derive(Debug)]
struct Regression {
    layers: [Linear; 2],
    x: Vec<f32>,
}

impl Task for Regression {
    fn len(&self) -> usize {
        self.x.len() / INPUTS
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let rows = examples.iter().flat_map(|&i| &self.x[i as usize * INPUTS..][..INPUTS]);
        let x = Tensor::new(&[examples.len(), INPUTS], rows.copied().collect());
        let x = step.tape.constant(x);
        let hidden = self.layers[0].forward(x, step);
        let hidden = ops::relu(step, hidden);
        let y = self.layers[1].forward(hidden, step);
        let loss = ops::mean_squared_error(step, y, &vec![0.0; examples.len() * OUTPUTS]);
        Outcome { loss, units: examples.len(), wrong: None, logits: None }
    }
}

fn regression(arithmetic: AnyArithmetic, x: Vec<f32>) -> (Parameters, Regression) {
    let (parameters, layers) = build(&Policy::uniform(arithmetic), Seed::new(1), |b| {
        let mut layer = |name: &str, from, to| {
            Linear::new(b, name, from, to, Init::XavierNormal, Readout::Layer)
        };
        [layer("fc1", INPUTS, 8), layer("fc2", 8, OUTPUTS)]
    });
    (parameters, Regression { layers, x })
}

fn tiles(preset: &str) -> AnyArithmetic {
    let tile = TileConfig::load(preset).unwrap();
    AnyArithmetic::Analog(Box::new(Analog::new(tile, AnalogTraining::default()).unwrap()))
}

fn run(recipe: &Recipe, (parameters, task): &mut (Parameters, Regression)) -> Result<f64, String> {
    let epochs = train(task, parameters, recipe, Run::new(&Seed::new(2), Par::Seq));
    epochs.map(|epochs| epochs.last().unwrap().loss).map_err(|diverged| diverged.to_string())
}

/// Tiles convert NaN to 0, and every gradient is that of a 0.
#[test]
fn nan_at_the_tiles_is_zero_in_both_directions() {
    let clean = gaussian("x", 20 * INPUTS);
    let (mut zero, mut nan) = (clean.clone(), clean);
    // Beside values beyond the input range, which are clipped.
    for at in [7, 30, 31, 100] {
        (zero[at], nan[at]) = (0.0, f32::NAN);
    }
    zero[8] = 40.0;
    nan[8] = 40.0;
    for preset in ["ideal", "standard-pcm"] {
        let recipe = Recipe::sgd(5, 3, 0.05);
        let [zero, nan] = [zero.clone(), nan.clone()].map(|x| {
            let mut network = regression(tiles(preset), x);
            let loss = run(&recipe, &mut network).unwrap();
            (loss, network.0.iter().map(|p| p.values()).collect::<Vec<_>>())
        });
        assert_eq!(zero, nan, "{preset}");
    }
}

#[test]
fn training_ends_where_it_diverges() {
    // In f32 one input of NaN is enough: the sixth example is in some step of the first epoch.
    let mut x = gaussian("x", 20 * INPUTS);
    x[5 * INPUTS] = f32::NAN;
    let error =
        run(&Recipe::sgd(5, 3, 0.01), &mut regression(AnyArithmetic::Float32, x)).unwrap_err();
    assert!(error.starts_with("training diverged in epoch 1, step "), "{error}");
    assert!(error.ends_with(": the loss is NaN"), "{error}");
    // A step too large: no epoch after the one that diverges.
    let mut network = regression(AnyArithmetic::Float32, gaussian("x", 20 * INPUTS));
    let error = run(&Recipe::sgd(5, 100, 1e9), &mut network).unwrap_err();
    assert!(error.starts_with("training diverged in epoch 1, step "), "{error}");
    // The loss was finite, and the step after it left weights that are not.
    let x = gaussian("x", 20 * INPUTS).iter().map(|x| 100.0 * x).collect();
    let mut network = regression(AnyArithmetic::Float32, x);
    let error = run(&Recipe::sgd(20, 1, f32::MAX), &mut network).unwrap_err();
    assert!(error.starts_with("training diverged in epoch 1, step 1: fc"), "{error}");
}

#[test]
fn a_step_that_diverges_is_not_counted() {
    let mut x = gaussian("x", 20 * INPUTS);
    x[5 * INPUTS] = f32::NAN;
    let (mut parameters, task) = regression(AnyArithmetic::Float32, x);
    let mut progress = Progress::default();
    let go_on = |_: &Progress, _| ControlFlow::Continue(());
    let (recipe, run) = (Recipe::sgd(5, 3, 0.01), Run::new(&Seed::new(2), Par::Seq));
    let stopped = train_epoch(&task, &mut parameters, &recipe, &mut progress, run, go_on);
    let Err(Stopped::Diverged(diverged)) = stopped else { panic!("{stopped:?}") };
    assert_eq!((progress.epoch + 1, progress.step + 1), (diverged.epoch, diverged.step));
    assert!(parameters.not_finite().is_none(), "the step was not taken");
}

/// A network of NaN is right about nothing, whatever class the first one is.
#[test]
fn a_network_of_nan_is_wrong_about_everything() {
    let policy = Policy::uniform(AnyArithmetic::Float32);
    let (mut parameters, model) =
        build(&policy, Seed::new(1), |b| models::mlp(b, &[4, 3, 2], Init::XavierNormal));
    let images = Images::new(&[4], vec![7; 40], vec![0; 10]);
    let pixels = Pixels::unit(&AnyArithmetic::Float32);
    let task = Classification::new(&model, &images, &pixels);
    for parameter in parameters.iter_mut() {
        let nan = vec![f32::NAN; parameter.values().len()];
        parameter.set_values(&nan);
    }
    let stats = evaluate(&task, &parameters, Run::new(&Seed::new(3), Par::Seq));
    assert_eq!(stats.error_rate, Some(1.0));
    assert!(stats.loss.is_nan());
    assert_eq!(parameters.not_finite().unwrap().0, "fc1.weight");
}

#[test]
fn a_regression_has_a_loss_and_no_error_rate() {
    let (parameters, task) = regression(tiles("standard-pcm"), gaussian("x", 20 * INPUTS));
    let run = Run::new(&Seed::new(4), Par::Seq);
    let curve = drift_curve(&task, &parameters, &[1.0, 3.15e7], run).unwrap();
    assert!(curve.iter().all(|stats| stats.error_rate.is_none() && stats.loss > 0.0), "{curve:?}");
    assert_ne!(curve[0].loss, curve[1].loss);
}

#[test]
#[should_panic(expected = "there are no examples to evaluate on")]
fn nothing_is_not_evaluated() {
    let (parameters, task) = regression(AnyArithmetic::Float32, Vec::new());
    evaluate(&task, &parameters, Run::new(&Seed::new(4), Par::Seq));
}

#[test]
#[should_panic(expected = "there are no examples to train on")]
fn nothing_is_not_trained_on() {
    let (mut parameters, task) = regression(AnyArithmetic::Float32, Vec::new());
    train(&task, &mut parameters, &Recipe::sgd(5, 1, 0.1), Run::new(&Seed::new(4), Par::Seq)).ok();
}
