//! [`Synthesis`]: what the RTL costs on a 7-series device, as Yosys maps it.
//!
//! The numbers are data, `src/synthesis/xc7.toml`, made by
//!
//! ```text
//! cargo run --release -p systolic --example synthesise
//! ```
//!
//! They are counts after mapping to cells. Nothing is placed or routed, so they say nothing about
//! clock rates or power.

use std::path::Path;
use std::process::Command;

use numerics::{FixedFormat, Seed};
use serde::{Deserialize, Serialize};

use crate::cosim::is_installed;
use crate::{ArrayConfig, ArrayError, ColumnLfsrs, ColumnRounding, rtl};

/// Cells of the device that a module takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cells {
    /// DSP48E1 slices.
    pub dsp: u64,
    /// Look-up tables used as logic.
    pub lut: u64,
    /// Look-up tables used as memory.
    pub lut_ram: u64,
    /// Flip-flops.
    pub ff: u64,
    /// Carry chains of four bits.
    pub carry4: u64,
}

impl Cells {
    /// Look-up tables of both uses, as resource tables count them.
    pub fn luts(&self) -> u64 {
        self.lut + self.lut_ram
    }
}

/// One module, as it was synthesised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// Name of the SystemVerilog module.
    pub module: String,
    /// Rows and columns of the array that it is or belongs to.
    pub n: usize,
    /// Whether it rounds stochastically; a part that does not round counts as if it did.
    pub stochastic: bool,
    /// What it takes.
    pub cells: Cells,
}

/// The synthesised modules and what they were synthesised with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Synthesis {
    /// The synthesis tool and its version.
    pub tool: String,
    /// Operands and results.
    pub format: FixedFormat,
    /// All modules.
    pub modules: Vec<Module>,
}

/// Why nothing was synthesised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SynthesisError {
    /// Yosys is not installed.
    #[error("yosys is not installed")]
    ToolAbsent,
    /// Yosys refused the design.
    #[error("yosys could not synthesise {module}:\n{text}")]
    Tool {
        /// Name of the module.
        module: String,
        /// What it said.
        text: String,
    },
    /// The configuration is impossible.
    #[error(transparent)]
    Config(#[from] ArrayError),
    /// The file system failed.
    #[error("cannot synthesise: {0}")]
    Io(#[from] std::io::Error),
}

impl Synthesis {
    /// The committed data.
    ///
    /// # Panics
    ///
    /// If the file that this crate was built with is damaged.
    pub fn xc7() -> Self {
        toml::from_str(include_str!("synthesis/xc7.toml")).expect("synthesis/xc7.toml is valid")
    }

    /// What a module takes, if it was synthesised in that size.
    pub fn cells(&self, module: &str, n: usize, stochastic: bool) -> Option<Cells> {
        let found = |m: &&Module| m.module == module && m.n == n && m.stochastic == stochastic;
        self.modules.iter().find(found).map(|m| m.cells)
    }
}

/// The configuration whose modules are synthesised: the paper's words, the default LFSRs.
///
/// # Errors
///
/// [`ArrayError::Zero`] if n is 0.
pub fn configuration(n: usize, stochastic: bool) -> Result<ArrayConfig, ArrayError> {
    let format = FixedFormat::new(2, 14).expect("<2,14> is a format");
    let rounding = if stochastic {
        ColumnRounding::Stochastic(ColumnLfsrs::spread(n, &Seed::new(2015)))
    } else {
        ColumnRounding::NearestTiesDown
    };
    let config = ArrayConfig::new(n, format, rounding);
    config.check()?;
    Ok(config)
}

/// The version of Yosys, as it prints it.
///
/// # Errors
///
/// [`SynthesisError::ToolAbsent`] if it is not installed.
pub fn tool() -> Result<String, SynthesisError> {
    if !is_installed("yosys") {
        return Err(SynthesisError::ToolAbsent);
    }
    let output = Command::new("yosys").arg("-V").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split(" (").next().unwrap_or_default().trim().to_owned())
}

/// Synthesises one module for `xc7`; the hierarchy is kept, so that equal cells are mapped once.
///
/// # Errors
///
/// [`SynthesisError`] without Yosys, or with what it says.
pub fn synthesise(
    module: &str,
    config: &ArrayConfig,
    directory: &Path,
) -> Result<Cells, SynthesisError> {
    tool()?;
    let sources = rtl::write_sources(directory)?;
    let mut script = String::new();
    for source in sources {
        script += &format!("read_verilog -sv {}\n", source.display());
    }
    // Each module has some of the top's parameters.
    for (name, value) in rtl::parameters(config)? {
        let text = rtl::SOURCES.iter().find(|(file, _)| *file == format!("{module}.sv"));
        let short = match (module, name) {
            ("lfsr", "LFSR_W") => "W",
            ("lfsr", "LFSR_TAPS") => "TAPS",
            ("lfsr", "LFSR_STEPS") => "STEPS",
            _ => name,
        };
        let declared = text.is_some_and(|(_, text)| {
            text.lines().any(|line| {
                line.trim_start().starts_with("parameter")
                    && line
                        .split('=')
                        .next()
                        .is_some_and(|left| left.trim().ends_with(&format!(" {short}")))
            })
        });
        if declared {
            script += &format!("chparam -set {short} {value} {module}\n");
        }
    }
    script += &format!("synth_xilinx -family xc7 -top {module} -noiopad -noclkbuf\nstat\n");
    let file = directory.join(format!("{module}.ys"));
    std::fs::write(&file, script)?;
    let output = Command::new("yosys").arg("-s").arg(&file).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let text = text + String::from_utf8_lossy(&output.stderr);
        return Err(SynthesisError::Tool { module: module.to_owned(), text: text.into_owned() });
    }
    Ok(count(&text))
}

/// The cells of the last section of Yosys's statistics, which is that of the whole hierarchy.
fn count(text: &str) -> Cells {
    let mut cells = Cells::default();
    let last = text.rsplit("Number of cells:").next().unwrap_or_default();
    for line in last.lines().skip(1) {
        let mut words = line.split_whitespace();
        let (Some(kind), Some(Ok(number))) = (words.next(), words.next().map(str::parse::<u64>))
        else {
            break;
        };
        match kind {
            "DSP48E1" => cells.dsp += number,
            "CARRY4" => cells.carry4 += number,
            // Four and two look-up tables each.
            "RAM32M" | "RAM64M" => cells.lut_ram += 4 * number,
            "RAM32X1D" | "RAM64X1D" => cells.lut_ram += 2 * number,
            _ if kind.starts_with("LUT") || kind == "INV" => cells.lut += number,
            _ if kind.starts_with("FD") => cells.ff += number,
            _ => {}
        }
    }
    cells
}
