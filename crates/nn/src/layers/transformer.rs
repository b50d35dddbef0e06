//! A block of a transformer encoder.

use serde::{Deserialize, Serialize};

use super::{Builder, Init, LayerNorm, Linear, MultiHeadAttention, Readout};
use crate::ops::{self, Mask};
use crate::step::Step;
use crate::tape::Var;

/// The function between the two maps of a feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x·Φ(x).
    Gelu,
}

/// The shape of an [`EncoderBlock`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderConfig {
    /// Width of a token.
    pub width: usize,
    /// Heads of attention, which divide the width.
    pub heads: usize,
    /// Width between the two maps of the feed-forward part.
    pub inner: usize,
    /// The function between them.
    pub activation: Activation,
    /// Whether each part normalises its input instead of the sum with it.
    pub pre_norm: bool,
    /// Dropout of attention probabilities and of the output of each part, in [0, 1).
    pub dropout: f32,
    /// ε of the normalisations.
    pub epsilon: f32,
}

/// Attention and a feed-forward part, each with a residual connection.
///
/// ```text
/// after    y = N₁(x + A(x)),    z = N₂(y + F(y))                  F(y) = W₂·f(W₁·y)
/// before   y = x + A(N₁(x)),    z = y + F(N₂(y))                  (pre-norm)
/// ```
///
/// Its parts are `name.attention`, `name.attention_norm`, `name.inner`, `name.outer` and
/// `name.output_norm`. Sources: Vaswani et al., NeurIPS 2017, §3.1; pre-norm: Xiong et al., ICML
/// 2020.
///
/// # Shapes
///
/// - x and z: (batch, time, width)
#[derive(Clone, Debug)]
pub struct EncoderBlock {
    name: String,
    config: EncoderConfig,
    attention: MultiHeadAttention,
    attention_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    output_norm: LayerNorm,
}

impl EncoderBlock {
    /// A block of that name.
    ///
    /// # Panics
    ///
    /// If the heads do not divide the width.
    #[track_caller]
    pub fn new(builder: &mut Builder<'_>, name: &str, config: EncoderConfig, init: Init) -> Self {
        let EncoderConfig { width, heads, inner, dropout, epsilon, .. } = config;
        let part = |part: &str| format!("{name}.{part}");
        let attention =
            MultiHeadAttention::new(builder, &part("attention"), width, heads, dropout, init);
        let attention_norm = LayerNorm::new(builder, &part("attention_norm"), width, epsilon);
        let mut linear = |name: &str, inputs, outputs| {
            Linear::new(builder, &part(name), inputs, outputs, init, Readout::Layer)
        };
        let (inner, outer) = (linear("inner", width, inner), linear("outer", inner, width));
        let output_norm = LayerNorm::new(builder, &part("output_norm"), width, epsilon);
        Self { name: name.to_owned(), config, attention, attention_norm, inner, outer, output_norm }
    }

    /// Records z.
    pub fn forward(&self, x: Var, mask: Mask<'_>, step: &mut Step<'_>) -> Var {
        let y = self.residual(x, &self.attention_norm, "attention", step, |x, step| {
            self.attention.forward(x, x, mask, step)
        });
        self.residual(y, &self.output_norm, "outer", step, |x, step| {
            let hidden = self.inner.forward(x, step);
            let hidden = match self.config.activation {
                Activation::Relu => ops::relu(step, hidden),
                Activation::Gelu => ops::gelu(step, hidden),
            };
            self.outer.forward(hidden, step)
        })
    }

    fn residual(
        &self,
        x: Var,
        norm: &LayerNorm,
        part: &str,
        step: &mut Step<'_>,
        f: impl FnOnce(Var, &mut Step<'_>) -> Var,
    ) -> Var {
        let input = if self.config.pre_norm { norm.forward(x, step) } else { x };
        let y = f(input, step);
        let y = ops::dropout(step, &format!("{}.{part}", self.name), y, self.config.dropout);
        let sum = ops::add(step, x, y);
        if self.config.pre_norm { sum } else { norm.forward(sum, step) }
    }
}
