//! Weights that go to PyTorch and come from there: `load_back.py` is the other side.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use nn::layers::Builder;
use nn::{Float32, Mode, Parameters, Pass, Policy, Workspace};
use numerics::{Par, Seed};
use onnx::{Data, Given, Graph, Host, Network, Weight, read_weights, write_weights};

fn python(python: &str, step: &str, folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/load_back.py");
    let output = Command::new(python).arg(script).arg(step).arg(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    eprint!("{said}");
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

fn read(path: &Path) -> Vec<Weight> {
    read_weights(&std::fs::read(path).unwrap()).unwrap().0
}

fn run(network: &Network, parameters: &Parameters, x: &Weight) -> Weight {
    let x = Host::new(x.shape.clone(), Data::F32(x.values.clone())).unwrap();
    let mut work = Workspace::new();
    let seed = Seed::new(0);
    let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Eval, par: Par::Seq };
    let y = network.run(&[Given::Host(x)], &mut work.step(parameters, pass)).unwrap()[0];
    let y = work.tape.value(y);
    Weight { name: "y".to_owned(), shape: y.shape().to_vec(), values: y.data().to_vec() }
}

/// Two uses of a layer that training has parted are two tensors, and come back as two.
fn separate(network: &Network, parameters: &mut Parameters) {
    let names = |weights: &[Weight]| weights.iter().map(|w| w.name.clone()).collect::<Vec<_>>();
    let whole = network.weights(parameters).unwrap();
    assert_eq!(names(&whole), ["fc.weight", "fc.bias"]);
    let second = parameters.iter_mut().filter(|p| p.shape() == [6, 6]).nth(1).unwrap();
    second.set_values(&[0.25; 36]);
    let parted = network.weights(parameters).unwrap();
    assert_eq!(parted[..2], whole);
    assert_eq!((parted.len(), &parted[2].shape), (3, &vec![6, 6]));
    network.load(parameters, &whole).unwrap();
    assert_eq!(network.weights(parameters).unwrap(), whole);
    network.load(parameters, &parted).unwrap();
    assert_eq!(network.weights(parameters).unwrap(), parted);
}

#[test]
fn weights_go_to_pytorch_and_come_from_there() {
    let Some(interpreter) = std::env::var("DITHER_TORCH_PYTHON").ok().filter(|p| !p.is_empty())
    else {
        // Not the macro, whose lines a test that passes keeps to itself.
        let line = "skipped: DITHER_TORCH_PYTHON names no Python with PyTorch";
        drop(writeln!(std::io::stderr(), "{line}"));
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    python(&interpreter, "export", folder.path());
    let mut count = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let folder = entry.unwrap().path();
        let graph = Graph::read(&folder.join("model.onnx")).unwrap();
        let (mut parameters, seed) = (Parameters::new(), Seed::new(0));
        let policy = Policy::uniform(Float32);
        let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
        let network = Network::build(&graph, &mut builder).unwrap();
        let io = read(&folder.join("io.safetensors"));
        let [x, y] = ["x", "y"].map(|name| io.iter().find(|array| array.name == name).unwrap());

        // Theirs come in.
        let theirs = read(&folder.join("theirs.safetensors"));
        network.load(&mut parameters, &theirs).unwrap_or_else(|why| panic!("{folder:?}: {why}"));
        let found = run(&network, &parameters, x);
        assert_eq!(found.shape, y.shape);
        let largest = y.values.iter().fold(0.0f32, |max, y| max.max(y.abs()));
        let pairs = found.values.iter().zip(&y.values);
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max) / largest;
        assert!(worst <= 1e-4, "{folder:?}: {worst}");

        // Others of ours go out.
        let mut ours = network.weights(&parameters).unwrap();
        for (i, value) in ours.iter_mut().flat_map(|weight| &mut weight.values).enumerate() {
            *value *= 1.0 + (i % 7) as f32 / 32.0;
        }
        network.load(&mut parameters, &ours).unwrap();
        let ours = network.weights(&parameters).unwrap();
        std::fs::write(folder.join("ours.safetensors"), write_weights(&ours)).unwrap();
        let y = run(&network, &parameters, x);
        std::fs::write(folder.join("y.safetensors"), write_weights(&[y])).unwrap();
        if folder.file_name().unwrap().to_string_lossy().starts_with("twice") {
            separate(&network, &mut parameters);
        }
        count += 1;
    }
    assert_eq!(count, 9);
    python(&interpreter, "compare", folder.path());
}
