//! Sequence layers and losses against PyTorch's values: `golden/make_sequence.py` made them.

use nn::layers::{
    Activation, Builder, Cell, Embedding, EncoderBlock, EncoderConfig, Init, LayerNorm,
    MultiHeadAttention, Recurrent, RecurrentConfig, from_pytorch_recurrent_name,
};
use nn::ops::{CrossEntropy, CtcTargets, Distillation, Mask};
use nn::{
    AnyArithmetic, Backward, Mode, Operation, Parameters, Pass, Policy, Step, Tensor, Var,
    Workspace, load_pretrained, ops,
};
use numerics::{Par, Seed};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

const BYTES: &[u8] = include_bytes!("golden/sequence.safetensors");

fn golden(name: &str) -> Tensor {
    let file = SafeTensors::deserialize(BYTES).expect("a safetensors file");
    let view = file.tensor(name).unwrap_or_else(|_| panic!("{name} is not in the file"));
    Tensor::new(view.shape(), floats(view.data()))
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn pass() -> Pass {
    Pass { seed: Seed::new(0), first_row: 0, step: 0, mode: Mode::Train, par: Par::Seq }
}

/// Every element to 1e-5 of the largest of its tensor. A gradient that is exactly zero, as that of
/// a bias that shifts all scores of a query alike, is zero in f64 to 1e-15: here to 1e-5, for the terms that cancel are of order 1.
#[track_caller]
fn compare(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        let bound = if largest < 1e-14 { 1e-5 } else { 1e-5 * largest };
        assert!((a - b).abs() <= bound, "{name}, element {i}: {a}, by PyTorch {b}");
    }
}

/// Σ w·y.
#[derive(Debug)]
struct Weigh {
    y: Var,
    w: Vec<f32>,
}

impl Operation for Weigh {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        context.accumulate(self.y, |dy, _| {
            dy.iter_mut().zip(&self.w).for_each(|(dy, w)| *dy += gradient[0] * w);
        });
    }
}

/// Builds a layer, gives it the parameters of the case by `rename` (theirs to ours, one tensor may
/// become several parts along its first axis), and compares output and all gradients.
fn check<L>(
    case: &str,
    build: impl FnOnce(&mut Builder<'_>) -> L,
    rename: impl Fn(&str) -> Vec<String>,
    forward: impl FnOnce(&L, Var, &mut Step<'_>) -> Var,
) {
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(AnyArithmetic::Float32);
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
    let layer = build(&mut builder);
    let parts = |kind: &str| {
        let file = SafeTensors::deserialize(BYTES).expect("a safetensors file");
        let prefix = format!("{case}.{kind}.");
        let mut parts = Vec::new();
        for name in file.names() {
            let Some(theirs) = name.strip_prefix(&prefix) else { continue };
            let tensor = file.tensor(name).expect("its name is there");
            let ours = rename(theirs);
            let mut shape = tensor.shape().to_vec();
            shape[0] /= ours.len();
            for (bytes, ours) in tensor.data().chunks(tensor.data().len() / ours.len()).zip(ours) {
                parts.push((ours, shape.clone(), bytes.to_vec()));
            }
        }
        parts
    };
    let values = parts("p");
    let views = values.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("bytes of that shape"))
    });
    let file = safetensors::serialize(views, None).expect("views of memory");
    load_pretrained(&mut parameters, &file, |name| Some(name.to_owned())).expect("it fits");
    let mut work = Workspace::new();
    let x = work.tape.variable(golden(&format!("{case}.x")));
    let mut step = work.step(&parameters, pass());
    let y = forward(&layer, x, &mut step);
    compare(case, work.tape.value(y).data(), golden(&format!("{case}.y")).data());
    let w = golden(&format!("{case}.w")).data().to_vec();
    let loss = work.tape.record(Tensor::new(&[], vec![0.0]), true, Weigh { y, w });
    let gradients = work.tape.backward(loss, 1.0, &mut parameters, pass());
    let dx = golden(&format!("{case}.dx"));
    if let Some(found) = gradients.of(x) {
        compare(&format!("{case}.dx"), found, dx.data());
    } else {
        assert!(dx.data().iter().all(|&dx| dx == 0.0), "{case} has no gradient of x");
    }
    let expected = parts("g");
    assert_eq!(expected.len(), parameters.iter().count(), "{case}: number of gradients");
    for (name, _, bytes) in expected {
        let parameter = parameters.iter().find(|p| p.name() == name).expect("a parameter");
        compare(&format!("{case}.{name}"), parameter.gradient().unwrap(), &floats(&bytes));
    }
}

#[test]
fn lstm_and_gru_are_pytorchs() {
    for (name, cell) in [("lstm", Cell::Lstm), ("gru", Cell::Gru)] {
        let config = RecurrentConfig {
            cell,
            inputs: 5,
            width: 6,
            layers: 2,
            bidirectional: true,
            dropout: 0.0,
        };
        for (case, lengths) in [("", None), ("_lengths", Some(&[7, 4, 1][..]))] {
            check(
                &format!("{name}{case}"),
                |builder| Recurrent::new(builder, "net", config),
                |theirs| vec![from_pytorch_recurrent_name(&format!("net.{theirs}"))],
                |layer, x, step| layer.forward(x, lengths, None, step).0,
            );
        }
    }
}

#[test]
fn layer_norm_is_pytorchs() {
    check(
        "layer_norm",
        |builder| LayerNorm::new(builder, "net", 9, 1e-5),
        |theirs| vec![format!("net.{theirs}")],
        |layer, x, step| layer.forward(x, step),
    );
}

#[test]
fn embedding_is_pytorchs() {
    check(
        "embedding",
        |builder| Embedding::new(builder, "net", 7, 4, Init::FanInUniform),
        |theirs| vec![format!("net.{theirs}")],
        |layer, _, step| layer.forward(&[1, 6, 1, 0, 2, 6], &[2, 3], step),
    );
}

#[test]
fn attention_is_pytorchs() {
    let masks = [
        ("attention", Mask::default()),
        ("attention_padding", Mask { lengths: Some(&[5, 3]), causal: false }),
        ("attention_causal", Mask { lengths: None, causal: true }),
    ];
    for (case, mask) in masks {
        check(
            case,
            |builder| MultiHeadAttention::new(builder, "net", 8, 2, 0.0, Init::FanInUniform),
            |theirs| vec![format!("net.{theirs}")],
            |layer, x, step| layer.forward(x, x, mask, step),
        );
    }
}

#[test]
fn an_encoder_block_is_pytorchs() {
    for (case, pre_norm) in [("block_post", false), ("block_pre", true)] {
        let activation = if pre_norm { Activation::Relu } else { Activation::Gelu };
        let config = EncoderConfig {
            width: 8,
            heads: 2,
            inner: 16,
            activation,
            pre_norm,
            dropout: 0.0,
            epsilon: 1e-5,
        };
        let rename = |theirs: &str| {
            let (path, last) = theirs.rsplit_once('.').expect("layer.parameter");
            let part = |ours: &str| vec![format!("net.{ours}.{last}")];
            match path {
                "self_attn.out_proj" => part("attention.out"),
                "linear1" => part("inner"),
                "linear2" => part("outer"),
                "norm1" => part("attention_norm"),
                "norm2" => part("output_norm"),
                "self_attn" => {
                    let kind = last.strip_prefix("in_proj_").expect("the joint projection");
                    ["query", "key", "value"]
                        .map(|part| format!("net.attention.{part}.{kind}"))
                        .to_vec()
                }
                _ => panic!("what is {theirs}?"),
            }
        };
        check(
            case,
            |builder| EncoderBlock::new(builder, "net", config, Init::FanInUniform),
            rename,
            |layer, x, step| layer.forward(x, Mask { lengths: Some(&[5, 3]), causal: false }, step),
        );
    }
}

fn check_loss(case: &str, loss: impl FnOnce(&mut Step<'_>, Var) -> Var) {
    let mut none = Parameters::new();
    let mut work = Workspace::new();
    let x = work.tape.variable(golden(&format!("{case}.x")));
    let mut step = work.step(&none, pass());
    let y = loss(&mut step, x);
    compare(case, work.tape.value(y).data(), golden(&format!("{case}.y")).data());
    let gradients = work.tape.backward(y, 1.0, &mut none, pass());
    let dx = golden(&format!("{case}.dx"));
    compare(&format!("{case}.dx"), gradients.of(x).expect("a gradient"), dx.data());
}

#[test]
fn losses_are_pytorchs() {
    check_loss("cross_entropy", |step, x| {
        let options = CrossEntropy { label_smoothing: 0.1, ignore: Some(9) };
        ops::cross_entropy(step, x, &[0, 3, 9, 4, 2], options)
    });
    check_loss("distillation", |step, x| {
        let teacher = golden("distillation.teacher");
        let options = Distillation { temperature: 10.0, mix: 0.75 };
        ops::distillation(step, x, teacher.data(), &[0, 3, 5, 4, 2], None, options)
    });
    check_loss("mean_squared_error", |step, x| {
        let target = golden("mean_squared_error.target");
        ops::mean_squared_error(step, x, target.data())
    });
    check_loss("ctc", |step, x| {
        let targets = CtcTargets {
            labels: &[vec![1, 1, 4], vec![3, 2], vec![2]],
            lengths: Some(&[9, 6, 1]),
            blank: 0,
            zero_infinity: false,
        };
        ops::ctc(step, x, &targets)
    });
}
