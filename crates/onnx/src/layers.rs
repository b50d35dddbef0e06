//! [`Layer`]: nodes with weights, as linear maps and parameters of nn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nn::arithmetic::{Floats, NewLayer};
use nn::layers::{Builder, Readout};
use nn::ops::{BatchNormState, Cell};
use nn::{LinearMap, ParameterId, Role};

use crate::error::{Error, Reason};
use crate::graph::{Graph, Node, Value};
use crate::tensor::Host;
use crate::windows::{Geometry, Transposed};

/// A node with weights.
#[derive(Clone, Debug)]
pub(crate) enum Layer {
    /// y = x·Wᵀ + b along the last axis.
    Linear(Arc<LinearMap>),
    /// A map for each group of channels.
    Convolution { maps: Vec<Arc<LinearMap>>, geometry: Geometry },
    /// A map from a pixel to the pixels that it reaches, whose shares are added up.
    Transposed { map: Arc<LinearMap>, bias: Option<ParameterId>, geometry: Transposed },
    /// A direction each: W_i and W_h.
    Recurrent { cell: Cell, directions: Vec<[Arc<LinearMap>; 2]>, reverse_first: bool },
    /// Gain, shift and what was seen.
    BatchNorm(BatchNormState),
    /// Over the last axes, so many numbers together.
    Normalized { gamma: ParameterId, beta: ParameterId, epsilon: f32, count: usize },
    /// The rows of a table.
    Embedding(ParameterId),
    /// Nothing is left to do: what it adds is in the map before.
    Absorbed,
}

impl Layer {
    /// Its linear maps.
    pub(crate) fn maps(&self) -> Vec<&LinearMap> {
        match self {
            Self::Linear(map) | Self::Transposed { map, .. } => vec![map],
            Self::Convolution { maps, .. } => maps.iter().map(|map| &**map).collect(),
            Self::Recurrent { directions, .. } => {
                directions.iter().flatten().map(|map| &**map).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Makes layers of nodes.
pub(crate) struct Layers<'a, 'b> {
    pub(crate) graph: &'a Graph,
    pub(crate) builder: &'a mut Builder<'b>,
    /// Constants, those that were computed of others included.
    pub(crate) constants: &'a BTreeMap<Value, Host>,
    /// What a computed constant was computed of.
    pub(crate) origins: &'a BTreeMap<Value, Value>,
    /// Nodes by the values that they read.
    pub(crate) readers: &'a BTreeMap<Value, Vec<usize>>,
    names: BTreeSet<String>,
    tables: BTreeMap<Value, ParameterId>,
}

impl<'a, 'b> Layers<'a, 'b> {
    pub(crate) fn new(
        graph: &'a Graph,
        builder: &'a mut Builder<'b>,
        constants: &'a BTreeMap<Value, Host>,
        origins: &'a BTreeMap<Value, Value>,
        readers: &'a BTreeMap<Value, Vec<usize>>,
    ) -> Self {
        let (names, tables) = (BTreeSet::new(), BTreeMap::new());
        Self { graph, builder, constants, origins, readers, names, tables }
    }

    /// The layer of a node, if it has weights; `absorb` names the nodes whose constants went into it.
    pub(crate) fn of(
        &mut self,
        node: &Node,
        absorb: &mut Vec<usize>,
    ) -> Result<Option<Layer>, Error> {
        let layer = match &*node.operator {
            "Conv" => self.convolution(node).map(Some),
            "ConvTranspose" => self.transposed(node).map(Some),
            "Gemm" => self.gemm(node),
            "MatMul" => self.matmul(node, absorb),
            "LSTM" | "GRU" => self.recurrent(node).map(Some),
            "BatchNormalization" => self.batch_norm(node).map(Some),
            "LayerNormalization" => self.layer_norm(node).map(Some),
            "Gather" => self.embedding(node),
            _ => Ok(None),
        };
        layer.map_err(|reason| node.error(reason))
    }

    fn constant(&self, node: &Node, index: usize) -> Option<&'a Host> {
        self.constants.get(&node.inputs.get(index).copied().flatten()?)
    }

    fn weight(&self, node: &Node, index: usize) -> Reason<&'a Host> {
        self.constant(node, index)
            .ok_or_else(|| format!("input {index} is no constant, and weights must be"))
    }

    /// A name for the layer of a weight: its own without `.weight`, or that of the node where exporters
    /// gave it none that says something.
    fn name(&mut self, node: &Node, weight: Option<Value>) -> String {
        let mut value = weight;
        while let Some(origin) = value.and_then(|value| self.origins.get(&value)) {
            value = Some(*origin);
        }
        let tensor = value.map_or("", |value| &self.graph.names[value]);
        let generated = ["onnx::", "val_", "t_", "_"].iter().any(|start| tensor.starts_with(start));
        // `attention.in_proj_weight` is the weight of `attention.in_proj`.
        let layer = tensor.strip_suffix(".weight").or_else(|| tensor.strip_suffix("_weight"));
        let name = match layer {
            Some(layer) => layer.to_owned(),
            None if tensor.is_empty() || generated => of_node(node),
            None => tensor.to_owned(),
        };
        self.unused(name)
    }

    fn unused(&mut self, name: String) -> String {
        let mut unused = name.clone();
        let mut count = 1;
        while !self.names.insert(unused.clone()) {
            count += 1;
            unused = format!("{name}_{count}");
        }
        unused
    }

    /// A linear map with these weights, (out, …, in).
    fn map(
        &mut self,
        name: &str,
        shape: &[usize],
        weight: &[f32],
        bias: Option<&[f32]>,
        node: &Node,
    ) -> Reason<Arc<LinearMap>> {
        let last = node.outputs.iter().flatten().any(|value| self.graph.outputs.contains(value));
        let readout = if last { Readout::Wide } else { Readout::Layer };
        if let Some(bias) = bias
            && bias.len() != shape[0]
        {
            return Err(format!("{} biases of {} outputs", bias.len(), shape[0]));
        }
        let parameters = &mut *self.builder.parameters;
        let has_bias = bias.is_some();
        let layer = NewLayer { parameters, name, shape, weight, bias: has_bias, readout };
        let map = self.builder.policy.of(name).linear_map(layer);
        if let Some(bias) = bias {
            let full = format!("{name}.bias");
            let mut all = self.builder.parameters.iter_mut();
            let parameter = all.find(|parameter| parameter.name() == full);
            parameter.ok_or("an arithmetic without biases")?.set_values(bias);
        }
        Ok(Arc::new(map))
    }

    /// A parameter of its own.
    fn add(&mut self, name: String, role: Role, shape: &[usize], values: Vec<f32>) -> ParameterId {
        let name = self.unused(name);
        self.builder.parameters.add(name, role, shape, Floats::new(values))
    }

    /// The parameter of a constant that no linear map multiplies.
    pub(crate) fn parameter(&mut self, value: Value, host: &Host) -> Reason<ParameterId> {
        if let Some(&id) = self.tables.get(&value) {
            return Ok(id);
        }
        let name = self.graph.names[value].clone();
        let id = self.add(name, Role::Bias, host.shape(), host.floats()?.to_vec());
        self.tables.insert(value, id);
        Ok(id)
    }

    fn convolution(&mut self, node: &Node) -> Reason<Layer> {
        let weight = self.weight(node, 1)?;
        let bias = self.constant(node, 2).map(Host::floats).transpose()?;
        let geometry = Geometry::of(node, weight.shape())?;
        let (w, [outputs, inputs]) = (weight.floats()?, geometry.channels);
        let name = self.name(node, node.inputs[1]);
        let taps = geometry.window.kernel[0] * geometry.window.kernel[1];
        let (rows, columns) = (outputs / geometry.groups, inputs / geometry.groups);
        let shape = [rows, geometry.window.kernel[0], geometry.window.kernel[1], columns];
        let mut maps = Vec::with_capacity(geometry.groups);
        for group in 0..geometry.groups {
            let w = &w[group * rows * columns * taps..][..rows * columns * taps];
            let mut last = vec![0.0; w.len()];
            for (row, w) in w.chunks_exact((columns * taps).max(1)).enumerate() {
                for (column, w) in w.chunks_exact(taps.max(1)).enumerate() {
                    for (tap, &w) in w.iter().enumerate() {
                        last[(row * taps + tap) * columns + column] = w;
                    }
                }
            }
            let bias = bias.map(|bias| &bias[(group * rows).min(bias.len())..]);
            let bias = bias.map(|bias| &bias[..rows.min(bias.len())]);
            let name =
                if geometry.groups == 1 { name.clone() } else { format!("{name}.group{group}") };
            maps.push(self.map(&name, &shape, &last, bias, node)?);
        }
        Ok(Layer::Convolution { maps, geometry })
    }

    fn transposed(&mut self, node: &Node) -> Reason<Layer> {
        let weight = self.weight(node, 1)?;
        let geometry = Transposed::of(node, weight.shape())?;
        let (w, [inputs, outputs]) = (weight.floats()?, geometry.channels);
        let taps = geometry.kernel[0] * geometry.kernel[1];
        // From (in, out, taps) to (taps, out; in).
        let mut rows = vec![0.0; w.len()];
        for (input, w) in w.chunks_exact((outputs * taps).max(1)).enumerate() {
            for (output, w) in w.chunks_exact(taps.max(1)).enumerate() {
                for (tap, &w) in w.iter().enumerate() {
                    rows[(tap * outputs + output) * inputs + input] = w;
                }
            }
        }
        let name = self.name(node, node.inputs[1]);
        let map = self.map(&name, &[taps * outputs, inputs], &rows, None, node)?;
        let bias = self.constant(node, 2).map(Host::floats).transpose()?;
        let bias = bias
            .map(|bias| self.add(format!("{name}.bias"), Role::Bias, &[bias.len()], bias.to_vec()));
        Ok(Layer::Transposed { map, bias, geometry })
    }

    fn gemm(&mut self, node: &Node) -> Reason<Option<Layer>> {
        let Some(weight) = self.constant(node, 1) else { return Ok(None) };
        let bias = match node.inputs.get(2).copied().flatten() {
            Some(value) => match self.constants.get(&value) {
                Some(bias) => Some(bias.floats()?),
                None => return Ok(None),
            },
            None => None,
        };
        if node.attributes.integer("transA", 0) != 0 {
            return Ok(None);
        }
        let &[rows, columns] = weight.shape() else {
            return Err(format!("a matrix of shape {:?}", weight.shape()));
        };
        let alpha = node.attributes.float("alpha", 1.0);
        let beta = node.attributes.float("beta", 1.0);
        let w: Vec<f32> = weight.floats()?.iter().map(|w| alpha * w).collect();
        let (outputs, inputs, w) = match node.attributes.integer("transB", 0) {
            0 => (columns, rows, transpose(&w, columns)),
            _ => (rows, columns, w),
        };
        let bias: Option<Vec<f32>> = bias.map(|bias| match bias {
            [one] => vec![beta * one; outputs],
            all => all.iter().map(|b| beta * b).collect(),
        });
        let name = self.name(node, node.inputs[1]);
        self.map(&name, &[outputs, inputs], &w, bias.as_deref(), node).map(Layer::Linear).map(Some)
    }

    /// A matrix on the right is a linear map; a sum with a vector behind it is its bias.
    fn matmul(&mut self, node: &Node, absorb: &mut Vec<usize>) -> Reason<Option<Layer>> {
        let Some(weight) = self.constant(node, 1) else { return Ok(None) };
        let &[inputs, outputs] = weight.shape() else { return Ok(None) };
        let product = node.outputs.first().copied().flatten();
        let readers =
            product.and_then(|value| self.readers.get(&value)).map_or(&[][..], Vec::as_slice);
        let is_output = product.is_some_and(|value| self.graph.outputs.contains(&value));
        let mut bias = None;
        if let &[reader] = readers
            && !is_output
            && let add = &self.graph.nodes[reader]
            && add.operator == "Add"
            && let Some(other) = add.inputs.iter().flatten().find(|value| Some(**value) != product)
            && let Some(host) = self.constants.get(other)
            && host.shape() == [outputs]
        {
            bias = Some(host.floats()?);
            absorb.push(reader);
        }
        let w = transpose(weight.floats()?, outputs);
        let name = self.name(node, node.inputs[1]);
        let reads_out = absorb.last().map_or(node, |&reader| &self.graph.nodes[reader]);
        self.map(&name, &[outputs, inputs], &w, bias, reads_out).map(Layer::Linear).map(Some)
    }

    fn recurrent(&mut self, node: &Node) -> Reason<Layer> {
        let (cell, order): (Cell, &[usize]) = match &*node.operator {
            // From i, o, f, c to i, f, g, o.
            "LSTM" => (Cell::Lstm, &[0, 2, 3, 1]),
            // From z, r, h to r, z, n.
            _ => (Cell::Gru, &[1, 0, 2]),
        };
        if cell == Cell::Gru && node.attributes.integer("linear_before_reset", 0) == 0 {
            return Err("the reset gate before the matrix (linear_before_reset = 0)".to_owned());
        }
        for (attribute, default) in [("layout", 0), ("input_forget", 0)] {
            if node.attributes.integer(attribute, default) != default {
                return Err(format!("{attribute} other than {default}"));
            }
        }
        check_activations(node, cell)?;
        let (w, r) = (self.weight(node, 1)?, self.weight(node, 2)?);
        let b = self.constant(node, 3).map(Host::floats).transpose()?;
        let (&[count, gates, inputs], &[_, _, width]) = (w.shape(), r.shape()) else {
            return Err(format!("weights of shapes {:?} and {:?}", w.shape(), r.shape()));
        };
        if gates != order.len() * width || r.shape() != [count, gates, width] {
            return Err(format!("weights of shapes {:?} and {:?}", w.shape(), r.shape()));
        }
        let (base, layer) = self.recurrent_name(node);
        let mut directions = Vec::new();
        for direction in 0..count {
            let reverse = if direction == 1 { "_reverse" } else { "" };
            let mut part = |part: &str, host: &Host, columns: usize, at: usize| {
                let all = &host.floats()?[direction * gates * columns..][..gates * columns];
                let weight = reordered(all, order, width * columns);
                let bias = match b {
                    Some(b) => {
                        b.get((2 * direction + at) * gates..(2 * direction + at + 1) * gates)
                    }
                    None => Some(&[][..]),
                };
                let bias = bias.ok_or("too few biases")?;
                let bias =
                    if bias.is_empty() { vec![0.0; gates] } else { reordered(bias, order, width) };
                let name = self.unused(format!("{base}.{part}_l{layer}{reverse}"));
                self.map(&name, &[gates, columns], &weight, Some(&bias), node)
            };
            directions.push([part("ih", w, inputs, 0)?, part("hh", r, width, 1)?]);
        }
        let reverse_first = node.attributes.text("direction", "forward") == "reverse";
        Ok(Layer::Recurrent { cell, directions, reverse_first })
    }

    /// The name of a recurrent network and the number of its layer: the older exporter counts the nodes
    /// of one, `/lstm/LSTM`, `/lstm/LSTM_1`; those of the newer one have the same scope.
    fn recurrent_name(&self, node: &Node) -> (String, usize) {
        let base = of_node(node);
        if node.scope.is_some() {
            let before = self.graph.nodes.iter().take_while(|other| other.outputs != node.outputs);
            let same = |other: &&Node| other.operator == node.operator && other.scope == node.scope;
            return (base, before.filter(same).count());
        }
        let layer = node.name.rsplit_once('_').and_then(|(_, count)| count.parse().ok());
        (base, layer.unwrap_or(0))
    }

    fn batch_norm(&mut self, node: &Node) -> Reason<Layer> {
        let name = self.name(node, node.inputs.get(1).copied().flatten());
        let of =
            |index: usize| self.weight(node, index).and_then(|host| Ok(host.floats()?.to_vec()));
        let [scale, shift, mean, variance] = [of(1)?, of(2)?, of(3)?, of(4)?];
        let channels = [scale.len()];
        if [&shift, &mean, &variance].iter().any(|values| values.len() != scale.len()) {
            return Err("as many scales as shifts, means and variances are needed".to_owned());
        }
        let scale = self.add(format!("{name}.weight"), Role::Normalization, &channels, scale);
        let shift = self.add(format!("{name}.bias"), Role::Normalization, &channels, shift);
        let parameters = &mut *self.builder.parameters;
        Ok(Layer::BatchNorm(BatchNormState {
            scale,
            shift,
            mean: parameters.add_state(format!("{name}.running_mean"), mean),
            variance: parameters.add_state(format!("{name}.running_var"), variance),
            epsilon: node.attributes.float("epsilon", 1e-5),
            // ONNX counts what is kept, PyTorch what is new.
            momentum: 1.0 - node.attributes.float("momentum", 0.9),
        }))
    }

    fn layer_norm(&mut self, node: &Node) -> Reason<Layer> {
        let name = self.name(node, node.inputs.get(1).copied().flatten());
        let gamma = self.weight(node, 1)?.floats()?.to_vec();
        let count = gamma.len();
        let beta = match self.constant(node, 2) {
            Some(beta) => beta.floats()?.to_vec(),
            None => vec![0.0; count],
        };
        if beta.len() != count {
            return Err(format!("{} shifts of {count} scales", beta.len()));
        }
        let given = self.constant(node, 2).is_some();
        let gamma = self.add(format!("{name}.weight"), Role::Normalization, &[count], gamma);
        let beta = self.add(format!("{name}.bias"), Role::Normalization, &[count], beta);
        self.builder.parameters.get_mut(beta).set_frozen(!given);
        let epsilon = node.attributes.float("epsilon", 1e-5);
        Ok(Layer::Normalized { gamma, beta, epsilon, count })
    }

    /// A table whose rows are looked up.
    fn embedding(&mut self, node: &Node) -> Reason<Option<Layer>> {
        let Some(table) = self.constant(node, 0) else { return Ok(None) };
        let is_table = table.shape().len() == 2 && table.floats().is_ok();
        if !is_table || node.attributes.integer("axis", 0) != 0 || self.constant(node, 1).is_some()
        {
            return Ok(None);
        }
        let value = node.input(0)?;
        if let Some(&id) = self.tables.get(&value) {
            return Ok(Some(Layer::Embedding(id)));
        }
        let (name, values) = (self.graph.names[value].clone(), table.floats()?.to_vec());
        let id = self.add(name, Role::Embedding, table.shape(), values);
        self.tables.insert(value, id);
        Ok(Some(Layer::Embedding(id)))
    }
}

/// A row-major matrix with rows of `columns`, rows and columns exchanged.
fn transpose(matrix: &[f32], columns: usize) -> Vec<f32> {
    let rows = matrix.len() / columns.max(1);
    (0..columns).flat_map(|c| (0..rows).map(move |r| matrix[r * columns + c])).collect()
}

/// Blocks of `len` elements in another order.
fn reordered(values: &[f32], order: &[usize], len: usize) -> Vec<f32> {
    order.iter().flat_map(|&block| &values[block * len..][..len]).copied().collect()
}

/// The scope of a node as a layer's name: that which the newer exporter notes, or of the name that the
/// older one gives, `/blocks.0/attn/MatMul`, `blocks.0.attn`.
pub(crate) fn of_node(node: &Node) -> String {
    if let Some(scope) = &node.scope {
        return scope.clone();
    }
    let mut parts: Vec<&str> = node.name.split('/').filter(|part| !part.is_empty()).collect();
    if parts.len() > 1 {
        parts.pop();
    }
    parts.join(".")
}

fn check_activations(node: &Node, cell: Cell) -> Reason<()> {
    let usual: &[&str] = match cell {
        Cell::Lstm => &["Sigmoid", "Tanh", "Tanh"],
        Cell::Gru => &["Sigmoid", "Tanh"],
    };
    let Some(given) = node.attributes.texts("activations") else { return Ok(()) };
    let is_usual = given.chunks(usual.len()).all(|of_direction| of_direction == usual);
    if is_usual { Ok(()) } else { Err(format!("the functions {}", given.join(", "))) }
}
