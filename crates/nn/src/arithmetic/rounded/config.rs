//! [`Products`]: which operands are rounded, and how; where sums and weights are kept.

use numerics::{FloatQuantizer, Hadamard, Rounding};
use serde::{Deserialize, Serialize};

/// The three products of a layer, what adds them up, and what holds the weights.
///
/// An operand that is not named is not rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Products<O> {
    /// y = x·Wᵀ.
    #[serde(default = "none")]
    pub forward: Forward<O>,
    /// dx = δ·W.
    #[serde(default = "none")]
    pub input_gradient: InputGradient<O>,
    /// ∂W = δᵀ·x.
    #[serde(default = "none")]
    pub weight_gradient: WeightGradient<O>,
    /// Into which y and dx are rounded, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<FloatQuantizer>,
    /// What adds products up.
    #[serde(default, skip_serializing_if = "is_default")]
    pub accumulator: Accumulator,
    /// What holds the weights.
    #[serde(default, skip_serializing_if = "is_default")]
    pub master: Master,
}

/// The operands of y = x·Wᵀ, which sums over inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward<O> {
    /// x.
    #[serde(default = "unrounded", skip_serializing_if = "Option::is_none")]
    pub input: Option<O>,
    /// W.
    #[serde(default = "unrounded", skip_serializing_if = "Option::is_none")]
    pub weight: Option<O>,
    /// Transforms both along the inputs, before they are rounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hadamard: Option<Hadamard>,
}

/// The operands of dx = δ·W, which sums over outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputGradient<O> {
    /// δ.
    #[serde(default = "unrounded", skip_serializing_if = "Option::is_none")]
    pub error: Option<O>,
    /// W.
    #[serde(default = "unrounded", skip_serializing_if = "Option::is_none")]
    pub weight: Option<O>,
    /// Transforms both along the outputs, before they are rounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hadamard: Option<Hadamard>,
}

/// The operands of ∂W = δᵀ·x, which sums over the rows of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightGradient<O> {
    /// δ.
    #[serde(default = "unrounded", skip_serializing_if = "Option::is_none")]
    pub error: Option<O>,
    /// x.
    #[serde(default = "unrounded", skip_serializing_if = "Option::is_none")]
    pub input: Option<O>,
    /// Transforms both along the rows, before they are rounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hadamard: Option<Hadamard>,
}

/// What adds the products of numbers up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accumulator {
    /// f32, in an order that depends on shapes only: the products of [`Float32`](crate::Float32).
    #[default]
    F32,
    /// The exact sum, rounded once to the nearest f32: no order at all.
    Exact,
}

/// What holds the weights between steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Master {
    /// f32.
    #[default]
    F32,
    /// A floating-point format: W + ΔW is rounded into it.
    Float(FloatQuantizer),
    /// Nothing but the operand itself: W + ΔW is rounded as the forward product's weights are, by this
    /// rounding.
    Operand(Rounding),
}

impl<O> Products<O> {
    /// Nothing is rounded.
    pub fn unrounded() -> Self {
        Self {
            forward: none(),
            input_gradient: none(),
            weight_gradient: none(),
            output: None,
            accumulator: Accumulator::F32,
            master: Master::F32,
        }
    }

    /// All six operands alike.
    pub fn uniform(operand: O) -> Self
    where
        O: Copy,
    {
        let some = Some(operand);
        Self {
            forward: Forward { input: some, weight: some, hadamard: None },
            input_gradient: InputGradient { error: some, weight: some, hadamard: None },
            weight_gradient: WeightGradient { error: some, input: some, hadamard: None },
            ..Self::unrounded()
        }
    }

    /// The operands with their keys.
    pub(crate) fn operands(&self) -> [(&'static str, Option<&O>); 6] {
        let Self { forward, input_gradient, weight_gradient, .. } = self;
        [
            ("forward.input", forward.input.as_ref()),
            ("forward.weight", forward.weight.as_ref()),
            ("input_gradient.error", input_gradient.error.as_ref()),
            ("input_gradient.weight", input_gradient.weight.as_ref()),
            ("weight_gradient.error", weight_gradient.error.as_ref()),
            ("weight_gradient.input", weight_gradient.input.as_ref()),
        ]
    }

    /// Whether what all arithmetics of this kind have is possible.
    ///
    /// # Errors
    ///
    /// A clause that names the key.
    pub(crate) fn check(&self, operand: impl Fn(&O) -> Result<(), String>) -> Result<(), String> {
        for (key, found) in self.operands() {
            if let Some(found) = found {
                operand(found).map_err(|problem| format!("{key}: {problem}"))?;
            }
        }
        let Self { forward, input_gradient, weight_gradient, output, master, .. } = self;
        let transforms = [
            ("forward", forward.hadamard),
            ("input_gradient", input_gradient.hadamard),
            ("weight_gradient", weight_gradient.hadamard),
        ];
        for (key, hadamard) in transforms {
            let check = hadamard.map_or(Ok(()), |hadamard| hadamard.check());
            check.map_err(|problem| format!("{key}.hadamard: {problem}"))?;
        }
        let fits = |key: &str, quantizer: &FloatQuantizer| {
            quantizer.check().map_err(|problem| format!("{key}: {problem}"))?;
            if quantizer.format.fits_f32() {
                return Ok(());
            }
            Err(format!("{key}.format: {} has numbers that f32 has not", quantizer.format))
        };
        output.as_ref().map_or(Ok(()), |output| fits("output", output))?;
        match master {
            Master::F32 => Ok(()),
            Master::Float(quantizer) => fits("master.float", quantizer),
            Master::Operand(_) if forward.weight.is_none() => {
                Err("master.operand: forward.weight is not rounded".to_owned())
            }
            Master::Operand(rounding) => {
                rounding.check().map_err(|problem| format!("master.operand: {problem}"))
            }
        }
    }
}

/// Three parts whose operands are not rounded.
trait Empty {
    const NONE: Self;
}

impl<O> Empty for Forward<O> {
    const NONE: Self = Self { input: None, weight: None, hadamard: None };
}

impl<O> Empty for InputGradient<O> {
    const NONE: Self = Self { error: None, weight: None, hadamard: None };
}

impl<O> Empty for WeightGradient<O> {
    const NONE: Self = Self { error: None, input: None, hadamard: None };
}

fn none<T: Empty>() -> T {
    T::NONE
}

fn unrounded<O>() -> Option<O> {
    None
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
