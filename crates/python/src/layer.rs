//! `Layer`: a layer of `nn` in one arithmetic, for the modules of `dither.torch`.
//!
//! Python owns the parameters as a float network has them, and its optimiser changes them. A layer
//! holds the same in the numbers of its arithmetic: [`Layer::settle`] lets what the optimiser added enter
//! these numbers as the library does, and gives the values that are then there. A forward pass records
//! on a tape; [`Recorded::backward`] runs it with the errors that autograd brings.

mod programmed;
mod recorded;

use std::sync::{Arc, Mutex, PoisonError};

use nn::arithmetic::{LearnedScales, ScaleUnit, WeightStep};
use nn::layers::{Builder, States};
use nn::layers::{Cell, Conv2d, ConvConfig, Init, Linear, Readout, Recurrent, RecurrentConfig};
use nn::{
    Analog, AnalogTraining, AnyArithmetic, Mode, ParameterId, Parameters, Pass, Policy, Role, Step,
    Tensor, Var, Window, Workspace,
};
use numerics::Seed;
use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::arrays;
use crate::config::read;
use crate::seed;
use crate::work::{detached, refused, wrong};

pub(crate) use programmed::Programmed;
pub(crate) use recorded::Recorded;

/// What a layer computes.
#[derive(Debug)]
enum Kind {
    Linear(Linear),
    Conv2d(Conv2d),
    Recurrent(Recurrent),
}

impl Kind {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> (Var, States) {
        match self {
            Self::Linear(layer) => (layer.forward(x, step), Vec::new()),
            Self::Conv2d(layer) => (layer.forward(x, step), Vec::new()),
            Self::Recurrent(layer) => layer.forward(x, None, None, step),
        }
    }
}

/// What all passes of a layer share.
#[derive(Debug)]
struct Shared {
    kind: Kind,
    /// Length of the last axis of an input.
    inputs: usize,
    axes: usize,
    work: Mutex<Vec<Workspace>>,
}

impl Shared {
    fn workspace(&self) -> Workspace {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.pop().unwrap_or_default()
    }

    /// Keeps the memory of a pass for the next.
    fn give_back(&self, mut workspace: Workspace) {
        workspace.clear();
        self.work.lock().unwrap_or_else(PoisonError::into_inner).push(workspace);
    }

    /// The argument `x`, as the layer takes it.
    fn input<'py>(&self, x: &Bound<'py, PyAny>) -> PyResult<PyReadonlyArrayDyn<'py, f32>> {
        let array: PyReadonlyArrayDyn<'py, f32> = arrays::take("x", x)?;
        let (shape, inputs) = (array.shape(), self.inputs);
        if shape.last() != Some(&inputs) || (self.axes > 0 && shape.len() != self.axes) {
            let problem = match self.axes {
                4 => format!("shape {shape:?} is not (batch, height, width, {inputs})"),
                3 => format!("shape {shape:?} is not (batch, time, {inputs})"),
                _ => format!("shape {shape:?} does not end with {inputs} inputs"),
            };
            return Err(refused("x", problem));
        }
        if shape.contains(&0) {
            return Err(refused("x", format!("shape {shape:?} has no elements")));
        }
        Ok(array)
    }
}

/// The names of the arithmetics that need no configuration.
#[pyfunction]
pub(crate) fn arithmetics() -> Vec<&'static str> {
    ["float32"].into_iter().chain(nn::arithmetic::presets::names()).collect()
}

/// The noise of the paper's training, PCM at 20 s, as a configuration in JSON.
#[pyfunction]
pub(crate) fn paper_noise(scale: f32, drop_connect: f32) -> PyResult<String> {
    let noise = crossbar::WeightNoiseConfig::paper(scale, drop_connect);
    serde_json::to_string(&noise).map_err(wrong)
}

/// A tile of a preset, a file, a text or a dictionary as a whole configuration in JSON.
#[pyfunction]
pub(crate) fn tile_json(tile: &Bound<'_, PyAny>) -> PyResult<String> {
    serde_json::to_string(&crate::tile::config("tile", tile)?).map_err(wrong)
}

/// A linear, convolutional or recurrent layer in one arithmetic.
#[pyclass(module = "dither")]
#[derive(Debug)]
pub(crate) struct Layer {
    shared: Arc<Shared>,
    parameters: Arc<Parameters>,
    /// The parameters that Python has, in its order.
    owned: Vec<ParameterId>,
    /// Their values when they were last settled.
    settled: Vec<Vec<f32>>,
    on_tiles: bool,
}

/// Weights of tiles are those of a float network for Python: scales follow from the weights, and
/// gradients are of the weights that they scale.
///
/// Differs: the scale of a column is that of its largest weight at every step, where \[Rasch23\] learns
/// it and clips the weights; so no weight of PyTorch's is clipped. Ranges of ADCs are those of the tile.
fn for_python(arithmetic: AnyArithmetic) -> PyResult<AnyArithmetic> {
    let AnyArithmetic::Analog(analog) = arithmetic else { return Ok(arithmetic) };
    let training = AnalogTraining {
        step: WeightStep::Logical,
        learned_scales: LearnedScales::None,
        scale_unit: ScaleUnit::One,
        remap_every: None,
        adc_bound: None,
        ..*analog.training()
    };
    Ok(Analog::new(analog.tile().clone(), training).map_err(wrong)?.into())
}

impl Layer {
    fn build(
        arithmetic: &Bound<'_, PyAny>,
        (inputs, axes): (usize, usize),
        make: impl FnOnce(&mut Builder<'_>) -> Kind + Send,
    ) -> PyResult<Self> {
        let py = arithmetic.py();
        let arithmetic = for_python(read("arithmetic", arithmetic)?)?;
        let on_tiles = matches!(arithmetic, AnyArithmetic::Analog(_));
        let policy = Policy::uniform(arithmetic);
        let (parameters, kind) = detached(py, usize::MAX, |_| {
            let mut parameters = Parameters::new();
            let seed = Seed::new(0);
            let kind = make(&mut Builder { parameters: &mut parameters, policy: &policy, seed });
            Ok::<_, String>((parameters, kind))
        })?;
        let of_network = parameters.of_float_network().map(|(id, _)| id);
        let owned: Vec<ParameterId> = of_network.collect();
        let shared = Shared { kind, inputs, axes, work: Mutex::default() };
        Ok(Self {
            shared: Arc::new(shared),
            parameters: Arc::new(parameters),
            settled: vec![Vec::new(); owned.len()],
            owned,
            on_tiles,
        })
    }

    /// Whether Python's values of a parameter are not those that its numbers stand for: on tiles
    /// weights are held as conductances and scales.
    fn is_mapped(&self, id: ParameterId) -> bool {
        self.on_tiles && self.parameters.get(id).role() == Role::Weight
    }
}

/// Weights that Python sets before they are used.
const UNSET: Init = Init::Uniform { bound: 0.0 };

/// The name of the layer in the seeds of a pass: Python gives each layer a seed of its own.
const NAME: &str = "layer";

#[pymethods]
impl Layer {
    /// y = x·Wᵀ + b; if `wide`, the sums before their rounding.
    #[staticmethod]
    fn linear(
        arithmetic: &Bound<'_, PyAny>,
        inputs: usize,
        outputs: usize,
        bias: bool,
        wide: bool,
    ) -> PyResult<Self> {
        if inputs == 0 || outputs == 0 {
            return Err(wrong(format!("a layer of {inputs} inputs and {outputs} outputs")));
        }
        if bias {
            let readout = if wide { Readout::Wide } else { Readout::Layer };
            return Self::build(arithmetic, (inputs, 0), |builder| {
                Kind::Linear(Linear::new(builder, NAME, inputs, outputs, UNSET, readout))
            });
        }
        if wide {
            return Err(refused("wide", "only a layer with a bias gives its sums"));
        }
        // One tap on images of one pixel is a linear map that may be without a bias.
        Self::build(arithmetic, (inputs, 4), |builder| {
            let config = ConvConfig::new(Window::square(1), UNSET).without_bias();
            Kind::Conv2d(Conv2d::new(builder, NAME, inputs, outputs, config))
        })
    }

    /// A convolution of images, channels last.
    #[staticmethod]
    #[pyo3(signature = (arithmetic, inputs, outputs, kernel, stride, padding, dilation, groups, bias))]
    #[expect(clippy::too_many_arguments, reason = "those of torch.nn.Conv2d")]
    fn conv2d(
        arithmetic: &Bound<'_, PyAny>,
        inputs: usize,
        outputs: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        dilation: [usize; 2],
        groups: usize,
        bias: bool,
    ) -> PyResult<Self> {
        let positive = [kernel, stride, dilation].iter().flatten().all(|&n| n > 0);
        if !positive || inputs == 0 || outputs == 0 {
            return Err(wrong("channels, kernel, stride and dilation are at least 1"));
        }
        if groups == 0 || !inputs.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
            let problem = format!("{groups} do not divide {inputs} inputs and {outputs} outputs");
            return Err(refused("groups", problem));
        }
        let window = Window { kernel, stride, padding, dilation, ceil: false };
        Self::build(arithmetic, (inputs, 4), |builder| {
            let config = ConvConfig { bias, ..ConvConfig::new(window, UNSET).groups(groups) };
            Kind::Conv2d(Conv2d::new(builder, NAME, inputs, outputs, config))
        })
    }

    /// An LSTM or a GRU, batch first.
    #[staticmethod]
    #[pyo3(signature = (arithmetic, cell, inputs, width, layers, dropout, bidirectional))]
    fn recurrent(
        arithmetic: &Bound<'_, PyAny>,
        cell: &Bound<'_, PyAny>,
        inputs: usize,
        width: usize,
        layers: usize,
        dropout: f32,
        bidirectional: bool,
    ) -> PyResult<Self> {
        if inputs == 0 || width == 0 || layers == 0 || !(0.0..1.0).contains(&dropout) {
            return Err(wrong("inputs, width and layers are at least 1, dropout in [0, 1)"));
        }
        let cell: Cell = read("cell", cell)?;
        let config = RecurrentConfig { cell, inputs, width, layers, bidirectional, dropout };
        Self::build(arithmetic, (inputs, 3), |builder| {
            Kind::Recurrent(Recurrent::new(builder, NAME, config))
        })
    }

    /// Names and shapes of the parameters that Python has, in the order of `settle`.
    fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let named = |&id: &ParameterId| {
            let parameter = self.parameters.get(id);
            let name = nn::layers::to_pytorch_recurrent_name(parameter.name());
            let name = name.strip_prefix("layer.").map_or(&*name, |name| name).to_owned();
            (name, parameter.shape().to_vec())
        };
        self.owned.iter().map(named).collect()
    }

    /// How many matrices are on tiles, each with an input range.
    #[getter]
    fn input_ranges(&self) -> usize {
        self.parameters.analog().count()
    }

    /// Bring Python's parameters into the numbers of the arithmetic.
    ///
    /// A parameter that has not changed since stays as it is. What was added to one that has changed
    /// enters as an update of the library does, rounded by bits of the seed; if `assign`, the values are
    /// taken as initial ones.
    ///
    /// Returns:
    ///     Whether something was added, and for each parameter the values that are there if they are not
    ///     those given, else None.
    #[pyo3(signature = (values, ranges, seed, assign))]
    #[expect(clippy::type_complexity, reason = "two results")]
    fn settle<'py>(
        &mut self,
        py: Python<'py>,
        values: Vec<Bound<'py, PyAny>>,
        ranges: Vec<f32>,
        seed: &Bound<'py, PyAny>,
        assign: bool,
    ) -> PyResult<(bool, Vec<Option<Bound<'py, PyArrayDyn<f32>>>>)> {
        let seed = seed::seed("seed", seed)?;
        let mut added = false;
        if values.len() != self.owned.len() || ranges.len() != self.input_ranges() {
            return Err(refused("values", "are not those of this layer"));
        }
        let mut held = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let id = self.owned[index];
            let (name, shape) = {
                let parameter = self.parameters.get(id);
                (parameter.name().to_owned(), parameter.shape().to_vec())
            };
            let array: PyReadonlyArrayDyn<'py, f32> = arrays::take(&name, value)?;
            if array.shape() != shape {
                let problem = format!("shape {:?} is not {shape:?}", array.shape());
                return Err(refused(&name, problem));
            }
            let new = arrays::slice(&array)?;
            let settled = &self.settled[index];
            let changed = assign || !same_bits(settled, new);
            added |= changed && !assign && !settled.is_empty();
            held.push(match changed {
                true => self.settle_one(py, index, new, &seed, assign)?,
                false => None,
            });
        }
        self.set_ranges(&ranges)?;
        Ok((added, held))
    }

    /// Multiply.
    ///
    /// Args:
    ///     x: (…, inputs), (batch, height, width, channels) or (batch, time, inputs) float32.
    ///     train: whether the pass is one of training, with what that adds, and is kept for `backward`.
    ///     wants_dx: whether the gradient by x will be asked for.
    ///     seed: of this pass.
    ///     step: number of the mini-batch since training began.
    ///
    /// Returns:
    ///     y, final states (layer by layer: h and c), and what `backward` needs or None.
    #[expect(clippy::type_complexity, reason = "three results")]
    fn forward<'py>(
        &self,
        x: &Bound<'py, PyAny>,
        train: bool,
        wants_dx: bool,
        seed: &Bound<'py, PyAny>,
        step: u64,
    ) -> PyResult<(
        Bound<'py, PyArrayDyn<f32>>,
        Vec<[Bound<'py, PyArrayDyn<f32>>; 2]>,
        Option<Recorded>,
    )> {
        let py = x.py();
        let seed = seed::seed("seed", seed)?;
        let array = self.shared.input(x)?;
        let input = Tensor::new(array.shape(), arrays::slice(&array)?.to_vec());
        let mode = if train { Mode::Train } else { Mode::Eval };
        let shared = &self.shared;
        let size = self.size_of(&input);
        let (work, pass, x, y, states) = detached(py, size, |par| {
            let pass = Pass { seed, first_row: 0, step, mode, par };
            let mut work = shared.workspace();
            let mut step = work.step(&*self.parameters, pass);
            let x = match wants_dx {
                true => step.tape.variable(input),
                false => step.tape.constant(input),
            };
            let (y, states) = shared.kind.forward(x, &mut step);
            Ok::<_, String>((work, pass, x, y, states))
        })?;
        let value = work.tape.value(y);
        let out = arrays::array(py, value.shape(), value.data().to_vec())?;
        let states = states_of(py, &states)?;
        if train {
            let parameters = Arc::clone(&self.parameters);
            let owned = self.owned.clone();
            let recorded =
                Recorded::new(Arc::clone(shared), parameters, owned, work, pass, [x, y], size);
            return Ok((out, states, Some(recorded)));
        }
        shared.give_back(work);
        Ok((out, states, None))
    }

    /// Program the weights as they are into devices.
    ///
    /// Args:
    ///     tile: the tile; that of training if None. It must cut the matrix into the same parts.
    ///     seed: names the errors of the devices.
    #[pyo3(signature = (tile, seed))]
    fn program(
        &self,
        py: Python<'_>,
        tile: Option<&Bound<'_, PyAny>>,
        seed: &Bound<'_, PyAny>,
    ) -> PyResult<Programmed> {
        if !self.on_tiles {
            return Err(wrong("a layer that is not on tiles has no devices"));
        }
        let tile = tile.map(|tile| crate::tile::config("tile", tile)).transpose()?;
        let seed = seed::seed("seed", seed)?;
        Programmed::new(py, Arc::clone(&self.shared), Arc::clone(&self.parameters), tile, seed)
    }
}

impl Layer {
    /// Brings one parameter into the numbers of the arithmetic.
    fn settle_one<'py>(
        &mut self,
        py: Python<'py>,
        index: usize,
        new: &[f32],
        seed: &Seed,
        assign: bool,
    ) -> PyResult<Option<Bound<'py, PyArrayDyn<f32>>>> {
        let id = self.owned[index];
        let (mapped, first) = (self.is_mapped(id), self.settled[index].is_empty());
        if let Some(at) = new.iter().position(|x| !x.is_finite()) {
            let name = self.parameters.get(id).name();
            return Err(refused(name, format!("{} at index {at} is not finite", new[at])));
        }
        let (parameters, seed) = (&mut self.parameters, seed.child(index));
        detached(py, new.len(), |_| {
            // Passes that are not yet run backwards keep the weights that they multiplied.
            let parameters = Arc::make_mut(parameters);
            if mapped || first || assign {
                return parameters.assign(id, new);
            }
            let parameter = parameters.get_mut(id);
            parameter.accumulate(|to, _| to.copy_from_slice(new));
            parameter.apply(false, &seed, |new, _, held| new - held);
            Ok(())
        })?;
        if mapped {
            self.settled[index] = new.to_vec();
            return Ok(None);
        }
        let parameter = self.parameters.get(id);
        let held = parameter.values();
        let answer = match same_bits(&held, new) {
            true => None,
            false => Some(arrays::array(py, parameter.shape(), held.clone())?),
        };
        self.settled[index] = held;
        Ok(answer)
    }

    fn set_ranges(&mut self, ranges: &[f32]) -> PyResult<()> {
        let present = self.parameters.analog();
        let names: Vec<(String, f32)> =
            present.map(|a| (a.name().to_owned(), a.input_range(&self.parameters))).collect();
        for ((name, present), &range) in names.iter().zip(ranges) {
            let range = range.abs().max(f32::MIN_POSITIVE);
            if !range.is_finite() {
                return Err(refused("input_range", format!("{range} is not finite")));
            }
            if range != *present {
                Arc::make_mut(&mut self.parameters).set_input_range(name, range);
            }
        }
        Ok(())
    }

    /// Roughly the number of operations of a product.
    fn size_of(&self, input: &Tensor) -> usize {
        let rows = input.data().len() / self.shared.inputs.max(1);
        self.parameters.count().saturating_mul(rows)
    }
}

/// Whether two arrays are the same numbers; zeros have signs here.
fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// h and c after the last step, as arrays.
fn states_of<'py>(
    py: Python<'py>,
    states: &States,
) -> PyResult<Vec<[Bound<'py, PyArrayDyn<f32>>; 2]>> {
    // A GRU has no c.
    let shape = |tensor: &Tensor| match tensor.data().is_empty() {
        true => vec![0],
        false => tensor.shape().to_vec(),
    };
    let array = |tensor: &Tensor| arrays::array(py, &shape(tensor), tensor.data().to_vec());
    states.iter().map(|state| Ok([array(&state.hidden)?, array(&state.cell)?])).collect()
}
