//! Weights from a file instead of training: of PyTorch, or a model of a store.

use std::path::PathBuf;

use datasets::sum::hex;
use nn::{AnyArithmetic, Policy, Renames, checkpoint};
use numerics::Seed;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use sha2::{Digest, Sha256};

use super::{Note, Stage, Trained};
use crate::measured::error::Error;
use crate::measured::files;
use crate::measured::hash::hash;
use crate::measured::models::Models;
use crate::measured::networks::subject::Sources;
use crate::measured::seal;

/// A file of weights that others trained, or a model of a store.
#[derive(Clone, Debug)]
pub struct WeightsFile {
    /// The file.
    pub file: PathBuf,
    /// A table of names in TOML, where the file has others than the network: [`nn::Renames`].
    pub names: Option<PathBuf>,
}

/// What is known of weights that were taken from a file.
#[derive(Clone, Debug)]
pub struct Taken {
    /// How far their network is.
    pub stage: Stage,
    /// A line on each tensor whose numbers were rounded.
    pub notes: Vec<String>,
}

/// No table of names is larger, in bytes.
const LARGEST_TABLE: u64 = 16 << 20;

impl WeightsFile {
    /// Its bytes, with the names of the network.
    fn read(&self) -> Result<Vec<u8>, Error> {
        let Self { file, names } = self;
        let bytes = files::read(file, u64::MAX)?;
        let Some(names) = names else { return Ok(bytes) };
        let text = files::read_text(names, LARGEST_TABLE)?;
        let table = Renames::from_toml(&text).map_err(|reason| Error::data(names, reason))?;
        renamed(&bytes, &table).map_err(|reason| Error::data(file, reason))
    }
}

/// A safetensors file with other names.
fn renamed(bytes: &[u8], table: &Renames) -> Result<Vec<u8>, String> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| format!("not a readable safetensors file: {error}"))?;
    let tensors = file.iter().filter_map(|(name, tensor)| Some((table.ours(name)?, tensor)));
    let mut tensors: Vec<(String, TensorView<'_>)> = tensors.collect();
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    if let Some(pair) = tensors.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("two of its tensors are called {}", pair[0].0));
    }
    safetensors::serialize(tensors, None).map_err(|error| error.to_string())
}

impl Trained {
    /// Takes the weights of a safetensors file instead of trained ones, and keeps them in the store,
    /// where the points of a run find them.
    ///
    /// The file is one of tensors with the names of PyTorch, the network then not being trained
    /// in f32; or a model of a store with its checksum, taken as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read or kept; [`Error::Data`] with all tensors that do not fit;
    /// and as [`Trained::open`].
    pub fn keep_weights(
        &mut self,
        from: &WeightsFile,
        sources: Sources<'_>,
        models: &Models,
    ) -> Result<Taken, Error> {
        let (bytes, file) = (from.read()?, &*from.file);
        let workload = self.network.open(sources, self.scale)?;
        let note = note(&bytes);
        if note.is_some() {
            seal::check(&bytes).map_err(|reason| Error::data(file, reason))?;
        }
        let stage = note.as_ref().map_or(Stage::Float, |note| note.stage);
        let policy = match stage {
            Stage::Float | Stage::Control => Policy::uniform(AnyArithmetic::Float32),
            Stage::Rounded => {
                let reason = "holds weights of another arithmetic; train writes them with the names of \
                              PyTorch too";
                return Err(Error::data(file, reason));
            }
            Stage::Direct | Stage::Hardware => self.policy(&*workload, &self.recipe.analog)?,
        };
        let mut parameters = workload.instance(&policy, &Seed::new(0)).parameters;
        let notes = match note {
            Some(note) if note.network != self.network => {
                let (here, there) = (self.network, note.network);
                return Err(Error::data(file, format!("a model of '{there}', not of '{here}'")));
            }
            Some(_) => checkpoint::load(&mut parameters, &bytes)
                .map(|_| Vec::new())
                .map_err(|error| Error::data(file, error.to_string()))?,
            None => workload
                .load_weights(&mut parameters, &bytes)
                .map_err(|reason| Error::data(file, reason))?,
        };
        let sha256 = hex(&Sha256::digest(&bytes));
        models.keep(&key(&sha256), &bytes)?;
        self.weights = Some(sha256);
        Ok(Taken { stage, notes })
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

#[cfg(test)]
mod tests {
    use safetensors::Dtype;

    use super::*;

    #[test]
    fn tensors_get_the_names_of_a_table() {
        let view = |bytes| TensorView::new(Dtype::F32, vec![1], bytes).unwrap();
        let (one, two) = ([0, 0, 128, 63], [0, 0, 0, 64]);
        let tensors = [("theirs.a", view(&one)), ("b", view(&two)), ("steps", view(&one))];
        let bytes = safetensors::serialize(tensors, None).unwrap();
        let table = "ignore = [\"steps\"]\n[rename]\n\"theirs.a\" = \"a\"\n";
        let table = Renames::from_toml(table).unwrap();
        let bytes = renamed(&bytes, &table).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(file.len(), 2);
        assert_eq!(
            (file.tensor("a").unwrap().data(), file.tensor("b").unwrap().data()),
            (&one[..], &two[..])
        );
        let twice = Renames::from_toml("[rename]\na = \"b\"\n").unwrap();
        assert!(renamed(&bytes, &twice).unwrap_err().contains("two of its tensors are called b"));
    }
}
