//! Networks that PyTorch exported, against the outputs that it gave.

use std::io::Write;
use std::path::{Path, PathBuf};

use datasets::DataFolder;
use datasets::mnist::Mnist;
use datasets::npy::{Values, read_arrays};
use nn::layers::Builder;
use nn::{Float32, Mode, Parameters, Pass, Policy, Workspace};
use numerics::{Par, Seed};
use onnx::{Data, Error, Given, Graph, Host, Network};

/// The golden networks, or a line that says that they are absent.
fn golden(kind: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("DITHER_SHARED").map(PathBuf::from);
    let folder = folder.map(|shared| shared.join("golden").join(kind)).filter(|f| f.is_dir());
    if folder.is_none() {
        // Not the macro, whose lines a test that passes keeps to itself.
        let line = format!("skipped: DITHER_SHARED names no folder with golden/{kind}");
        drop(writeln!(std::io::stderr(), "{line}"));
    }
    folder
}

/// The largest difference of the outputs, relative to the largest output.
fn difference(folder: &Path) -> Result<f32, Error> {
    let graph = Graph::read(&folder.join("model.onnx"))?;
    let arrays = read_arrays(&folder.join("io.npz")).unwrap();
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(Float32);
    let seed = Seed::new(0);
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
    let network = Network::build(&graph, &mut builder)?;
    let host = |name: &str| {
        let array = arrays.get(name).unwrap_or_else(|| panic!("an array {name}")).clone();
        let data = match array.values {
            Values::Real(values) => Data::F32(values),
            Values::Integer(values) => Data::I64(values),
        };
        Host::new(array.shape, data).unwrap()
    };
    let given: Vec<Given> =
        graph.inputs().iter().map(|input| Given::Host(host(&input.name))).collect();
    let mut work = Workspace::new();
    let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Eval, par: Par::Seq };
    let mut step = work.step(&parameters, pass);
    let outputs = network.run(&given, &mut step)?;
    let ours = work.tape.value(outputs[0]);
    let name = graph.outputs().next().unwrap().to_owned();
    let theirs = host(if arrays.contains_key(&name) { &name } else { "y" });
    assert_eq!(ours.shape(), theirs.shape());
    let Data::F32(theirs) = theirs.data() else { panic!("outputs are real numbers") };
    let largest = theirs.iter().fold(0.0f32, |max, y| max.max(y.abs()));
    let differences = ours.data().iter().zip(theirs).map(|(a, b)| (a - b).abs());
    Ok(differences.fold(0.0f32, f32::max) / largest)
}

#[test]
fn networks_give_what_pytorch_gave() {
    for kind in ["onnx", "onnx-trained"] {
        let Some(folder) = golden(kind) else { return };
        let mut names: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let mut wrong = Vec::new();
        for folder in names.iter().filter(|path| !path.ends_with("unsupported")) {
            let limit = if folder.ends_with("resnet-f16") { 5e-3 } else { 1e-4 };
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            match difference(folder) {
                Ok(difference) if difference <= limit => eprintln!("{name}: {difference:.1e}"),
                Ok(difference) => wrong.push(format!("{name}: {difference:e}")),
                Err(error) => wrong.push(format!("{name}: {error}")),
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[test]
fn operators_that_there_are_not_are_listed_at_once() {
    let Some(folder) = golden("onnx") else { return };
    let error = Graph::read(&folder.join("unsupported/model.onnx")).unwrap_err();
    let Error::Unsupported(unsupported) = &error else { panic!("{error}") };
    let operators: Vec<&str> = unsupported.iter().map(|u| &*u.operator).collect();
    assert_eq!(operators, ["CumSum", "GridSample", "NonZero"]);
    assert!(unsupported.iter().all(|u| !u.nodes.is_empty()));
}

/// On the 10,000 images of the test as PyTorch had them; an image may fall on the other side of a tie.
#[test]
fn trained_networks_err_as_known() {
    const BATCH: usize = 500;
    let Some(folder) = golden("onnx-trained") else { return };
    let mnist = Mnist::load(&DataFolder::new(None)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let folder = entry.unwrap().path();
        let known = std::fs::read_to_string(folder.join("known.json")).unwrap();
        let known: serde_json::Value = serde_json::from_str(&known).unwrap();
        let of = |key: &str| known["normalise"][key].as_f64().unwrap() as f32;
        let (scale, mean, std) = (of("scale"), of("mean"), of("std"));
        let graph = Graph::read(&folder.join("model.onnx")).unwrap();
        let mut parameters = Parameters::new();
        let policy = Policy::uniform(Float32);
        let seed = Seed::new(0);
        let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
        let network = Network::build(&graph, &mut builder).unwrap();
        let mut work = Workspace::new();
        let mut wrong = 0;
        for first in (0..mnist.test.len()).step_by(BATCH) {
            let images = first..(first + BATCH).min(mnist.test.len());
            let pixels = &mnist.test.pixels()[images.start * 784..images.end * 784];
            let x = pixels.iter().map(|&p| (f32::from(p) * scale - mean) / std).collect();
            let x = Host::new(vec![images.len(), 1, 28, 28], Data::F32(x)).unwrap();
            let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Eval, par: Par::Rayon };
            let mut step = work.step(&parameters, pass);
            let y = network.run(&[Given::Host(x)], &mut step).unwrap()[0];
            let logits = work.tape.value(y).data().chunks(10);
            for (logits, &label) in logits.zip(&mnist.test.labels()[images]) {
                let largest = (0..10).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
                wrong += i64::from(largest != Some(usize::from(label)));
            }
            work.clear();
        }
        let expected = known["wrong"].as_i64().unwrap();
        assert!((wrong - expected).abs() <= 1, "{folder:?}: {wrong} are wrong, not {expected}");
    }
}
