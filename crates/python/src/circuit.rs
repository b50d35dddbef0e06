//! `Circuit`: word lines, bit lines and devices together, solved exactly, with gradients.

use crossbar::wires::LineResistance;
use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::arrays::{self, take_axes};
use crate::work::{detached, refused};

/// A crossbar with resistive lines, factorised once and solved for any drives.
///
/// Word lines are driven at the left, bit lines end at ground below the last row; every segment has a
/// resistance, those to the source and to the ground included. Every solution is certified: its relative
/// residual of Kirchhoff's current law is at most 1e-10.
///
/// Args:
///     conductances_s: (rows, columns) float64 in siemens, ≥ 0; rows are word lines.
///     word_ohm: resistance of one segment of a word line in Ω; 0 is an ideal line.
///     bit_ohm: that of a bit line.
///
/// Raises:
///     ValueError: for a conductance or resistance that is negative or not finite.
#[pyclass(frozen, module = "dither")]
#[derive(Debug)]
pub(crate) struct Circuit {
    circuit: crossbar::wires::Circuit,
    rows: usize,
    columns: usize,
}

#[pymethods]
impl Circuit {
    #[new]
    #[pyo3(signature = (conductances_s, word_ohm, bit_ohm))]
    fn new(conductances_s: &Bound<'_, PyAny>, word_ohm: f64, bit_ohm: f64) -> PyResult<Self> {
        let py = conductances_s.py();
        let name = "conductances_s";
        let array: PyReadonlyArrayDyn<'_, f64> =
            take_axes(name, conductances_s, 2, "(rows, columns)")?;
        let (rows, columns) = (array.shape()[0], array.shape()[1]);
        if rows == 0 || columns == 0 {
            return Err(refused(name, format!("an array of {rows} × {columns} has no devices")));
        }
        let g = arrays::slice(&array)?;
        let lines = LineResistance { word_ohm, bit_ohm };
        let circuit = detached(py, g.len() * 100, |_| {
            crossbar::wires::Circuit::new(g, rows, columns, lines)
        })?;
        Ok(Self { circuit, rows, columns })
    }

    /// Solve for drives of the word lines.
    ///
    /// Args:
    ///     inputs_v: (rows,) or (batch, rows) float64 in V.
    ///
    /// Raises:
    ///     ValueError: if a drive is not finite, or a solution cannot be certified.
    fn solve(&self, inputs_v: &Bound<'_, PyAny>) -> PyResult<CircuitSolution> {
        let py = inputs_v.py();
        let array: PyReadonlyArrayDyn<'_, f64> = arrays::take("inputs_v", inputs_v)?;
        let (shape, rows) = (array.shape(), self.rows);
        if !matches!(shape, [last] | [_, last] if *last == rows) {
            let problem = format!("shape {shape:?} is neither ({rows},) nor (batch, {rows})");
            return Err(refused("inputs_v", problem));
        }
        let batch = shape[..shape.len() - 1].to_vec();
        let v = arrays::slice(&array)?;
        let size = rows * self.columns * 100;
        let solutions = detached(py, size, |_| self.circuit.solve_batch(v))?;
        Ok(CircuitSolution { solutions, batch, rows, columns: self.columns })
    }

    /// Gradients of a scalar L from its derivatives by the output currents: one more solve.
    ///
    /// Args:
    ///     solution: what `solve` gave.
    ///     output_gradients: ∂L/∂I in the shape of ``solution.outputs_a``, float64.
    ///
    /// Returns:
    ///     ∂L/∂v in the shape of the drives, and ∂L/∂g, (rows, columns), summed over a batch.
    #[expect(clippy::type_complexity, reason = "two results")]
    fn gradients<'py>(
        &self,
        solution: &Bound<'py, CircuitSolution>,
        output_gradients: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyArrayDyn<f64>>, Bound<'py, PyArrayDyn<f64>>)> {
        let py = output_gradients.py();
        let solution = solution.get();
        let (rows, columns) = (self.rows, self.columns);
        if (solution.rows, solution.columns) != (rows, columns) {
            return Err(refused("solution", "is that of an array of another shape"));
        }
        let array: PyReadonlyArrayDyn<'_, f64> =
            arrays::take("output_gradients", output_gradients)?;
        if array.shape() != solution.shape(&[columns]) {
            let (found, wanted) = (array.shape(), solution.shape(&[columns]));
            let problem = format!("shape {found:?} is not that of the outputs, {wanted:?}");
            return Err(refused("output_gradients", problem));
        }
        let derivatives = arrays::slice(&array)?;
        let size = rows * columns * 100;
        let (inputs, conductances) = detached(py, size, |_| {
            let mut inputs = Vec::new();
            let mut conductances = vec![0.0; rows * columns];
            let each = solution.solutions.iter().zip(derivatives.chunks_exact(columns));
            for (solution, derivatives) in each {
                let gradients = self.circuit.gradients(solution, derivatives)?;
                inputs.extend(gradients.inputs);
                conductances.iter_mut().zip(gradients.conductances).for_each(|(sum, g)| *sum += g);
            }
            Ok::<_, crossbar::TileError>((inputs, conductances))
        })?;
        Ok((
            arrays::array(py, &solution.shape(&[rows]), inputs)?,
            arrays::array(py, &[rows, columns], conductances)?,
        ))
    }

    fn __repr__(&self) -> String {
        format!("Circuit({} × {})", self.rows, self.columns)
    }
}

/// Currents and potentials of a crossbar.
#[pyclass(frozen, module = "dither")]
#[derive(Debug)]
pub(crate) struct CircuitSolution {
    solutions: Vec<crossbar::wires::CircuitSolution>,
    /// (), or (batch,).
    batch: Vec<usize>,
    rows: usize,
    columns: usize,
}

impl CircuitSolution {
    fn shape(&self, of_one: &[usize]) -> Vec<usize> {
        [&self.batch, of_one].concat()
    }

    fn array<'py>(
        &self,
        py: Python<'py>,
        of_one: &[usize],
        values: impl Fn(&crossbar::wires::CircuitSolution) -> &[f64],
    ) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        let all = self.solutions.iter().flat_map(|one| values(one).iter().copied());
        arrays::array(py, &self.shape(of_one), all.collect())
    }
}

#[pymethods]
impl CircuitSolution {
    /// Currents out of the bit lines in A, (columns,) or (batch, columns).
    #[getter]
    fn outputs_a<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        self.array(py, &[self.columns], |one| &one.outputs_a)
    }

    /// Potentials of the word lines at the crossings in V, (…, rows, columns).
    #[getter]
    fn word_v<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        self.array(py, &[self.rows, self.columns], |one| &one.word_v)
    }

    /// Potentials of the bit lines at the crossings in V, (…, rows, columns).
    #[getter]
    fn bit_v<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        self.array(py, &[self.rows, self.columns], |one| &one.bit_v)
    }

    /// The largest relative residual of Kirchhoff's current law.
    #[getter]
    fn residual(&self) -> f64 {
        self.solutions.iter().fold(0.0, |max, one| max.max(one.residual))
    }
}
