//! The arithmetics of [Gupta15 §4], each one of the curves of a figure.

use std::fmt;

use nn::arithmetic::Signals;
use nn::{AnyArithmetic, FixedPoint, Policy};
use numerics::{FixedFormat, Quantizer, RandomBits, Rounding};

/// One of the curves of Fig. 1 to 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curves {
    /// What we call it.
    pub name: &'static str,
    /// The curve's name in the paper's data.
    pub printed: &'static str,
    /// Index into the report's colours.
    pub colour: usize,
    /// Fractional bits of weights and updates, and rounding; `None` for f32.
    pub fixed: Option<(i8, Rounding)>,
    /// Whether the words are lengthened in the course of the training.
    pub lengthened: bool,
}

impl fmt::Display for Curves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Curves {
    /// Training in f32.
    pub(super) const FLOAT: Self =
        Self { name: "float", printed: "float", colour: 0, fixed: None, lengthened: false };

    /// Training in words of 16 bits, so many of which are fractional in weights and updates, with
    /// rounding to nearest.
    pub(super) const fn nearest(
        name: &'static str,
        printed: &'static str,
        colour: usize,
        fl: i8,
    ) -> Self {
        let fixed = Some((fl, Rounding::NearestTiesDown));
        Self { name, printed, colour, fixed, ..Self::FLOAT }
    }

    /// The same with stochastic rounding.
    pub(super) const fn stochastic(
        name: &'static str,
        printed: &'static str,
        colour: usize,
        fl: i8,
    ) -> Self {
        let fixed = Some((fl, Rounding::Stochastic));
        Self { name, printed, colour, fixed, ..Self::FLOAT }
    }

    /// Whether it rounds stochastically.
    pub(super) fn is_stochastic(&self) -> bool {
        self.fixed.is_some_and(|(_, rounding)| rounding.is_stochastic())
    }

    /// The arithmetic, with layer outputs in that format, or else in that of the weights.
    pub(super) fn policy(&self, outputs: Option<FixedFormat>) -> Policy {
        match self.fixed {
            Some((fl, rounding)) => {
                let weights = format(16 - fl, fl);
                arithmetic(weights, outputs.unwrap_or(weights), rounding)
            }
            None => Policy::uniform(AnyArithmetic::Float32),
        }
    }
}

/// Weights and updates in ⟨16 − FL, FL⟩, outputs and errors in `outputs`, one rounding for all.
///
/// Assumed: biases and their updates as weights, errors as layer outputs; the paper does not say.
/// Initial values are rounded to nearest.
pub(super) fn arithmetic(weights: FixedFormat, outputs: FixedFormat, rounding: Rounding) -> Policy {
    let initial = Quantizer::new(weights, Rounding::NearestTiesDown);
    let update = Quantizer::new(weights, rounding);
    let signal = Quantizer::new(outputs, rounding);
    let signals = Signals {
        weight: initial,
        bias: initial,
        output: signal,
        error: signal,
        weight_update: update,
        bias_update: update,
        bits: RandomBits::Chacha,
    };
    let fixed = FixedPoint::new(signals).expect("the paper's formats fit each other");
    Policy::uniform(AnyArithmetic::FixedPoint(fixed))
}

/// ⟨IL, FL⟩, which the paper has.
pub(super) fn format(il: i8, fl: i8) -> FixedFormat {
    FixedFormat::new(il, fl).expect("the paper's formats exist")
}
