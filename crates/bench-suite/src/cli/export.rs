//! `export`.

use std::path::PathBuf;

use clap::Args;

use super::exit::{HOLDS, OF_NO_JUDGE};
use super::train::{Train, Training, Weights};
use crate::measured::error::Error;
use crate::measured::measures::fine_tuning::Kept;
use crate::output::Output;

/// Write the weights of a finished training under the names that they came with.
///
/// In f32 and in the shapes of PyTorch, whose load_state_dict takes them. The arguments are those of the
/// training.
///
/// Example: cargo xtask export --network model.onnx --data data.toml --hardware mxfp8 --to weights.safetensors
#[derive(Clone, Debug, Args)]
#[command(after_help = OF_NO_JUDGE)]
pub struct Export {
    /// The training.
    #[command(flatten)]
    pub train: Train,
    /// The weights of the epoch with the least test error instead of those of the last one.
    #[arg(long)]
    pub best: bool,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

impl Export {
    pub(super) fn run(&self, output: &mut Output) -> Result<u8, Error> {
        let training = Training::asked_for(&self.train, &nn::Processes::one())?;
        let kept = if self.best { Kept::Best } else { Kept::Last };
        // The best ones are kept before the last epoch is over.
        let done = training.store.load(&training.point)?.is_some();
        let weights = if done { training.weights(kept)? } else { None };
        let Some(Weights { file, .. }) = weights else {
            let folder = training.store.folder().display();
            let reason = format!("{folder} has no such training that is finished; train makes it");
            return Err(Error::Usage(reason));
        };
        std::fs::write(&self.to, file).map_err(Error::io("write", &self.to))?;
        output.line(format_args!("Weights: {}", self.to.display()));
        Ok(HOLDS)
    }
}
