//! Resistive crossbars: currents and potentials of the circuit.

use crossbar::wires::{Circuit, LineResistance};
use serde_json::Value;

use super::{Row, matrix, nan_max, number};

/// Relative tolerance of currents and potentials.
const TOLERANCE: f64 = 1e-10;

pub(super) fn check(name: &str, case: &Value, rows: &mut Vec<Row>) -> Result<(), String> {
    let fail = |error: crossbar::TileError| format!("{name}: {error}");
    let place = |key: &str| format!("{name}.{key}");
    let resistance = matrix(&case["R_ohm"], &place("R_ohm"))?;
    let applied = matrix(&case["V_applied"], &place("V_applied"))?;
    let lines = LineResistance {
        word_ohm: number(&case["r_i_word_line"], &place("r_i_word_line"))?,
        bit_ohm: number(&case["r_i_bit_line"], &place("r_i_bit_line"))?,
    };
    let (word_lines, bit_lines) = (resistance.len(), resistance.first().map_or(0, Vec::len));
    if applied.len() != word_lines || word_lines * bit_lines == 0 {
        return Err(format!("{name}: {} drives for {word_lines} word lines", applied.len()));
    }
    let conductances: Vec<f64> = resistance.iter().flatten().map(|r| 1.0 / r).collect();
    let circuit = Circuit::new(&conductances, word_lines, bit_lines, lines).map_err(fail)?;

    let mut worst: Vec<(&str, f64, usize)> = Vec::new();
    let mut compare = |key: &'static str, ours: &[f64], golden: &[f64]| {
        let largest = golden.iter().fold(0.0f64, |max, g| max.max(g.abs()));
        let size = if largest > 0.0 { largest } else { 1.0 };
        let error = ours.iter().zip(golden).map(|(o, g)| (o - g).abs() / size).fold(0.0, nan_max);
        worst.push((key, error, golden.len()));
    };
    let inputs = applied.first().map_or(0, Vec::len);
    let golden_outputs = matrix(&case["I_output"], &place("I_output"))?;
    for input in 0..inputs {
        let drive: Vec<f64> = applied.iter().map(|row| row[input]).collect();
        let solution = circuit.solve(&drive).map_err(fail)?;
        let golden = golden_outputs.get(input).ok_or_else(|| format!("{name}: no output"))?;
        compare("I_output", &solution.outputs_a, golden);
        if inputs == 1 {
            let device: Vec<f64> = (conductances.iter().zip(&solution.word_v).zip(&solution.bit_v))
                .map(|((g, w), b)| g * (w - b))
                .collect();
            for (key, ours) in [
                ("I_device", &device),
                ("V_word_line", &solution.word_v),
                ("V_bit_line", &solution.bit_v),
            ] {
                if let Some(golden) = case.get(key) {
                    compare(key, ours, &matrix(golden, &place(key))?.concat());
                }
            }
        }
    }
    for (key, error, values) in worst {
        let quantity = format!("{name} {key}");
        rows.push(Row { quantity, values, worst: error, tolerance: TOLERANCE });
    }
    Ok(())
}
