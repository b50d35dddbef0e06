//! [`TextClassification`] and [`SentenceSimilarity`]: tasks of transformer encoders.

use crate::leaves::Leaves;
use crate::models::{TextClassifier, TextEncoder, Tokens};
use crate::ops::{self, CrossEntropy};
use crate::step::Step;
use crate::tape::Var;
use crate::task::{Outcome, Task};

use super::{Logits, wrong_rows};

/// Sentences into classes.
#[derive(Clone, Debug)]
pub struct TextClassification<'a> {
    /// From tokens to logits.
    pub model: TextClassifier,
    /// The tokens of each sentence, at least one.
    pub sentences: &'a [Vec<u32>],
    /// The segment of each token, 0 or 1; all 0 if not given.
    pub segments: Option<&'a [Vec<u32>]>,
    /// Their classes.
    pub labels: &'a [u32],
}

impl Task for TextClassification<'_> {
    fn len(&self) -> usize {
        self.sentences.len()
    }

    fn has_logits(&self) -> bool {
        true
    }

    fn check_cut(&self) -> Result<(), &'static str> {
        Ok(())
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let sentences = examples.iter().map(|&i| &*self.sentences[i as usize]);
        let batch = Batch::new(sentences, step.leaves());
        let segments = self
            .segments
            .map(|segments| batch.padded(examples.iter().map(|&i| &*segments[i as usize])));
        let tokens = Tokens { segments: segments.as_deref(), ..batch.tokens() };
        let labels: Vec<u32> = examples.iter().map(|&i| self.labels[i as usize]).collect();
        let logits = self.model.forward(&tokens, step);
        let loss = ops::cross_entropy(step, logits, &labels, CrossEntropy::default());
        let wrong = wrong_rows(step.tape.value(logits), &labels, examples.len(), None);
        let logits = Some(Logits { values: logits, labels });
        Outcome { loss, units: examples.len(), wrong: Some(wrong), logits }
    }
}

/// How similar two sentences are: the cosine of the means of their token vectors.
///
/// The loss is the mean squared difference to the wanted similarities. There is no rate of wrong pairs.
#[derive(Clone, Debug)]
pub struct SentenceSimilarity<'a> {
    /// From tokens to vectors.
    pub encoder: TextEncoder,
    /// The tokens of both sentences of each pair, at least one each.
    pub pairs: &'a [[Vec<u32>; 2]],
    /// The wanted similarities, in [−1, 1].
    pub similarities: &'a [f32],
}

impl SentenceSimilarity<'_> {
    /// Records the similarities of the pairs at these indices.
    ///
    /// # Shapes
    ///
    /// - result: (pairs)
    pub fn similarity(&self, examples: &[u32], step: &mut Step<'_>) -> Var {
        // All first sentences, then all second ones: one batch for the encoder.
        let side = |side: usize| examples.iter().map(move |&i| &*self.pairs[i as usize][side]);
        let batch = Batch::new(side(0).chain(side(1)), step.leaves());
        let x = self.encoder.forward(&batch.tokens(), step);
        let x = self.encoder.mean_pooled(x, &batch.lengths, step);
        let first = ops::slice(step, x, 0, 0..examples.len());
        let second = ops::slice(step, x, 0, examples.len()..2 * examples.len());
        ops::cosine_similarity(step, first, second)
    }
}

impl Task for SentenceSimilarity<'_> {
    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn check_cut(&self) -> Result<(), &'static str> {
        Err("both sentences of every pair are one batch, which cannot be cut")
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let similarity = self.similarity(examples, step);
        let wanted: Vec<f32> = examples.iter().map(|&i| self.similarities[i as usize]).collect();
        let loss = ops::mean_squared_error(step, similarity, &wanted);
        Outcome { loss, units: examples.len(), wrong: None, logits: None }
    }
}

/// Sentences padded to the longest.
#[derive(Debug)]
struct Batch {
    ids: Vec<u32>,
    lengths: Vec<usize>,
    time: usize,
}

impl Batch {
    fn new<'a>(sentences: impl Iterator<Item = &'a [u32]> + Clone, leaves: &Leaves) -> Self {
        let lengths: Vec<usize> = sentences.clone().map(<[u32]>::len).collect();
        let time = leaves.longest(lengths.iter().copied().max().unwrap_or(0));
        let batch = Self { ids: Vec::new(), lengths, time };
        Self { ids: batch.padded(sentences), ..batch }
    }

    /// Values for each token, with zeros behind the end of a sentence.
    fn padded<'a>(&self, sentences: impl Iterator<Item = &'a [u32]>) -> Vec<u32> {
        let padded = |sentence: &'a [u32]| {
            sentence.iter().copied().chain(std::iter::repeat(0)).take(self.time)
        };
        sentences.flat_map(padded).collect()
    }

    fn tokens(&self) -> Tokens<'_> {
        let shape = [self.lengths.len(), self.time];
        Tokens { ids: &self.ids, segments: None, shape, lengths: Some(&self.lengths) }
    }
}
