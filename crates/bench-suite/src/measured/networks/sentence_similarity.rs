//! MiniLM on STS-B: how similar two sentences are.

use datasets::stsb::{self, Pair};
use datasets::{DataFolder, DataSum};
use nn::layers::Builder;
use nn::models::{TextEncoderConfig, from_bert_name, text_encoder};
use nn::{
    Mode, Parameters, Pass, Policy, Recipe, Run, SentenceSimilarity, Weights, Workspace,
    load_pretrained,
};
use numerics::Seed;

use super::paper_row::PaperRow;
use super::weights::{float_parameters, weights_sum};
use super::workload::{Entry, Instance, Workload, adam, recipes};
use super::{minilm, paraphrase};
use crate::measured::error::Error;
use crate::measured::scale::Scale;
use crate::measured::statistics::{pearson, spearman};

/// A pretrained BERT on a task of GLUE; at paper scale BERT-base on MRPC.
pub(super) const BERT: Entry = Entry {
    id: "bert-stsb",
    title: |_| "MiniLM-L6 on STS-B, 1000 + 250 pairs of sentences".to_owned(),
    recipes: recipes!("bert-stsb"),
    paper: PaperRow::Bert,
    // The published correlation of the whole test set, 82.0 %, and two points.
    sound_percent: |_| 20.0,
    open,
};

/// Pairs at a time in tests; they are sorted by length, so padding is short.
const BATCH: usize = 16;

#[derive(Debug)]
struct Similarity {
    train: Pairs,
    test: Pairs,
    /// Of the pairs and of the vocabulary.
    sums: [DataSum; 2],
    weights: Vec<u8>,
    recipe: Recipe,
}

/// Tokens of pairs of sentences, with scores in [0, 1].
#[derive(Debug)]
struct Pairs {
    tokens: Vec<[Vec<u32>; 2]>,
    scores: Vec<f32>,
}

fn open(data: &DataFolder, scale: Scale) -> Result<Box<dyn Workload>, Error> {
    let (train, test, recipe) = match scale {
        Scale::Paper => return paraphrase::open_bert(data, BERT),
        Scale::Smoke => (16, 60, adam(8, 1, 1e-5, Some(1.0))),
        Scale::Desk => (1_000, 250, adam(20, 1, 2e-5, Some(1.0))),
        Scale::Long => (3_000, 1_379, adam(20, 2, 2e-5, Some(1.0))),
    };
    let minilm::Files { tokeniser, vocabulary, weights } = minilm::files(data)?;
    let pairs = |pairs: &[Pair], count: usize| {
        // Every n-th pair, for the sources of the pairs follow each other.
        let stride = (pairs.len() / count).max(1);
        let mut pairs: Vec<(_, _)> = (pairs.iter().step_by(stride).take(count))
            .map(|pair| {
                let encode = |sentence: &String| minilm::encode(&tokeniser, sentence);
                (pair.sentences.each_ref().map(encode), (pair.score / 5.0) as f32)
            })
            .collect();
        pairs.sort_by_key(|(tokens, _)| tokens[0].len().max(tokens[1].len()));
        let (tokens, scores) = pairs.into_iter().unzip();
        Pairs { tokens, scores }
    };
    let train = pairs(&stsb::train_pairs(data)?, train);
    let test = pairs(&stsb::test_pairs(data)?, test);
    let sums = [stsb::sum(data)?, vocabulary];
    Ok(Box::new(Similarity { train, test, sums, weights, recipe }))
}

impl Workload for Similarity {
    fn id(&self) -> &str {
        BERT.id
    }

    fn title(&self) -> String {
        let (train, test) = (self.train.scores.len(), self.test.scores.len());
        format!("MiniLM-L6 on STS-B, {train} + {test} pairs of sentences")
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
        let encoder = text_encoder(&mut builder, TextEncoderConfig::minilm_l6());
        let task = |pairs: &'a Pairs| {
            let Pairs { tokens, scores } = pairs;
            SentenceSimilarity { encoder: encoder.clone(), pairs: tokens, similarities: scores }
        };
        let test = task(&self.test);
        let metric = {
            let test = test.clone();
            move |weights: Weights<'_>, run: Run| error(&test, weights, run)
        };
        Instance {
            train: Box::new(task(&self.train)),
            test: Box::new(test),
            parameters,
            metric: Some(Box::new(metric)),
        }
    }

    fn pretrained(&self) -> Result<Option<Parameters>, Error> {
        let config = TextEncoderConfig::minilm_l6();
        let mut parameters = float_parameters(|builder| drop(text_encoder(builder, config)));
        load_pretrained(&mut parameters, &self.weights, from_bert_name)
            .map_err(|error| Error::Usage(format!("weights of {}: {error}", self.id())))?;
        Ok(Some(parameters))
    }

    /// Of a network whose similarities have nothing to do with the scores.
    fn chance_error(&self) -> f64 {
        1.0
    }
}

/// One minus the mean of Pearson's and Spearman's correlation between similarities and scores, the
/// metric of GLUE for this task; one where they are not defined, for all similarities are the same.
fn error(task: &SentenceSimilarity<'_>, weights: Weights<'_>, run: Run) -> f64 {
    let Run { seed, par } = run;
    let examples: Vec<u32> = (0..task.pairs.len() as u32).collect();
    let mut work = Workspace::new();
    let mut similarities: Vec<f64> = Vec::with_capacity(examples.len());
    for (chunk, batch) in examples.chunks(BATCH).enumerate() {
        // Each pair has two rows.
        let first_row = (2 * chunk * BATCH) as u64;
        let pass = Pass { seed, first_row, step: 0, mode: Mode::Eval, par };
        let y = task.similarity(batch, &mut work.step(weights, pass));
        similarities.extend(work.tape.value(y).data().iter().map(|&y| f64::from(y)));
        work.clear();
    }
    let scores: Vec<f64> = task.similarities.iter().map(|&score| f64::from(score)).collect();
    let correlations = pearson(&similarities, &scores).zip(spearman(&similarities, &scores));
    correlations.map_or(1.0, |(pearson, spearman)| 1.0 - (pearson + spearman) / 2.0)
}

#[cfg(test)]
mod tests {
    use numerics::Par;

    use super::*;
    use crate::measured::networks::minilm::{Network, cosine};

    /// The task, in batches of pairs, against the evaluation, in batches of sentences.
    #[test]
    fn similarities_are_those_of_the_evaluation() {
        let [Some(folder), Some(_)] = ["minilm", "glue"].map(crate::testing::data_with) else {
            return;
        };
        let data = DataFolder::new(Some(&folder));
        let network = Network::load(&data).unwrap();
        let mut parameters = Parameters::new();
        let policy = Policy::uniform(nn::AnyArithmetic::Float32);
        let seed = Seed::new(0);
        let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
        let encoder = text_encoder(&mut builder, TextEncoderConfig::minilm_l6());
        let minilm::Files { tokeniser, weights, .. } = minilm::files(&data).unwrap();
        load_pretrained(&mut parameters, &weights, from_bert_name).unwrap();
        let pairs: Vec<[String; 2]> = (stsb::test_pairs(&data).unwrap().into_iter())
            .step_by(200)
            .map(|pair| pair.sentences)
            .collect();
        let tokens: Vec<[Vec<u32>; 2]> = (pairs.iter())
            .map(|pair| pair.each_ref().map(|s| minilm::encode(&tokeniser, s)))
            .collect();
        let task = SentenceSimilarity { encoder, pairs: &tokens, similarities: &[] };
        let examples: Vec<u32> = (0..tokens.len() as u32).collect();
        let mut work = Workspace::new();
        let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Eval, par: Par::Seq };
        let mut step = work.step(&parameters, pass);
        let found = task.similarity(&examples, &mut step);
        let sentences: Vec<&str> = pairs.iter().flatten().map(String::as_str).collect();
        let embeddings = network.embed(&sentences);
        let expected = embeddings.chunks_exact(2).map(|pair| cosine(&pair[0], &pair[1]));
        for (found, expected) in work.tape.value(found).data().iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "{found}, not {expected}");
        }
    }
}
