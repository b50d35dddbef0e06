//! The polynomial estimate of the voltage drop along a bit line.
//!
//! ```text
//! a_i  = γ n Σ_j |w_ij| |x_j|,      γ = R_segment · g_max
//! c_i  = 0.05 a_i³ − 0.2 a_i² + 0.5 a_i
//! Δy_i = −c_i Σ_j w_ij x_j (1 − (1 − j/n)²),      j = 0 … n−1
//! ```
//!
//! in normalised units (|w| ≤ 1, |x| ≤ 1), n being the number of word lines in use and j = 0 the
//! device next to the read-out, which sees no drop. The estimate replaces the currents along the
//! line by their average: the paper finds it about five times too small for random weights with
//! small, correlated inputs.
//!
//! Source: [Rasch23 Eq. 16–18] and AIHWKit 1.1.0, `rpu_forward_backward_pass.cpp`.
//!
//! Assumed: j = 0 is next to the read-out, as the formula has it; AIHWKit's documentation says the
//! opposite of its own code.
//!
//! Differs: beyond a = [`RANGE`] c stays what it is there, and products count the outputs at which it does
//! ([`Saturation::drops`](crate::Saturation::drops)); AIHWKit lets the cubic grow, until drops turn signs.
//! [`LineConfig`](super::LineConfig) has no such range.

use serde::{Deserialize, Serialize};

use crate::error::TileError;

/// Wires as the estimate sees them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IrDropConfig {
    /// Resistance of one segment of bit line in Ω.
    pub segment_ohm: f32,
    /// Conductance in µS of a weight of 1, as seen by the wires; in a tile's file that of its device if absent. The
    /// paper's 5 µS are those of the device that its wires were characterised with.
    pub g_max_us: f32,
    /// Multiplies Δy; 0 switches the drop off.
    pub scale: f32,
}

impl IrDropConfig {
    /// γ = R_segment · g_max, dimensionless.
    pub fn gamma(&self) -> f32 {
        self.segment_ohm * self.g_max_us * 1e-6
    }

    pub(crate) fn check(&self) -> Result<(), TileError> {
        TileError::check_size("ir_drop.segment_ohm", self.segment_ohm)?;
        TileError::check_within("ir_drop.g_max_us", self.g_max_us, 0.0..=1e5)?;
        TileError::check_size("ir_drop.scale", self.scale)
    }
}

/// Coefficients of c(a), from a³ down to a.
pub(crate) const DROP: [f32; 3] = [0.05, -0.2, 0.5];

/// The largest load a that the cubic stands for. From there on it grows beyond what drops; held, it gives the output of
/// the exact ladder to a quarter up to a load of 7: `docs/crossbar/ir-drop.md`.
pub const RANGE: f32 = 3.0;

/// Δy of one output, in f64 and term by term: the reading aid and oracle of the forward pass.
///
/// # Panics
///
/// If `weights` and `x` differ in length.
#[track_caller]
pub fn ir_drop_estimate(weights: &[f32], x: &[f32], config: &IrDropConfig) -> f64 {
    assert_eq!(weights.len(), x.len(), "{} weights for {} inputs", weights.len(), x.len());
    let n = weights.len() as f64;
    let gamma = f64::from(config.segment_ohm) * f64::from(config.g_max_us) * 1e-6;
    let terms = || weights.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x));
    let a = (gamma * n * terms().map(f64::abs).sum::<f64>()).min(f64::from(RANGE));
    let [c3, c2, c1] = DROP.map(f64::from);
    let c = ((c3 * a + c2) * a + c1) * a;
    let profile = |j: usize| 1.0 - (1.0 - j as f64 / n).powi(2);
    let weighted: f64 = terms().enumerate().map(|(j, wx)| wx * profile(j)).sum();
    -f64::from(config.scale) * c * weighted
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAPER: IrDropConfig = IrDropConfig { segment_ohm: 0.35, g_max_us: 5.0, scale: 1.0 };

    #[test]
    fn the_papers_wire_ratio_comes_out() {
        assert!((1.0 / PAPER.gamma() - 571_428.57).abs() < 0.1);
    }

    #[test]
    fn the_device_at_the_read_out_sees_no_drop() {
        assert_eq!(ir_drop_estimate(&[1.0, 0.0, 0.0], &[1.0, 1.0, 1.0], &PAPER), 0.0);
        assert!(ir_drop_estimate(&[0.0, 0.0, 1.0], &[1.0, 1.0, 1.0], &PAPER) < 0.0);
    }

    #[test]
    fn an_ideal_wire_drops_nothing() {
        let ideal = IrDropConfig { segment_ohm: 0.0, ..PAPER };
        assert_eq!(ir_drop_estimate(&[0.5; 512], &[1.0; 512], &ideal), 0.0);
    }
}
