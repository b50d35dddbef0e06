//! Nonlinearity of an ADC, code by code: where its codes change.
//!
//! ```text
//! T_k = k − ½ + INL_k     nearest        k = 1 … steps, counted from the lowest code, in steps (LSB)
//! T_k = k + INL_k         floor
//! code = number of the T_k ≤ t            t: the value in steps above the lowest code
//! ```
//!
//! so a value at a change of code gets the upper one. INL_k is that of a table, the same for all
//! columns, plus that of the column,
//!
//! ```text
//! INL_k = Σ_{j<k} d_j − (k − 1)/(steps − 1) Σ_j d_j,    d_j = dnl_std ξ_j,   j = 1 … steps − 1
//! ```
//!
//! the running sum of the errors d_j of the widths of codes, fitted to be 0 at both ends, as a
//! calibrated converter has it. Where the T_k are not in order the highest one so far counts: the
//! codes between are missing. Saturation is counted as the ideal converter has it.

use numerics::Seed;
use serde::{Deserialize, Deserializer, de};

use super::adc::Adc;
use super::codes::ConverterRounding;
use crate::error::TileError;

/// Most levels of a converter whose codes are told apart.
const MAX_LEVELS: usize = 4096;
/// Largest deviation of a table in LSB.
const MAX_INL: f64 = 4096.0;

/// Where the codes of the converters change, in steps above the lowest code.
#[derive(Clone, Debug)]
pub(super) struct Transitions {
    steps: usize,
    /// \[column\]\[k − 1\]; a single row if all columns are alike.
    rows: Vec<f32>,
}

impl Transitions {
    /// Those of the columns of a tile, unless all codes are ideal: column i draws d_j at position
    /// i (steps − 1) + j − 1 of the stream "adc-dnl".
    pub(super) fn draw(adc: &Adc, outputs: usize, seed: &Seed) -> Option<Self> {
        if !adc.is_nonlinear() {
            return None;
        }
        let steps = adc.steps? as usize;
        let half = if adc.rounding == ConverterRounding::Floor { 0.0 } else { 0.5 };
        let ideal: Vec<f64> = (1..=steps)
            .map(|k| k as f64 - half + f64::from(adc.inl.get(k).copied().unwrap_or(0.0)))
            .collect();
        let columns = if adc.dnl_std > 0.0 { outputs } else { 1 };
        let mut errors = vec![0.0; steps - 1];
        let mut rows = Vec::with_capacity(columns * steps);
        let stream = seed.child("adc-dnl").stream();
        for column in 0..columns {
            if adc.dnl_std > 0.0 {
                stream.fill_gaussian((column * (steps - 1)) as u64, &mut errors);
            }
            let error = |k: usize| f64::from(adc.dnl_std) * f64::from(errors[k]);
            let mean = (0..steps - 1).map(error).sum::<f64>() / (steps - 1).max(1) as f64;
            let (mut inl, mut highest) = (0.0, f64::NEG_INFINITY);
            for (k, ideal) in ideal.iter().enumerate() {
                highest = highest.max(ideal + inl);
                rows.push(highest as f32);
                if k < steps - 1 {
                    inl += error(k) - mean;
                }
            }
        }
        Some(Self { steps, rows })
    }

    /// The code of a value, both counted from the lowest one; that of NaN is NaN.
    #[inline]
    pub(super) fn code(&self, column: usize, t: f32) -> f32 {
        if t.is_nan() {
            return t;
        }
        let first = if self.rows.len() == self.steps { 0 } else { column * self.steps };
        let row = &self.rows[first..first + self.steps];
        // From the ideal code it is a few steps at most.
        let mut code = (t.clamp(0.0, self.steps as f32) + 0.5) as usize;
        while code < self.steps && t >= row[code] {
            code += 1;
        }
        while code > 0 && t < row[code - 1] {
            code -= 1;
        }
        code as f32
    }
}

pub(super) fn check(adc: &Adc) -> Result<(), TileError> {
    TileError::check_within("adc.dnl_std", adc.dnl_std, 0.0..=10.0)?;
    if !adc.is_nonlinear() {
        return Ok(());
    }
    let (field, value) = match adc.inl.len() {
        0 => ("adc.dnl_std", f64::from(adc.dnl_std)),
        len => ("adc.inl", len as f64),
    };
    let refused = |problem: String| Err(TileError::Config { field, value, problem });
    if adc.rounding == ConverterRounding::Stochastic {
        return refused(
            "stands beside adc.rounding = stochastic, which has no place where codes change".into(),
        );
    }
    let Some(steps) = adc.steps else {
        return refused("needs codes: adc.bits, adc.levels or adc.steps".into());
    };
    let levels = steps as usize + 1;
    if steps.fract() != 0.0 || levels > MAX_LEVELS {
        return refused(format!(
            "needs whole adc.steps of at most {MAX_LEVELS} levels, not {steps}"
        ));
    }
    if adc.inl.is_empty() {
        return Ok(());
    }
    if adc.inl.len() != levels {
        return refused(format!("numbers are not one for each of {levels} levels"));
    }
    for &inl in &adc.inl {
        TileError::check_within("adc.inl", inl, -MAX_INL..=MAX_INL)?;
    }
    let first = adc.inl[0];
    TileError::check(
        first == 0.0,
        "adc.inl",
        first,
        "of the lowest code, into which none changes, is not 0",
    )
}

/// Reads a table: a list, or the path of a file from where the program runs. What is held, and written
/// again, is the list.
pub(super) fn list_or_file<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<f32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "a list of INL in LSB by code, or the path of a CSV file with them"
    )]
    enum Given {
        List(Vec<f32>),
        Path(String),
    }
    match Given::deserialize(source)? {
        Given::List(list) => Ok(list),
        Given::Path(path) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| de::Error::custom(format!("inl: '{path}': {error}")))?;
            from_csv(&text).map_err(|error| de::Error::custom(format!("inl: '{path}': {error}")))
        }
    }
}

/// Reads comma-separated values with the header `code,inl_lsb`, the codes being 0, 1, 2 and so on.
/// Empty lines and lines that start with `#` are skipped.
fn from_csv(text: &str) -> Result<Vec<f32>, String> {
    let mut lines = (text.trim_start_matches('\u{feff}').lines().zip(1..))
        .map(|(line, number)| (line.trim(), number))
        .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let (header, number) = lines.next().ok_or("no header, expected code,inl_lsb")?;
    let names: Vec<&str> = header.split(',').map(str::trim).collect();
    if names != ["code", "inl_lsb"] {
        return Err(format!("line {number}: header '{header}', expected code,inl_lsb"));
    }
    let mut table = Vec::new();
    for (line, number) in lines {
        let values: Vec<&str> = line.split(',').map(str::trim).collect();
        let [code, inl] = values[..] else {
            return Err(format!("line {number}: {} values, not 2", values.len()));
        };
        if code.parse() != Ok(table.len()) {
            return Err(format!("line {number}: code '{code}', expected {}", table.len()));
        }
        let inl = inl.parse().map_err(|_| format!("line {number}: '{inl}' is not a number"))?;
        table.push(inl);
    }
    if table.is_empty() {
        return Err("no rows".to_owned());
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_from_csv() {
        let text = "\u{feff}# a converter\ncode, inl_lsb\n0, 0\n1, 0.25\n\n2,-0.5\n";
        assert_eq!(from_csv(text), Ok(vec![0.0, 0.25, -0.5]));
        for (text, message) in [
            ("", "no header"),
            ("inl_lsb\n0\n", "line 1: header 'inl_lsb', expected code,inl_lsb"),
            ("code,inl_lsb\n", "no rows"),
            ("code,inl_lsb\n0,0\n2,0\n", "line 3: code '2', expected 1"),
            ("code,inl_lsb\n0,0;1\n", "line 2: '0;1' is not a number"),
            ("code,inl_lsb\n0,0,1\n", "line 2: 3 values, not 2"),
        ] {
            let error = from_csv(text).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn codes_are_the_transitions_below_and_missing_ones_never_come() {
        // Of the codes 0 … 4 the third is missing: T = 0.5, 2.5, 2.2 → 2.5, 3.5.
        let rows = vec![0.5, 2.5, 2.5, 3.5];
        let transitions = Transitions { steps: 4, rows };
        let codes = [-1.0, 0.4, 0.5, 2.4, 2.5, 3.4, 3.5, 9.0].map(|t| transitions.code(7, t));
        assert_eq!(codes, [0.0, 0.0, 1.0, 1.0, 3.0, 3.0, 4.0, 4.0]);
        assert!(transitions.code(0, f32::NAN).is_nan());
    }
}
