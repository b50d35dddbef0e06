//! `Programmed`: the devices of a layer on tiles.

use std::sync::{Arc, Mutex, PoisonError};

use crossbar::TileConfig;
use nn::{Devices, Mode, Parameters, Pass, Run, Tensor};
use numerics::{Par, Seed};
use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use super::{Shared, states_of};
use crate::arrays;
use crate::seed;
use crate::work::{detached, wrong};

/// The devices into which a layer was programmed; what it learns later does not reach them.
#[pyclass(frozen, module = "dither")]
#[derive(Debug)]
pub(crate) struct Programmed {
    shared: Arc<Shared>,
    // Before the parameters that it borrows, for fields are dropped in this order.
    devices: Mutex<Devices<'static>>,
    parameters: Arc<Parameters>,
}

impl Programmed {
    pub(super) fn new(
        py: Python<'_>,
        shared: Arc<Shared>,
        parameters: Arc<Parameters>,
        tile: Option<TileConfig>,
        seed: Seed,
    ) -> PyResult<Self> {
        for analog in parameters.analog() {
            let (outputs, inputs) = analog.shape();
            let cut = tile.as_ref().map(|tile| crossbar::Cut::new(outputs, inputs, &tile.mapping));
            if cut.is_some_and(|cut| cut != *analog.cut()) {
                return Err(wrong(
                    "tile: it cuts the matrix into other parts than it is trained on",
                ));
            }
        }
        #[expect(unsafe_code, reason = "the devices are kept with the parameters that they borrow")]
        // SAFETY: The reference points into the allocation of `parameters`, an `Arc` that this struct
        // keeps for as long as the devices: they are declared, and so dropped, before it. Nobody gets a
        // `&mut` to what a shared `Arc` holds; `Layer` changes its parameters by `Arc::make_mut`, which
        // copies while this reference count is there. The lifetime does not leave this struct.
        let borrowed: &'static Parameters = unsafe { &*Arc::as_ptr(&parameters) };
        let size = parameters.count() * 64;
        let devices = detached(py, size, |par| {
            let own = |analog: &nn::AnalogWeights| analog.config().tile().clone();
            let tile = |analog: &nn::AnalogWeights| tile.clone().unwrap_or_else(|| own(analog));
            Devices::program(borrowed, tile, Run::new(&seed, par))
        })?;
        Ok(Self { shared, devices: Mutex::new(devices), parameters })
    }
}

#[pymethods]
impl Programmed {
    /// Let the devices age to `t_s` seconds after programming, and compensate their drift.
    fn age(&self, py: Python<'_>, t_s: f64, seed: &Bound<'_, PyAny>) -> PyResult<()> {
        let seed = seed::seed("seed", seed)?;
        let size = self.parameters.count() * 64;
        detached(py, size, |par| {
            let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
            devices.age_to(t_s, Run::new(&seed, par))
        })
    }

    /// Multiply by what the devices hold: y, and final states.
    #[expect(clippy::type_complexity, reason = "two results")]
    fn forward<'py>(
        &self,
        x: &Bound<'py, PyAny>,
        seed: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyArrayDyn<f32>>, Vec<[Bound<'py, PyArrayDyn<f32>>; 2]>)> {
        let py = x.py();
        let seed = seed::seed("seed", seed)?;
        let array = self.shared.input(x)?;
        let input = Tensor::new(array.shape(), arrays::slice(&array)?.to_vec());
        let size = self.parameters.count().saturating_mul(input.data().len() / self.shared.inputs);
        let run = |par: Par| {
            let devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
            let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Eval, par };
            let mut work = self.shared.workspace();
            let mut step = work.step(&*devices, pass);
            let x = step.tape.constant(input);
            let (y, states) = self.shared.kind.forward(x, &mut step);
            (work, y, states)
        };
        let (work, y, states) = detached(py, size, |par| Ok::<_, String>(run(par)))?;
        let value = work.tape.value(y);
        let out = arrays::array(py, value.shape(), value.data().to_vec())?;
        let states = states_of(py, &states)?;
        self.shared.give_back(work);
        Ok((out, states))
    }
}
