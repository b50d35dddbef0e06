//! [`Graph`]: nodes with their constants, checked and numbered.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::error::{Error, Reason};
use crate::file::{self, Beside, Kind};
use crate::operators;
use crate::proto;
use crate::tensor::Host;

/// A value of a graph: the output of a node, an input, or a constant.
pub(crate) type Value = usize;

/// A file of more nodes is none of a network: large language models have some ten thousand.
const MOST_NODES: usize = 1 << 18;

/// A network as its file has it.
#[derive(Clone, Debug)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// Constants by value.
    pub(crate) constants: BTreeMap<Value, Host>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) outputs: Vec<Value>,
    /// Names of values.
    pub(crate) names: Vec<String>,
    /// Version of the operators.
    pub(crate) opset: i64,
    producer: String,
    files: Vec<PathBuf>,
}

/// An input of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub(crate) value: Value,
    /// Its name.
    pub name: String,
    /// Lengths of its axes; `None` for one that differs from batch to batch.
    pub shape: Vec<Option<usize>>,
    /// Whether its elements are integers, such as the numbers of words.
    pub integers: bool,
}

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) operator: String,
    /// Its name, or that of its first output.
    pub(crate) name: String,
    /// The module of PyTorch that it is of, if the exporter notes it.
    pub(crate) scope: Option<String>,
    pub(crate) inputs: Vec<Option<Value>>,
    pub(crate) outputs: Vec<Option<Value>>,
    pub(crate) attributes: Attributes,
}

/// Constants of a node by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes(BTreeMap<String, Attribute>);

#[derive(Clone, Debug)]
struct Attribute {
    float: f32,
    integer: i64,
    text: String,
    floats: Vec<f32>,
    integers: Vec<i64>,
    texts: Vec<String>,
    tensor: Option<Host>,
}

impl Attributes {
    pub(crate) fn integer(&self, name: &str, default: i64) -> i64 {
        self.0.get(name).map_or(default, |a| a.integer)
    }

    pub(crate) fn float(&self, name: &str, default: f32) -> f32 {
        self.0.get(name).map_or(default, |a| a.float)
    }

    /// Replaces a real number that is there.
    pub(crate) fn set_float(&mut self, name: &str, value: f32) {
        if let Some(attribute) = self.0.get_mut(name) {
            attribute.float = value;
        }
    }

    pub(crate) fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0.get(name).map_or(default, |a| &a.text)
    }

    pub(crate) fn texts(&self, name: &str) -> Option<&[String]> {
        self.0.get(name).map(|a| &*a.texts)
    }

    pub(crate) fn integers(&self, name: &str) -> Option<&[i64]> {
        self.0.get(name).map(|a| &*a.integers)
    }

    pub(crate) fn tensor(&self, name: &str) -> Option<&Host> {
        self.0.get(name)?.tensor.as_ref()
    }

    /// The constant of a `Constant` node.
    pub(crate) fn constant(&self) -> Reason<Host> {
        use crate::tensor::Data;
        let (name, a) = self.0.iter().next().ok_or("it has no value")?;
        match &**name {
            "value" => a.tensor.clone().ok_or_else(|| "it has no value".to_owned()),
            "value_float" => Host::new(vec![], Data::F32(vec![a.float])),
            "value_int" => Host::new(vec![], Data::I64(vec![a.integer])),
            "value_floats" => Host::new(vec![a.floats.len()], Data::F32(a.floats.clone())),
            "value_ints" => Ok(Host::list(a.integers.clone())),
            other => Err(format!("a constant as {other}")),
        }
    }
}

impl Node {
    /// The value of an input that must be there.
    pub(crate) fn input(&self, index: usize) -> Reason<Value> {
        let input = self.inputs.get(index).copied().flatten();
        input.ok_or_else(|| format!("input {index} is missing"))
    }

    /// An error of this node.
    pub(crate) fn error(&self, reason: String) -> Error {
        Error::Node { node: self.name.clone(), operator: self.operator.clone(), reason }
    }
}

impl Graph {
    /// Reads a network and the numbers beside it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::File`] if the file is damaged or no network, [`Error::Unsupported`]
    /// with all operators that cannot be run.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = file::read(path)?;
        let damaged = |reason| Error::File { path: path.to_owned(), reason };
        let model = file::decode(&bytes).map_err(damaged)?;
        let mut beside = Beside::new(Some(path));
        let mut graph = Self::new(model, &mut beside).map_err(damaged)?;
        graph.files = std::iter::once(path.to_owned()).chain(beside.paths()).collect();
        graph.check_operators()?;
        Ok(graph)
    }

    /// As [`Self::read`], of a file whose numbers all lie in it.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |reason: String| Error::Input(format!("the network {reason}"));
        let model = file::decode(bytes).map_err(damaged)?;
        let graph = Self::new(model, &mut Beside::new(None)).map_err(damaged)?;
        graph.check_operators()?;
        Ok(graph)
    }

    /// Inputs in the order of the file.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Names of the outputs in the order of the file.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(|&value| &*self.names[value])
    }

    /// The files that it was read from, its own first.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The value that one operator makes another one of, such as the logits before a `Softmax`, by their
    /// names; `None` if another operator makes it.
    pub fn before(&self, name: &str, operator: &str) -> Option<&str> {
        let value = self.names.iter().position(|known| known == name)?;
        let node = self.nodes.iter().find(|node| node.outputs.first() == Some(&Some(value)))?;
        let input = (*node.inputs.first()?)?;
        (node.operator == operator).then(|| &*self.names[input])
    }

    /// Whether there is a value of that name.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// The program that wrote the file.
    pub fn producer(&self) -> &str {
        &self.producer
    }

    /// Version of the operators.
    pub fn opset(&self) -> i64 {
        self.opset
    }

    /// Operators with the number of nodes that have them.
    pub fn operators(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for node in &self.nodes {
            *counts.entry(&*node.operator).or_default() += 1;
        }
        counts
    }

    fn check_operators(&self) -> Result<(), Error> {
        let mut unknown: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for node in self.nodes.iter().filter(|node| !operators::is_known(&node.operator)) {
            unknown.entry(&node.operator).or_default().push(node.name.clone());
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let unsupported = unknown
            .into_iter()
            .map(|(operator, nodes)| crate::Unsupported { operator: operator.to_owned(), nodes });
        Err(Error::Unsupported(unsupported.collect()))
    }

    fn new(model: proto::Model, beside: &mut Beside) -> Result<Self, String> {
        let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
        let opset = model.opset_import.iter().find(|set| standard(&set.domain));
        let opset = opset.ok_or("names no version of its operators")?.version;
        let producer = format!("{} {}", model.producer_name, model.producer_version);
        let graph = model.graph.ok_or("has no graph")?;
        if graph.node.len() > MOST_NODES {
            let nodes = graph.node.len();
            return Err(format!("has {nodes} nodes, and no network has more than {MOST_NODES}"));
        }
        let mut numbers = Numbers::default();
        let mut constants = BTreeMap::new();
        for tensor in &graph.initializer {
            let host = file::tensor(tensor, beside);
            let host =
                host.map_err(|why| format!("has a damaged tensor {:?}: {why}", tensor.name))?;
            constants.insert(numbers.define(&tensor.name)?, host);
        }
        let mut inputs = Vec::new();
        for info in &graph.input {
            // Old files name initial values among the inputs too.
            if !numbers.by_name.contains_key(&info.name) {
                inputs.push(input(info, numbers.define(&info.name)?)?);
            }
        }
        let mut nodes = Vec::with_capacity(graph.node.len());
        for node in &graph.node {
            nodes.push(numbered(node, &mut numbers, beside, standard(&node.domain))?);
        }
        let output = |info: &proto::ValueInfo| {
            let value = numbers.by_name.get(&info.name).copied();
            value.ok_or_else(|| format!("has an output {:?} that nothing makes", info.name))
        };
        let outputs = graph.output.iter().map(output).collect::<Result<Vec<_>, _>>()?;
        if outputs.is_empty() {
            return Err("has no outputs".to_owned());
        }
        Ok(Self {
            nodes,
            constants,
            inputs,
            outputs,
            names: numbers.names,
            opset,
            producer,
            files: Vec::new(),
        })
    }
}

/// Values by name.
#[derive(Default)]
struct Numbers {
    names: Vec<String>,
    by_name: HashMap<String, Value>,
}

impl Numbers {
    fn define(&mut self, name: &str) -> Result<Value, String> {
        let value = self.names.len();
        if self.by_name.insert(name.to_owned(), value).is_some() {
            return Err(format!("makes {name:?} twice"));
        }
        self.names.push(name.to_owned());
        Ok(value)
    }
}

fn input(info: &proto::ValueInfo, value: Value) -> Result<Input, String> {
    let wrong = |why: &str| format!("has an input {:?} {why}", info.name);
    let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| wrong("that is no tensor"))?;
    let shape = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    let length = |d: &proto::Dimension| match d.dim_value {
        0 => Ok(None),
        n => usize::try_from(n).map(Some).map_err(|_| wrong("of a negative length")),
    };
    let integers = file::kind(tensor.elem_type).map_err(|why| wrong(&format!("with {why}")))?;
    Ok(Input {
        value,
        name: info.name.clone(),
        shape: shape.iter().map(length).collect::<Result<_, _>>()?,
        integers: integers != Kind::Real,
    })
}

fn numbered(
    node: &proto::Node,
    numbers: &mut Numbers,
    beside: &mut Beside,
    standard: bool,
) -> Result<Node, String> {
    let first = node.output.iter().find(|name| !name.is_empty());
    let name =
        if node.name.is_empty() { first.cloned().unwrap_or_default() } else { node.name.clone() };
    let of_input = |input: &String| {
        if input.is_empty() {
            return Ok(None);
        }
        let value = numbers.by_name.get(input).copied();
        value
            .map(Some)
            .ok_or_else(|| format!("has a node {name} that reads {input:?} before it is made"))
    };
    let inputs = node.input.iter().map(of_input).collect::<Result<_, _>>()?;
    let mut attributes = BTreeMap::new();
    for a in &node.attribute {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let tensor = a.t.as_ref().map(|t| file::tensor(t, beside)).transpose();
        let tensor =
            tensor.map_err(|why| format!("has a node {name} with damaged numbers: {why}"))?;
        let attribute = Attribute {
            float: a.f,
            integer: a.i,
            text: text(&a.s),
            floats: a.floats.clone(),
            integers: a.ints.clone(),
            texts: a.strings.iter().map(|s| text(s)).collect(),
            tensor,
        };
        attributes.insert(a.name.clone(), attribute);
    }
    let mut outputs = Vec::new();
    for output in &node.output {
        outputs.push(if output.is_empty() { None } else { Some(numbers.define(output)?) });
    }
    let operator = match standard {
        true => node.op_type.clone(),
        false => format!("{}.{}", node.domain, node.op_type),
    };
    let scope = scope(&node.metadata_props);
    Ok(Node { operator, name, scope, inputs, outputs, attributes: Attributes(attributes) })
}

/// The module of PyTorch that a node is of, of the newer exporter's list of modules from the outermost
/// to the operation: `['', 'blocks', 'blocks.0', 'linear']`.
fn scope(properties: &[proto::Property]) -> Option<String> {
    let scopes = properties.iter().find(|p| p.key == "pkg.torch.onnx.name_scopes")?;
    let scopes = scopes.value.strip_prefix('[')?.strip_suffix(']')?;
    let scope = scopes.rsplit(", ").nth(1)?.strip_prefix('\'')?.strip_suffix('\'')?;
    (!scope.is_empty()).then(|| scope.to_owned())
}
