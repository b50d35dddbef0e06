//! `check`.

use std::path::PathBuf;

use clap::Args;

use super::exit;
use crate::check;
use crate::measured::error::Error;
use crate::output::Output;

/// How `check` ends.
const ENDS: &str = "\
Exit code: 0 if the outputs are equal, or none are expected; 1 if they are not; 2 if a file cannot be read, \
or the network has operators that there are not.";

/// Tell what is in an ONNX file, and whether it gives here what it gave elsewhere.
///
/// Example: cargo xtask check model.onnx --expect io.npz
#[derive(Clone, Debug, Args)]
#[command(after_help = ENDS)]
pub struct Check {
    /// The network; its weights may lie beside it, as exporters write them.
    #[arg(value_name = "MODEL.onnx")]
    pub model: PathBuf,
    /// Arrays of inputs and outputs by their names, as `numpy.savez` writes them; a single output may be
    /// called y. Further arrays are compared with the values of their names in the network.
    #[arg(long, value_name = "IO.npz")]
    pub expect: Option<PathBuf>,
    /// The largest difference that is taken for rounding, as a share of the largest number of an output.
    #[arg(long, value_name = "X", default_value_t = 1e-4, value_parser = tolerance)]
    pub tolerance: f32,
    /// The tile on which layers are laid out: a preset, or a TOML file.
    #[arg(long, value_name = "TILE", default_value = "standard-pcm")]
    pub tile: String,
}

impl Check {
    pub(super) fn run(&self, output: &mut Output) -> Result<u8, Error> {
        let expect = self.expect.as_deref().map(|file| (file, self.tolerance));
        check::run(&self.model, expect, &self.tile, output).map(exit::of)
    }
}

/// A share above 0.
fn tolerance(text: &str) -> Result<f32, String> {
    let share: f32 = text.parse().map_err(|_| format!("'{text}' is no number"))?;
    if share > 0.0 && share.is_finite() { Ok(share) } else { Err(format!("{text} is no share")) }
}
