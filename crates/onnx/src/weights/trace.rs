//! [`Trace`]: from which element of which tensor of the file each element of a parameter comes.

use std::collections::BTreeMap;

use nn::layers::Builder;
use nn::{Float32, Parameters, Policy};
use numerics::Seed;

use crate::arrange;
use crate::error::Error;
use crate::graph::{Graph, Node, Value};
use crate::host;
use crate::layers::{Layer, of_node};
use crate::network::Network;
use crate::tensor::{Data, Host};

/// The elements of a network's parameters and states, by number.
pub(super) struct Trace {
    /// Tensors of real numbers that were not made of others by moving their elements, and the number
    /// of the first element of each. 0 is no element.
    pub(super) roots: Vec<(Value, u32)>,
    /// Names, shapes and numbers of the parameters that a float network has, then of the states.
    pub(super) parts: Vec<(String, Vec<usize>, Vec<u32>)>,
    /// The scope of the node that a parameter or state is of, by its name.
    pub(super) scopes: BTreeMap<String, String>,
}

impl Trace {
    /// Builds a network once more, of the numbers of its elements: their upper and lower halves, each
    /// of which a real number of 32 bits can hold.
    pub(super) fn of(network: &Network) -> Result<Self, Error> {
        let roots = roots(network)?;
        let (upper, scopes) = parts(network, &roots, 16)?;
        let (lower, _) = parts(network, &roots, 0)?;
        let join = |((name, shape, upper), (_, _, lower)): (Part, Part)| {
            let ids = upper.iter().zip(lower).map(|(&u, l)| (u as u32) << 16 | l as u32).collect();
            (name, shape, ids)
        };
        Ok(Self { roots, parts: upper.into_iter().zip(lower).map(join).collect(), scopes })
    }
}

/// A parameter of a network that was built of numbers of elements.
type Part = (String, Vec<usize>, Vec<f32>);

/// The parts whose elements are 16 bits of their numbers, and the scopes of their nodes.
fn parts(
    network: &Network,
    roots: &[(Value, u32)],
    shift: u32,
) -> Result<(Vec<Part>, BTreeMap<String, String>), Error> {
    let graph = unscaled(network.graph());
    let mut constants = BTreeMap::new();
    let mut origins = BTreeMap::new();
    let mut folded = vec![false; graph.nodes.len()];
    let numbered = |value: Value, host: &Host| {
        let Ok(at) = roots.binary_search_by_key(&value, |&(root, _)| root) else {
            return host.clone();
        };
        let ids = (roots[at].1..).take(host.data().len());
        let half = ids.map(|id| (id >> shift & 0xffff) as f32).collect();
        Host::new(host.shape().to_vec(), Data::F32(half)).expect("as many as before")
    };
    for (&value, host) in &network.graph().constants {
        constants.insert(value, numbered(value, host));
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        let known = network.constants();
        folded[index] = node.outputs.iter().flatten().any(|output| known.contains_key(output));
        if !folded[index] {
            continue;
        }
        let moved = if moves(node, known) {
            let inputs: Vec<Option<&Host>> =
                node.inputs.iter().map(|input| constants.get(&(*input)?)).collect();
            Some(host::evaluate(node, &inputs).map_err(|why| node.error(why))?)
        } else {
            None
        };
        for (at, output) in node.outputs.iter().enumerate() {
            let Some(output) = output else { continue };
            let host = match &moved {
                Some(results) => results.get(at).cloned(),
                None => known.get(output).map(|host| numbered(*output, host)),
            };
            if let Some(host) = host {
                constants.insert(*output, host);
            }
            if let Some(Some(first)) = node.inputs.first() {
                origins.insert(*output, *first);
            }
        }
    }
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(Float32);
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(0) };
    let built = Network::of_constants(graph, constants, &origins, folded, &mut builder)?;
    let of_parameter = |p: &nn::Parameter| (p.name().to_owned(), p.shape().to_vec(), p.values());
    let of_state =
        |(name, values): (&str, &[f32])| (name.to_owned(), vec![values.len()], values.to_vec());
    let parts = parameters.iter().map(of_parameter).chain(parameters.states().map(of_state));
    Ok((parts.collect(), scopes(&built, &parameters)))
}

fn scopes(network: &Network, parameters: &Parameters) -> BTreeMap<String, String> {
    let mut scopes = BTreeMap::new();
    for (node, layer) in network.graph().nodes.iter().zip(network.layers()) {
        let Some(layer) = layer else { continue };
        let name = |id| parameters.get(id).name().to_owned();
        let mut names: Vec<String> = (layer.maps().iter())
            .flat_map(|map| ["weight", "bias"].map(|part| format!("{}.{part}", map.name())))
            .collect();
        match layer {
            Layer::BatchNorm(state) => {
                let scale = name(state.scale);
                let layer = scale.trim_end_matches(".weight");
                let parts = ["weight", "bias", "running_mean", "running_var"];
                names.extend(parts.map(|part| format!("{layer}.{part}")));
            }
            Layer::Normalized { gamma, beta, .. } => names.extend([name(*gamma), name(*beta)]),
            Layer::Transposed { bias: Some(bias), .. } => names.push(name(*bias)),
            _ => {}
        }
        scopes.extend(names.into_iter().map(|name| (name, of_node(node))));
    }
    scopes
}

/// The graph whose matrices are not multiplied by numbers.
fn unscaled(graph: &Graph) -> Graph {
    let mut graph = graph.clone();
    for node in graph.nodes.iter_mut().filter(|node| node.operator == "Gemm") {
        node.attributes.set_float("alpha", 1.0);
        node.attributes.set_float("beta", 1.0);
    }
    graph
}

/// Whether a node moves elements, and changes none.
fn moves(node: &Node, known: &BTreeMap<Value, Host>) -> bool {
    let is_real = |value: &Option<Value>| {
        let host = value.and_then(|value| known.get(&value));
        host.is_some_and(|host| matches!(host.data(), Data::F32(_)))
    };
    let operator = &*node.operator;
    let of_kind = arrange::OPERATORS.contains(&operator) || ["Concat", "Split"].contains(&operator);
    of_kind && node.inputs.first().is_some_and(is_real) && node.outputs.iter().all(is_real)
}

/// All tensors of real numbers, but for those that are others in another order, in the order of their
/// values.
fn roots(network: &Network) -> Result<Vec<(Value, u32)>, Error> {
    let (graph, known) = (network.graph(), network.constants());
    let made: BTreeMap<Value, &Node> = (graph.nodes.iter())
        .flat_map(|node| node.outputs.iter().flatten().map(move |&output| (output, node)))
        .collect();
    let (mut roots, mut next) = (Vec::new(), 1u32);
    for (&value, host) in known {
        let moved = made.get(&value).is_some_and(|node| moves(node, known));
        if moved || !matches!(host.data(), Data::F32(_)) {
            continue;
        }
        roots.push((value, next));
        let len = u32::try_from(host.data().len()).ok();
        next = len
            .and_then(|len| next.checked_add(len))
            .ok_or_else(|| Error::Input("a network of more than 4294967295 numbers".to_owned()))?;
    }
    Ok(roots)
}
