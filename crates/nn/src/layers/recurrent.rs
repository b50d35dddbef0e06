//! LSTM and GRU: several layers, in one or two directions.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Builder, Init, Readout};
use crate::linear_map::LinearMap;
use crate::ops::{self, FinalState, Recurrence};
use crate::step::Step;
use crate::tape::Var;
use crate::tensor::Tensor;

/// What happens at each time: see [`ops::Cell`].
pub use crate::ops::Cell;

/// The shape of a [`Recurrent`] network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecurrentConfig {
    /// LSTM or GRU.
    pub cell: Cell,
    /// Width of an input vector.
    pub inputs: usize,
    /// Width of the state in each direction.
    pub width: usize,
    /// Layers, each on the outputs of the one before.
    pub layers: usize,
    /// Whether a second direction runs from the last time to the first. A layer's output is then
    /// both states, forward first.
    pub bidirectional: bool,
    /// Dropout between layers, in [0, 1).
    pub dropout: f32,
}

/// A recurrent network; each layer and direction has two maps.
///
/// ```text
/// a = W_ih·x + b_ih  for all times at once,   h ← cell(a_t, W_hh·h + b_hh, …)  time by time
/// ```
///
/// The maps of layer i are named `name.ih_li` and `name.hh_li`, with `_reverse` for the second
/// direction; weights are uniform in ±1/√width as in PyTorch.
///
/// Assumed: biases start at zero, where PyTorch draws them from the same distribution.
///
/// # Shapes
///
/// - x: (batch, time, inputs)
/// - y: (batch, time, width · directions)
#[derive(Clone, Debug)]
pub struct Recurrent {
    name: String,
    config: RecurrentConfig,
    layers: Vec<Vec<Direction>>,
}

#[derive(Clone, Debug)]
struct Direction {
    input: Arc<LinearMap>,
    hidden: Arc<LinearMap>,
    reverse: bool,
}

/// h and c after the last step of each layer and direction, as [`Recurrent::forward`] gives and
/// takes them: layer by layer, forward before reverse.
pub type States = Vec<FinalState>;

impl Recurrent {
    /// A network of that name.
    ///
    /// # Panics
    ///
    /// If there is no layer.
    #[track_caller]
    pub fn new(builder: &mut Builder<'_>, name: &str, config: RecurrentConfig) -> Self {
        assert!(config.layers > 0, "{name} has no layers");
        let outputs = config.cell.gates() * config.width;
        let init = Init::Uniform { bound: 1.0 / (config.width as f32).sqrt() };
        let directions: &[bool] = if config.bidirectional { &[false, true] } else { &[false] };
        let layers = (0..config.layers)
            .map(|layer| {
                let inputs = if layer == 0 { config.inputs } else { config.outputs() };
                let direction = |&reverse: &bool| {
                    let suffix = if reverse { "_reverse" } else { "" };
                    let mut map = |part: &str, inputs: usize| {
                        let name = format!("{name}.{part}_l{layer}{suffix}");
                        builder.map(&name, &[outputs, inputs], init, true, Readout::Layer)
                    };
                    Direction { input: map("ih", inputs), hidden: map("hh", config.width), reverse }
                };
                directions.iter().map(direction).collect()
            })
            .collect();
        Self { name: name.to_owned(), config, layers }
    }

    /// The shape of the network.
    pub fn config(&self) -> &RecurrentConfig {
        &self.config
    }

    /// Records y. Sequences have their own `lengths` if given and start from the values `initial`
    /// if given, from zeros otherwise; the second result are the states after the last step.
    ///
    /// # Panics
    ///
    /// If a shape or the number of states does not fit the network.
    #[track_caller]
    pub fn forward(
        &self,
        x: Var,
        lengths: Option<&[usize]>,
        initial: Option<&[FinalState]>,
        step: &mut Step<'_>,
    ) -> (Var, States) {
        if let Some(initial) = initial {
            let count: usize = self.layers.iter().map(Vec::len).sum();
            assert_eq!(initial.len(), count, "{} has {count} states", self.name);
        }
        let mut initial = initial.into_iter().flatten();
        let mut states = Vec::new();
        let mut x = x;
        for (index, directions) in self.layers.iter().enumerate() {
            if index > 0 {
                let name = format!("{}.dropout_l{index}", self.name);
                x = ops::dropout(step, &name, x, self.config.dropout);
            }
            let outputs: Vec<Var> = directions
                .iter()
                .map(|direction| {
                    let gates = ops::linear(step, &direction.input, x);
                    let mut constant = |value: &Tensor| step.tape.constant(value.clone());
                    let initial = initial.next().map(|state| {
                        let cell = matches!(self.config.cell, Cell::Lstm);
                        (constant(&state.hidden), cell.then(|| constant(&state.cell)))
                    });
                    let recurrence = Recurrence { reverse: direction.reverse, lengths, initial };
                    let cell = self.config.cell;
                    let (y, state) =
                        ops::recurrent(step, cell, &direction.hidden, gates, &recurrence);
                    states.push(state);
                    y
                })
                .collect();
            x = match outputs[..] {
                [one] => one,
                _ => ops::concatenate(step, &outputs, 2),
            };
        }
        (x, states)
    }
}

/// What a [`Recurrent`] network calls a parameter that PyTorch calls `….weight_ih_l0`,
/// `….bias_hh_l1_reverse` and so on; other names are given back unchanged. For
/// [`load_pretrained`](crate::load_pretrained).
pub fn from_pytorch_recurrent_name(name: &str) -> String {
    let (path, last) = name.rsplit_once('.').map_or(("", name), |(path, last)| (path, last));
    match last.split_once('_') {
        Some((part @ ("weight" | "bias"), map))
            if map.starts_with("ih_l") || map.starts_with("hh_l") =>
        {
            let dot = if path.is_empty() { "" } else { "." };
            format!("{path}{dot}{map}.{part}")
        }
        _ => name.to_owned(),
    }
}

/// The inverse of [`from_pytorch_recurrent_name`].
pub fn to_pytorch_recurrent_name(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('.').collect();
    match parts[..] {
        [.., map, part @ ("weight" | "bias")]
            if map.starts_with("ih_l") || map.starts_with("hh_l") =>
        {
            let last = format!("{part}_{map}");
            parts.truncate(parts.len() - 2);
            parts.push(&last);
            parts.join(".")
        }
        _ => name.to_owned(),
    }
}

impl RecurrentConfig {
    /// Width of an output vector.
    pub fn outputs(&self) -> usize {
        self.width * if self.bidirectional { 2 } else { 1 }
    }
}
