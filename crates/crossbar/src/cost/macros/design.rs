//! What is published of a macro, and what it is made of, as data.

use serde::Deserialize;

use crate::cost::adc::AdcKind;
use crate::cost::range::Range;
use crate::error::TileError;

/// What is published of a macro.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// What counts as an operation.
    pub operation: String,
    /// What takes the energy.
    pub scope: String,
    /// Efficiency in 10¹² operations per second and watt.
    pub tops_per_watt: f64,
    /// Throughput of one array in 10¹² operations per second.
    #[serde(default)]
    pub tops: Option<f64>,
}

/// What a macro is made of; of one of its arrays, where it has several.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Design {
    /// Technology in nm.
    pub technology_nm: f64,
    /// Supply of converters and gates in V.
    pub supply_v: f64,
    /// Inputs of a product.
    pub inputs: usize,
    /// Outputs of a product.
    pub outputs: usize,
    /// Bit lines of an output.
    pub columns: usize,
    /// Conversions of an output in each slice: bit lines that are converted by themselves.
    pub planes: usize,
    /// Slices in which an input comes, one after another.
    pub slices: usize,
    /// Bits of an input and of an output.
    pub bits: [f64; 2],
    /// Width and height of a cell in µm.
    pub cell_um: [f64; 2],
    /// What multiplies and adds.
    pub array: Array,
    /// Word lines.
    pub word_lines: WordLines,
    /// Swing of the bit lines in V; 0 if absent: held, or counted with the array.
    #[serde(default)]
    pub bit_line_swing_v: f64,
    /// Time of a slice before the conversion in ns.
    pub integration_ns: f64,
    /// Output converters; none if absent.
    #[serde(default)]
    pub converter: Option<Converter>,
    /// Digital arithmetic.
    #[serde(default)]
    pub digital: Digital,
}

/// What multiplies and adds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Array {
    /// Currents through devices.
    Currents {
        /// Mean conductance of all devices of a weight in µS.
        conductance_us: Range,
        /// Voltage across a device in V.
        read_v: f64,
        /// Voltage that the current comes from in V.
        source_v: f64,
        /// Time for which a full input of a slice drives in ns.
        full_input_ns: f64,
        /// Mean of |x| over the inputs of a slice.
        mean_input: f64,
    },
    /// Charges on capacitors.
    Charges {
        /// Capacitance of a unit in fF.
        unit_ff: Range,
        /// Units of a cell.
        units: f64,
    },
    /// Full adders.
    Adders {
        /// Bits that are added in a cell.
        bits: f64,
    },
}

/// Word lines, and how they are driven.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WordLines {
    /// Lines of an input.
    pub lines: f64,
    /// Gates of a cell on each.
    pub gates: f64,
    /// Swing in V.
    pub swing_v: f64,
    /// Mean number of pulses in a slice.
    pub pulses: f64,
    /// Capacitance in fF that the converter of an input charges besides, 0 if absent.
    #[serde(default)]
    pub converter_ff: f64,
}

/// Output converters.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Converter {
    /// How it converts.
    pub kind: AdcKind,
    /// Its bits.
    pub bits: f64,
    /// Conversions per second of each.
    pub samples_per_s: f64,
    /// Bit lines that share one.
    pub columns_per_adc: usize,
    /// Whether it converts what was integrated while the next slice is.
    pub overlapped: bool,
}

/// Digital arithmetic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digital {
    /// Bits that are added for each conversion.
    #[serde(default)]
    pub adder_bits: f64,
    /// Multiplications of 8 bits for each output.
    #[serde(default)]
    pub multiplications: f64,
    /// Whether inputs are read from a memory and outputs written to one.
    #[serde(default)]
    pub buffered: bool,
}

impl Published {
    pub(super) fn check(&self) -> Result<(), TileError> {
        positive("published.tops_per_watt", self.tops_per_watt)?;
        positive("published.tops", self.tops.unwrap_or(1.0))
    }
}

impl Design {
    pub(super) fn check(&self) -> Result<(), TileError> {
        let Self { word_lines, array, digital, .. } = self;
        for (field, count) in [
            ("design.inputs", self.inputs),
            ("design.outputs", self.outputs),
            ("design.columns", self.columns),
            ("design.planes", self.planes),
            ("design.slices", self.slices),
            ("columns_per_adc", self.converter.map_or(1, |c| c.columns_per_adc)),
        ] {
            TileError::check_count(field, count, 1..=1 << 20)?;
        }
        let [input_bits, output_bits] = self.bits;
        let [width, height] = self.cell_um;
        let mut numbers = vec![
            ("design.technology_nm", self.technology_nm),
            ("design.supply_v", self.supply_v),
            ("design.bits", input_bits),
            ("design.bits", output_bits),
            ("design.cell_um", width),
            ("design.cell_um", height),
            ("design.integration_ns", self.integration_ns),
        ];
        let mut not_negative = vec![
            ("word_lines.lines", word_lines.lines),
            ("word_lines.gates", word_lines.gates),
            ("word_lines.swing_v", word_lines.swing_v),
            ("word_lines.pulses", word_lines.pulses),
            ("word_lines.converter_ff", word_lines.converter_ff),
            ("design.bit_line_swing_v", self.bit_line_swing_v),
            ("digital.adder_bits", digital.adder_bits),
            ("digital.multiplications", digital.multiplications),
        ];
        match *array {
            Array::Currents { conductance_us, read_v, source_v, full_input_ns, mean_input } => {
                conductance_us.check("currents.conductance_us")?;
                numbers.extend([("currents.read_v", read_v), ("currents.source_v", source_v)]);
                numbers.push(("currents.full_input_ns", full_input_ns));
                not_negative.push(("currents.mean_input", mean_input));
            }
            Array::Charges { unit_ff, units } => {
                unit_ff.check("charges.unit_ff")?;
                not_negative.push(("charges.units", units));
            }
            Array::Adders { bits } => not_negative.push(("adders.bits", bits)),
        }
        if let Some(converter) = &self.converter {
            numbers.push(("converter.bits", converter.bits));
            numbers.push(("converter.samples_per_s", converter.samples_per_s));
        }
        numbers.into_iter().try_for_each(|(field, value)| positive(field, value))?;
        not_negative
            .into_iter()
            .try_for_each(|(f, value)| TileError::check_within(f, value, 0.0..=1e12))
    }
}

fn positive(field: &'static str, value: f64) -> Result<(), TileError> {
    TileError::check(value > 0.0, field, value, "is not > 0")?;
    TileError::check_within(field, value, 0.0..=1e12)
}
