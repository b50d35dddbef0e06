//! Resistive crossbars: currents and potentials of the circuit.

use crossbar::wires::{Circuit, LineResistance};
use serde_json::Value;

use super::reading::{matrix, number, object, required};
use super::{Row, nan_max};

/// Relative tolerance of currents and potentials.
const TOLERANCE: f64 = 1e-10;

/// The last two are known, but not compared: they follow from the potentials.
const KEYS: [&str; 10] = [
    "R_ohm",
    "V_applied",
    "r_i_word_line",
    "r_i_bit_line",
    "I_output",
    "I_device",
    "V_word_line",
    "V_bit_line",
    "I_word_line",
    "I_bit_line",
];

pub(super) fn check(name: &str, case: &Value, rows: &mut Vec<Row>) -> Result<(), String> {
    let place = &format!("cases.{name}");
    let case = object(case, place, &KEYS)?;
    let fail = |error: crossbar::TileError| format!("{place}: {error}");
    let table =
        |key: &str, shape| matrix(required(case, key, place)?, &format!("{place}.{key}"), shape);
    let line = |key: &str| number(required(case, key, place)?, &format!("{place}.{key}"));
    let resistance = table("R_ohm", [None, None])?;
    let (word_lines, bit_lines) = (resistance.len(), resistance[0].len());
    let applied = table("V_applied", [Some(word_lines), None])?;
    let inputs = applied[0].len();
    let lines = LineResistance { word_ohm: line("r_i_word_line")?, bit_ohm: line("r_i_bit_line")? };
    let golden_outputs = table("I_output", [Some(inputs), Some(bit_lines)])?;
    let conductances: Vec<f64> = resistance.iter().flatten().map(|r| 1.0 / r).collect();
    let circuit = Circuit::new(&conductances, word_lines, bit_lines, lines).map_err(fail)?;

    let mut compare = |key: &str, ours: &[f64], golden: &[f64]| {
        let largest = golden.iter().fold(0.0f64, |max, g| max.max(g.abs()));
        let size = if largest > 0.0 { largest } else { 1.0 };
        let errors = ours.iter().zip(golden).map(|(o, g)| (o - g).abs() / size);
        rows.push(Row {
            quantity: format!("{name} {key}"),
            values: golden.len(),
            worst: errors.fold(0.0, nan_max),
            tolerance: TOLERANCE,
        });
    };
    for (input, golden) in golden_outputs.iter().enumerate() {
        let drive: Vec<f64> = applied.iter().map(|row| row[input]).collect();
        let solution = circuit.solve(&drive).map_err(fail)?;
        compare("I_output", &solution.outputs_a, golden);
        // What is inside is that of the only input.
        if inputs > 1 {
            continue;
        }
        let device: Vec<f64> = (conductances.iter().zip(&solution.word_v).zip(&solution.bit_v))
            .map(|((g, w), b)| g * (w - b))
            .collect();
        for (key, ours) in [
            ("I_device", &device),
            ("V_word_line", &solution.word_v),
            ("V_bit_line", &solution.bit_v),
        ] {
            if case.contains_key(key) {
                let golden = table(key, [Some(word_lines), Some(bit_lines)])?;
                compare(key, ours, &golden.concat());
            }
        }
    }
    Ok(())
}
