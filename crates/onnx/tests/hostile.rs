//! Files that are damaged, or made to do harm: each is an error, at once and within its size.

use std::path::Path;

use nn::layers::Builder;
use nn::{Float32, Mode, Parameters, Pass, Policy, Workspace};
use numerics::{Par, Seed};
use onnx::{Data, Error, Given, Graph, Host, Network};
use proptest::prelude::*;
use prost::Message;

#[path = "../src/proto.rs"]
mod proto;
use proto::{Attribute, Dimension, Entry, Model, Node, OperatorSet, Shape, Tensor};
use proto::{TensorType, Type, ValueInfo};

/// A tensor of real numbers.
fn real(name: &str, shape: &[Option<i64>]) -> ValueInfo {
    let dim = |n: &Option<i64>| Dimension { dim_value: n.unwrap_or(0), ..Dimension::default() };
    let shape = Some(Shape { dim: shape.iter().map(dim).collect() });
    let tensor_type = Some(TensorType { elem_type: 1, shape });
    ValueInfo { name: name.to_owned(), r#type: Some(Type { tensor_type }) }
}

/// y = relu(x·Wᵀ + b), then a reshape: weights, attributes, shape arithmetic.
fn model() -> Model {
    let float = |name: &str, dims: &[i64], values: &[f32]| Tensor {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: 1,
        raw_data: values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        ..Tensor::default()
    };
    let shape = Tensor {
        name: "shape".to_owned(),
        dims: vec![2],
        data_type: 7,
        int64_data: vec![0, -1],
        ..Tensor::default()
    };
    let node = |op_type: &str, input: &[&str], output: &str| Node {
        op_type: op_type.to_owned(),
        name: format!("/{output}/{op_type}"),
        input: input.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Node::default()
    };
    let mut gemm = node("Gemm", &["x", "fc.weight", "fc.bias"], "h");
    gemm.attribute.push(Attribute { name: "transB".to_owned(), i: 1, ..Attribute::default() });
    Model {
        opset_import: vec![OperatorSet { domain: String::new(), version: 17 }],
        graph: Some(proto::Graph {
            node: vec![gemm, node("Relu", &["h"], "r"), node("Reshape", &["r", "shape"], "y")],
            initializer: vec![
                float("fc.weight", &[2, 3], &[1.0, 0.0, -1.0, 0.5, 0.5, 0.5]),
                float("fc.bias", &[2], &[0.25, -4.0]),
                shape,
            ],
            input: vec![real("x", &[None, Some(3)])],
            output: vec![real("y", &[None, Some(2)])],
            ..proto::Graph::default()
        }),
        ..Model::default()
    }
}

/// Reads, builds and runs a network on ones.
fn outputs(bytes: &[u8]) -> Result<Vec<f32>, Error> {
    let graph = Graph::from_bytes(bytes)?;
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(Float32);
    let seed = Seed::new(0);
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
    let network = Network::build(&graph, &mut builder)?;
    let ones = |shape: &[Option<usize>]| {
        let shape: Vec<usize> = shape.iter().map(|n| n.unwrap_or(2).min(4)).collect();
        let len = shape.iter().product();
        Given::Host(Host::new(shape, Data::F32(vec![1.0; len])).unwrap())
    };
    let given: Vec<Given> = graph.inputs().iter().map(|input| ones(&input.shape)).collect();
    let mut work = Workspace::new();
    let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Eval, par: Par::Seq };
    let results = network.run(&given, &mut work.step(&parameters, pass))?;
    Ok(work.tape.value(results[0]).data().to_vec())
}

/// What is wrong with a model after a change.
fn message(change: impl FnOnce(&mut Model)) -> String {
    let mut model = model();
    change(&mut model);
    outputs(&model.encode_to_vec()).unwrap_err().to_string()
}

fn graph(model: &mut Model) -> &mut proto::Graph {
    model.graph.as_mut().unwrap()
}

#[test]
fn the_whole_file_is_a_network() {
    assert_eq!(outputs(&model().encode_to_vec()).unwrap(), [0.25, 0.0, 0.25, 0.0]);
}

#[test]
fn files_cut_anywhere_are_refused_or_run() {
    let whole = model().encode_to_vec();
    for len in 0..whole.len() {
        if let Err(error) = outputs(&whole[..len]) {
            assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn impossible_networks_are_named() {
    let text = message(|m| graph(m).node[1].input[0] = "y".to_owned());
    assert!(text.contains(r#"node /r/Relu that reads "y" before it is made"#), "{text}");
    let text = message(|m| graph(m).node[1].output[0] = "h".to_owned());
    assert!(text.contains(r#"makes "h" twice"#), "{text}");
    let text = message(|m| graph(m).initializer.clear());
    assert!(text.contains(r#"reads "fc.weight" before it is made"#), "{text}");
    let text = message(|m| graph(m).initializer[0].dims = vec![1 << 40, 1 << 40]);
    assert!(text.contains(r#"damaged tensor "fc.weight": a tensor of shape"#), "{text}");
    let text = message(|m| graph(m).initializer[0].dims = vec![-2, 3]);
    assert!(text.contains("a length of -2"), "{text}");
    let text = message(|m| graph(m).initializer[0].data_type = 14);
    assert!(text.contains("elements of type 14"), "{text}");
    let text = message(|m| graph(m).output[0].name = "z".to_owned());
    assert!(text.contains(r#"an output "z" that nothing makes"#), "{text}");
    let text = message(|m| graph(m).initializer[2].int64_data = vec![7, 7]);
    assert!(
        text.contains("node /y/Reshape (Reshape): shape [2, 2] does not become [7, 7]"),
        "{text}"
    );
    let text = message(|m| {
        let cast = &mut graph(m).node[1];
        cast.op_type = "Cast".to_owned();
        cast.attribute.push(Attribute { name: "to".to_owned(), i: 7, ..Attribute::default() });
    });
    assert!(text.contains("node /r/Relu (Cast): real numbers that depend on the data"), "{text}");
    let text = message(|m| {
        for node in &mut graph(m).node[1..] {
            node.op_type = format!("My{}", node.op_type);
        }
    });
    let expected = "operators that are not supported: MyRelu (/r/Relu); MyReshape (/y/Reshape)";
    assert_eq!(text, expected);
}

/// A file beside the model, read by a tensor at that place.
fn beside(folder: &Path, entries: &[(&str, &str)]) -> Result<Graph, Error> {
    let mut model = model();
    let weight = &mut graph(&mut model).initializer[0];
    weight.raw_data.clear();
    weight.data_location = 1;
    let entry =
        |&(key, value): &(&str, &str)| Entry { key: key.to_owned(), value: value.to_owned() };
    weight.external_data = entries.iter().map(entry).collect();
    let path = folder.join("model.onnx");
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    Graph::read(&path)
}

#[test]
fn numbers_outside_of_the_folder_are_not_read() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("inner");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(outer.path().join("secret"), [0; 64]).unwrap();
    std::fs::write(folder.join("data"), [0; 40]).unwrap();
    let absolute = outer.path().join("secret").to_string_lossy().into_owned();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&absolute, folder.join("link")).unwrap();
    let locations = [
        "../secret",
        &absolute,
        "",
        "a/../../secret",
        #[cfg(unix)]
        "link",
    ];
    for location in locations {
        let text = beside(&folder, &[("location", location)]).unwrap_err().to_string();
        assert!(text.contains("outside of the model's folder"), "{location}: {text}");
    }
    let at = |offset: &str, length: &str| {
        beside(&folder, &[("location", "data"), ("offset", offset), ("length", length)])
    };
    at("16", "24").unwrap();
    for (offset, length) in [("32", "24"), ("18446744073709551615", "24"), ("41", "0")] {
        let text = at(offset, length).unwrap_err().to_string();
        assert!(text.contains("reach beyond the 40 bytes"), "{text}");
    }
    assert!(at("x", "24").unwrap_err().to_string().contains("no number as offset"));
    assert!(at("0", "16").unwrap_err().to_string().contains("4 numbers in shape [2, 3]"));
    let text = beside(&folder, &[("location", "missing")]).unwrap_err().to_string();
    assert!(text.contains("external data missing"), "{text}");
}

/// A few bytes must not fill the memory.
#[test]
fn what_is_made_of_a_shape_alone_is_bounded() {
    let huge = Tensor {
        name: "huge".to_owned(),
        dims: vec![2],
        data_type: 7,
        int64_data: vec![1 << 20, 1 << 20],
        ..Tensor::default()
    };
    for operator in ["ConstantOfShape", "Expand", "Tile"] {
        let text = message(|m| {
            let graph = graph(m);
            graph.initializer.push(huge.clone());
            let inputs = match operator {
                "ConstantOfShape" => vec!["huge".to_owned()],
                _ => vec!["fc.weight".to_owned(), "huge".to_owned()],
            };
            let node = Node {
                op_type: operator.to_owned(),
                name: "bomb".to_owned(),
                input: inputs,
                output: vec!["z".to_owned()],
                ..Node::default()
            };
            graph.node.push(node);
        });
        assert!(text.starts_with("node bomb"), "{operator}: {text}");
    }
}

#[test]
fn many_nodes_and_deep_messages_are_read_in_time() {
    let mut long = model();
    let first = graph(&mut long).node[1].clone();
    let mut last = "h".to_owned();
    let relus = (0..100_000).map(|i| {
        let input = std::mem::replace(&mut last, format!("r{i}"));
        Node { input: vec![input], output: vec![format!("r{i}")], ..first.clone() }
    });
    let nodes: Vec<Node> = relus.collect();
    graph(&mut long).node.splice(1..2, nodes);
    graph(&mut long).node.last_mut().unwrap().input[0] = last;
    assert_eq!(Graph::from_bytes(&long.encode_to_vec()).unwrap().operators()["Relu"], 100_000);
    // A million are refused before anything is made of them.
    let mut longer = model();
    graph(&mut longer).node = vec![first; 1_000_000];
    let text = Graph::from_bytes(&longer.encode_to_vec()).unwrap_err().to_string();
    assert!(text.contains("has 1000000 nodes"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever bytes are changed, there is an error or a result, and no panic.
    #[test]
    fn flipped_bytes_are_refused_or_run(
        flips in prop::collection::vec((0usize..10_000, any::<u8>()), 1..4),
    ) {
        let mut bytes = model().encode_to_vec();
        let len = bytes.len();
        for (at, value) in flips {
            bytes[at % len] = value;
        }
        let _ = outputs(&bytes);
    }
}
