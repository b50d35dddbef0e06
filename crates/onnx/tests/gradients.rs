//! Gradients of imported networks against PyTorch's: `gradients/make.py` made them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use datasets::npy::{Array, Values, read_arrays};
use nn::layers::{Builder, from_pytorch_recurrent_name};
use nn::{Float32, Mode, Parameters, Pass, Policy, Tensor, Workspace, ops};
use numerics::{Par, Seed};
use onnx::{Data, Given, Graph, Host, Network};

const NETWORKS: [&str; 7] = ["mlp", "cnn", "mobilenet", "lstm", "transformer", "bert", "unet"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gradients").join(name)
}

fn real(array: &Array) -> &[f32] {
    match &array.values {
        Values::Real(values) => values,
        Values::Integer(_) => panic!("real numbers"),
    }
}

/// Our gradients under PyTorch's names and in its layout.
fn gradients(parameters: &Parameters, names: &[String]) -> BTreeMap<String, Vec<f32>> {
    let of = |name: &str| {
        let parameter = parameters.iter().find(|parameter| parameter.name() == name)?;
        let gradient = parameter.gradient().unwrap_or_else(|| panic!("no gradient of {name}"));
        Some((parameter.shape().to_vec(), gradient.to_vec()))
    };
    let from_last = |(shape, gradient): (Vec<usize>, Vec<f32>)| match shape[..] {
        [outputs, height, width, inputs] => {
            let at =
                |o: usize, i: usize, tap: usize| gradient[(o * height * width + tap) * inputs + i];
            let taps = height * width;
            let order = (0..outputs).flat_map(move |o| {
                (0..inputs).flat_map(move |i| (0..taps).map(move |tap| (o, i, tap)))
            });
            order.map(|(o, i, tap)| at(o, i, tap)).collect()
        }
        _ => gradient,
    };
    let mut all = BTreeMap::new();
    for name in names {
        let ours = from_pytorch_recurrent_name(name).replace("in_proj_", "in_proj.");
        let gradient = match of(&ours) {
            Some(found) => from_last(found),
            None => {
                // One map for each group of channels.
                let (layer, part) = name.rsplit_once('.').expect("a layer and its part");
                let groups = (0..).map_while(|g| of(&format!("{layer}.group{g}.{part}")));
                groups.flat_map(from_last).collect()
            }
        };
        let gradient = if name == "up.weight" { transposed(&gradient) } else { gradient };
        all.insert(name.clone(), gradient);
    }
    all
}

/// The weights of the U-Net's transposed convolution, from (taps, out, in) to (in, out, taps).
fn transposed(gradient: &[f32]) -> Vec<f32> {
    let (taps, outputs, inputs) = (4, 4, 8);
    let order = (0..inputs)
        .flat_map(|i| (0..outputs).flat_map(move |o| (0..taps).map(move |tap| (i, o, tap))));
    order.map(|(i, o, tap)| gradient[(tap * outputs + o) * inputs + i]).collect()
}

#[test]
fn gradients_are_those_of_pytorch() {
    for name in NETWORKS {
        let graph = Graph::read(&folder(name).join("model.onnx")).unwrap();
        let arrays = read_arrays(&folder(name).join("io.npz")).unwrap();
        let policy = Policy::uniform(Float32);
        let (mut parameters, seed) = (Parameters::new(), Seed::new(0));
        let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
        let network = Network::build(&graph, &mut builder).unwrap();
        let x = arrays["x"].clone();
        let data = match x.values {
            Values::Real(values) => Data::F32(values),
            Values::Integer(values) => Data::I64(values),
        };
        let given = [Given::Host(Host::new(x.shape, data).unwrap())];
        let mut work = Workspace::new();
        let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Train, par: Par::Seq };
        let mut step = work.step(&parameters, pass);
        let y = network.run(&given, &mut step).unwrap()[0];
        let ours = step.tape.value(y).data().to_vec();
        let c = step.tape.constant(Tensor::new(&arrays["c"].shape, real(&arrays["c"]).to_vec()));
        let weighed = ops::mul(&mut step, y, c);
        let loss = ops::sum(&mut step, weighed);
        work.tape.backward(loss, 1.0, &mut parameters, pass);
        near(name, "y", &ours, real(&arrays["y"]));
        let names: Vec<String> =
            arrays.keys().filter_map(|key| key.strip_prefix("grad:").map(str::to_owned)).collect();
        for (parameter, gradient) in gradients(&parameters, &names) {
            near(name, &parameter, &gradient, real(&arrays[&format!("grad:{parameter}")]));
        }
    }
}

/// Equal up to 10⁻⁴ of the largest.
fn near(network: &str, what: &str, ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len(), "{network}: {what}");
    let largest = theirs.iter().fold(0.0f32, |max, y| max.max(y.abs()));
    let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
    // The bias of a key has none but for rounding.
    assert!(worst <= 1e-4 * largest + 1e-6, "{network}: {what} differs by {worst} of {largest}");
}
