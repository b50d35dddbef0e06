//! Weights from a file instead of training: of PyTorch, or a model of a store.

use std::path::Path;

use datasets::DataFolder;
use datasets::sum::hex;
use nn::layers::from_pytorch_recurrent_name;
use nn::{AnyArithmetic, Parameters, Policy, checkpoint, load_pretrained};
use numerics::Seed;
use sha2::{Digest, Sha256};

use super::{Note, Stage, Trained};
use crate::measured::error::Error;
use crate::measured::files;
use crate::measured::hash::hash;
use crate::measured::models::Models;
use crate::measured::seal;

impl Trained {
    /// Takes the weights of a safetensors file instead of trained ones, and keeps them in the store,
    /// where the points of a run find them. Returns how far the network of the file is.
    ///
    /// The file is one of f32 tensors with the names of PyTorch, the network then not being trained
    /// in f32; or a model of a store with its checksum, taken as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read or kept; [`Error::Data`] with all tensors that do not fit;
    /// and as [`Trained::open`].
    pub fn keep_weights(
        &mut self,
        file: &Path,
        data: &DataFolder,
        models: &Models,
    ) -> Result<Stage, Error> {
        let bytes = files::read(file, u64::MAX)?;
        let workload = self.network.open(data, self.scale)?;
        let note = note(&bytes);
        if note.is_some() {
            seal::check(&bytes).map_err(|reason| Error::data(file, reason))?;
        }
        let stage = note.as_ref().map_or(Stage::Float, |note| note.stage);
        let policy = match stage {
            Stage::Float => Policy::uniform(AnyArithmetic::Float32),
            Stage::Direct | Stage::Hardware => Self::policy(&*workload, &self.recipe.analog),
        };
        let mut parameters = workload.instance(&policy, &Seed::new(0)).parameters;
        match note {
            Some(note) if note.network != self.network => {
                let (here, there) = (self.network, note.network);
                return Err(Error::data(file, format!("a model of '{there}', not of '{here}'")));
            }
            Some(_) => checkpoint::load(&mut parameters, &bytes)
                .map(drop)
                .map_err(|error| Error::data(file, error.to_string()))?,
            None => {
                load_float(&mut parameters, &bytes).map_err(|reason| Error::data(file, reason))?
            }
        }
        let sha256 = hex(&Sha256::digest(&bytes));
        models.keep(&key(&sha256), &bytes)?;
        self.weights = Some(sha256);
        Ok(stage)
    }
}

fn key(sha256: &str) -> String {
    hash(&("weights", sha256))
}

/// The file that was kept.
pub(super) fn kept(models: &Models, sha256: &str) -> Result<Vec<u8>, Error> {
    models.get(&key(sha256))?.ok_or_else(|| {
        Error::NoData(format!("the store does not have the weights of SHA-256 {sha256}"))
    })
}

/// How far the network of a file is, if it is a model of a store.
pub(super) fn stage(bytes: &[u8]) -> Option<Stage> {
    note(bytes).map(|note| note.stage)
}

fn note(bytes: &[u8]) -> Option<Note> {
    serde_json::from_str(&checkpoint::note(bytes).ok()?).ok()
}

/// Loads tensors with the names of PyTorch, which every network here has but for those of
/// recurrent layers.
pub(super) fn load_float(parameters: &mut Parameters, bytes: &[u8]) -> Result<(), String> {
    load_pretrained(parameters, bytes, |name| Some(from_pytorch_recurrent_name(name)))
        .map(drop)
        .map_err(|error| error.to_string())
}
