//! [`Macro`]: published macros, what they measured, and what these figures make of them.
//!
//! A macro is data: how large its array is, what its cells are, how inputs come in and outputs are
//! converted. [`Macro::cost`] puts its product together from [`Components`] that are the same for
//! all, and from the [survey](crate::cost::survey) of converters, so that what was measured is a
//! test of the figures and not their source:
//!
//! ```text
//! word line   (lines · (C_wire + C_gates) + C_DAC) · V_swing · V_supply · pulses   each input, slice
//! currents    V_read V_source t Σ_ij G_ij |x_j|             each slice
//! charges     units · C · V_supply² · activity              each cell, slice
//! bit line    (C_wire + C_gates) · V_swing · V_supply       each column, slice
//! adders      bits · E_adder                                each cell, slice
//! converter   E(N, f, T) of the survey                      each conversion
//! digital     bits · E_adder, E_multiplier, E_memory        each conversion, output, byte
//! ```
//!
//! V_source is the supply where what holds a line at V_read passes its current on from there.
//!
//! `docs/crossbar/macros.md` has them all beside what was published; a test keeps it up to date.
//! Nothing is fitted to the macros.

mod components;
mod design;

use serde::Deserialize;

use crate::cost::energy::Cost;
use crate::cost::figures::CostFigures;
use crate::cost::product::{Passes, Work};
use crate::cost::range::Range;
use crate::cost::survey::conversion_pj;
use crate::cost::system::Buffers;
use crate::error::TileError;

pub use components::Components;
use components::gates;
pub use design::{Array, Converter, Design, Digital, Published, WordLines};

const SHIPPED: [(&str, &str); 10] = [
    ("hermes", include_str!("../../presets/macros/hermes.toml")),
    ("ibm-64-core-one-phase", include_str!("../../presets/macros/ibm-64-core-one-phase.toml")),
    ("ibm-64-core-four-phase", include_str!("../../presets/macros/ibm-64-core-four-phase.toml")),
    ("neurram", include_str!("../../presets/macros/neurram.toml")),
    ("isaac", include_str!("../../presets/macros/isaac.toml")),
    ("jia-1v2", include_str!("../../presets/macros/jia-1v2.toml")),
    ("jia-0v85", include_str!("../../presets/macros/jia-0v85.toml")),
    ("sinangil", include_str!("../../presets/macros/sinangil.toml")),
    ("wang", include_str!("../../presets/macros/wang.toml")),
    ("colonnade", include_str!("../../presets/macros/colonnade.toml")),
];

/// A published macro.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Macro {
    /// Its name.
    pub name: String,
    /// Where it is published, a key of `docs/sources.md`.
    pub source: String,
    /// Why its efficiency differs from ours.
    pub why: String,
    /// What is published.
    pub published: Published,
    /// What it is made of.
    pub design: Design,
}

impl Macro {
    /// The macros that ship, by name.
    ///
    /// # Panics
    ///
    /// Never: a test reads every file.
    pub fn shipped() -> Vec<(&'static str, Self)> {
        let read = |(name, text)| {
            (name, Self::from_toml(text).unwrap_or_else(|error| panic!("{name}: {error}")))
        };
        SHIPPED.into_iter().map(read).collect()
    }

    /// Text of a macro that ships.
    pub fn text(name: &str) -> Option<&'static str> {
        SHIPPED.iter().find(|(n, _)| *n == name).map(|&(_, text)| text)
    }

    /// Reads a macro.
    ///
    /// # Errors
    ///
    /// [`TileError::Syntax`] for text that is no macro; [`TileError::Config`] for a number that no
    /// circuit has.
    pub fn from_toml(text: &str) -> Result<Self, TileError> {
        let read: Self = toml::from_str(text).map_err(|e| TileError::Syntax(e.to_string()))?;
        read.published.check()?;
        read.design.check()?;
        Ok(read)
    }

    /// The figures of its parts, for its own converters.
    pub fn figures(&self, components: &Components) -> CostFigures {
        let design = &self.design;
        let Design { technology_nm, supply_v, word_lines, digital, .. } = *design;
        let gates = gates(technology_nm, supply_v);
        let cells = (design.outputs * design.columns) as f64;
        let [width, height] = design.cell_um;
        let line = components.line_ff(cells, width, word_lines.gates, technology_nm);
        let volts = word_lines.swing_v * supply_v.max(word_lines.swing_v);
        let driven = line.map(|ff| word_lines.lines * ff + word_lines.converter_ff);
        let exactly = Range::exactly;
        let converter = design.converter;
        let adc_pj = converter.map_or_else(Range::default, |converter| {
            conversion_pj(converter.bits, converter.samples_per_s, technology_nm)
        });
        // A multiplication of an output is a share of one for each of its conversions.
        let multiplied = digital.multiplications / (design.slices * design.planes) as f64;
        let digital_pj = components.adder_fj.scaled(1e-3 * digital.adder_bits)
            + components.multiplier_8b_pj.scaled(multiplied);
        let (read_v, full_input_ns) = match design.array {
            Array::Currents { read_v, full_input_ns, .. } => (read_v, full_input_ns),
            _ => (supply_v, design.integration_ns),
        };
        let memory = components.memory_pj_per_byte.scaled(gates);
        CostFigures {
            // 1 fF V² = 10⁻³ pJ.
            dac_pj: driven.scaled(1e-3 * volts * word_lines.pulses),
            adc_pj,
            digital_pj: digital_pj.scaled(gates),
            read_v: exactly(read_v),
            integration_ns: exactly(full_input_ns),
            dac_ns: Range::default(),
            adc_ns: exactly(converter.map_or(0.0, |converter| 1e9 / converter.samples_per_s)),
            digital_ns: Range::default(),
            cell_um2: exactly(width * height),
            dac_um2: Range::default(),
            adc_um2: Range::default(),
            digital_um2: Range::default(),
            columns_per_adc: converter.map_or(1, |converter| converter.columns_per_adc),
            adc: converter.map_or_else(Default::default, |converter| converter.kind),
            adc_survey: None,
            input_encoding: Default::default(),
            converters: None,
            buffers: digital
                .buffered
                .then_some(Buffers { read_pj_per_byte: memory, write_pj_per_byte: memory }),
            network: None,
            digital_units: None,
            programming: None,
        }
    }

    /// What a product asks of its array.
    pub fn work(&self, components: &Components) -> Work {
        let design = &self.design;
        let Design { technology_nm, supply_v, slices, .. } = *design;
        let weights = (design.inputs * design.outputs * slices) as f64;
        let cells = weights * design.columns as f64;
        let none = Range::default();
        let (driven_s, charges_pj) = match design.array {
            Array::Currents { conductance_us, read_v, source_v, mean_input, .. } => {
                let from = source_v / read_v;
                (conductance_us.scaled(1e-6 * weights * mean_input * from), none)
            }
            Array::Charges { unit_ff, units } => {
                let charged = unit_ff.zip(components.activity, |ff, share| ff * share);
                (none, charged.scaled(1e-3 * units * supply_v * supply_v * cells))
            }
            Array::Adders { bits } => {
                let adders = components.adder_fj.scaled(1e-3 * gates(technology_nm, supply_v));
                (none, adders.scaled(bits * cells))
            }
        };
        let columns = (design.outputs * design.columns * slices) as f64;
        let rows = design.inputs as f64;
        let bit_line = components.line_ff(rows, design.cell_um[1], 1.0, technology_nm);
        let bit_lines = bit_line.scaled(1e-3 * design.bit_line_swing_v * supply_v * columns);
        Work {
            inputs: design.inputs,
            outputs: design.outputs,
            passes: Passes { slices, planes: design.planes },
            driven_s,
            charges_pj: charges_pj + bit_lines,
            bits: design.bits,
            devices: design.inputs * design.outputs * design.columns,
        }
    }

    /// Cost of one product of an array, from the components.
    pub fn cost(&self, components: &Components) -> Cost {
        self.figures(components).product(&self.work(components))
    }

    /// Time from one product of an array to the next in ns.
    pub fn interval_ns(&self) -> f64 {
        let design = &self.design;
        let conversions = design.converter.map_or((0.0, false), |converter| {
            let columns = design.outputs * design.planes;
            let rounds = columns.div_ceil(columns.div_ceil(converter.columns_per_adc));
            (rounds as f64 * 1e9 / converter.samples_per_s, converter.overlapped)
        });
        let slice = match conversions {
            (ns, true) => design.integration_ns.max(ns),
            (ns, false) => design.integration_ns + ns,
        };
        design.slices as f64 * slice
    }

    /// Throughput of one array in 10¹² operations per second, a multiplication and an addition
    /// counting as two.
    pub fn tops(&self) -> f64 {
        2e-3 * (self.design.inputs * self.design.outputs) as f64 / self.interval_ns()
    }
}

#[cfg(test)]
mod tests;
