//! The SystemVerilog description of the array, and its parameters for a configuration.
//!
//! The sources are part of the crate; [`write_sources`] puts them where a tool can read them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::dsp::ACCUMULATOR_BITS;
use crate::{ArrayConfig, ArrayError, ColumnRounding};

/// File names and texts, a module per file; the last one is the top.
pub const SOURCES: [(&str, &str); 6] = [
    ("edge_fifo.sv", include_str!("../rtl/edge_fifo.sv")),
    ("lfsr.sv", include_str!("../rtl/lfsr.sv")),
    ("round_unit.sv", include_str!("../rtl/round_unit.sv")),
    ("mac_cell.sv", include_str!("../rtl/mac_cell.sv")),
    ("systolic_array.sv", include_str!("../rtl/systolic_array.sv")),
    ("accelerator.sv", include_str!("../rtl/accelerator.sv")),
];

/// The module that contains all others.
pub const TOP: &str = "accelerator";

/// Writes the sources into `directory`, which is made if it is not there.
///
/// # Errors
///
/// What the file system says.
pub fn write_sources(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(directory)?;
    SOURCES
        .iter()
        .map(|(name, text)| {
            let path = directory.join(name);
            fs::write(&path, text).map(|()| path)
        })
        .collect()
}

/// Names and values of the top module's parameters that describe `config`.
///
/// # Errors
///
/// [`ArrayError`] if the configuration is impossible.
pub fn parameters(config: &ArrayConfig) -> Result<Vec<(&'static str, String)>, ArrayError> {
    config.check()?;
    let mut parameters = vec![
        ("N", config.n.to_string()),
        ("WA", config.a.word_length().to_string()),
        ("WB", config.b.word_length().to_string()),
        ("WACC", ACCUMULATOR_BITS.to_string()),
        ("DROP", config.dropped_bits()?.to_string()),
        ("WO", config.out.word_length().to_string()),
        ("DEPTH", config.edge_depth.to_string()),
        ("OUT_DEPTH", config.output_depth.to_string()),
    ];
    match &config.rounding {
        ColumnRounding::Stochastic(lfsrs) => parameters.extend([
            ("SR", "1".to_owned()),
            ("LFSR_W", lfsrs.width.to_string()),
            ("LFSR_TAPS", format!("64'h{:x}", lfsrs.taps)),
            ("LFSR_STEPS", lfsrs.steps_per_sample.to_string()),
        ]),
        ColumnRounding::NearestTiesDown => parameters.push(("SR", "0".to_owned())),
    }
    Ok(parameters)
}
