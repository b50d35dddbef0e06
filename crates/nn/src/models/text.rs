//! Transformer encoders of text: BERT, ALBERT and MiniLM.

use crate::layers::{
    Activation, Builder, Embedding, EncoderBlock, EncoderConfig, Init, LayerNorm, Linear, Readout,
};
use crate::ops::{self, Mask};
use crate::pass::Pass;
use crate::step::Step;
use crate::tape::Var;
use crate::tensor::Tensor;

/// A batch of token sequences, padded to the same length.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a> {
    /// Indices into the vocabulary, (batch, time).
    pub ids: &'a [u32],
    /// The segment of each token, (batch, time); 0 if not given.
    pub segments: Option<&'a [u32]>,
    /// (batch, time).
    pub shape: [usize; 2],
    /// The number of tokens of each sequence; all if not given.
    pub lengths: Option<&'a [usize]>,
}

/// The shape of a [`TextEncoder`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextEncoderConfig {
    /// Number of tokens known.
    pub vocabulary: usize,
    /// The longest sequence.
    pub positions: usize,
    /// Width of an embedding; where it is not that of a block, a map brings it there.
    pub embedding: usize,
    /// Blocks.
    pub layers: usize,
    /// Whether they are one block used again and again.
    pub shared: bool,
    /// Their shape.
    pub block: EncoderConfig,
}

impl TextEncoderConfig {
    /// BERT-base, cased: 12 blocks of width 768, 12 heads, 3,072 inside; 108 M parameters.
    ///
    /// Source: Devlin et al., NAACL 2019, §3; the cased vocabulary has the count of [Rasch23,
    /// Table 1].
    pub fn bert_base() -> Self {
        let block = EncoderConfig {
            width: 768,
            heads: 12,
            inner: 3072,
            activation: Activation::Gelu,
            pre_norm: false,
            dropout: 0.1,
            epsilon: 1e-12,
        };
        Self {
            vocabulary: 28_996,
            positions: 512,
            embedding: 768,
            layers: 12,
            shared: false,
            block,
        }
    }

    /// ALBERT-base: the blocks of BERT-base as one shared block, embeddings of 128; 12 M
    /// parameters.
    ///
    /// Source: Lan et al., ICLR 2020, Table 1.
    ///
    /// Differs: GELU in its exact form; the published weights were trained with its approximation
    /// by tanh.
    pub fn albert_base() -> Self {
        Self { vocabulary: 30_000, embedding: 128, shared: true, ..Self::bert_base() }
    }

    /// MiniLM-L6: 6 blocks of width 384, 12 heads, 1,536 inside; 22.7 M parameters.
    ///
    /// Source: Wang et al., NeurIPS 2020, and the configuration of all-MiniLM-L6-v2.
    pub fn minilm_l6() -> Self {
        let bert = Self::bert_base();
        let block = EncoderConfig { width: 384, inner: 1536, ..bert.block };
        Self { vocabulary: 30_522, embedding: 384, layers: 6, block, ..bert }
    }
}

/// From tokens to one vector per token.
#[derive(Clone, Debug)]
pub struct TextEncoder {
    config: TextEncoderConfig,
    words: Embedding,
    positions: Embedding,
    segments: Embedding,
    norm: LayerNorm,
    widen: Option<Linear>,
    blocks: Vec<EncoderBlock>,
    pooler: Linear,
}

/// N(0, 0.02²), without the truncation at two standard deviations of the sources.
const INIT: Init = Init::Normal { std_dev: 0.02 };

/// An encoder whose layers are `embeddings.word_embeddings`, `embeddings.position_embeddings`,
/// `embeddings.token_type_embeddings`, `embeddings.LayerNorm`, `encoder.widen` if the widths
/// differ, `encoder.layer.0` and so on, and `pooler`.
///
/// [`from_bert_name`] and [`from_albert_name`] translate the names of Hugging Face's files.
///
/// # Panics
///
/// If the heads do not divide the width.
#[track_caller]
pub fn text_encoder(builder: &mut Builder<'_>, config: TextEncoderConfig) -> TextEncoder {
    let TextEncoderConfig { vocabulary, positions, embedding, layers, shared, block } = config;
    let mut table = |name: &str, entries| {
        Embedding::new(builder, &format!("embeddings.{name}"), entries, embedding, INIT)
    };
    let words = table("word_embeddings", vocabulary);
    let positions = table("position_embeddings", positions);
    let segments = table("token_type_embeddings", 2);
    let norm = LayerNorm::new(builder, "embeddings.LayerNorm", embedding, block.epsilon);
    let widen = (embedding != block.width).then(|| {
        Linear::new(builder, "encoder.widen", embedding, block.width, INIT, Readout::Layer)
    });
    let blocks = (0..if shared { 1 } else { layers })
        .map(|i| EncoderBlock::new(builder, &format!("encoder.layer.{i}"), block, INIT))
        .collect();
    let pooler = Linear::new(builder, "pooler", block.width, block.width, INIT, Readout::Layer);
    TextEncoder { config, words, positions, segments, norm, widen, blocks, pooler }
}

impl TextEncoder {
    /// The shape of the network.
    pub fn config(&self) -> &TextEncoderConfig {
        &self.config
    }

    /// Records one vector per token, (batch, time, width).
    ///
    /// A shared block draws its random bits from a child of the pass for each use.
    ///
    /// # Panics
    ///
    /// If a token is not in the vocabulary, or the sequences are too long.
    #[track_caller]
    pub fn forward(&self, tokens: &Tokens<'_>, step: &mut Step<'_>) -> Var {
        let [batch, time] = tokens.shape;
        assert!(
            time <= self.config.positions,
            "a sequence of {time} tokens is longer than {}",
            self.config.positions
        );
        let words = self.words.forward(tokens.ids, &tokens.shape, step);
        // Once for all sequences; where the batch is cut, each has its own, for gradients are those of rows.
        let once = [time];
        let shape = if step.leaves().is_cut() { &tokens.shape[..] } else { &once };
        let count = shape.iter().product();
        let positions: Vec<u32> = (0..time as u32).cycle().take(count).collect();
        let positions = self.positions.forward(&positions, shape, step);
        let zeros;
        let segments = match tokens.segments {
            Some(segments) => segments,
            None => {
                zeros = vec![0; batch * time];
                &zeros
            }
        };
        let segments = self.segments.forward(segments, &tokens.shape, step);
        let x = ops::add(step, words, segments);
        let x = ops::add(step, x, positions);
        let x = self.norm.forward(x, step);
        let mut x = ops::dropout(step, "embeddings", x, self.config.block.dropout);
        if let Some(widen) = &self.widen {
            x = widen.forward(x, step);
        }
        let pass = step.pass;
        let mask = Mask { lengths: tokens.lengths, causal: false };
        for layer in 0..self.config.layers {
            let block = if self.config.shared {
                step.pass = Pass { seed: pass.seed.child(layer), ..pass };
                &self.blocks[0]
            } else {
                &self.blocks[layer]
            };
            x = block.forward(x, mask, step);
        }
        step.pass = pass;
        x
    }

    /// Records tanh(W·first token + b), (batch, width), of the vectors of [`Self::forward`].
    pub fn pooled(&self, x: Var, step: &mut Step<'_>) -> Var {
        let &[batch, _, width] = step.tape.value(x).shape() else {
            panic!("vectors of tokens are (batch, time, width)");
        };
        let first = ops::slice(step, x, 1, 0..1);
        let first = ops::reshape(step, first, &[batch, width]);
        let y = self.pooler.forward(first, step);
        ops::tanh(step, y)
    }

    /// Records the mean over the tokens of each sequence, (batch, width), of the vectors of
    /// [`Self::forward`].
    ///
    /// # Panics
    ///
    /// If the lengths do not fit, or one is 0.
    #[track_caller]
    pub fn mean_pooled(&self, x: Var, lengths: &[usize], step: &mut Step<'_>) -> Var {
        mean_over_time(x, lengths, step)
    }
}

/// Records the mean of the first vectors of each sequence, as many as `lengths` says.
#[track_caller]
fn mean_over_time(x: Var, lengths: &[usize], step: &mut Step<'_>) -> Var {
    let &[batch, time, width] = step.tape.value(x).shape() else {
        panic!("vectors of tokens are (batch, time, width)");
    };
    assert!(
        lengths.len() == batch && lengths.iter().all(|l| (1..=time).contains(l)),
        "lengths {lengths:?} do not fit a batch of {batch} with {time} tokens"
    );
    let weights = lengths
        .iter()
        .flat_map(|&len| (0..time).map(move |t| if t < len { 1.0 / len as f32 } else { 0.0 }))
        .collect();
    let weights = step.tape.constant(Tensor::new(&[batch, 1, time], weights));
    let mean = ops::matmul(step, weights, x);
    ops::reshape(step, mean, &[batch, width])
}

/// An encoder with a linear layer on its pooled first token: logits of classes, or one number.
#[derive(Clone, Debug)]
pub struct TextClassifier {
    /// The encoder.
    pub encoder: TextEncoder,
    head: Linear,
    dropout: f32,
}

/// An encoder with the layer `classifier` of that many outputs; one output is a regression.
///
/// # Panics
///
/// As [`text_encoder`].
#[track_caller]
pub fn text_classifier(
    builder: &mut Builder<'_>,
    config: TextEncoderConfig,
    outputs: usize,
) -> TextClassifier {
    let encoder = text_encoder(builder, config);
    let width = config.block.width;
    let head = Linear::new(builder, "classifier", width, outputs, INIT, Readout::Wide);
    TextClassifier { encoder, head, dropout: config.block.dropout }
}

impl TextClassifier {
    /// Records the outputs, (batch, outputs).
    ///
    /// # Panics
    ///
    /// As [`TextEncoder::forward`].
    #[track_caller]
    pub fn forward(&self, tokens: &Tokens<'_>, step: &mut Step<'_>) -> Var {
        let x = self.encoder.forward(tokens, step);
        let x = self.encoder.pooled(x, step);
        let x = ops::dropout(step, "classifier", x, self.dropout);
        self.head.forward(x, step)
    }
}

/// What a [`TextEncoder`] calls a tensor of a BERT file by Hugging Face, for
/// [`load_pretrained`](crate::load_pretrained); `None` for what is no weight.
pub fn from_bert_name(name: &str) -> Option<String> {
    let name = name.strip_prefix("bert.").unwrap_or(name);
    let parts = [
        ("pooler.dense.", "pooler."),
        (".attention.self.", ".attention."),
        (".attention.output.dense.", ".attention.out."),
        (".attention.output.LayerNorm.", ".attention_norm."),
        (".intermediate.dense.", ".inner."),
        (".output.dense.", ".outer."),
        (".output.LayerNorm.", ".output_norm."),
    ];
    (name != "embeddings.position_ids").then(|| renamed(name, &parts))
}

/// What a [`TextEncoder`] calls a tensor of an ALBERT file by Hugging Face, for
/// [`load_pretrained`](crate::load_pretrained); `None` for what is no weight.
pub fn from_albert_name(name: &str) -> Option<String> {
    let name = name.strip_prefix("albert.").unwrap_or(name);
    let parts = [
        ("encoder.embedding_hidden_mapping_in.", "encoder.widen."),
        ("encoder.albert_layer_groups.0.albert_layers.0.", "encoder.layer.0."),
        (".attention.dense.", ".attention.out."),
        (".attention.LayerNorm.", ".attention_norm."),
        (".ffn.", ".inner."),
        (".ffn_output.", ".outer."),
        (".full_layer_layer_norm.", ".output_norm."),
    ];
    (name != "embeddings.position_ids").then(|| renamed(name, &parts))
}

fn renamed(name: &str, parts: &[(&str, &str)]) -> String {
    parts.iter().fold(name.to_owned(), |name, (theirs, ours)| name.replacen(theirs, ours, 1))
}
