//! Networks for speech: a bidirectional LSTM, a transducer, a transformer.

mod greedy;

use crate::layers::{
    Activation, Builder, Cell, Conv2d, ConvConfig, Embedding, EncoderBlock, EncoderConfig, Init,
    LayerNorm, Linear, Readout, Recurrent, RecurrentConfig,
};
use crate::models::Model;
use crate::ops::{self, Mask, Pairing};
use crate::rows::Window;
use crate::step::Step;
use crate::tape::Var;
use crate::tensor::Tensor;

/// A bidirectional LSTM over frames with logits per frame.
#[derive(Clone, Debug)]
pub struct AcousticModel {
    lstm: Recurrent,
    bottleneck: Linear,
    output: Linear,
}

/// The shape of an [`AcousticModel`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AcousticConfig {
    /// The LSTM.
    pub lstm: RecurrentConfig,
    /// Width of the linear layer behind it.
    pub bottleneck: usize,
    /// Classes per frame.
    pub classes: usize,
}

impl AcousticConfig {
    /// The network for Switchboard: four layers of 2 × 512 on 140 features, 256, 32,000 states.
    ///
    /// Source: [Rasch23, Supplementary, Speech-SWB300], 30 M parameters; the last layer's exact
    /// number of states is not given (Assumed: 32,000).
    pub fn switchboard() -> Self {
        let lstm = RecurrentConfig {
            cell: Cell::Lstm,
            inputs: 140,
            width: 512,
            layers: 4,
            bidirectional: true,
            dropout: 0.1,
        };
        Self { lstm, bottleneck: 256, classes: 32_000 }
    }
}

/// An acoustic model whose layers are `lstm`, `bottleneck` and `output`.
pub fn acoustic_model(builder: &mut Builder<'_>, config: AcousticConfig) -> AcousticModel {
    let AcousticConfig { lstm, bottleneck, classes } = config;
    let init = Init::FanInUniform;
    let linear = Linear::new;
    AcousticModel {
        lstm: Recurrent::new(builder, "lstm", lstm),
        bottleneck: linear(builder, "bottleneck", lstm.outputs(), bottleneck, init, Readout::Layer),
        output: linear(builder, "output", bottleneck, classes, init, Readout::Wide),
    }
}

impl AcousticModel {
    /// Records the logits (batch, time, classes) of frames (batch, time, features).
    ///
    /// # Panics
    ///
    /// If a shape does not fit the network.
    #[track_caller]
    pub fn forward(&self, frames: Var, lengths: Option<&[usize]>, step: &mut Step<'_>) -> Var {
        let (x, _) = self.lstm.forward(frames, lengths, None, step);
        let x = self.bottleneck.forward(x, step);
        self.output.forward(x, step)
    }
}

impl Model for AcousticModel {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        self.forward(x, None, step)
    }
}

/// A transducer: an encoder of frames, a predictor of labels, and their joint network.
#[derive(Clone, Debug)]
pub struct RnnTransducer {
    encoder: Recurrent,
    encoder_projection: Linear,
    embedding: Embedding,
    predictor: Recurrent,
    predictor_projection: Linear,
    pairing: Pairing,
    joint: Linear,
}

/// The shape of an [`RnnTransducer`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransducerConfig {
    /// The LSTM over frames.
    pub encoder: RecurrentConfig,
    /// The LSTM over labels; its inputs are the embeddings.
    pub predictor: RecurrentConfig,
    /// Width in which the two meet.
    pub joint: usize,
    /// How they meet.
    pub pairing: Pairing,
    /// Labels and the blank, which is class 0.
    pub classes: usize,
}

impl TransducerConfig {
    /// The network for Switchboard: six layers of 2 × 640 on 340 features, one of 768 on
    /// embeddings of 10, 46 characters, multiplied in a joint width of 256.
    ///
    /// Source: [Rasch23, Supplementary, RNN-T], 57 M parameters. The joint width is that of Saon et
    /// al., ICASSP 2021, on whose network it builds.
    pub fn switchboard() -> Self {
        let encoder = RecurrentConfig {
            cell: Cell::Lstm,
            inputs: 340,
            width: 640,
            layers: 6,
            bidirectional: true,
            dropout: 0.25,
        };
        let predictor =
            RecurrentConfig { inputs: 10, width: 768, layers: 1, bidirectional: false, ..encoder };
        Self { encoder, predictor, joint: 256, pairing: Pairing::Product, classes: 46 }
    }
}

/// A transducer whose layers are `encoder`, `encoder_projection`, `embedding`, `predictor`,
/// `predictor_projection` and `joint`.
pub fn rnn_transducer(builder: &mut Builder<'_>, config: TransducerConfig) -> RnnTransducer {
    let TransducerConfig { encoder, predictor, joint, pairing, classes } = config;
    let init = Init::FanInUniform;
    let mut linear = |name: &str, inputs, outputs, readout| {
        Linear::new(builder, name, inputs, outputs, init, readout)
    };
    let encoder_projection = linear("encoder_projection", encoder.outputs(), joint, Readout::Layer);
    let predictor_projection =
        linear("predictor_projection", predictor.outputs(), joint, Readout::Layer);
    let joint = linear("joint", joint, classes, Readout::Wide);
    let embedding_init = Init::Normal { std_dev: 1.0 };
    RnnTransducer {
        encoder: Recurrent::new(builder, "encoder", encoder),
        encoder_projection,
        embedding: Embedding::new(builder, "embedding", classes, predictor.inputs, embedding_init),
        predictor: Recurrent::new(builder, "predictor", predictor),
        predictor_projection,
        pairing,
        joint,
    }
}

impl RnnTransducer {
    /// Records the encoding (batch, time, joint) of frames (batch, time, features).
    ///
    /// # Panics
    ///
    /// If a shape does not fit the network.
    #[track_caller]
    pub fn encode(&self, frames: Var, lengths: Option<&[usize]>, step: &mut Step<'_>) -> Var {
        let (x, _) = self.encoder.forward(frames, lengths, None, step);
        self.encoder_projection.forward(x, step)
    }

    /// Records the prediction (batch, 1 + longest, joint) after none, one, … of the labels, each
    /// sequence started with the blank.
    ///
    /// # Panics
    ///
    /// If a label is not a class.
    #[track_caller]
    pub fn predict(&self, labels: &[Vec<u32>], step: &mut Step<'_>) -> Var {
        let longest = labels.iter().map(Vec::len).max().unwrap_or(0);
        let nodes = 1 + step.leaves().longest(longest);
        let padded: Vec<u32> = labels
            .iter()
            .flat_map(|labels| {
                let start = std::iter::once(0).chain(labels.iter().copied());
                start.chain(std::iter::repeat(0)).take(nodes)
            })
            .collect();
        let x = self.embedding.forward(&padded, &[labels.len(), nodes], step);
        let (x, _) = self.predictor.forward(x, None, None, step);
        self.predictor_projection.forward(x, step)
    }

    /// Records the logits (batch, time, nodes, classes) of all pairs of an encoding and a
    /// prediction, for [`ops::transducer`].
    ///
    /// # Panics
    ///
    /// If the shapes do not fit.
    #[track_caller]
    pub fn join(&self, encoding: Var, prediction: Var, step: &mut Step<'_>) -> Var {
        let pairs = ops::pairwise(step, encoding, prediction, self.pairing);
        let hidden = ops::tanh(step, pairs);
        self.joint.forward(hidden, step)
    }

    /// Records the logits of frames against labels: [`Self::encode`], [`Self::predict`] and
    /// [`Self::join`].
    ///
    /// # Panics
    ///
    /// As they do.
    #[track_caller]
    pub fn forward(
        &self,
        frames: Var,
        lengths: Option<&[usize]>,
        labels: &[Vec<u32>],
        step: &mut Step<'_>,
    ) -> Var {
        let encoding = self.encode(frames, lengths, step);
        let prediction = self.predict(labels, step);
        self.join(encoding, prediction, step)
    }
}

/// A transformer over frames with logits for CTC.
#[derive(Clone, Debug)]
pub struct SpeechTransformer {
    convs: [Conv2d; 2],
    input: Linear,
    blocks: Vec<EncoderBlock>,
    norm: LayerNorm,
    output: Linear,
    config: SpeechTransformerConfig,
}

/// The shape of a [`SpeechTransformer`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeechTransformerConfig {
    /// Features per frame, at least 7.
    pub features: usize,
    /// Blocks.
    pub layers: usize,
    /// Their shape.
    pub block: EncoderConfig,
    /// Labels and the blank.
    pub classes: usize,
}

impl SpeechTransformerConfig {
    /// Twelve pre-norm blocks of width 256 with 4 heads and 2,048 inside, on 83 features.
    ///
    /// Source: Karita et al., ASRU 2019, §4 (the encoder of the "small" network), which subsamples
    /// by two convolutions and trains with CTC beside a decoder that is left out here.
    pub fn small(classes: usize) -> Self {
        let block = EncoderConfig {
            width: 256,
            heads: 4,
            inner: 2048,
            activation: Activation::Relu,
            pre_norm: true,
            dropout: 0.1,
            epsilon: 1e-12,
        };
        Self { features: 83, layers: 12, block, classes }
    }

    /// What two 3-tap convolutions of stride 2 leave of a length.
    ///
    /// # Panics
    ///
    /// If it is below 7, which leaves nothing.
    #[track_caller]
    pub fn subsampled(length: usize) -> usize {
        assert!(length >= 7, "{length} frames or features are fewer than 7");
        ((length - 1) / 2 - 1) / 2
    }
}

/// A speech transformer whose layers are `conv1`, `conv2`, `input`, `blocks.0`, …, `norm` and
/// `output`.
///
/// # Panics
///
/// If the features are too few or the heads do not divide the width.
#[track_caller]
pub fn speech_transformer(
    builder: &mut Builder<'_>,
    config: SpeechTransformerConfig,
) -> SpeechTransformer {
    let width = config.block.width;
    let conv = ConvConfig::new(Window::square(3).stride(2), Init::FanInUniform);
    let flat = SpeechTransformerConfig::subsampled(config.features) * width;
    let init = Init::XavierUniform;
    SpeechTransformer {
        convs: [
            Conv2d::new(builder, "conv1", 1, width, conv),
            Conv2d::new(builder, "conv2", width, width, conv),
        ],
        input: Linear::new(builder, "input", flat, width, init, Readout::Layer),
        blocks: (0..config.layers)
            .map(|i| EncoderBlock::new(builder, &format!("blocks.{i}"), config.block, init))
            .collect(),
        norm: LayerNorm::new(builder, "norm", width, config.block.epsilon),
        output: Linear::new(builder, "output", width, config.classes, init, Readout::Wide),
        config,
    }
}

impl SpeechTransformer {
    /// Records the logits (batch, time′, classes) of frames (batch, time, features), and returns
    /// the subsampled lengths: see [`SpeechTransformerConfig::subsampled`].
    ///
    /// # Panics
    ///
    /// If a shape does not fit the network, or a length is below 7.
    #[track_caller]
    pub fn forward(
        &self,
        frames: Var,
        lengths: &[usize],
        step: &mut Step<'_>,
    ) -> (Var, Vec<usize>) {
        let &[batch, time, features] = step.tape.value(frames).shape() else {
            panic!("frames are (batch, time, …), not {:?}", step.tape.value(frames).shape());
        };
        let subsampled = SpeechTransformerConfig::subsampled;
        let lengths: Vec<usize> = lengths.iter().map(|&length| subsampled(length)).collect();
        let mut x = ops::reshape(step, frames, &[batch, time, features, 1]);
        for conv in &self.convs {
            x = conv.forward(x, step);
            x = ops::relu(step, x);
        }
        let width = self.config.block.width;
        let (time, features) = (subsampled(time), subsampled(features));
        let x = ops::reshape(step, x, &[batch, time, features * width]);
        let x = self.input.forward(x, step);
        let x = ops::scale(step, x, (width as f32).sqrt());
        let positions = step.tape.constant(sinusoids(time, width));
        let x = ops::add(step, x, positions);
        let mut x = ops::dropout(step, "positions", x, self.config.block.dropout);
        for block in &self.blocks {
            let mask = Mask { lengths: Some(&lengths), causal: false };
            x = block.forward(x, mask, step);
        }
        let x = self.norm.forward(x, step);
        (self.output.forward(x, step), lengths)
    }
}

/// Positions as (time, width): sine at even and cosine at odd columns 2i and 2i + 1, of
/// t / 10000^(2i / width).
///
/// Source: Vaswani et al., NeurIPS 2017, §3.5.
fn sinusoids(time: usize, width: usize) -> Tensor {
    let value = |t: usize, column: usize| {
        let angle = t as f64 / 10_000f64.powf((column - column % 2) as f64 / width as f64);
        if column.is_multiple_of(2) { angle.sin() as f32 } else { angle.cos() as f32 }
    };
    let data = (0..time).flat_map(|t| (0..width).map(move |column| value(t, column))).collect();
    Tensor::new(&[time, width], data)
}
