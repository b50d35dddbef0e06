//! `Recorded`: a forward pass that waits for its errors.

use std::sync::{Arc, Mutex, PoisonError};

use nn::{Backward, Operation, ParameterId, Parameters, Pass, Role, Tensor, Var, Workspace};
use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::Shared;
use crate::arrays;
use crate::work::{detached, refused};

/// A forward pass of training, with the weights that it multiplied.
#[pyclass(frozen, module = "dither")]
pub(crate) struct Recorded {
    shared: Arc<Shared>,
    owned: Vec<ParameterId>,
    size: usize,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    parameters: Arc<Parameters>,
    work: Workspace,
    pass: Pass,
    x: Var,
    y: Var,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorded").finish_non_exhaustive()
    }
}

/// Errors that come from outside, as if a loss had them.
#[derive(Debug)]
struct Errors {
    of: Var,
    errors: Vec<f32>,
}

impl Operation for Errors {
    fn backward(&mut self, _: &mut [f32], context: &mut Backward<'_>) {
        context.give(self.of, std::mem::take(&mut self.errors));
    }
}

/// The gradients of a pass.
struct Gradients {
    x: Option<Vec<f32>>,
    owned: Vec<Option<Vec<f32>>>,
    ranges: Vec<f32>,
}

impl Recorded {
    pub(super) fn new(
        shared: Arc<Shared>,
        parameters: Arc<Parameters>,
        owned: Vec<ParameterId>,
        work: Workspace,
        pass: Pass,
        [x, y]: [Var; 2],
        size: usize,
    ) -> Self {
        let kept = Mutex::new(Some(Kept { parameters, work, pass, x, y }));
        Self { shared, owned, size, kept }
    }
}

#[pymethods]
impl Recorded {
    /// Run the pass backwards, once.
    ///
    /// Args:
    ///     errors: ∂loss/∂y in the shape of y, float32.
    ///
    /// Returns:
    ///     ∂loss/∂x or None if it was not wanted, those of the parameters in the order of `settle`, and
    ///     those of the input ranges.
    ///
    /// Raises:
    ///     RuntimeError: if it has been run backwards already.
    #[expect(clippy::type_complexity, reason = "three results")]
    fn backward<'py>(
        &self,
        errors: &Bound<'py, PyAny>,
    ) -> PyResult<(
        Option<Bound<'py, PyArrayDyn<f32>>>,
        Vec<Option<Bound<'py, PyArrayDyn<f32>>>>,
        Vec<f32>,
    )> {
        let py = errors.py();
        let array: PyReadonlyArrayDyn<'py, f32> = arrays::take("errors", errors)?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pass) = kept.take() else {
            let problem = "a pass of dither runs backwards once: its memory serves the next step";
            return Err(PyRuntimeError::new_err(problem));
        };
        let shape = pass.work.tape.value(pass.y).shape();
        if array.shape() != shape {
            let problem = format!("shape {:?} is not that of y, {shape:?}", array.shape());
            let refused = refused("errors", problem);
            *kept = Some(pass);
            return Err(refused);
        }
        drop(kept);
        let input_shape = pass.work.tape.value(pass.x).shape().to_vec();
        let shapes: Vec<Vec<usize>> =
            self.owned.iter().map(|&id| pass.parameters.get(id).shape().to_vec()).collect();
        let errors = arrays::slice(&array)?.to_vec();
        let gradients = detached(py, self.size, |par| {
            Ok::<_, String>(self.run(Kept { pass: Pass { par, ..pass.pass }, ..pass }, errors))
        })?;
        let x = gradients.x.map(|dx| arrays::array(py, &input_shape, dx)).transpose()?;
        let owned = gradients.owned.into_iter().zip(&shapes);
        let owned = owned.map(|(g, shape)| g.map(|g| arrays::array(py, shape, g)).transpose());
        Ok((x, owned.collect::<PyResult<_>>()?, gradients.ranges))
    }
}

impl Recorded {
    fn run(&self, kept: Kept, errors: Vec<f32>) -> Gradients {
        let Kept { parameters, mut work, pass, x, y } = kept;
        let mut parameters = Arc::unwrap_or_clone(parameters);
        let loss = work.tape.record(Tensor::new(&[], vec![0.0]), true, Errors { of: y, errors });
        let of_variables = work.tape.backward(loss, 1.0, &mut parameters, pass);
        let dx = of_variables.of(x).map(<[f32]>::to_vec);
        work.tape.recycle(of_variables);
        self.shared.give_back(work);
        let owned = self.owned.iter().map(|&id| of_float_network(&parameters, id)).collect();
        let ranges = parameters.iter().filter(|p| p.role() == Role::InputRange);
        let ranges = ranges.map(|p| p.gradient().map_or(0.0, |g| g[0])).collect();
        Gradients { x: dx, owned, ranges }
    }
}

/// The gradient of a parameter as a float network has it. On tiles that of w̆ is ∂loss/∂w / γ, so that
/// its increments are those of w = γ w̆; here w itself is Python's.
fn of_float_network(parameters: &Parameters, id: ParameterId) -> Option<Vec<f32>> {
    let parameter = parameters.get(id);
    let mut gradient = parameter.gradient()?.to_vec();
    let own = parameters.analog().find(|a| a.name() == parameter.layer());
    if let Some(analog) = own.filter(|_| parameter.role() == Role::Weight) {
        analog.cut().scale(&mut gradient, &analog.scales(parameters));
    }
    Some(gradient)
}
