//! Networks that a command names, and what stands beside them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use datasets::DataFolder;

use super::data::data_folder;
use super::values::{seed, threads};
use crate::experiments::study::{Changes, Study};
use crate::measured::error::Error;
use crate::measured::measures::trained::weights::WeightsFile;
use crate::measured::networks::NetworkId;
use crate::measured::networks::own::{Files, Own};
use crate::measured::networks::subject::{Sources, Subject};
use crate::measured::networks::workload::Workload;
use crate::measured::scale::Scale;

/// How a command about one network ends, and the networks that have a name.
pub(super) fn with_networks(ends: &str) -> String {
    let known: Vec<&str> = NetworkId::ALL.iter().map(|id| id.name()).collect();
    format!("{ends}\n\nNetworks of the register: {}.", known.join(", "))
}

/// Which network a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedNetwork {
    /// One of the register.
    Registered(NetworkId),
    /// An ONNX file.
    File(PathBuf),
}

impl std::fmt::Display for NamedNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Registered(id) => f.pad(id.name()),
            Self::File(file) => f.pad(&stem(file)),
        }
    }
}

/// What a file is called without its folder and its `.onnx`.
pub(super) fn stem(file: &Path) -> String {
    file.file_stem()
        .map_or_else(|| "network".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// A name of the register, or else a file.
pub(super) fn named_network(text: &str) -> Result<NamedNetwork, String> {
    if let Ok(id) = text.parse() {
        return Ok(NamedNetwork::Registered(id));
    }
    let file = Path::new(text);
    if file.extension().is_some_and(|extension| extension == "onnx") || file.is_file() {
        return Ok(NamedNetwork::File(file.to_owned()));
    }
    let known: Vec<&str> = NetworkId::ALL.iter().map(|id| id.name()).collect();
    Err(format!(
        "it is no ONNX file and no network of the register, which has {}",
        known.join(", ")
    ))
}

/// What stands beside a network: its examples, its recipe, and how it is run.
#[derive(Clone, Debug, Args)]
pub struct Beside {
    /// Of a network of a file: its examples, as .npz, .safetensors, .csv, a folder of images by class, or
    /// a TOML file that describes them. Otherwise the folder of data sets that do not ship with the source,
    /// looked in first [default: that of the environment variable DITHER_DATA].
    #[arg(long, value_name = "DATA")]
    pub data: Option<PathBuf>,
    /// Of a network of a file: the examples to test with [default: a tenth of the others, which is then not
    /// trained with].
    #[arg(long, value_name = "DATA")]
    pub test: Option<PathBuf>,
    /// smoke (seconds), desk (minutes, real data), long (hours) or paper (the paper's own size).
    #[arg(long, default_value_t = Scale::Desk)]
    pub scale: Scale,
    /// The seed, below 2^32.
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0, value_parser = seed())]
    pub seed: u64,
    /// How it is trained for its hardware, a TOML file [default: the network's own recipe; for a network of
    /// a file four epochs of Adam].
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// What of the recipe is other.
    #[command(flatten)]
    pub changes: Changes,
    /// Weights to take instead of trained ones or the network's own: safetensors in f32, f16, bf16 or f64 with
    /// the names of PyTorch, or a model of a store, such as `train` keeps.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// A table of the names in that file, in TOML: `rename` has ours by theirs, `ignore` lists those that are
    /// passed over.
    #[arg(long, value_name = "FILE", requires = "checkpoint")]
    pub names: Option<PathBuf>,
    /// Layers that stay digital or are on tiles of their own, a TOML file such as `sensitivity` writes.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Threads; those beyond the number of points serve the kernels [default: all cores].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = threads())]
    pub threads: Option<u32>,
}

impl Beside {
    /// A network with all that stands beside it, on such tiles.
    pub(super) fn study(&self, network: &NamedNetwork, tile: Option<String>) -> Study {
        let network = match network {
            NamedNetwork::Registered(id) => Subject::Registered(*id),
            NamedNetwork::File(_) => Subject::Own,
        };
        let Self { scale, recipe, policy, changes, checkpoint, names, .. } = self.clone();
        let weights = checkpoint.map(|file| WeightsFile { file, names });
        Study { network, scale, tile, recipe, policy, changes, weights }
    }

    /// The user's own network with its data, if a command names a file; and where other data sets are.
    pub(super) fn found(&self, network: Option<&NamedNetwork>) -> Result<Found, Error> {
        let Some(NamedNetwork::File(model)) = network else {
            if self.test.is_some() {
                let reason = "--test is for a network of a file; one of the register has its own";
                return Err(Error::Usage(reason.to_owned()));
            }
            return Ok(Found { data: data_folder(self.data.as_deref())?, own: None });
        };
        let Some(data) = self.data.as_deref() else {
            let reason = "a network of a file needs its examples: --data data.npz, or a TOML file that \
                          describes them";
            return Err(Error::Usage(reason.to_owned()));
        };
        let folder = data_folder(None)?;
        let own = Own::open(Files { model, data, test: self.test.as_deref() }, &folder)?;
        Ok(Found { data: folder, own: Some(Arc::new(own)) })
    }
}

/// Where data sets are, and the user's own network with its data, if there is one.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) data: DataFolder,
    pub(super) own: Option<Arc<dyn Workload>>,
}

impl Found {
    /// The same, lent.
    pub(super) fn sources(&self) -> Sources<'_> {
        Sources { data: &self.data, own: self.own.as_ref() }
    }
}
