//! `check`: what is in an ONNX file, and whether it gives here what it gave elsewhere.

use std::collections::BTreeMap;
use std::path::Path;

use crossbar::{Cut, TileConfig};
use datasets::npy::{Array, Values, read_arrays};
use nn::layers::Builder;
use nn::{Float32, Mode, Parameters, Pass, Policy, Tensor, Workspace};
use numerics::{Par, Seed};
use onnx::{Data, Given, Graph, Host, Network};

use crate::measured::error::Error;
use crate::output::Output;

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
    output: &mut Output,
) -> Result<bool, Error> {
    let failed = |error: onnx::Error| Error::Usage(error.to_string());
    let graph = Graph::read(model).map_err(failed)?;
    let tile = TileConfig::load(tile).map_err(|error| Error::Usage(error.to_string()))?;
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(Float32);
    let seed = Seed::new(0);
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
    let network = Network::build(&graph, &mut builder).map_err(failed)?;
    describe(&graph, output);
    lay_out(&network, &tile, &parameters, output);
    let Some((file, tolerance)) = expect else { return Ok(true) };
    let arrays = read_arrays(file)?;
    let results = results(&network, &parameters, &arrays, file)?;
    Ok(compare(&graph, &arrays, &results, tolerance, output))
}

fn describe(graph: &Graph, output: &mut Output) {
    output.line(format_args!(
        "written by   {}, operators of version {}",
        graph.producer(),
        graph.opset()
    ));
    for input in graph.inputs() {
        let lengths: Vec<String> =
            input.shape.iter().map(|n| n.map_or("any".to_owned(), |n| n.to_string())).collect();
        let kind = if input.integers { "integers" } else { "real numbers" };
        output.line(format_args!("input        {} ({}) of {kind}", input.name, lengths.join(", ")));
    }
    for name in graph.outputs() {
        output.line(format_args!("output       {name}"));
    }
    let operators = graph.operators();
    let operators: Vec<String> = operators.iter().map(|(name, n)| format!("{n} {name}")).collect();
    output.line(format_args!("operators    {}", operators.join(", ")));
}

/// Layers that are products of matrices, and the tiles that they take.
fn lay_out(network: &Network, tile: &TileConfig, parameters: &Parameters, output: &mut Output) {
    let mapping = &tile.mapping;
    let (mut tiles, mut weights) = (0, 0);
    let maps: Vec<_> = network.maps().collect();
    let width = maps.iter().map(|map| map.name().len()).max().unwrap_or(0).max("layer".len());
    output.line("");
    output.line(format_args!("{:width$}  outputs × inputs  tiles  used", "layer"));
    let places = |outputs: usize| mapping.max_inputs * mapping.max_outputs.unwrap_or(outputs);
    let mut all = 0;
    for map in &maps {
        let (outputs, inputs) = (map.outputs(), map.inputs());
        let parts = Cut::new(outputs, inputs, mapping).parts().len();
        let (used, room) = (outputs * inputs, parts * places(outputs.min(mapping.max_inputs)));
        let size = format!("{outputs} × {inputs}");
        let share = 100.0 * used as f64 / room as f64;
        output.line(format_args!("{:width$}  {size:>16}  {parts:>5}  {share:.1} %", map.name()));
        (tiles, weights, all) = (tiles + parts, weights + used, all + room);
    }
    let share = 100.0 * weights as f64 / (all as f64).max(1.0);
    let others = parameters.count() - weights;
    output.line(format_args!(
        "{} layers, {weights} weights on {tiles} tiles, {share:.1} % of them used; {others} numbers beside them",
        maps.len()
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
    output: &mut Output,
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
