//! The exact ladder of a bit line with ideal word lines.
//!
//! ```text
//! g_w (v_{j−1} − v_j) + g_w (v_{j+1} − v_j) + g⁺_j (V_j − v_j) + g⁻_j (−V_j − v_j) = 0
//! ```
//!
//! at every node j = 0 … n−1, with v_{−1} = 0 at the read-out and nothing beyond the last node.
//! Voltages count from the reference of the read-out.
//!
//! Source: [Rasch23 Eq. 15]: inputs as voltages in proportion to x, the time average of pulses.

use super::ladder::ladder;
use crate::error::TileError;

/// Current in A that a bit line delivers to its read-out.
///
/// Device 0 is next to the read-out. Device j connects to +V_j through `positive_s` and to −V_j
/// through `negative_s`.
///
/// # Shapes
///
/// - `positive_s`, `negative_s`, `inputs_v`: (rows)
///
/// # Examples
///
/// ```
/// use crossbar::wires::bit_line_currents;
///
/// // 0.1 S at 1 V behind a segment of 2 Ω: 1/12 A.
/// let current = bit_line_currents(&[0.1], &[0.0], &[1.0], 2.0)?;
/// assert!((current - 1.0 / 12.0).abs() < 1e-15);
/// # Ok::<(), crossbar::TileError>(())
/// ```
///
/// # Errors
///
/// [`TileError::Conductance`] or [`TileError::WireResistance`] for values that are negative or not
/// finite, [`TileError::DriveNotFinite`] for inputs that are not finite.
///
/// # Panics
///
/// If the lengths differ or are zero.
#[track_caller]
pub fn bit_line_currents(
    positive_s: &[f64],
    negative_s: &[f64],
    inputs_v: &[f64],
    segment_ohm: f64,
) -> Result<f64, TileError> {
    let n = inputs_v.len();
    assert!(n > 0, "a bit line without devices has no current");
    assert_eq!((positive_s.len(), negative_s.len()), (n, n), "conductances for {n} inputs");
    for (column, conductances) in [positive_s, negative_s].into_iter().enumerate() {
        if let Some(row) = conductances.iter().position(|&g| !(g.is_finite() && g >= 0.0)) {
            return Err(TileError::Conductance { value: conductances[row], row, column });
        }
    }
    if !(segment_ohm.is_finite() && segment_ohm >= 0.0) {
        return Err(TileError::WireResistance { wire: "bit line", value: segment_ohm });
    }
    TileError::check_drives("input", "word line", inputs_v, n)?;
    let signed = || positive_s.iter().zip(negative_s).zip(inputs_v);
    if segment_ohm == 0.0 {
        return Ok(signed().map(|((p, m), v)| (p - m) * v).sum());
    }
    // Two devices at ±V are one of their summed conductance at the weighted mean.
    let total: Vec<f64> = positive_s.iter().zip(negative_s).map(|(p, m)| p + m).collect();
    let far: Vec<f64> =
        signed().map(|((p, m), v)| if p + m > 0.0 { (p - m) / (p + m) * v } else { 0.0 }).collect();
    Ok(ladder(1.0 / segment_ohm, 0.0, &total, &far)[0] / segment_ohm)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "circuit")]
    use crate::wires::{Circuit, LineResistance};
    use crate::wires::{IrDropConfig, ir_drop_estimate};

    #[cfg(feature = "circuit")]
    #[test]
    fn a_bit_line_is_a_circuit_with_ideal_word_lines() {
        let n = 40;
        let g: Vec<f64> = (0..n).map(|j| 1e-6 * (1.0 + (j * 7 % 13) as f64)).collect();
        let v: Vec<f64> = (0..n).map(|j| 0.2 * f64::sin(j as f64)).collect();
        let ladder = bit_line_currents(&g, &vec![0.0; n], &v, 100.0).unwrap();
        // The circuit ends below its last row, so row 0 is the one farthest from the read-out.
        let reversed = |x: &[f64]| x.iter().rev().copied().collect::<Vec<f64>>();
        let lines = LineResistance { word_ohm: 0.0, bit_ohm: 100.0 };
        let circuit = Circuit::new(&reversed(&g), n, 1, lines).unwrap();
        let exact = circuit.solve(&reversed(&v)).unwrap().outputs_a[0];
        assert!((ladder / exact - 1.0).abs() < 1e-12, "{ladder} A and {exact} A");
    }

    /// Uniform currents are what the estimate assumes; there it is exact to first order in γ.
    #[test]
    fn the_estimate_is_the_first_order_of_the_ladder_where_currents_are_uniform() {
        let (n, ohm, g_max) = (128, 0.35, 5e-6);
        let config = IrDropConfig { segment_ohm: 0.35, g_max_us: 5.0, scale: 1.0 };
        let exact = bit_line_currents(&vec![g_max; n], &vec![0.0; n], &vec![1.0; n], ohm).unwrap();
        let drop = exact / g_max - n as f64;
        let estimate = ir_drop_estimate(&vec![1.0; n], &vec![1.0; n], &config);
        // Second order in a = γ n² = 0.029: the relative difference is at most a, plus 1/n for the
        // sum that the estimate takes over j instead of an integral.
        let bound = 0.03 + 2.0 / n as f64;
        assert!((estimate / drop - 1.0).abs() < bound, "{estimate} for {drop}");
    }
}
