//! `Tile`: a matrix programmed into the devices of analog tiles.

use crossbar::cost::{CostFigures, Range};
use crossbar::{AnalogMatrix, MvmNoise, TileConfig};
use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::arrays::{self, take_axes};
use crate::config::json;
use crate::seed;
use crate::work::{detached, refused, wrong};

/// The names of the tiles that ship, by which everything here knows them.
#[pyfunction]
pub(crate) fn presets() -> Vec<&'static str> {
    crossbar::presets::names().collect()
}

/// The text of a tile that ships, with the source of every field: a TOML file to change.
///
/// Raises:
///     ValueError: if there is none of that name.
#[pyfunction]
pub(crate) fn preset(name: &str) -> PyResult<&'static str> {
    crossbar::presets::text(name).ok_or_else(|| {
        let names = crossbar::presets::names().collect::<Vec<_>>().join(", ");
        refused("name", format!("'{name}' is no preset, of {names}"))
    })
}

/// A tile as an argument has it: a preset's name, a path, a TOML text or a dictionary.
pub(crate) fn config(name: &str, value: &Bound<'_, PyAny>) -> PyResult<TileConfig> {
    if let Ok(text) = value.cast::<PyString>() {
        let text = text.to_str()?;
        // A text of several lines or with an equals sign is no name of a file.
        let read = if text.contains(['\n', '=']) {
            TileConfig::from_toml(text)
        } else if crossbar::presets::text(text).is_none() && std::fs::metadata(text).is_err() {
            let names = crossbar::presets::names().collect::<Vec<_>>().join(", ");
            let problem = format!("{name}: '{text}' is neither a preset ({names}) nor a file");
            return Err(PyOSError::new_err(problem));
        } else {
            TileConfig::load(text)
        };
        return read.map_err(|error| refused(name, error));
    }
    if let Ok(path) = value.call_method0("__fspath__") {
        return config(name, &path);
    }
    let table: toml::Table =
        serde_json::from_str(&json(name, value)?).map_err(|error| refused(name, error))?;
    TileConfig::from_toml(&table.to_string()).map_err(|error| refused(name, error))
}

/// A matrix on analog tiles: weights programmed into devices that age, multiplied through converters.
///
/// Programming errors, drift, stuck devices and column errors are drawn once, from the seed of the tile;
/// accumulated read noise once per age; short-term noise for every product. The same arguments give the
/// same bits, on any number of threads; they are the Rust library's.
///
/// A matrix that is larger than the tile of its configuration is cut into several, whose outputs add up.
///
/// Examples:
///     >>> import numpy, dither
///     >>> weights = numpy.array([[0.5, -0.25, 1.0], [0.125, -1.0, 0.75]], numpy.float32)
///     >>> tile = dither.Tile.program(weights, "standard-pcm", seed=1)
///     >>> tile.age(365 * 86400.0)
///     >>> tile.compensate_drift()
///     >>> y = tile.mvm(numpy.array([[0.3, -0.9, 0.6]], numpy.float32))
///     >>> bool(abs(y - [[0.975, 1.3875]]).max() < 0.5)
///     True
#[pyclass(module = "dither")]
#[derive(Debug)]
pub(crate) struct Tile {
    matrix: AnalogMatrix,
    config: TileConfig,
    seed: numerics::Seed,
    input_range: f32,
}

#[pymethods]
impl Tile {
    /// Map a matrix to conductances and program them.
    ///
    /// Args:
    ///     weights: (outputs, inputs) float32 in C order, all finite.
    ///     tile: a preset (`presets`), the path of a TOML file, a TOML text, or a dictionary of its keys.
    ///         It may stand on another: ``{"base": "standard-pcm", "periphery": {"adc": {"noise": 0.02}}}``.
    ///         Device tables may be arrays.
    ///     seed: a number or a `Seed`, which names the errors of the devices.
    ///
    /// Returns:
    ///     The tile at age 0: programmed, without drift.
    ///
    /// Raises:
    ///     ValueError: if a weight is not finite, or a key of the tile is unknown or out of range.
    ///     OSError: if there is no such file.
    #[staticmethod]
    #[pyo3(signature = (weights, tile=None, *, seed=None))]
    fn program(
        weights: &Bound<'_, PyAny>,
        tile: Option<&Bound<'_, PyAny>>,
        seed: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let py = weights.py();
        let config = match tile {
            Some(tile) => config("tile", tile)?,
            None => crossbar::presets::standard_pcm(),
        };
        let seed = seed.map_or(Ok(numerics::Seed::new(0)), |seed| seed::seed("seed", seed))?;
        let array: PyReadonlyArrayDyn<'_, f32> =
            take_axes("weights", weights, 2, "(outputs, inputs)")?;
        let (outputs, inputs) = (array.shape()[0], array.shape()[1]);
        if outputs == 0 || inputs == 0 {
            return Err(refused("weights", format!("a {outputs} × {inputs} matrix has none")));
        }
        let values = arrays::slice(&array)?;
        let matrix = detached(py, values.len() * 64, |par| {
            AnalogMatrix::program(&config, values, inputs, &seed, par)
        })?;
        Ok(Self { matrix, config, seed, input_range: 1.0 })
    }

    /// Number of outputs and inputs.
    #[getter]
    fn shape(&self) -> (usize, usize) {
        (self.matrix.outputs(), self.matrix.inputs())
    }

    /// Into how many tiles the matrix is cut.
    #[getter]
    fn tiles(&self) -> usize {
        self.matrix.cut().parts().len()
    }

    /// Seconds since programming.
    #[getter]
    fn age_s(&self) -> f64 {
        self.matrix.tiles().next().map_or(0.0, |(_, _, tile)| tile.age_s())
    }

    /// The configuration as TOML.
    #[getter]
    fn config(&self) -> String {
        self.config.to_toml()
    }

    /// What the converters of the inputs take as 1; 1 until it is set.
    #[getter]
    fn get_input_range(&self) -> f32 {
        self.input_range
    }

    #[setter]
    fn set_input_range(&mut self, range: f32) -> PyResult<()> {
        self.matrix.set_input_range(range).map_err(wrong)?;
        self.input_range = range;
        Ok(())
    }

    /// Set digital biases of the outputs, (outputs,) float32; None for none.
    #[pyo3(signature = (bias))]
    fn set_bias(&mut self, bias: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let Some(bias) = bias else { return self.matrix.set_bias(&[]).map_err(wrong) };
        let array: PyReadonlyArrayDyn<'_, f32> = take_axes("bias", bias, 1, "(outputs,)")?;
        let outputs = self.matrix.outputs();
        if array.shape()[0] != outputs {
            return Err(refused("bias", format!("{} for {outputs} outputs", array.shape()[0])));
        }
        self.matrix.set_bias(arrays::slice(&array)?).map_err(wrong)
    }

    /// Let the devices age to that many seconds after programming; earlier ages may follow later ones.
    ///
    /// Args:
    ///     t_s: seconds since programming, finite and at least 0.
    ///
    /// Raises:
    ///     ValueError: if the time is negative or not finite.
    fn age(&mut self, py: Python<'_>, t_s: f64) -> PyResult<()> {
        let size = self.size() * 64;
        let matrix = &mut self.matrix;
        detached(py, size, |par| matrix.age_to(t_s, par))
    }

    /// Scale the outputs against the mean drift, by a read-out of test inputs.
    ///
    /// Args:
    ///     seed: of the noise of the read-out; a child of the tile's seed, named by its age, if not given.
    #[pyo3(signature = (*, seed=None))]
    fn compensate_drift(
        &mut self,
        py: Python<'_>,
        seed: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let seed = match seed {
            Some(seed) => seed::seed("seed", seed)?,
            None => self.seed.child("compensation").child(self.age_s().to_bits()),
        };
        let size = self.size() * 64;
        let matrix = &mut self.matrix;
        detached(py, size, |_| {
            matrix.compensate_drift(&seed);
            Ok::<_, String>(())
        })
    }

    /// Multiply a batch by the weights as the devices have them now.
    ///
    /// Args:
    ///     x: (…, inputs) float32 in C order. Inputs beyond the input range are clipped; NaN is 0.
    ///     seed: of the noise of the product; the child "product" of the tile's seed if not given, so that
    ///         the same call has the same noise.
    ///     first: number of the first row in what the seed covers: a batch may be cut.
    ///
    /// Returns:
    ///     (…, outputs) float32.
    #[pyo3(signature = (x, *, seed=None, first=0))]
    fn mvm<'py>(
        &self,
        x: &Bound<'py, PyAny>,
        seed: Option<&Bound<'py, PyAny>>,
        first: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, like) = (x.py(), x);
        let noise = self.noise(seed, first)?;
        let array = self.rows("x", x)?;
        let (values, outputs) = (arrays::slice(&array)?, self.matrix.outputs());
        let mut shape = array.shape().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = outputs;
        }
        let y = detached(py, values.len() * outputs, |par| {
            Ok::<_, String>(self.product(values, &noise, par))
        })?;
        arrays::returned(like, &shape, y)
    }

    /// The weights that the conductances stand for now, (outputs, inputs), scales and compensation
    /// included.
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        let shape = [self.matrix.outputs(), self.matrix.inputs()];
        arrays::array(py, &shape, self.matrix.weights())
    }

    /// The conductances now, in µS: for each tile a dictionary with its rows and columns of the matrix,
    /// as ``slice``, and an array (devices of the unit cell, outputs, inputs).
    fn conductances_us<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let slice = py.get_type::<pyo3::types::PySlice>();
        let list = PyList::empty(py);
        for (rows, columns, tile) in self.matrix.tiles() {
            let devices: Vec<f32> = tile.conductances_us().flatten().copied().collect();
            let (outputs, inputs) = (tile.outputs(), tile.inputs());
            let shape = [devices.len() / (outputs * inputs), outputs, inputs];
            let part = PyDict::new(py);
            part.set_item("rows", slice.call1((rows.start, rows.end))?)?;
            part.set_item("columns", slice.call1((columns.start, columns.end))?)?;
            part.set_item("g_us", arrays::array(py, &shape, devices)?)?;
            list.append(part)?;
        }
        Ok(list)
    }

    /// How far products are from exact ones of other weights: mean over a batch of ‖y − ỹ‖ / ‖y‖, by the
    /// ratio of the sums.
    ///
    /// Args:
    ///     weights: (outputs, inputs) float32: what was meant.
    ///     x: (batch, inputs) float32.
    ///     seed, first: as in `mvm`.
    #[pyo3(signature = (weights, x, *, seed=None, first=0))]
    fn mvm_error(
        &self,
        weights: &Bound<'_, PyAny>,
        x: &Bound<'_, PyAny>,
        seed: Option<&Bound<'_, PyAny>>,
        first: u64,
    ) -> PyResult<f64> {
        let py = x.py();
        let noise = self.noise(seed, first)?;
        let (outputs, inputs) = (self.matrix.outputs(), self.matrix.inputs());
        let weights: PyReadonlyArrayDyn<'_, f32> =
            take_axes("weights", weights, 2, "(outputs, inputs)")?;
        if weights.shape() != [outputs, inputs] {
            let problem = format!(
                "shape {:?} is not that of the tile, ({outputs}, {inputs})",
                weights.shape()
            );
            return Err(refused("weights", problem));
        }
        let array = self.rows("x", x)?;
        let (weights, x) = (arrays::slice(&weights)?, arrays::slice(&array)?);
        if x.is_empty() {
            return Err(refused("x", "no products have no error"));
        }
        detached(py, x.len() * outputs, |par| {
            let exact: Vec<f32> = x
                .chunks_exact(inputs)
                .flat_map(|x| weights.chunks_exact(inputs).map(move |w| (w, x)))
                .map(|(w, x)| {
                    w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum::<f64>() as f32
                })
                .collect();
            let analog = self.product(x, &noise, par);
            Ok::<_, String>(crossbar::mvm_error(&exact, &analog, outputs))
        })
    }

    /// What one product costs, averaged over a batch: an estimate from named figures with ranges.
    ///
    /// Args:
    ///     x: (batch, inputs) float32: what is multiplied.
    ///     figures: ``"standard"``, ``"chip"`` (with what stands around the tiles), or a TOML text.
    ///
    /// Returns:
    ///     A dictionary; energies in pJ by component and in all, ``latency_ns``, ``area_um2`` as
    ///     (low, nominal, high); ``macs``; ``tops_per_watt``.
    #[pyo3(signature = (x, figures="standard"))]
    fn cost<'py>(&self, x: &Bound<'py, PyAny>, figures: &str) -> PyResult<Bound<'py, PyDict>> {
        let py = x.py();
        let figures = match figures {
            "standard" => CostFigures::standard(),
            "chip" => CostFigures::chip(),
            text => CostFigures::from_toml(text).map_err(|error| refused("figures", error))?,
        };
        let array = self.rows("x", x)?;
        let x = arrays::slice(&array)?;
        if x.is_empty() {
            return Err(refused("x", "no products have no cost"));
        }
        let cost = detached(py, self.size() + x.len(), |_| {
            Ok::<_, String>(figures.matrix(&self.matrix, x))
        })?;
        let ends = |range: Range| (range.low, range.nominal, range.high);
        let energy = PyDict::new(py);
        for (component, range) in cost.energy.components() {
            energy.set_item(component, ends(range))?;
        }
        let all = PyDict::new(py);
        all.set_item("energy_pj", energy)?;
        all.set_item("total_pj", ends(cost.energy.total_pj()))?;
        all.set_item("latency_ns", ends(cost.latency_ns))?;
        all.set_item("area_um2", ends(cost.area_um2))?;
        all.set_item("macs", cost.macs)?;
        all.set_item("tops_per_watt", cost.tops_per_watt())?;
        Ok(all)
    }

    fn __repr__(&self) -> String {
        let (outputs, inputs) = self.shape();
        let (tiles, age) = (self.tiles(), self.age_s());
        format!("Tile({outputs} × {inputs} on {tiles}, {age} s after programming)")
    }
}

impl Tile {
    fn size(&self) -> usize {
        self.matrix.outputs() * self.matrix.inputs()
    }

    fn noise(&self, seed: Option<&Bound<'_, PyAny>>, first: u64) -> PyResult<MvmNoise> {
        let of_tile = || Ok(self.seed.child("product"));
        let seed = seed.map_or_else(of_tile, |seed| seed::seed("seed", seed))?;
        Ok(MvmNoise { seed, first_sample: first })
    }

    fn product(&self, x: &[f32], noise: &MvmNoise, par: numerics::Par) -> Vec<f32> {
        let rows = x.len() / self.matrix.inputs();
        let mut y = vec![0.0; rows * self.matrix.outputs()];
        self.matrix.forward(x, noise, par, &mut y);
        y
    }

    /// The argument `name`, whose last axis are inputs.
    fn rows<'py>(
        &self,
        name: &str,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<PyReadonlyArrayDyn<'py, f32>> {
        let array: PyReadonlyArrayDyn<'py, f32> = arrays::take(name, value)?;
        let inputs = self.matrix.inputs();
        if array.shape().last() == Some(&inputs) {
            return Ok(array);
        }
        Err(refused(name, format!("shape {:?} does not end with {inputs} inputs", array.shape())))
    }
}

/// The relative error of products: Σ ‖y − ỹ‖ / Σ ‖y‖ over the rows of a batch.
///
/// Args:
///     exact, analog: (batch, outputs) float32.
#[pyfunction]
pub(crate) fn mvm_error(exact: &Bound<'_, PyAny>, analog: &Bound<'_, PyAny>) -> PyResult<f64> {
    let exact: PyReadonlyArrayDyn<'_, f32> = take_axes("exact", exact, 2, "(batch, outputs)")?;
    let analog: PyReadonlyArrayDyn<'_, f32> = take_axes("analog", analog, 2, "(batch, outputs)")?;
    if exact.shape() != analog.shape() || exact.shape().contains(&0) {
        let problem =
            format!("shape {:?} is not that of exact, {:?}", analog.shape(), exact.shape());
        return Err(refused("analog", problem));
    }
    let outputs = exact.shape()[1];
    Ok(crossbar::mvm_error(arrays::slice(&exact)?, arrays::slice(&analog)?, outputs))
}
