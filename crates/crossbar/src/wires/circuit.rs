//! [`Circuit`]: word lines, bit lines and devices together, solved exactly.
//!
//! Word lines are driven at the left, bit lines end at ground below the last row; every segment
//! has a resistance, those to the source and to the ground included. See the drawing in
//! `network`.
//!
//! The gradient comes from one more solve with the same factor. With A x = B v, I = Cᵀ x and
//! λ = A⁻¹ C ∂L/∂I,
//!
//! ```text
//! ∂L/∂v = Bᵀ λ,      ∂L/∂g_ij = −(λ_w − λ_b)(x_w − x_b)   at crossing (i, j)
//! ```
//!
//! λ is the set of potentials of the array when its bit lines are driven with ∂L/∂I from below and
//! its word lines are grounded.

use super::network::{Network, Potentials, Solver};
use crate::error::TileError;

/// Relative residual ‖b − A x‖ / ‖b‖ that every solution is certified to.
const RESIDUAL: f64 = 1e-10;

/// Resistance of one segment of each kind of line in Ω; 0 is an ideal line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineResistance {
    /// Word line, from one column to the next, and from the source to the first column.
    pub word_ohm: f64,
    /// Bit line, from one row to the next, and from the last row to ground.
    pub bit_ohm: f64,
}

/// A crossbar with resistive lines, factorised once and solved for any inputs.
///
/// # Examples
///
/// ```
/// use crossbar::wires::{Circuit, LineResistance};
///
/// // One device of 10 Ω between segments of 1 Ω and 2 Ω: 1 V drives 1/13 A.
/// let lines = LineResistance { word_ohm: 1.0, bit_ohm: 2.0 };
/// let circuit = Circuit::new(&[0.1], 1, 1, lines)?;
/// let solution = circuit.solve(&[1.0])?;
/// assert!((solution.outputs_a[0] - 1.0 / 13.0).abs() < 1e-15);
/// assert!(solution.residual <= 1e-10);
///
/// // dI/dg = (10/13)² V: the square of the voltage across the device, per volt of drive.
/// let gradients = circuit.gradients(&solution, &[1.0])?;
/// assert!((gradients.conductances[0] - (10.0f64 / 13.0).powi(2)).abs() < 1e-12);
/// # Ok::<(), crossbar::TileError>(())
/// ```
#[derive(Debug)]
pub struct Circuit {
    network: Network,
    solver: Solver,
}

/// Currents and potentials of a crossbar.
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitSolution {
    /// Currents out of the bit lines in A, (columns).
    pub outputs_a: Vec<f64>,
    /// Potentials of the word lines at the crossings in V, (rows, columns) row-major.
    pub word_v: Vec<f64>,
    /// Potentials of the bit lines at the crossings in V, (rows, columns) row-major.
    pub bit_v: Vec<f64>,
    /// Relative residual ‖b − A x‖ / ‖b‖ of Kirchhoff's current law, computed from the solution; 0
    /// where nothing drives the array.
    pub residual: f64,
}

/// Gradient of a scalar L.
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitGradients {
    /// ∂L/∂v of the word-line drives, (rows).
    pub inputs: Vec<f64>,
    /// ∂L/∂g of the devices, (rows, columns) row-major.
    pub conductances: Vec<f64>,
    /// Relative residual of the adjoint solve.
    pub residual: f64,
}

impl Circuit {
    /// Factorises the equations of an array.
    ///
    /// # Shapes
    ///
    /// - `conductances_s`: (rows, columns) row-major, siemens; rows are word lines
    ///
    /// # Errors
    ///
    /// [`TileError::Conductance`] and [`TileError::WireResistance`] for values that are negative or
    /// not finite; [`TileError::Factorisation`] if memory runs out.
    ///
    /// # Panics
    ///
    /// Unless there are `rows · columns` conductances, at least one.
    #[track_caller]
    pub fn new(
        conductances_s: &[f64],
        rows: usize,
        columns: usize,
        lines: LineResistance,
    ) -> Result<Self, TileError> {
        assert!(rows > 0 && columns > 0, "an array of {rows} × {columns} has no devices");
        assert_eq!(
            conductances_s.len(),
            rows * columns,
            "{} conductances do not make {rows} × {columns} devices",
            conductances_s.len()
        );
        let valid = |x: f64| x.is_finite() && x >= 0.0;
        if let Some(at) = conductances_s.iter().position(|&g| !valid(g)) {
            let (value, row, column) = (conductances_s[at], at / columns, at % columns);
            return Err(TileError::Conductance { value, row, column });
        }
        for (wire, value) in [("word line", lines.word_ohm), ("bit line", lines.bit_ohm)] {
            if !valid(value) {
                return Err(TileError::WireResistance { wire, value });
            }
        }
        let network = Network {
            rows,
            columns,
            devices: conductances_s.to_vec(),
            word: 1.0 / lines.word_ohm,
            bit: 1.0 / lines.bit_ohm,
        };
        let solver = network.prepare()?;
        Ok(Self { network, solver })
    }

    /// Solves for one vector of word-line drives in V, (rows).
    ///
    /// # Errors
    ///
    /// [`TileError::DriveNotFinite`] for a drive that is NaN or infinite, [`TileError::Residual`] if
    /// the solution cannot be certified.
    ///
    /// # Panics
    ///
    /// Unless there is one drive per row.
    #[track_caller]
    pub fn solve(&self, inputs_v: &[f64]) -> Result<CircuitSolution, TileError> {
        assert_eq!(inputs_v.len(), self.network.rows, "drives are not one per word line");
        let mut solutions = self.solve_batch(inputs_v)?;
        Ok(solutions.remove(0))
    }

    /// Solves for several vectors of drives at once, (batch, rows) row-major.
    ///
    /// # Errors
    ///
    /// [`TileError::DriveNotFinite`] for a drive that is NaN or infinite, [`TileError::Residual`] if
    /// a solution cannot be certified.
    ///
    /// # Panics
    ///
    /// Unless the drives are a whole number of rows.
    #[track_caller]
    pub fn solve_batch(&self, inputs_v: &[f64]) -> Result<Vec<CircuitSolution>, TileError> {
        let (rows, columns) = (self.network.rows, self.network.columns);
        assert!(
            inputs_v.len().is_multiple_of(rows),
            "{} drives are not rows of {rows}",
            inputs_v.len()
        );
        TileError::check_drives("drive", "word line", inputs_v, rows)?;
        let grounds = vec![0.0; inputs_v.len() / rows * columns];
        let solved = self.network.potentials(&self.solver, inputs_v, &grounds, RESIDUAL)?;
        Ok(solved
            .into_iter()
            .map(|(potentials, residual)| CircuitSolution {
                outputs_a: self.outputs(&potentials),
                word_v: potentials.word,
                bit_v: potentials.bit,
                residual,
            })
            .collect())
    }

    /// Currents into the ground: through the last segments, or straight from the devices if the
    /// bit lines are ideal.
    fn outputs(&self, x: &Potentials) -> Vec<f64> {
        let Network { rows, columns, ref devices, bit, .. } = self.network;
        if bit.is_finite() {
            return x.bit[(rows - 1) * columns..].iter().map(|v| bit * v).collect();
        }
        let mut currents = vec![0.0; columns];
        for (at, (g, v)) in devices.iter().zip(&x.word).enumerate() {
            currents[at % columns] += g * v;
        }
        currents
    }

    /// Gradient of a scalar from its derivatives by the output currents, (columns).
    ///
    /// # Errors
    ///
    /// [`TileError::DriveNotFinite`] for a derivative that is NaN or infinite,
    /// [`TileError::Residual`] if the adjoint solution cannot be certified.
    ///
    /// # Panics
    ///
    /// Unless there is one derivative per column, or if `solution` is of another shape.
    #[track_caller]
    pub fn gradients(
        &self,
        solution: &CircuitSolution,
        output_gradients: &[f64],
    ) -> Result<CircuitGradients, TileError> {
        let Network { rows, columns, ref devices, word, .. } = self.network;
        assert_eq!(output_gradients.len(), columns, "derivatives are not one per bit line");
        assert_eq!(solution.word_v.len(), rows * columns, "the solution is of another array");
        TileError::check_drives("derivative", "bit line", output_gradients, columns)?;
        let grounds = vec![0.0; rows];
        let mut solved =
            self.network.potentials(&self.solver, &grounds, output_gradients, RESIDUAL)?;
        let (adjoint, residual) = solved.remove(0);
        let across = |at: usize| adjoint.bit[at] - adjoint.word[at];
        let inputs = (0..rows)
            .map(|row| {
                let first = row * columns;
                if word.is_finite() {
                    word * adjoint.word[first]
                } else {
                    (first..first + columns).map(|at| devices[at] * across(at)).sum()
                }
            })
            .collect();
        let conductances = (0..rows * columns)
            .map(|at| across(at) * (solution.word_v[at] - solution.bit_v[at]))
            .collect();
        Ok(CircuitGradients { inputs, conductances, residual })
    }
}
