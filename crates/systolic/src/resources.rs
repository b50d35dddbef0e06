//! The paper's resource table, and what the RTL here takes by synthesis.
//!
//! Source: [Gupta15 Tab. 1].

use crate::dsp_units;
use crate::synthesis::{Cells, Synthesis};

/// A row of the paper's resource table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaperResource {
    /// The resource.
    pub name: &'static str,
    /// Units used by the whole design: array, L2, memory interface and control.
    pub used: u64,
    /// Units that the device has.
    pub available: u64,
    /// Share as the paper prints it, in per cent.
    pub percent: u64,
}

/// Resources of the paper's design on the Kintex-7 325T. Source: [Gupta15 Tab. 1].
pub const PAPER_TABLE_1: [PaperResource; 4] = [
    PaperResource { name: "LUT", used: 62_922, available: 203_800, percent: 31 },
    PaperResource { name: "FF", used: 146_510, available: 407_600, percent: 36 },
    PaperResource { name: "DSP", used: 812, available: 840, percent: 97 },
    PaperResource { name: "BRAM", used: 334, available: 445, percent: 75 },
];

/// What the rounding units of an array cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoundingOverhead {
    /// Rounding units over cells, if each takes a DSP slice as in the paper: 1/n.
    pub dsp: f64,
    /// The same over all DSP slices: 1/(n + 1).
    pub dsp_of_all: f64,
    /// Further look-up tables for stochastic instead of nearest rounding, over the array's.
    pub lut: f64,
    /// Further flip-flops, over the array's.
    pub ff: f64,
}

impl RoundingOverhead {
    /// The overhead in an n × n array; `None` if that size was not synthesised both ways.
    pub fn of(synthesis: &Synthesis, n: usize) -> Option<Self> {
        let with = synthesis.cells("systolic_array", n, true)?;
        let without = synthesis.cells("systolic_array", n, false)?;
        let share = |with: u64, without: u64| (with as f64 - without as f64) / without as f64;
        Some(Self {
            dsp: 1.0 / n as f64,
            dsp_of_all: n as f64 / dsp_units(n) as f64,
            lut: share(with.lut, without.lut),
            ff: share(with.ff, without.ff),
        })
    }
}

/// What an n × n array takes if it is n² cells and n rounding units and nothing else.
///
/// Too low by what a column adds: n flip-flops and about n look-up tables of drain control.
pub fn extrapolate(synthesis: &Synthesis, n: usize, stochastic: bool) -> Option<Cells> {
    let cell = synthesis.cells("mac_cell", 1, true)?;
    let unit = synthesis.cells("round_unit", 1, stochastic)?;
    let n = n as u64;
    let total = |of: fn(&Cells) -> u64| n * n * of(&cell) + n * of(&unit);
    Some(Cells {
        dsp: total(|cells| cells.dsp),
        lut: total(|cells| cells.lut),
        lut_ram: total(|cells| cells.lut_ram),
        ff: total(|cells| cells.ff),
        carry4: total(|cells| cells.carry4),
    })
}
