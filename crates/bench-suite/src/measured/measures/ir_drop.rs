//! [`IrDrop`]: the IR-drop estimate against exact circuits.
//!
//! Two comparisons. Positive weights and inputs, with which all currents add up, on a square array:
//! the estimate against the bit line alone (Eq. 15) and against the full circuit with word lines of
//! the same resistance, by load. Signed weights N(0, 0.246), whose currents partly cancel, against
//! the bit line, by number of active rows at the paper's wires.
//!
//! ```text
//! load a = γ n Σ|w||x|, averaged over columns         γ = R_segment · g_max
//! error  = ‖y − ŷ‖ / ‖y‖ over columns,                y exact, ŷ the estimate
//! ```
//!
//! Source: [Rasch23 Eq. 15–18].

use crossbar::wires::{Circuit, IrDropConfig, LineResistance, bit_line_currents, ir_drop_estimate};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::equal_error::WEIGHT_STD;
use super::product::{gaussian, uniform};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;

/// The circuits of both comparisons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IrDrop {
    /// Rows and columns of the square array.
    pub size: usize,
    /// Bit lines of the second comparison.
    pub columns: usize,
    /// Wire resistances of the first comparison, in multiples of the paper's.
    pub factors: Vec<f64>,
    /// Active rows of the second comparison.
    pub rows: Vec<usize>,
}

/// What the two comparisons give.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Drops {
    /// Positive weights, by wire resistance: the loads a.
    pub load: Vec<f64>,
    /// … what the wires take from the outputs of the full circuit, in %.
    pub drop: Vec<f64>,
    /// … what they take from the outputs of the bit lines alone, in %.
    pub line_drop: Vec<f64>,
    /// … the error of the estimate against the bit lines alone, in %.
    pub against_line: Vec<f64>,
    /// … the error of the estimate against the full circuit, in %.
    pub against_circuit: Vec<f64>,
    /// Signed weights and inputs from U(−1, 1), by number of active rows: what bit lines lose, in %.
    pub uniform_drop: Vec<f64>,
    /// … what they lose by the estimate, in %.
    pub uniform_estimate: Vec<f64>,
    /// … the drop over the estimated one.
    pub uniform_ratio: Vec<f64>,
    /// [`Self::uniform_drop`] with small, correlated inputs.
    pub small_drop: Vec<f64>,
    /// [`Self::uniform_estimate`] with small, correlated inputs.
    pub small_estimate: Vec<f64>,
    /// [`Self::uniform_ratio`] with small, correlated inputs.
    pub small_ratio: Vec<f64>,
}

/// The paper's wires. [Rasch23 Eq. 17]
const PAPER: IrDropConfig = IrDropConfig { segment_ohm: 0.35, g_max_us: 5.0, scale: 1.0 };
/// V_read. [Rasch23 Eq. 15]
const VOLTS: f64 = 0.2;
/// Amplitude of the small inputs, and their correlation with a column of the weights.
///
/// Assumed: the paper says "small" and "correlated"; its Fig. 4A uses a correlation of 0.05.
const SMALL: f32 = 0.1;
const CORRELATION: f32 = 0.05;

/// Relative length of the difference.
fn distance(estimate: &[f64], exact: &[f64]) -> f64 {
    let difference: f64 = estimate.iter().zip(exact).map(|(a, b)| (a - b).powi(2)).sum();
    let size: f64 = exact.iter().map(|b| b * b).sum();
    (difference / size).sqrt()
}

fn product(w: &[f32], x: &[f32]) -> f64 {
    w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum()
}

/// Output of a bit line in units of a full input on a full weight; weight 0 is at the read-out.
fn bit_line(w: &[f32], x: &[f32], wires: &IrDropConfig) -> Result<f64, Error> {
    let g_max = f64::from(wires.g_max_us) * 1e-6;
    let part = |sign: f32| -> Vec<f64> {
        w.iter().map(|&w| f64::from((sign * w).max(0.0)) * g_max).collect()
    };
    let v: Vec<f64> = x.iter().map(|&x| VOLTS * f64::from(x)).collect();
    let current = bit_line_currents(&part(1.0), &part(-1.0), &v, f64::from(wires.segment_ohm));
    Ok(current.map_err(wrong)? / (VOLTS * g_max))
}

/// Outputs of an array with word and bit lines of the same resistance, for weights ≥ 0.
fn full_circuit(w: &[f32], x: &[f32], wires: &IrDropConfig) -> Result<Vec<f64>, Error> {
    let n = x.len();
    let g_max = f64::from(wires.g_max_us) * 1e-6;
    // The circuit ends below its last row, which is next to the read-out.
    let at = |k: usize| f64::from(w[k % n * n + (n - 1 - k / n)]) * g_max;
    let g: Vec<f64> = (0..n * n).map(at).collect();
    let v: Vec<f64> = x.iter().rev().map(|&x| VOLTS * f64::from(x)).collect();
    let segment = f64::from(wires.segment_ohm);
    let lines = LineResistance { word_ohm: segment, bit_ohm: segment };
    let solution = Circuit::new(&g, n, n, lines).and_then(|c| c.solve(&v)).map_err(wrong)?;
    Ok(solution.outputs_a.iter().map(|i| i / (VOLTS * g_max)).collect())
}

fn wrong(error: crossbar::TileError) -> Error {
    Error::Usage(error.to_string())
}

impl Measure for IrDrop {
    type Outcome = Drops;

    /// Makes both comparisons.
    fn run(&self, seed: u64, _: &Context<'_>) -> Result<Drops, Error> {
        let seed = Seed::new(seed).child("rasch2023/ir-drop");
        let mut measured = Drops::default();
        self.by_load(&seed.child("load"), &mut measured)?;
        self.by_rows(&seed.child("rows"), &mut measured)?;
        Ok(measured)
    }
}

impl IrDrop {
    /// Positive weights: load, drop and the two errors, in percent, by wire resistance.
    fn by_load(&self, seed: &Seed, measured: &mut Drops) -> Result<(), Error> {
        let n = self.size;
        let positive = |x: Vec<f32>| x.into_iter().map(f32::abs).collect::<Vec<_>>();
        let w = positive(uniform(&seed.child("weights"), n * n));
        let x = positive(uniform(&seed.child("inputs"), n));
        let ideal: Vec<f64> = w.chunks_exact(n).map(|w| product(w, &x)).collect();
        for factor in &self.factors {
            let segment_ohm = (f64::from(PAPER.segment_ohm) * factor) as f32;
            let wires = IrDropConfig { segment_ohm, ..PAPER };
            let rows = || w.chunks_exact(n);
            let line = rows().map(|w| bit_line(w, &x, &wires)).collect::<Result<Vec<_>, _>>()?;
            let circuit = full_circuit(&w, &x, &wires)?;
            let estimate: Vec<f64> =
                rows().zip(&ideal).map(|(w, y)| y + ir_drop_estimate(w, &x, &wires)).collect();
            let mean = ideal.iter().sum::<f64>() / n as f64;
            for (series, value) in [
                (&mut measured.load, f64::from(wires.gamma()) * n as f64 * mean),
                (&mut measured.drop, 100.0 * distance(&ideal, &circuit)),
                (&mut measured.line_drop, 100.0 * distance(&ideal, &line)),
                (&mut measured.against_line, 100.0 * distance(&estimate, &line)),
                (&mut measured.against_circuit, 100.0 * distance(&estimate, &circuit)),
            ] {
                series.push(value);
            }
        }
        Ok(())
    }

    /// Signed weights: drop of the bit line over the estimated one, by active rows.
    fn by_rows(&self, seed: &Seed, measured: &mut Drops) -> Result<(), Error> {
        for &n in &self.rows {
            let seed = seed.child(n);
            let mut w = gaussian(&seed.child("weights"), WEIGHT_STD, self.columns * n);
            w.iter_mut().for_each(|w| *w = w.clamp(-1.0, 1.0));
            let uniform = uniform(&seed.child("inputs"), n);
            let small: Vec<f32> = gaussian(&seed.child("small"), SMALL, n)
                .iter()
                .zip(&w)
                .map(|(x, w)| CORRELATION * w + (1.0 - CORRELATION) * x)
                .collect();
            let drops = &mut *measured;
            let of_uniform =
                [&mut drops.uniform_drop, &mut drops.uniform_estimate, &mut drops.uniform_ratio];
            let of_small =
                [&mut drops.small_drop, &mut drops.small_estimate, &mut drops.small_ratio];
            for (series, x) in [(of_uniform, uniform), (of_small, small)] {
                let (mut exact, mut estimated) = (Vec::new(), Vec::new());
                let mut ideal = Vec::new();
                for w in w.chunks_exact(n) {
                    let y = product(w, &x);
                    ideal.push(y);
                    exact.push(bit_line(w, &x, &PAPER)? - y);
                    estimated.push(ir_drop_estimate(w, &x, &PAPER));
                }
                let length = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
                let values = [
                    100.0 * length(&exact) / length(&ideal),
                    100.0 * length(&estimated) / length(&ideal),
                    length(&exact) / length(&estimated),
                ];
                for (series, value) in series.into_iter().zip(values) {
                    series.push(value);
                }
            }
        }
        Ok(())
    }
}
