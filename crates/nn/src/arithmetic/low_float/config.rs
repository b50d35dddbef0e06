//! [`LowFloat`]: a floating-point format, a rounding and a scale for each operand.

use numerics::{FloatFormat, FloatQuantizer, Overflow, Rounding, Specials};
use serde::{Deserialize, Serialize};

use super::storage::store;
use crate::arithmetic::Arithmetic;
use crate::arithmetic::layer::NewLayer;
use crate::arithmetic::rounded::config::Products;
use crate::arithmetic::rounded::multiply::RoundedProducts;
use crate::linear_map::LinearMap;

/// Products of floating-point numbers of few bits.
///
/// ```text
/// Q(x) = Convert(s·x) / s        s: the scale of the tensor, none, of this step or of past ones
/// ```
///
/// A scale of this step is that of the mini-batch, so the examples of a batch are not independent of
/// each other, in an evaluation neither.
///
/// Sources: Micikevicius et al. 2022, arXiv:2209.05433 (FP8 formats); Transformer Engine,
/// `DelayedScaling` and `Float8CurrentScaling` (scales).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Products<FloatOperand>", into = "Products<FloatOperand>")]
pub struct LowFloat {
    products: Products<FloatOperand>,
}

/// How one operand is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloatOperand {
    /// The format, of which f32 has all numbers.
    pub format: FloatFormat,
    /// How values between two numbers are rounded.
    pub rounding: Rounding,
    /// What becomes of values beyond the largest number.
    #[serde(default)]
    pub overflow: Overflow,
    /// What a tensor is multiplied by before.
    #[serde(default)]
    pub scaling: Scaling,
}

/// What a tensor is multiplied by before it is rounded; M is the largest number of the format.
///
/// Assumed: the scale is 1 where the largest magnitude is 0 and, of past steps, before the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// 1.
    #[default]
    None,
    /// M / max|x| of the tensor itself.
    Current,
    /// M / max|x| / 2^margin, the maximum over the last steps of training.
    Delayed {
        /// Steps that are looked back on.
        window: usize,
        /// Binades that are left free.
        #[serde(default)]
        margin: u8,
    },
}

/// A combination that is impossible, named by its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LowFloatError(String);

impl FloatOperand {
    /// To nearest, ties to even, saturating, without a scale.
    pub fn nearest(format: FloatFormat) -> Self {
        let (rounding, overflow) = (Rounding::NearestTiesEven, Overflow::Saturate);
        Self { format, rounding, overflow, scaling: Scaling::None }
    }

    /// The conversion without the scale.
    pub(super) fn quantizer(&self) -> FloatQuantizer {
        let Self { format, rounding, overflow, .. } = *self;
        FloatQuantizer { format, rounding, overflow }
    }

    fn check(&self) -> Result<(), String> {
        self.quantizer().check().map_err(|problem| problem.to_string())?;
        if !self.format.fits_f32() {
            return Err(format!("format: {} has numbers that f32 has not", self.format));
        }
        if self.overflow == Overflow::Propagate && self.format.specials() == Specials::None {
            return Err(
                "overflow: a format without infinities and NaN has none to propagate".into()
            );
        }
        match self.scaling {
            Scaling::Delayed { window: 0, .. } => {
                Err("scaling.delayed.window = 0 must be at least one step".to_owned())
            }
            Scaling::Delayed { margin, .. } if margin > 64 => {
                Err(format!("scaling.delayed.margin = {margin} is over 64 binades"))
            }
            _ => Ok(()),
        }
    }
}

impl LowFloat {
    /// Checks the roundings and formats of all operands.
    ///
    /// # Errors
    ///
    /// [`LowFloatError`] naming the key that is impossible.
    pub fn new(products: Products<FloatOperand>) -> Result<Self, LowFloatError> {
        products.check(FloatOperand::check).map_err(LowFloatError)?;
        Ok(Self { products })
    }

    /// The three products.
    pub fn products(&self) -> &Products<FloatOperand> {
        &self.products
    }
}

impl TryFrom<Products<FloatOperand>> for LowFloat {
    type Error = LowFloatError;

    fn try_from(products: Products<FloatOperand>) -> Result<Self, LowFloatError> {
        Self::new(products)
    }
}

impl From<LowFloat> for Products<FloatOperand> {
    fn from(config: LowFloat) -> Self {
        config.products
    }
}

impl Arithmetic for LowFloat {
    fn linear_map(&self, mut new: NewLayer<'_>) -> LinearMap {
        let (layer, describe) = store(&self.products, &mut new);
        let products = RoundedProducts::new(layer.clone(), self.products, describe, new.parameters);
        LinearMap::new(layer, products)
    }
}
