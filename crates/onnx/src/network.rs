//! [`Network`]: a graph on the layers of nn.

use std::collections::BTreeMap;

use nn::layers::Builder;
use nn::{LinearMap, Model, ParameterId, Step, Tensor, Var};

use crate::error::Error;
use crate::graph::{Graph, Node, Value};
use crate::host;
use crate::layers::{Layer, Layers};
use crate::run::{self, Worked};
use crate::tensor::{Data, Host};

/// A network that runs: its weights are those of the parameters that it was built with.
#[derive(Clone, Debug)]
pub struct Network {
    graph: Graph,
    /// Constants, those that were computed of others included.
    constants: BTreeMap<Value, Host>,
    /// Whether nothing is left to do for a node.
    folded: Vec<bool>,
    layers: Vec<Option<Layer>>,
    parameters: BTreeMap<Value, ParameterId>,
}

/// What a network is given: numbers of an input.
#[derive(Clone, Debug)]
pub enum Given {
    /// Real numbers on the tape, in the order of axes that the file has.
    Tensor(Var),
    /// Known numbers, such as those of words.
    Host(Host),
}

impl Network {
    /// Builds the layers of a graph, with its weights as initial values, each in the arithmetic that
    /// the builder's policy gives it.
    ///
    /// Weights are called as the file calls them; where exporters wrote no name that says something,
    /// the layer has that of its node.
    ///
    /// # Errors
    ///
    /// [`Error::Node`] for a node whose weights or attributes cannot be.
    pub fn build(graph: &Graph, builder: &mut Builder<'_>) -> Result<Self, Error> {
        let graph = graph.clone();
        let (mut constants, mut origins) = (graph.constants.clone(), BTreeMap::new());
        let folded = graph.nodes.iter().map(|node| fold(node, &mut constants, &mut origins));
        let folded = folded.collect::<Result<Vec<bool>, Error>>()?;
        Self::of_constants(graph, constants, &origins, folded, builder)
    }

    /// As [`Self::build`], of nodes that are computed as far as `constants` and `folded` say.
    pub(crate) fn of_constants(
        graph: Graph,
        constants: BTreeMap<Value, Host>,
        origins: &BTreeMap<Value, Value>,
        mut folded: Vec<bool>,
        builder: &mut Builder<'_>,
    ) -> Result<Self, Error> {
        let mut readers: BTreeMap<Value, Vec<usize>> = BTreeMap::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            for input in node.inputs.iter().flatten() {
                readers.entry(*input).or_default().push(index);
            }
        }
        let mut layers: Vec<Option<Layer>> = vec![None; graph.nodes.len()];
        let mut parameters = BTreeMap::new();
        {
            let mut of = Layers::new(&graph, builder, &constants, origins, &readers);
            let mut absorbed = Vec::new();
            for (index, node) in graph.nodes.iter().enumerate() {
                if folded[index] {
                    continue;
                }
                if absorbed.contains(&index) {
                    layers[index] = Some(Layer::Absorbed);
                    continue;
                }
                layers[index] = of.of(node, &mut absorbed)?;
                if layers[index].is_some() {
                    continue;
                }
                for (at, input) in node.inputs.iter().enumerate() {
                    let Some(value) = input else { continue };
                    let Some(constant) = constants.get(value) else { continue };
                    if learns(node, at, constant) {
                        let id = of.parameter(*value, constant).map_err(|why| node.error(why))?;
                        parameters.insert(*value, id);
                    }
                }
            }
        }
        // What only absorbed nodes read needs no value.
        folded.iter_mut().zip(&layers).for_each(|(folded, layer)| {
            *folded = *folded && layer.is_none();
        });
        Ok(Self { graph, constants, folded, layers, parameters })
    }

    /// The graph that it was built of.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The linear maps, those of a group of channels and of a direction each, in the order of the file.
    pub fn maps(&self) -> impl Iterator<Item = &LinearMap> {
        self.layers.iter().flatten().flat_map(Layer::maps)
    }

    /// Constants, those that were computed of others included.
    pub(crate) fn constants(&self) -> &BTreeMap<Value, Host> {
        &self.constants
    }

    /// The layers of the nodes.
    pub(crate) fn layers(&self) -> &[Option<Layer>] {
        &self.layers
    }

    /// Records the forward pass, and returns all outputs in the order of the file.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for other inputs than those of the graph, [`Error::Node`] for a node whose
    /// inputs do not fit.
    pub fn run(&self, given: &[Given], step: &mut Step<'_>) -> Result<Vec<Var>, Error> {
        let outputs: Vec<&str> = self.graph.outputs().collect();
        let values = self.run_to(given, &outputs, step)?;
        Ok(values.into_iter().map(|(_, var)| var).collect())
    }

    /// As [`Self::run`], with values of the graph by name, in the order in which they are made: where
    /// they differ from others' is where a network differs.
    ///
    /// # Errors
    ///
    /// As [`Self::run`], and if there is no value of a name.
    pub fn run_to(
        &self,
        given: &[Given],
        names: &[&str],
        step: &mut Step<'_>,
    ) -> Result<Vec<(String, Var)>, Error> {
        let mut worked = Worked::new(&self.constants, &self.parameters);
        self.give(given, step, &mut worked)?;
        for (index, node) in self.graph.nodes.iter().enumerate() {
            if !self.folded[index] {
                let layer = self.layers[index].as_ref();
                run::node(node, layer, &mut worked, step).map_err(|why| node.error(why))?;
            }
        }
        let mut wanted = Vec::with_capacity(names.len());
        for name in names {
            let value = self.graph.names.iter().position(|known| known == name);
            wanted.push(value.ok_or_else(|| Error::Input(format!("there is no value {name}")))?);
        }
        // Values are numbered in the order in which nodes make them; outputs keep that of the file.
        if wanted != self.graph.outputs {
            wanted.sort_unstable();
        }
        let of = |value: Value| Ok((self.graph.names[value].clone(), worked.plain(value, step)?));
        wanted.into_iter().map(of).collect::<Result<_, String>>().map_err(Error::Input)
    }

    fn give(
        &self,
        given: &[Given],
        step: &mut Step<'_>,
        worked: &mut Worked<'_>,
    ) -> Result<(), Error> {
        let inputs = self.graph.inputs();
        if given.len() != inputs.len() {
            let names: Vec<&str> = inputs.iter().map(|input| &*input.name).collect();
            let names = names.join(", ");
            return Err(Error::Input(format!("{} inputs for {names}", given.len())));
        }
        for (input, given) in inputs.iter().zip(given) {
            let shape = match given {
                Given::Tensor(var) => step.tape.value(*var).shape().to_vec(),
                Given::Host(host) => host.shape().to_vec(),
            };
            let fits =
                |(want, have): (&Option<usize>, &usize)| want.is_none_or(|want| want == *have);
            if shape.len() != input.shape.len() || !input.shape.iter().zip(&shape).all(fits) {
                let want: Vec<String> = input
                    .shape
                    .iter()
                    .map(|n| n.map_or("any".to_owned(), |n| n.to_string()))
                    .collect();
                return Err(Error::Input(format!(
                    "input {} is of shape {shape:?}, not ({})",
                    input.name,
                    want.join(", ")
                )));
            }
            match given {
                Given::Tensor(_) if input.integers => {
                    return Err(Error::Input(format!("input {} is of integers", input.name)));
                }
                Given::Tensor(var) => worked.set_plain(input.value, *var),
                Given::Host(host) if input.integers => worked.set_host(input.value, host.clone()),
                Given::Host(host) => {
                    let values = Tensor::new(host.shape(), host.to_floats());
                    let var = step.tape.constant(values);
                    worked.set_plain(input.value, var);
                }
            }
        }
        Ok(())
    }
}

impl Model for Network {
    /// The first output of a network of one input of real numbers.
    ///
    /// # Panics
    ///
    /// If the input does not fit: [`Network::run`] says so instead.
    #[track_caller]
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        match self.run(&[Given::Tensor(x)], step) {
            Ok(outputs) => outputs[0],
            Err(error) => panic!("{error}"),
        }
    }
}

/// Computes a node of constants now; whether it could be.
fn fold(
    node: &Node,
    constants: &mut BTreeMap<Value, Host>,
    origins: &mut BTreeMap<Value, Value>,
) -> Result<bool, Error> {
    let known: Vec<Option<&Host>> =
        node.inputs.iter().map(|input| constants.get(&(*input)?)).collect();
    let all = node.inputs.iter().zip(&known).all(|(input, host)| input.is_none() || host.is_some());
    if !all || !host::computes(&node.operator) {
        return Ok(false);
    }
    let results = host::evaluate(node, &known).map_err(|why| node.error(why))?;
    for (output, host) in node.outputs.iter().zip(results) {
        let Some(output) = output else { continue };
        constants.insert(*output, host);
        if let Some(Some(first)) = node.inputs.first() {
            origins.insert(*output, *first);
        }
    }
    Ok(true)
}

/// Whether a constant of a node without a layer is a weight: several real numbers, unless they say how
/// something is done.
fn learns(node: &Node, at: usize, constant: &Host) -> bool {
    let settings = match &*node.operator {
        "Resize" | "Clip" | "Pad" => at > 0,
        _ => false,
    };
    !settings && constant.data().len() > 1 && matches!(constant.data(), Data::F32(_))
}
