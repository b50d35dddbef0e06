//! The LSTM language model.

use crate::layers::{
    Builder, Cell, Embedding, Init, Linear, Readout, Recurrent, RecurrentConfig, States,
};
use crate::ops;
use crate::step::Step;
use crate::tape::Var;

/// An LSTM that predicts the next word.
#[derive(Clone, Debug)]
pub struct LanguageModel {
    embedding: Embedding,
    lstm: Recurrent,
    decoder: Linear,
    dropout: f32,
}

/// The shape of a [`LanguageModel`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LanguageModelConfig {
    /// Number of words.
    pub vocabulary: usize,
    /// Width of embeddings and states.
    pub width: usize,
    /// LSTM layers.
    pub layers: usize,
    /// Dropout of the LSTM's inputs and outputs and between its layers, in [0, 1).
    pub dropout: f32,
    /// Initial embeddings.
    pub embedding: Init,
}

impl LanguageModelConfig {
    /// The network for the Penn Treebank: 10,000 words, two layers of 650, half dropped.
    ///
    /// Source: Zaremba et al., arXiv:1409.2329, §4.1 ("medium"); [Rasch23, Supplementary] uses its
    /// shape. Embedding and decoder are not tied: 19.8 M parameters, of which 13.3 M are mapped.
    pub fn penn_treebank() -> Self {
        let embedding = Init::Uniform { bound: 0.05 };
        Self { vocabulary: 10_000, width: 650, layers: 2, dropout: 0.5, embedding }
    }
}

/// A language model whose layers are `embedding`, `lstm` and `decoder`.
///
/// Assumed: initial decoder weights uniform in ±0.05, the range that the source of
/// [`LanguageModelConfig::penn_treebank`] uses for all parameters.
pub fn lstm_language_model(
    builder: &mut Builder<'_>,
    config: LanguageModelConfig,
) -> LanguageModel {
    let LanguageModelConfig { vocabulary, width, layers, dropout, embedding } = config;
    let init = Init::Uniform { bound: 0.05 };
    let recurrent = RecurrentConfig {
        cell: Cell::Lstm,
        inputs: width,
        width,
        layers,
        bidirectional: false,
        dropout,
    };
    LanguageModel {
        embedding: Embedding::new(builder, "embedding", vocabulary, width, embedding),
        lstm: Recurrent::new(builder, "lstm", recurrent),
        decoder: Linear::new(builder, "decoder", width, vocabulary, init, Readout::Wide),
        dropout,
    }
}

impl LanguageModel {
    /// Records the logits of the next word after each of `words`, with the states to go on from.
    ///
    /// # Shapes
    ///
    /// - `words`: (batch, time) as `shape` says
    /// - result: (batch, time, vocabulary)
    ///
    /// # Panics
    ///
    /// If a word is not in the vocabulary, or a shape does not fit.
    #[track_caller]
    pub fn forward(
        &self,
        words: &[u32],
        shape: [usize; 2],
        states: Option<&States>,
        step: &mut Step<'_>,
    ) -> (Var, States) {
        let x = self.embedding.forward(words, &shape, step);
        let x = ops::dropout(step, "embedding", x, self.dropout);
        let (y, states) = self.lstm.forward(x, None, states.map(Vec::as_slice), step);
        let y = ops::dropout(step, "lstm", y, self.dropout);
        (self.decoder.forward(y, step), states)
    }
}
