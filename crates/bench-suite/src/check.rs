//! `check`: what is in an ONNX file, and whether it gives here what it gave elsewhere.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use crossbar::{Cut, TileConfig};
use datasets::npy::{Array, Values, read_arrays};
use nn::layers::Builder;
use nn::{Float32, Mode, Parameters, Pass, Policy, Tensor, Workspace};
use numerics::{Par, Seed};
use onnx::{Data, Given, Graph, Host, Network};
use serde::Serialize;

use crate::measured::error::Error;
use crate::output::Output;

/// What is in a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// What wrote it.
    pub producer: String,
    /// The version of its operators.
    pub opset: i64,
    /// Its inputs.
    pub inputs: Vec<NetworkInput>,
    /// The names of its outputs.
    pub outputs: Vec<String>,
    /// How often each operator is in it.
    pub operators: BTreeMap<String, usize>,
    /// The layers that are products of matrices, on tiles.
    pub layers: Vec<LayerOnTiles>,
    /// Numbers of the network that are in none of these layers.
    pub beside: usize,
}

/// An input of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetworkInput {
    /// Its name.
    pub name: String,
    /// Its shape; `None` for a length that any batch has.
    pub shape: Vec<Option<usize>>,
    /// Whether it holds integers.
    pub integers: bool,
}

/// A layer that is a product of matrices, and the tiles that it takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerOnTiles {
    /// Its name.
    pub name: String,
    /// Outputs of the matrix.
    pub outputs: usize,
    /// Inputs of the matrix.
    pub inputs: usize,
    /// Into how many tiles it is cut.
    pub tiles: usize,
    /// Places for weights on these tiles.
    pub places: usize,
}

/// What is in a network, laid out on a tile, a preset or a TOML file.
///
/// # Errors
///
/// If a file cannot be read or is damaged, or if the network has operators that there are not.
pub fn summary(model: &Path, tile: &str) -> Result<Summary, Error> {
    let (network, parameters) = read(model)?;
    let tile = TileConfig::load(tile).map_err(|error| Error::Usage(error.to_string()))?;
    Ok(summarized(&network, &parameters, &tile))
}

fn read(model: &Path) -> Result<(Network, Parameters), Error> {
    let failed = |error: onnx::Error| Error::Usage(error.to_string());
    let graph = Graph::read(model).map_err(failed)?;
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(Float32);
    let seed = Seed::new(0);
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
    let network = Network::build(&graph, &mut builder).map_err(failed)?;
    Ok((network, parameters))
}

fn summarized(network: &Network, parameters: &Parameters, tile: &TileConfig) -> Summary {
    let (graph, mapping) = (network.graph(), &tile.mapping);
    let inputs = graph.inputs().iter().map(|input| NetworkInput {
        name: input.name.clone(),
        shape: input.shape.clone(),
        integers: input.integers,
    });
    let layers = network.maps().map(|map| {
        let (outputs, inputs) = (map.outputs(), map.inputs());
        let tiles = Cut::new(outputs, inputs, mapping).parts().len();
        let most = mapping.max_outputs.unwrap_or(outputs.min(mapping.max_inputs));
        let places = tiles * mapping.max_inputs * most;
        LayerOnTiles { name: map.name().to_owned(), outputs, inputs, tiles, places }
    });
    let layers: Vec<LayerOnTiles> = layers.collect();
    let on_tiles: usize = layers.iter().map(|layer| layer.outputs * layer.inputs).sum();
    Summary {
        producer: graph.producer().to_owned(),
        opset: graph.opset(),
        inputs: inputs.collect(),
        outputs: graph.outputs().map(str::to_owned).collect(),
        operators: graph.operators().into_iter().map(|(name, n)| (name.to_string(), n)).collect(),
        beside: parameters.count() - on_tiles,
        layers,
    }
}

/// Says what is in a network, and compares it with arrays of its inputs and outputs up to a share of the
/// largest output; whether all are equal.
///
/// # Errors
///
/// If a file cannot be read or is damaged, if the network has operators that there are not, or if an
/// array is missing.
pub fn run(
    model: &Path,
    expect: Option<(&Path, f32)>,
    tile: &str,
    output: &mut Output<impl Write>,
) -> Result<bool, Error> {
    let (network, parameters) = read(model)?;
    let tile = TileConfig::load(tile).map_err(|error| Error::Usage(error.to_string()))?;
    let summary = summarized(&network, &parameters, &tile);
    describe(&summary, output);
    lay_out(&summary, output);
    let Some((file, tolerance)) = expect else { return Ok(true) };
    let arrays = read_arrays(file)?;
    let results = results(&network, &parameters, &arrays, file)?;
    Ok(compare(network.graph(), &arrays, &results, tolerance, output))
}

fn describe(summary: &Summary, output: &mut Output<impl Write>) {
    let Summary { producer, opset, inputs, outputs, operators, .. } = summary;
    output.line(format_args!("written by   {producer}, operators of version {opset}"));
    for input in inputs {
        let lengths: Vec<String> =
            input.shape.iter().map(|n| n.map_or("any".to_owned(), |n| n.to_string())).collect();
        let kind = if input.integers { "integers" } else { "real numbers" };
        output.line(format_args!("input        {} ({}) of {kind}", input.name, lengths.join(", ")));
    }
    for name in outputs {
        output.line(format_args!("output       {name}"));
    }
    let operators: Vec<String> = operators.iter().map(|(name, n)| format!("{n} {name}")).collect();
    output.line(format_args!("operators    {}", operators.join(", ")));
}

/// Layers that are products of matrices, and the tiles that they take.
fn lay_out(summary: &Summary, output: &mut Output<impl Write>) {
    let Summary { layers, beside, .. } = summary;
    let longest = layers.iter().map(|layer| layer.name.len()).max().unwrap_or(0);
    let width = longest.max("layer".len());
    output.line("");
    output.line(format_args!("{:width$}  outputs × inputs  tiles  used", "layer"));
    for LayerOnTiles { name, outputs, inputs, tiles, places } in layers {
        let size = format!("{outputs} × {inputs}");
        let share = 100.0 * (outputs * inputs) as f64 / *places as f64;
        output.line(format_args!("{name:width$}  {size:>16}  {tiles:>5}  {share:.1} %"));
    }
    let sum = |of: fn(&LayerOnTiles) -> usize| layers.iter().map(of).sum::<usize>();
    let (tiles, weights) = (sum(|layer| layer.tiles), sum(|layer| layer.outputs * layer.inputs));
    let share = 100.0 * weights as f64 / (sum(|layer| layer.places) as f64).max(1.0);
    output.line(format_args!(
        "{} layers, {weights} weights on {tiles} tiles, {share:.1} % of them used; {beside} numbers beside them",
        layers.len()
    ));
}

/// The network's own numbers for the arrays that are values of it.
fn results(
    network: &Network,
    parameters: &Parameters,
    arrays: &BTreeMap<String, Array>,
    file: &Path,
) -> Result<Vec<(String, Tensor)>, Error> {
    let graph = network.graph();
    let missing = |name: &str| {
        let there: Vec<&str> = arrays.keys().map(String::as_str).collect();
        let reason = format!("has no array {name} for that input; it has {}", there.join(", "));
        Error::Data { path: file.to_owned(), reason }
    };
    let mut given = Vec::new();
    for input in graph.inputs() {
        let array = arrays.get(&input.name).ok_or_else(|| missing(&input.name))?.clone();
        let data = match array.values {
            Values::Real(values) => Data::F32(values),
            Values::Integer(values) => Data::I64(values),
        };
        given.push(Given::Host(Host::new(array.shape, data).map_err(Error::Usage)?));
    }
    let outputs: Vec<&str> = graph.outputs().collect();
    let mut names: Vec<&str> = outputs.clone();
    let is_input = |name: &str| graph.inputs().iter().any(|input| input.name == name);
    let further =
        arrays.keys().map(String::as_str).filter(|name| graph.has(name) && !is_input(name));
    names.extend(further.filter(|name| !outputs.contains(name)));
    let pass =
        Pass { seed: Seed::new(0), first_row: 0, step: 0, mode: Mode::Eval, par: Par::Rayon };
    let mut work = Workspace::new();
    let mut step = work.step(parameters, pass);
    let values = network.run_to(&given, &names, &mut step);
    let values = values.map_err(|error| Error::Usage(error.to_string()))?;
    Ok(values.into_iter().map(|(name, var)| (name, work.tape.value(var).clone())).collect())
}

/// Says how far each value is from what is expected; whether all are near.
fn compare(
    graph: &Graph,
    arrays: &BTreeMap<String, Array>,
    results: &[(String, Tensor)],
    tolerance: f32,
    output: &mut Output<impl Write>,
) -> bool {
    output.line("");
    let single = graph.outputs().count() == 1;
    let mut equal = true;
    let mut first = None;
    for (name, ours) in results {
        let is_output = graph.outputs().any(|output| output == name);
        let expected = arrays.get(name).or_else(|| arrays.get("y").filter(|_| single && is_output));
        let Some(expected) = expected else {
            output.line(format_args!("{name}: nothing is expected of it"));
            continue;
        };
        let (text, near) = difference(ours, expected, tolerance);
        output.line(format_args!("{name}: {text}"));
        if !near && first.is_none() {
            first = Some(name);
        }
        equal &= near;
    }
    if let Some(first) = first.filter(|_| results.len() > 1) {
        output.line(format_args!("the first that differs is {first}"));
    }
    equal
}

/// The largest difference as a share of the largest number that is expected, in words.
fn difference(ours: &Tensor, expected: &Array, tolerance: f32) -> (String, bool) {
    if ours.shape() != expected.shape {
        let text = format!("is of shape {:?}, not {:?}", ours.shape(), expected.shape);
        return (text, false);
    }
    let theirs: Vec<f32> = match &expected.values {
        Values::Real(values) => values.clone(),
        Values::Integer(values) => values.iter().map(|&x| x as f32).collect(),
    };
    let largest = theirs.iter().fold(0.0f32, |max, y| max.max(y.abs()));
    let differences = ours.data().iter().zip(&theirs).map(|(a, b)| (a - b).abs());
    // NaN differs from everything, and does not get lost in a maximum.
    let worst = differences.fold(0.0, |max: f32, d| if d > max || d.is_nan() { d } else { max });
    let near = worst <= tolerance * largest.max(f32::MIN_POSITIVE);
    let share = worst / largest.max(f32::MIN_POSITIVE);
    let verdict = if near { "equal" } else { "not equal" };
    let text = format!(
        "{verdict}, the largest difference is {share:.1e} of the largest number {largest:.3} \
         (up to {tolerance:.0e} is rounding)"
    );
    (text, near)
}
