//! [`Block`]: a block format, a rounding and a scale rule for each operand.

use numerics::{BlockFormat, BlockQuantizer, BlockShape, Hadamard, Rounding, ScaleRule, Top};
use serde::{Deserialize, Serialize};

use super::storage::store;
use crate::arithmetic::Arithmetic;
use crate::arithmetic::layer::NewLayer;
use crate::arithmetic::rounded::config::Products;
use crate::arithmetic::rounded::multiply::RoundedProducts;
use crate::linear_map::LinearMap;

/// Products of blocks that share a scale.
///
/// Blocks lie along the dimension that the product sums over, so x, W and δ are each rounded once for
/// every product that they are in, always from the numbers of before; square blocks of a matrix are
/// the same in all.
///
/// Sources: OCP Microscaling Formats 1.0; NVIDIA 2025, arXiv:2506.08027 (MXFP8), arXiv:2509.25149
/// (NVFP4).
/// Assumed: the rows of a convolution are its patches, as a product of matrices sees them, and its
/// tensor scale that of the images; the last
/// block of a row or column is shorter where the dimension is no multiple; biases and their gradients
/// are not rounded. A tensor scale is that of the mini-batch, in an evaluation too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Products<BlockOperand>", into = "Products<BlockOperand>")]
pub struct Block {
    products: Products<BlockOperand>,
}

/// How one operand is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Fields", into = "Fields")]
pub struct BlockOperand {
    /// Format, rounding and scale.
    pub quantizer: BlockQuantizer,
    /// Whether blocks are n × n instead of lying along the sum.
    pub square: bool,
}

/// The fields as a configuration file gives them: those of a [`BlockQuantizer`], and the shape.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    format: BlockFormat,
    rounding: Rounding,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scale_rule: Option<ScaleRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tensor_scale: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    top: Option<Top>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    square: bool,
}

impl From<Fields> for BlockOperand {
    fn from(fields: Fields) -> Self {
        let Fields { format, rounding, scale_rule, tensor_scale, top, square } = fields;
        let usual = BlockQuantizer::new(format, rounding);
        let quantizer = BlockQuantizer {
            scale_rule: scale_rule.unwrap_or(usual.scale_rule),
            tensor_scale: tensor_scale.unwrap_or(usual.tensor_scale),
            top: top.unwrap_or(usual.top),
            ..usual
        };
        Self { quantizer, square }
    }
}

impl From<BlockOperand> for Fields {
    fn from(BlockOperand { quantizer, square }: BlockOperand) -> Self {
        let BlockQuantizer { format, rounding, scale_rule, tensor_scale, top } = quantizer;
        let usual = BlockQuantizer::new(format, rounding);
        Self {
            format,
            rounding,
            scale_rule: Some(scale_rule).filter(|&rule| rule != usual.scale_rule),
            tensor_scale: Some(tensor_scale).filter(|&has| has != usual.tensor_scale),
            top: Some(top).filter(|&top| top != usual.top),
            square,
        }
    }
}

/// A combination that is impossible, named by its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BlockError(String);

impl BlockOperand {
    /// Blocks along the sum.
    pub fn along(quantizer: BlockQuantizer) -> Self {
        Self { quantizer, square: false }
    }

    /// Square blocks.
    pub fn square(quantizer: BlockQuantizer) -> Self {
        Self { quantizer, square: true }
    }

    /// The shape of its blocks in a product that sums along `sum`.
    pub(super) fn shape(&self, sum: BlockShape) -> BlockShape {
        if self.square { BlockShape::Square } else { sum }
    }
}

impl Block {
    /// Checks the roundings, formats and rules of all operands.
    ///
    /// # Errors
    ///
    /// [`BlockError`] naming the key that is impossible.
    pub fn new(products: Products<BlockOperand>) -> Result<Self, BlockError> {
        let check = |operand: &BlockOperand| {
            operand.quantizer.check().map_err(|problem| problem.to_string())
        };
        products.check(check).map_err(BlockError)?;
        let Products { forward, input_gradient, weight_gradient, .. } = &products;
        for (key, hadamard, operands) in [
            ("forward", forward.hadamard, [forward.input, forward.weight]),
            (
                "input_gradient",
                input_gradient.hadamard,
                [input_gradient.error, input_gradient.weight],
            ),
            (
                "weight_gradient",
                weight_gradient.hadamard,
                [weight_gradient.error, weight_gradient.input],
            ),
        ] {
            let Some(Hadamard { size, .. }) = hadamard else { continue };
            for block in operands.into_iter().flatten().map(|o| o.quantizer.format.block) {
                if size % block != 0 && block % size != 0 {
                    return Err(BlockError(format!(
                        "{key}.hadamard.size = {size} and blocks of {block} do not divide each other"
                    )));
                }
            }
        }
        Ok(Self { products })
    }

    /// The three products.
    pub fn products(&self) -> &Products<BlockOperand> {
        &self.products
    }
}

impl TryFrom<Products<BlockOperand>> for Block {
    type Error = BlockError;

    fn try_from(products: Products<BlockOperand>) -> Result<Self, BlockError> {
        Self::new(products)
    }
}

impl From<Block> for Products<BlockOperand> {
    fn from(config: Block) -> Self {
        config.products
    }
}

impl Arithmetic for Block {
    fn linear_map(&self, mut new: NewLayer<'_>) -> LinearMap {
        let (layer, describe) = store(&self.products, &mut new);
        let products = RoundedProducts::new(layer.clone(), self.products, describe, new.parameters);
        LinearMap::new(layer, products)
    }
}
