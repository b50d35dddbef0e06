//! The paper's BERT-base and ALBERT-base on MRPC: do two sentences say the same?
//!
//! ```text
//! bert-base-cased/{model.safetensors, vocab.txt}           as published by Hugging Face
//! albert-base-v2/{model.safetensors, tokenizer.json}
//! glue/                                                    MRPC: see datasets::mrpc
//! ```
//!
//! The published weights are of language models. The layer that classifies is new, so the network
//! must be trained on MRPC in f32 first: [`Workload::recipe`] fine-tunes from
//! [`Workload::pretrained`].

use datasets::{DataFolder, DataSum, mrpc};
use nn::layers::Builder;
use nn::models::{TextEncoderConfig, from_albert_name, from_bert_name, text_classifier};
use nn::optim::Decay;
use nn::{
    Adam, Optimizer, Parameters, Policy, Recipe, Schedule, TextClassification, Unigram, WordPiece,
    load_pretrained,
};
use numerics::Seed;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use super::weights::{LARGEST_VOCABULARY, float_parameters, weights_sum};
use super::workload::{Entry, Instance, Workload};
use crate::measured::error::Error;
use crate::measured::files;

/// The longest pair in tokens.
///
/// Source: [Rasch23, Supplementary, BERT].
const LONGEST: usize = 128;

#[derive(Debug)]
struct Paraphrase {
    entry: Entry,
    config: TextEncoderConfig,
    train: Pairs,
    test: Pairs,
    /// Of the pairs and of the vocabulary.
    sums: [DataSum; 2],
    weights: Vec<u8>,
    recipe: Recipe,
}

/// Tokens of pairs with their segments, and 1 where they say the same.
#[derive(Debug)]
struct Pairs {
    tokens: Vec<Vec<u32>>,
    segments: Vec<Vec<u32>>,
    labels: Vec<u32>,
}

/// BERT-base, cased, whose vocabulary gives the parameters of [Rasch23, Table 1].
pub(super) fn open_bert(data: &DataFolder, entry: Entry) -> Result<Box<dyn Workload>, Error> {
    let [path, weights] = files(data, "bert-base-cased", "vocab.txt")?;
    let vocabulary = files::read_text(&path, LARGEST_VOCABULARY)?;
    let tokeniser = WordPiece::new(&vocabulary, false)
        .map_err(|error| Error::data(&path, error.to_string()))?;
    let config = TextEncoderConfig::bert_base();
    expect_words(&path, tokeniser.len(), config.vocabulary)?;
    let encode = |a: &str, b: &str| tokeniser.encode(a, Some(b), LONGEST);
    open(data, entry, config, (&encode, &vocabulary), &weights)
}

/// ALBERT-base.
pub(super) fn open_albert(data: &DataFolder, entry: Entry) -> Result<Box<dyn Workload>, Error> {
    let [path, weights] = files(data, "albert-base-v2", "tokenizer.json")?;
    let text = files::read_text(&path, LARGEST_VOCABULARY)?;
    let tokenizer: Tokenizer =
        serde_json::from_str(&text).map_err(|error| Error::data(&path, error.to_string()))?;
    let tokeniser = Unigram::new(&tokenizer.model.vocab)
        .map_err(|token| Error::data(&path, format!("the vocabulary has no token {token}")))?;
    let config = TextEncoderConfig::albert_base();
    expect_words(&path, tokeniser.len(), config.vocabulary)?;
    let encode = |a: &str, b: &str| tokeniser.encode_pair(a, b, LONGEST);
    open(data, entry, config, (&encode, &text), &weights)
}

/// What is needed of a `tokenizer.json`.
#[derive(serde::Deserialize)]
struct Tokenizer {
    model: Model,
}

#[derive(serde::Deserialize)]
struct Model {
    vocab: Vec<(String, f64)>,
}

/// The file of the vocabulary and that of the weights.
fn files(
    data: &DataFolder,
    folder: &str,
    vocabulary: &str,
) -> Result<[std::path::PathBuf; 2], Error> {
    let folder = data.path(folder);
    let files = [vocabulary, "model.safetensors"].map(|name| folder.join(name));
    match files.iter().find(|path| !path.is_file()) {
        Some(path) => Err(Error::NoData(format!(
            "there is no {}: the published files of that name must be in the data folder",
            path.display()
        ))),
        None => Ok(files),
    }
}

fn expect_words(path: &std::path::Path, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::data(path, format!("{found} tokens, not {expected}")))
    }
}

/// From two sentences to tokens and segments.
type Encode<'a> = dyn Fn(&str, &str) -> (Vec<u32>, Vec<u32>) + 'a;

fn open(
    data: &DataFolder,
    entry: Entry,
    config: TextEncoderConfig,
    (encode, vocabulary): (&Encode<'_>, &str),
    weights: &std::path::Path,
) -> Result<Box<dyn Workload>, Error> {
    let (parts, sum) = mrpc::load(data)?;
    let name = format!("vocabulary of {}", entry.id);
    let sums = [sum, DataSum::of(name, [("vocabulary", vocabulary)])];
    let [train, test] = parts.map(|pairs| {
        let labels = pairs.iter().map(|pair| u32::from(pair.same)).collect();
        let [tokens, segments] = pairs
            .iter()
            .map(|mrpc::Pair { sentences: [first, second], .. }| encode(first, second))
            .fold([Vec::new(), Vec::new()], |[mut all, mut ids], (tokens, segments)| {
                all.push(tokens);
                ids.push(segments);
                [all, ids]
            });
        Pairs { tokens, segments, labels }
    });
    // Assumed: fine-tuning in f32 as Devlin et al., Appendix A.3; the paper does not describe it.
    let recipe = Recipe {
        schedule: Schedule { warm_up_steps: 46, decay: Decay::Linear },
        optimizer: Optimizer::Adam(Adam { weight_decay: 0.01, decoupled: true, ..Adam::default() }),
        clip_norm: Some(1.0),
        ..Recipe::sgd(32, 4, 3e-5)
    };
    let weights = files::read(weights, u64::MAX)?;
    Ok(Box::new(Paraphrase { entry, config, train, test, sums, weights, recipe }))
}

impl Workload for Paraphrase {
    fn id(&self) -> &str {
        self.entry.id
    }

    fn title(&self) -> String {
        let name = if self.config.shared { "ALBERT" } else { "BERT" };
        let (train, test) = (self.train.labels.len(), self.test.labels.len());
        format!("{name}-base on MRPC, {train} + {test} pairs of sentences")
    }

    fn data(&self) -> Vec<DataSum> {
        let weights = weights_sum(self.id(), &self.weights);
        self.sums.iter().cloned().chain([weights]).collect()
    }

    fn recipe(&self) -> Option<&Recipe> {
        Some(&self.recipe)
    }

    fn instance<'a>(&'a self, policy: &Policy, seed: &Seed) -> Instance<'a> {
        let mut parameters = Parameters::new();
        let mut builder = Builder { parameters: &mut parameters, policy, seed: *seed };
        let model = text_classifier(&mut builder, self.config, 2);
        let task = |pairs: &'a Pairs| {
            let Pairs { tokens: sentences, segments, labels } = pairs;
            let (model, segments) = (model.clone(), Some(&**segments));
            Box::new(TextClassification { model, sentences, segments, labels })
        };
        Instance { train: task(&self.train), test: task(&self.test), parameters, metric: None }
    }

    /// The published encoder; the layer that classifies has its initial weights.
    fn pretrained(&self) -> Result<Option<Parameters>, Error> {
        let wrong = |reason: String| Error::Usage(format!("weights of {}: {reason}", self.id()));
        let mut parameters =
            float_parameters(|builder| drop(text_classifier(builder, self.config, 2)));
        let file = SafeTensors::deserialize(&self.weights).map_err(|e| wrong(e.to_string()))?;
        // The heads of the language model go, that of the classifier comes.
        let shared = self.config.shared;
        let prefix = if shared { "albert." } else { "bert." };
        let rename = if shared { from_albert_name } else { from_bert_name };
        let head: Vec<(&str, Vec<usize>, Vec<u8>)> = (parameters.iter())
            .filter(|parameter| parameter.name().starts_with("classifier."))
            .map(|parameter| {
                let bytes = parameter.values().iter().flat_map(|x| x.to_le_bytes()).collect();
                (parameter.name(), parameter.shape().to_vec(), bytes)
            })
            .collect();
        let encoder = file.tensors().into_iter().filter(|(name, _)| name.starts_with(prefix));
        let mut views: Vec<(String, TensorView<'_>)> = encoder.collect();
        for (name, shape, bytes) in &head {
            let view = TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
            views.push(((*name).to_owned(), view.map_err(|e| wrong(e.to_string()))?));
        }
        let bytes = safetensors::serialize(views, None).map_err(|e| wrong(e.to_string()))?;
        load_pretrained(&mut parameters, &bytes, rename).map_err(|e| wrong(e.to_string()))?;
        Ok(Some(parameters))
    }

    /// The value that reproduces every A* of [Rasch23, Table 2] for MRPC; the paper does not say
    /// what it is.
    fn chance_error(&self) -> f64 {
        0.66
    }
}
