//! What our messages read of a file against what another parser does, field by field.

use std::path::{Path, PathBuf};

use onnx_rs::ast;

use crate::file::{self, Beside};
use crate::proto;
use crate::tensor::Data;

/// Every network of the tests, and the golden ones where they are.
fn networks() -> Vec<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gradients");
    let shared = std::env::var_os("DITHER_SHARED").map(PathBuf::from);
    let golden = |kind: &str| shared.as_ref().map(|shared| shared.join("golden").join(kind));
    let folders = [Some(tests), golden("onnx"), golden("onnx-trained")];
    let mut networks = Vec::new();
    for folder in folders.into_iter().flatten().filter(|folder| folder.is_dir()) {
        let models = std::fs::read_dir(folder).unwrap().flatten();
        networks.extend(models.map(|entry| entry.path().join("model.onnx")));
    }
    networks.retain(|path| path.is_file());
    networks.sort();
    networks
}

fn same_tensor(ours: &proto::Tensor, theirs: &ast::TensorProto<'_>, beside: &mut Beside) {
    assert_eq!((&*ours.name, &*ours.dims), (theirs.name(), theirs.dims()));
    let location = theirs.external_data().iter().map(|entry| (entry.key, entry.value));
    let external = ours.external_data.iter().map(|entry| (&*entry.key, &*entry.value));
    assert!(external.eq(location), "{}", ours.name);
    if !ours.external_data.is_empty() {
        return;
    }
    let host = file::tensor(ours, beside).unwrap();
    match (theirs.data_type(), host.data()) {
        (ast::DataType::Float, Data::F32(values)) => {
            let theirs = theirs.as_f32().unwrap();
            let bits = |x: &f32| x.to_bits();
            assert!(values.iter().map(bits).eq(theirs.iter().map(bits)), "{}", ours.name);
        }
        (ast::DataType::Int64, Data::I64(values)) => {
            assert_eq!(values.as_slice(), &*theirs.as_i64().unwrap(), "{}", ours.name);
        }
        // Its accessors do not widen the others; their number is in the dimensions.
        (_, data) => {
            let count: i64 = ours.dims.iter().product();
            assert_eq!(data.len() as i64, count, "{}", ours.name);
        }
    }
}

fn same_node(ours: &proto::Node, theirs: &ast::Node<'_>, beside: &mut Beside) {
    assert_eq!((&*ours.name, &*ours.op_type), (theirs.name, theirs.op_type.as_str()));
    assert_eq!(ours.domain, theirs.domain);
    assert_eq!(
        (&ours.input[..], &ours.output[..]),
        (&*owned(&theirs.input), &*owned(&theirs.output))
    );
    assert_eq!(ours.attribute.len(), theirs.attribute.len(), "{}", ours.name);
    for (a, b) in ours.attribute.iter().zip(&theirs.attribute) {
        assert_eq!((&*a.name, a.f.to_bits(), a.i), (b.name, b.f.to_bits(), b.i), "{}", ours.name);
        assert_eq!((&*a.s, &a.floats, &a.ints), (b.s, &b.floats, &b.ints), "{}", ours.name);
        assert!(a.strings.iter().map(Vec::as_slice).eq(b.strings.iter().copied()));
        match (&a.t, &b.t) {
            (Some(a), Some(b)) => same_tensor(a, b, beside),
            (a, b) => assert!(a.is_none() && b.is_none(), "{}", ours.name),
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Names and lengths of axes, −1 for one that has a name.
fn lengths(info: &proto::ValueInfo) -> (String, Vec<i64>) {
    let shape = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()?.shape.as_ref());
    let dims = shape.map_or(&[][..], |shape| &shape.dim).iter();
    (info.name.clone(), dims.map(|dim| dim.dim_value).collect())
}

fn their_lengths(info: &ast::ValueInfo<'_>) -> (String, Vec<i64>) {
    let shape = match info.r#type.as_ref().and_then(|t| t.value.as_ref()) {
        Some(ast::TypeValue::Tensor(tensor)) => tensor.shape.as_ref(),
        _ => None,
    };
    let dims = shape.map_or(&[][..], |shape| &shape.dim).iter();
    let length = |dim: &ast::TensorShapeDimension<'_>| match dim.value {
        ast::Dimension::Value(n) => n,
        ast::Dimension::Param(_) => 0,
    };
    (info.name.to_owned(), dims.map(length).collect())
}

#[test]
fn another_parser_reads_the_same() {
    let networks = networks();
    assert!(networks.len() >= 7, "{networks:?}");
    for path in networks {
        let bytes = std::fs::read(&path).unwrap();
        let ours = file::decode(&bytes).unwrap();
        let theirs = onnx_rs::parse(&bytes).unwrap();
        assert_eq!(ours.producer_name, theirs.producer_name, "{}", path.display());
        let sets = theirs.opset_import.iter().map(|set| (set.domain, set.version));
        assert!(ours.opset_import.iter().map(|set| (&*set.domain, set.version)).eq(sets));
        let (ours, theirs) = (ours.graph.unwrap(), theirs.graph.unwrap());
        let mut beside = Beside::new(Some(&path));
        assert_eq!(ours.node.len(), theirs.node.len(), "{}", path.display());
        for (a, b) in ours.node.iter().zip(&theirs.node) {
            same_node(a, b, &mut beside);
        }
        assert_eq!(ours.initializer.len(), theirs.initializer.len(), "{}", path.display());
        for (a, b) in ours.initializer.iter().zip(&theirs.initializer) {
            same_tensor(a, b, &mut beside);
        }
        for (ours, theirs) in [(&ours.input, &theirs.input), (&ours.output, &theirs.output)] {
            assert!(ours.iter().map(lengths).eq(theirs.iter().map(their_lengths)));
        }
    }
}
