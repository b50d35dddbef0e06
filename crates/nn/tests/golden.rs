//! Layers against golden values of PyTorch, made by `golden/make.py`.

mod golden_file;

use golden_file::{Case, File, close};
use nn::layers::{BatchNorm, Builder, Conv1d, Conv2d, ConvConfig, Init};
use nn::{Mode, Step, Var, Window, Workspace, load_pretrained, ops};

/// Runs the layer that `build` makes with the case's parameters, and compares output, gradients and
/// states.
fn check(
    case: &Case<'_>,
    mode: Mode,
    build: impl Fn(&mut Builder<'_>) -> Box<dyn Fn(Var, &mut Step<'_>) -> Var>,
) {
    let (mut parameters, layer) = golden_file::network(&build);
    let weights = case.as_file(&["parameter", "state"], "layer");
    load_pretrained(&mut parameters, &weights, |name| Some(name.to_owned())).unwrap();
    let mut work = Workspace::new();
    let x = work.tape.variable(case.tensor("input/x"));
    let pass = golden_file::pass(mode);
    let y = layer(x, &mut work.step(&parameters, pass));
    close(case, "output", work.tape.value(y));
    let loss = golden_file::loss(&mut work.step(&parameters, pass), y);
    let gradients = work.tape.backward(loss, 1.0, &mut parameters, pass);
    let shape = work.tape.value(x).shape().to_vec();
    let dx = gradients.of(x).unwrap().to_vec();
    close(case, "gradient/x", &nn::Tensor::new(&shape, dx));
    // Gradients and states go the way of weights, into a second network, so that layouts agree.
    let (mut expected, _) = golden_file::network(|b| {
        drop(build(b));
        Box::new(|x, _| x)
    });
    let all = case.as_file(&["gradient", "state_after"], "layer");
    load_pretrained(&mut expected, &all, |name| (name != "layer.x").then(|| name.to_owned()))
        .unwrap();
    for (ours, theirs) in parameters.iter().zip(expected.iter()) {
        let gradient = ours.gradient().unwrap();
        golden_file::close_values(case, ours.name(), gradient, &theirs.values());
    }
    if mode == Mode::Train {
        for ((name, ours), (_, theirs)) in parameters.states().zip(expected.states()) {
            golden_file::close_values(case, name, ours, theirs);
        }
    }
}

fn window(case: &Case<'_>) -> Window {
    let mut window = Window::square(case.number("kernel"))
        .stride(case.number("stride"))
        .padding(case.number("padding"));
    if case.has("dilation") {
        window = window.dilation(case.number("dilation"));
    }
    if case.has("ceil") && case.flag("ceil") {
        window = window.ceil();
    }
    window
}

#[test]
fn layers_equal_pytorch() {
    let file = File::open(include_bytes!("golden/vision.safetensors"));
    let mut seen = 0;
    for case in file.cases() {
        seen += 1;
        let kind = case.name.split('/').next().unwrap();
        let mode = if case.name == "batch_norm/eval" { Mode::Eval } else { Mode::Train };
        check(&case, mode, |builder| match kind {
            "conv2d" => {
                let config = ConvConfig::new(window(&case), Init::HeNormal);
                let config = config.groups(case.number("groups"));
                let (inputs, outputs) = (case.number("inputs"), case.number("outputs"));
                let conv = Conv2d::new(builder, "layer", inputs, outputs, config);
                Box::new(move |x, step| conv.forward(x, step))
            }
            "conv1d" => {
                let window = Window::line(case.number("kernel"))
                    .stride(case.number("stride"))
                    .padding(case.number("padding"));
                let config = ConvConfig::new(window, Init::HeNormal);
                let (inputs, outputs) = (case.number("inputs"), case.number("outputs"));
                let conv = Conv1d::new(builder, "layer", inputs, outputs, config);
                Box::new(move |x, step| conv.forward(x, step))
            }
            "batch_norm" => {
                let norm = BatchNorm::new(builder, "layer", 4);
                Box::new(move |x, step| norm.forward(x, step))
            }
            "max_pool" => {
                let window = window(&case);
                Box::new(move |x, step| ops::max_pool(step, x, &window))
            }
            "average_pool" => {
                let window = window(&case);
                Box::new(move |x, step| ops::average_pool(step, x, &window))
            }
            "adaptive_average_pool" => {
                let size = [case.number("height"), case.number("width")];
                Box::new(move |x, step| ops::adaptive_average_pool(step, x, size))
            }
            "activation" => {
                let f = match &*case.name {
                    "activation/relu" => ops::relu,
                    "activation/gelu" => ops::gelu,
                    "activation/tanh" => ops::tanh,
                    "activation/sigmoid" => ops::sigmoid,
                    other => panic!("no activation {other}"),
                };
                Box::new(move |x, step| f(step, x))
            }
            "cross_entropy" => {
                let labels: Vec<u8> = case.numbers("labels").iter().map(|&l| l as u8).collect();
                Box::new(move |x, step| ops::softmax_cross_entropy(step, x, &labels))
            }
            other => panic!("no layer {other}"),
        });
    }
    assert!(seen >= 25, "{seen} cases");
}
