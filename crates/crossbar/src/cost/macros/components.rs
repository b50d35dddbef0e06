//! [`Components`]: what circuits are made of, the same for every macro.

use serde::Deserialize;

use crate::cost::range::Range;

const TEXT: &str = include_str!("../../../presets/cost-components.toml");

/// Technology in nm and supply in V of the figures of gates.
const OF_GATES: (f64, f64) = (45.0, 0.9);

/// Figures of `presets/cost-components.toml`, each with its source there.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Components {
    /// Capacitance of a wire in fF per µm.
    pub wire_ff_per_um: Range,
    /// Capacitance of a gate in fF per µm of its width.
    pub gate_ff_per_um: Range,
    /// Width of a cell's transistor in units of the technology.
    pub gate_width: Range,
    /// Energy of a full adder in fJ.
    pub adder_fj: Range,
    /// Energy of a multiplication of 8 bits in pJ.
    pub multiplier_8b_pj: Range,
    /// Energy of a memory in pJ per byte.
    pub memory_pj_per_byte: Range,
    /// Share of lines and capacitors that are charged in a cycle.
    pub activity: Range,
}

impl Components {
    /// The shipped figures.
    ///
    /// # Panics
    ///
    /// Never: a test reads the file.
    pub fn shipped() -> Self {
        toml::from_str(TEXT).expect("the shipped components are read by a test")
    }

    /// Capacitance in fF of a line along `cells` cells of `cell_um`, with so many gates at each.
    pub(super) fn line_ff(
        &self,
        cells: f64,
        cell_um: f64,
        gates: f64,
        technology_nm: f64,
    ) -> Range {
        let gate = self.gate_ff_per_um.zip(self.gate_width, |ff, w| ff * w);
        let gate = gate.scaled(gates * 1e-3 * technology_nm);
        (self.wire_ff_per_um.scaled(cell_um) + gate).scaled(cells)
    }
}

/// Energy of gates over that at 45 nm and 0.9 V: capacitances are as long as the technology, and
/// charged to the supply.
///
/// Assumed: both proportions.
pub(super) fn gates(technology_nm: f64, supply_v: f64) -> f64 {
    let (nm, v) = OF_GATES;
    technology_nm / nm * (supply_v / v).powi(2)
}
