//! [`FixedPoint`]: a format and a rounding for each of the six signals of a layer.
//!
//! ```text
//! Y  = Convert(x·Wᵀ + b)         exact sum, bias inside, one rounding
//! δ′ = Convert(δ·W)
//! G  = δᵀ·x                      exact, read out as the nearest f32, not rounded to a word
//! ΔW = Convert(f(G)),  W ← saturate(W + ΔW)
//! ```
//!
//! Source: [Gupta15 §3, §4].

use numerics::{Draw, FixedFormat, LfsrError, ParameterError, Quantizer, RandomBits, Rounding};
use serde::{Deserialize, Serialize};

use super::bits::ResultBits;
use super::multiply::FixedProducts;
use super::spare::Spare;
use super::storage::FixedWords;
use crate::arithmetic::Arithmetic;
use crate::arithmetic::layer::NewLayer;
use crate::linear_map::LinearMap;

/// Formats and roundings of weights, biases, outputs, errors and their updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "Signals", into = "Signals")]
pub struct FixedPoint {
    signals: Signals,
}

/// The six signals and their random bits, as a configuration file writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signals {
    /// W: weights; the rounding is that of their initial values.
    pub weight: Quantizer,
    /// b: biases; the rounding is that of their initial values.
    pub bias: Quantizer,
    /// Y: layer outputs, and so the inputs of the next layer.
    pub output: Quantizer,
    /// δ: back-propagated errors.
    pub error: Quantizer,
    /// ΔW: weight updates.
    pub weight_update: Quantizer,
    /// Δb: bias updates.
    pub bias_update: Quantizer,
    /// Where the random bits of stochastic roundings come from.
    #[serde(default)]
    pub bits: RandomBits,
}

/// A combination of formats whose sums do not line up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// An update is on another grid than what it updates.
    #[error(
        "{signal} updates in {update} are off the grid of {signal}s in {stored}: both need the same FL"
    )]
    UpdateGrid {
        /// "weight" or "bias".
        signal: &'static str,
        /// The format of the update.
        update: FixedFormat,
        /// The format of what it updates.
        stored: FixedFormat,
    },
    /// A bias is finer than the products it is added to.
    #[error("a bias in {bias} is finer than the products of {output} and {weight}")]
    BiasGrid {
        /// The bias format.
        bias: FixedFormat,
        /// The format of the inputs.
        output: FixedFormat,
        /// The format of the weights.
        weight: FixedFormat,
    },
    /// A conversion that cannot work.
    #[error("{signal}: {problem}")]
    Conversion {
        /// The key of the signal.
        signal: &'static str,
        /// What is impossible.
        problem: ParameterError,
    },
    /// A register that cannot work.
    #[error("random bits: {0}")]
    Bits(#[from] LfsrError),
    /// Words that an f32 tensor cannot carry exactly.
    #[error("{signal}s in {format} have words of over 24 bits, which tensors do not carry exactly")]
    TooWide {
        /// "output" or "error".
        signal: &'static str,
        /// Its format.
        format: FixedFormat,
    },
}

impl TryFrom<Signals> for FixedPoint {
    type Error = SignalError;

    fn try_from(signals: Signals) -> Result<Self, SignalError> {
        Self::new(signals)
    }
}

impl From<FixedPoint> for Signals {
    fn from(config: FixedPoint) -> Self {
        config.signals
    }
}

impl FixedPoint {
    /// Checks that every conversion is possible, that updates are on the grid of what they update,
    /// that biases can be added inside the exact sums, and that tensors can carry outputs and errors.
    ///
    /// # Errors
    ///
    /// [`SignalError`] naming the signal that cannot work or the two formats that do not fit.
    pub fn new(signals: Signals) -> Result<Self, SignalError> {
        let Signals { weight, bias, output, error, weight_update, bias_update, bits } = signals;
        bits.check()?;
        for (signal, quantizer) in [
            ("weight", weight),
            ("bias", bias),
            ("output", output),
            ("error", error),
            ("weight_update", weight_update),
            ("bias_update", bias_update),
        ] {
            quantizer.check().map_err(|problem| SignalError::Conversion { signal, problem })?;
        }
        for (signal, stored, update) in
            [("weight", weight, weight_update), ("bias", bias, bias_update)]
        {
            if stored.format.fl() != update.format.fl() {
                return Err(SignalError::UpdateGrid {
                    signal,
                    update: update.format,
                    stored: stored.format,
                });
            }
        }
        let headroom = output.format.fl() + weight.format.fl() - bias.format.fl();
        if !(0..=31).contains(&headroom) {
            return Err(SignalError::BiasGrid {
                bias: bias.format,
                output: output.format,
                weight: weight.format,
            });
        }
        for (signal, format) in [("output", output.format), ("error", error.format)] {
            if format.word_length() > 24 {
                return Err(SignalError::TooWide { signal, format });
            }
        }
        Ok(Self { signals })
    }

    /// One format and one rounding for all six signals, as [Gupta15 §4.1] uses; initial values
    /// are rounded to nearest.
    ///
    /// # Errors
    ///
    /// [`SignalError::TooWide`] for words of over 24 bits, [`SignalError::BiasGrid`] for FL < 0.
    pub fn uniform(format: FixedFormat, rounding: Rounding) -> Result<Self, SignalError> {
        // Assumed: Convert(initial value) to nearest; the paper does not say.
        let initial = Quantizer::new(format, Rounding::NearestTiesDown);
        let signal = Quantizer::new(format, rounding);
        Self::new(Signals {
            weight: initial,
            bias: initial,
            output: signal,
            error: signal,
            weight_update: signal,
            bias_update: signal,
            bits: RandomBits::Chacha,
        })
    }

    /// The formats and roundings.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// A linear map whose results Y and δ′ and whose updates ΔW and Δb are rounded with other bits than
    /// [`Signals::bits`]: for an [`Arithmetic`] with generators of its own. What enters a product off
    /// its grid, as the errors of a loss do, is still rounded with those of the signals.
    ///
    /// # Shapes
    ///
    /// The bits are asked for with the shapes of
    ///
    /// - Y: (rows, out), named `output`
    /// - δ′: (rows, in), named `propagated`; of patches (pixels, channels)
    /// - ΔW: (out, in); Δb: (1, out)
    pub fn linear_map_with(&self, mut layer: NewLayer<'_>, bits: impl ResultBits) -> LinearMap {
        let signals = self.signals;
        let Signals { weight, bias, weight_update, bias_update, .. } = signals;
        let shape = (layer.outputs(), layer.inputs());
        let stored = FixedWords::new(layer.weight, shape, weight, weight_update, bits.clone());
        let layer = layer.store(stored, |values| {
            FixedWords::new(&values, (1, shape.0), bias, bias_update, bits.clone())
        });
        LinearMap::new(
            layer.clone(),
            FixedProducts { layer, signals, bits, spare: Spare::default() },
        )
    }
}

impl Arithmetic for FixedPoint {
    fn linear_map(&self, layer: NewLayer<'_>) -> LinearMap {
        self.linear_map_with(layer, self.signals.bits)
    }

    /// Rounded to nearest in the format of layer outputs.
    fn input(&self, x: f32) -> f32 {
        let nearest = Quantizer::new(self.signals.output.format, Rounding::NearestTiesDown);
        nearest.convert(f64::from(x), Draw::none()) as f32
    }
}
