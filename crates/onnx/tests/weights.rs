//! Weights on the way back: what comes out goes in again, by the names that PyTorch has.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use datasets::npy::read_arrays;
use nn::layers::Builder;
use nn::{AnyArithmetic, FixedPoint, Parameters, Policy};
use numerics::{Rounding, Seed};
use onnx::{Error, Graph, Network, Weight, WeightsError, read_weights, write_weights};
use proptest::prelude::*;

fn built(folder: &Path, arithmetic: &AnyArithmetic) -> Result<(Network, Parameters), Error> {
    let graph = Graph::read(&folder.join("model.onnx"))?;
    let (mut parameters, policy) = (Parameters::new(), Policy::uniform(arithmetic.clone()));
    let seed = Seed::new(0);
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
    Ok((Network::build(&graph, &mut builder)?, parameters))
}

fn of_gradients(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gradients").join(name)
}

/// The networks of the tests of gradients, and the golden ones if they are there.
fn folders() -> Vec<PathBuf> {
    let names = ["mlp", "cnn", "mobilenet", "lstm", "transformer", "bert", "unet"];
    let mut folders: Vec<PathBuf> = names.map(of_gradients).into();
    for kind in ["onnx", "onnx-trained"] {
        folders.extend(golden(kind).into_iter().filter(|path| !path.ends_with("unsupported")));
    }
    folders
}

fn golden(kind: &str) -> Vec<PathBuf> {
    let folder = std::env::var_os("DITHER_SHARED").map(PathBuf::from);
    let folder = folder.map(|shared| shared.join("golden").join(kind)).filter(|f| f.is_dir());
    let Some(folder) = folder else {
        // Not the macro, whose lines a test that passes keeps to itself.
        let line = format!("skipped: DITHER_SHARED names no folder with golden/{kind}");
        drop(writeln!(std::io::stderr(), "{line}"));
        return Vec::new();
    };
    let entries = std::fs::read_dir(folder).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

/// The same tensors with other values, all of them different.
fn others(weights: &[Weight]) -> Vec<Weight> {
    let mut next = 0;
    let mut other = |weight: &Weight| {
        let value = |_: &f32| {
            next += 1;
            // Exact, and never twice.
            next as f32 / (1 << 20) as f32
        };
        Weight { values: weight.values.iter().map(value).collect(), ..weight.clone() }
    };
    weights.iter().map(&mut other).collect()
}

/// All numbers of a network, as bits.
fn bits(parameters: &Parameters) -> Vec<u32> {
    let states = parameters.states().flat_map(|(_, values)| values.to_vec());
    let values = parameters.iter().flat_map(|p| p.values()).chain(states);
    values.map(f32::to_bits).collect()
}

#[test]
fn what_comes_out_goes_in_again() {
    for folder in folders() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let (network, mut parameters) = built(&folder, &AnyArithmetic::Float32).unwrap();
        let (before, weights) = (bits(&parameters), network.weights(&parameters).unwrap());
        let names: BTreeSet<&str> = weights.iter().map(|w| &*w.name).collect();
        assert_eq!(names.len(), weights.len(), "{name}: two tensors have the same name");
        network.load(&mut parameters, &weights).unwrap();
        assert_eq!(bits(&parameters), before, "{name}");
        // Any values come back from where they went, so that no two places are mistaken.
        let other = others(&weights);
        network.load(&mut parameters, &other).unwrap();
        let back = network.weights(&parameters).unwrap();
        for (back, other) in back.iter().zip(&other) {
            let known = back.name == other.name && back.shape == other.shape;
            assert!(known, "{name}: {} is not {}", back.name, other.name);
            let lost = back.values.iter().zip(&other.values).filter(|(a, b)| a != b).count();
            assert!(lost == 0, "{name}: {} loses {lost}", other.name);
        }
        assert_eq!(back.len(), other.len(), "{name}");
        network.load(&mut parameters, &weights).unwrap();
        assert_eq!(bits(&parameters), before, "{name}");
    }
}

#[test]
fn names_and_shapes_are_those_of_pytorch() {
    for name in ["mlp", "cnn", "mobilenet", "lstm", "transformer", "bert", "unet"] {
        let folder = of_gradients(name);
        let (network, parameters) = built(&folder, &AnyArithmetic::Float32).unwrap();
        let mut ours: Vec<(String, Vec<usize>)> =
            (network.weights(&parameters).unwrap().into_iter())
                .filter(|w| !w.name.contains("running_"))
                .map(|w| (w.name, w.shape))
                .collect();
        ours.sort();
        let theirs: Vec<(String, Vec<usize>)> = (read_arrays(&folder.join("io.npz"))
            .unwrap()
            .into_iter())
        .filter_map(|(key, array)| Some((key.strip_prefix("grad:")?.to_owned(), array.shape)))
        .collect();
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn exporters_names_that_say_nothing_become_those_of_pytorch() {
    for folder in golden("onnx") {
        let expected: &[(&str, &[usize])] = match &*folder.file_name().unwrap().to_string_lossy() {
            "lstm" => &[("r.weight_ih_l0", &[96, 12]), ("r.bias_hh_l0", &[96])],
            "lstm-bidirectional" => &[("r.weight_hh_l1_reverse", &[96, 24])],
            "gru" => &[("r.weight_ih_l1", &[72, 24]), ("fc.weight", &[9, 24])],
            "vit-torchscript" => &[("b.0.at.qkv.weight", &[96, 32]), ("e", &[1, 17, 32])],
            "encoder" => &[("e.layers.0.self_attn.in_proj_weight", &[96, 32])],
            "bert" => &[("l.0.at.qkv.weight", &[96, 32]), ("w.weight", &[100, 32])],
            "cnn-batch-norm" => &[("2.0.weight", &[16, 8, 3, 3]), ("0.0.weight_bias", &[8])],
            _ => &[],
        };
        let Ok((network, parameters)) = built(&folder, &AnyArithmetic::Float32) else { continue };
        let weights = network.weights(&parameters).unwrap();
        for (name, shape) in expected {
            let found = weights.iter().find(|w| w.name == *name);
            let all: Vec<&str> = weights.iter().map(|w| &*w.name).collect();
            let found = found.unwrap_or_else(|| panic!("{folder:?}: {name} is not in {all:?}"));
            assert_eq!(found.shape, *shape, "{name}");
        }
        let generated = weights.iter().filter(|w| w.name.starts_with("onnx::"));
        assert_eq!(generated.count(), 0, "{folder:?}");
    }
}

#[test]
fn tiles_and_codes_give_the_weights_that_they_stand_for() {
    for name in ["cnn", "mobilenet", "lstm", "transformer", "unet"] {
        let folder = of_gradients(name);
        let (network, parameters) = built(&folder, &AnyArithmetic::Float32).unwrap();
        let float = network.weights(&parameters).unwrap();
        let tiles = r#"{"analog": {"tile": "standard-pcm"}}"#;
        let tiles: AnyArithmetic = serde_json::from_str(tiles).unwrap();
        let (network, mut parameters) = built(&folder, &tiles).unwrap();
        assert!(parameters.analog().count() > 0);
        let near = |weights: &[Weight], limit: f32| {
            assert_eq!(weights.len(), float.len(), "{name}");
            for (a, b) in weights.iter().zip(&float) {
                assert_eq!((&a.name, &a.shape), (&b.name, &b.shape));
                let largest = b.values.iter().fold(0.0f32, |max, x| max.max(x.abs()));
                for (a, b) in a.values.iter().zip(&b.values) {
                    assert!((a - b).abs() <= limit * largest, "{name}: {a} is not {b}");
                }
            }
        };
        near(&network.weights(&parameters).unwrap(), 1e-6);
        let half: Vec<Weight> = (float.iter().cloned())
            .map(|w| Weight { values: w.values.iter().map(|x| x / 2.0).collect(), ..w })
            .collect();
        network.load(&mut parameters, &half).unwrap();
        let back = network.weights(&parameters).unwrap();
        assert!(back[0].values.iter().zip(&float[0].values).any(|(a, b)| (a - b).abs() > 1e-3));
        network.load(&mut parameters, &float).unwrap();
        near(&network.weights(&parameters).unwrap(), 1e-6);

        let fixed =
            FixedPoint::uniform("<4,12>".parse().unwrap(), Rounding::NearestTiesEven).unwrap();
        let (network, mut parameters) = built(&folder, &AnyArithmetic::FixedPoint(fixed)).unwrap();
        let weights = network.weights(&parameters).unwrap();
        let steps = weights.iter().flat_map(|w| &w.values).map(|x| x * 4096.0);
        assert!(steps.clone().filter(|x| x.fract() != 0.0).count() < steps.count() / 2);
        let before = bits(&parameters);
        network.load(&mut parameters, &weights).unwrap();
        assert_eq!(bits(&parameters), before, "{name}");

        for format in ["mxfp8", "nvfp4"] {
            let arithmetic = AnyArithmetic::named(format).unwrap();
            let (network, mut parameters) = built(&folder, &arithmetic).unwrap();
            let (before, weights) = (bits(&parameters), network.weights(&parameters).unwrap());
            assert_eq!(weights.len(), float.len(), "{name}");
            network.load(&mut parameters, &weights).unwrap();
            assert_eq!(bits(&parameters), before, "{name} in {format}");
        }
    }
}

#[test]
fn all_that_does_not_fit_is_listed_and_nothing_changes() {
    let folder = of_gradients("mlp");
    let (network, mut parameters) = built(&folder, &AnyArithmetic::Float32).unwrap();
    let before = bits(&parameters);
    let mut weights = network.weights(&parameters).unwrap();
    weights[0].shape = vec![6, 8];
    weights[1].name = "fc9.bias".to_owned();
    weights[2].values[3] = f32::NAN;
    weights.push(weights[3].clone());
    let tracked = Weight { name: "n.num_batches_tracked".into(), shape: vec![], values: vec![0.0] };
    weights.push(tracked);
    let error = network.load(&mut parameters, &weights).unwrap_err();
    let WeightsError::Mismatch(problems) = &error else { panic!("{error}") };
    assert_eq!(
        *problems,
        [
            "fc2.weight holds NaN at 3",
            "fc2.bias is named twice",
            "fc1.bias is missing",
            "fc1.weight has shape [6, 8], not [8, 6]",
            "fc9.bias is not in the network"
        ]
    );
    assert_eq!(bits(&parameters), before);
    let (other, _) = built(&of_gradients("cnn"), &AnyArithmetic::Float32).unwrap();
    let error = other.weights(&parameters).unwrap_err().to_string();
    assert_eq!(error, "the parameters are those of another network");
}

#[test]
fn files_of_weights_are_read_as_they_were_written() {
    let weights = vec![
        Weight { name: "a".into(), shape: vec![2, 1], values: vec![1.5, -0.0] },
        Weight { name: "b.weight".into(), shape: vec![], values: vec![f32::MIN_POSITIVE] },
    ];
    let bytes = write_weights(&weights);
    assert_eq!(read_weights(&bytes).unwrap(), (weights, Vec::new()));
    let error = read_weights(&bytes[..bytes.len() - 1]).unwrap_err();
    assert!(error.starts_with("not a readable safetensors file: "), "{error}");
}

proptest! {
    #[test]
    fn damaged_files_of_weights_are_refused_or_read(
        at in 0..1000usize,
        byte in any::<u8>(),
        len in 0..400usize,
    ) {
        let weights = [Weight { name: "a".into(), shape: vec![3, 2], values: vec![0.5; 6] }];
        let mut bytes = write_weights(&weights);
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(len.max(8));
        if let Ok((weights, _)) = read_weights(&bytes) {
            for weight in weights {
                prop_assert_eq!(weight.shape.iter().product::<usize>(), weight.values.len());
                prop_assert!(weight.values.len() <= bytes.len());
            }
        }
    }
}
