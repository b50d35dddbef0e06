//! [`BlockQuantizer`]: a block format with the choice of its scales and the rounding of elements.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use super::format::{BlockFormat, BlockScale, Element};
use super::matrix::BlockMatrix;
use super::scale;
use super::scale::{ScaleRule, Top};
use super::shape::{BlockLayout, BlockShape};
use super::tensor::BlockTensor;
use crate::draw::{BitSource, Draw};
use crate::error::ParameterError;
use crate::float::{FloatFormat, FloatQuantizer};
use crate::format::exp2;
use crate::overflow::Overflow;
use crate::quantizer::Quantizer;
use crate::rounding::Rounding;
use crate::slice::largest_finite;

/// A block format, how scales are chosen and how elements are rounded.
///
/// ```text
/// s_b = scale rule (largest magnitude of block b, t)      rounded as the rule says
/// e_i = Round(x_i / (t · s_b)), saturated at the largest element
/// x_i ≈ t · s_b · e_i
/// ```
///
/// The tensor scale t is 1, except: with [`Self::tensor_scale`] it is max|x| / (top · 448) in f32, so
/// that the largest block scale is 448 (a normal f32 in any case, 1 for a tensor of zeros);
/// under [`ScaleRule::ScaledFloor`] it is the factor that the rule took from the elements.
///
/// As configuration, `scale_rule`, `tensor_scale` and `top` may be absent: they are then what
/// [`Self::new`] gives.
///
/// # Examples
///
/// ```
/// use numerics::{BlockFormat, BlockQuantizer, BlockShape, Draw, Par, Rounding, ScaleRule, Seed};
///
/// // A (2, 32) matrix in MXFP8 as it is trained with: no element is clipped.
/// let quantizer = BlockQuantizer {
///     scale_rule: ScaleRule::Rceil,
///     ..BlockQuantizer::new(BlockFormat::MXFP8_E4M3, Rounding::Stochastic)
/// };
/// let mut x = [0.0; 64];
/// Seed::new(1).child("x").stream().fill_gaussian(0, &mut x);
/// let bits = || Seed::new(1).child("rounding").draw();
/// let layout = BlockShape::AlongRows.of(2, 32);
/// let matrix = quantizer.quantize_matrix(&x, layout, bits());
/// assert_eq!(matrix.scales().len(), 2);
///
/// // The same numbers at once, as f32: what a product multiplies.
/// let mut decoded = [0.0; 64];
/// let t = quantizer.decode_into(&x, layout, bits(), Par::Seq, &mut decoded);
/// assert_eq!(t, 1.0);
/// assert_eq!(decoded.to_vec(), matrix.to_scaled_f32());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(try_from = "Fields", into = "Fields")
)]
pub struct BlockQuantizer {
    /// The format of the result.
    pub format: BlockFormat,
    /// How elements are rounded.
    pub rounding: Rounding,
    /// How the scale of a block is chosen.
    pub scale_rule: ScaleRule,
    /// Whether the tensor has a scale of its own; only under E4M3 scales.
    pub tensor_scale: bool,
    /// What the largest magnitude of a block becomes; only under E4M3 scales.
    pub top: Top,
}

/// The fields as a configuration file gives them.
#[cfg(feature = "serde")]
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
}

#[cfg(feature = "serde")]
impl TryFrom<Fields> for BlockQuantizer {
    type Error = ParameterError;

    fn try_from(fields: Fields) -> Result<Self, ParameterError> {
        let Fields { format, rounding, scale_rule, tensor_scale, top } = fields;
        let usual = Self::new(format, rounding);
        let quantizer = Self {
            scale_rule: scale_rule.unwrap_or(usual.scale_rule),
            tensor_scale: tensor_scale.unwrap_or(usual.tensor_scale),
            top: top.unwrap_or(usual.top),
            ..usual
        };
        quantizer.check().map(|()| quantizer)
    }
}

#[cfg(feature = "serde")]
impl From<BlockQuantizer> for Fields {
    fn from(quantizer: BlockQuantizer) -> Self {
        let BlockQuantizer { format, rounding, scale_rule, tensor_scale, top } = quantizer;
        let usual = BlockQuantizer::new(format, rounding);
        Self {
            format,
            rounding,
            scale_rule: Some(scale_rule).filter(|&rule| rule != usual.scale_rule),
            tensor_scale: Some(tensor_scale).filter(|&has| has != usual.tensor_scale),
            top: Some(top).filter(|&top| top != usual.top),
        }
    }
}

impl BlockQuantizer {
    /// The format with the scales of its specification: [`BlockScale::default_rule`], under E4M3
    /// scales a tensor scale, and [`Top::Largest`].
    pub fn new(format: BlockFormat, rounding: Rounding) -> Self {
        Self {
            format,
            rounding,
            scale_rule: format.scale.default_rule(),
            tensor_scale: format.scale == BlockScale::E4M3,
            top: Top::Largest,
        }
    }

    /// Whether the quantizer can work.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for the format ([`BlockFormat::check`]) or the rounding
    /// ([`StochasticBits::check`](crate::StochasticBits::check)), for a rule, a tensor scale or a top
    /// that the format's scales do not have, and for a top under [`ScaleRule::TorchaoInference`].
    pub fn check(&self) -> Result<(), ParameterError> {
        self.format.check()?;
        self.rounding.check()?;
        let powers = self.format.scale == BlockScale::PowerOfTwo;
        let error = |key, problem: &str| Err(ParameterError::new(key, problem.to_owned()));
        match (self.scale_rule.scale(), powers) {
            (BlockScale::PowerOfTwo, false) => {
                return error("scale_rule", "a rule for powers of two, and the scales are E4M3");
            }
            (BlockScale::E4M3, true) => {
                return error("scale_rule", "a rule for E4M3, and the scales are powers of two");
            }
            _ => {}
        }
        if powers && self.tensor_scale {
            return error("tensor_scale", "blocks scaled by powers of two have no tensor scale");
        }
        if powers && self.top != Top::Largest {
            return error("top", "blocks scaled by powers of two have a scale rule instead");
        }
        if self.scale_rule == ScaleRule::TorchaoInference && self.top != Top::Largest {
            return error("top", "torchao's inference has no other than the largest element");
        }
        Ok(())
    }

    #[track_caller]
    pub(super) fn assert_possible(&self) {
        if let Err(error) = self.check() {
            panic!("{error}");
        }
    }

    /// Converts a tensor, blocks being consecutive elements of `x`.
    ///
    /// Splitting a tensor at a multiple of the block length gives the same blocks, except that a
    /// tensor scale looks at the largest element of the whole: see [`Self::quantize_scaled`].
    ///
    /// # Panics
    ///
    /// If the quantizer cannot work: [`Self::check`].
    #[track_caller]
    pub fn quantize(&self, x: &[f32], bits: Draw<impl BitSource>) -> BlockTensor {
        self.assert_possible();
        self.quantize_scaled(x, self.tensor_scale_of(largest_finite(x)), bits)
    }

    /// [`Self::quantize`] with a tensor scale that the caller knows.
    ///
    /// # Panics
    ///
    /// As [`Self::quantize`], if the scale is not a positive finite number, or if it is not the one
    /// possible where there is no tensor scale, [`Self::fixed_tensor_scale`].
    #[track_caller]
    pub fn quantize_scaled(
        &self,
        x: &[f32],
        tensor_scale: f32,
        bits: Draw<impl BitSource>,
    ) -> BlockTensor {
        let layout = BlockShape::AlongRows.of(1, x.len());
        let matrix = self.quantize_matrix_scaled(x, layout, tensor_scale, bits);
        let (scales, codes) = matrix.into_codes();
        BlockTensor { format: self.format, tensor_scale, scales, codes }
    }

    /// Converts a row-major matrix. Element (r, c) draws the bits at position r · columns + c.
    ///
    /// # Shapes
    ///
    /// - `x`: that of `layout`, row by row
    /// - scales: [`BlockLayout::grid`], row by row
    ///
    /// # Panics
    ///
    /// As [`Self::quantize`], and if `x` does not have the elements of the layout.
    #[track_caller]
    pub fn quantize_matrix(
        &self,
        x: &[f32],
        layout: BlockLayout,
        bits: Draw<impl BitSource>,
    ) -> BlockMatrix {
        self.assert_possible();
        self.quantize_matrix_scaled(x, layout, self.tensor_scale_of(largest_finite(x)), bits)
    }

    /// [`Self::quantize_matrix`] with a tensor scale that the caller knows.
    ///
    /// # Panics
    ///
    /// As [`Self::quantize_matrix`] and [`Self::quantize_scaled`].
    #[track_caller]
    pub fn quantize_matrix_scaled(
        &self,
        x: &[f32],
        layout: BlockLayout,
        tensor_scale: f32,
        bits: Draw<impl BitSource>,
    ) -> BlockMatrix {
        self.assert_possible();
        self.assert_tensor_scale(tensor_scale);
        layout.assert_holds(x.len());
        let n = self.format.block;
        let (source, first) = bits.serve(self.rounding, x.len());
        let (grid_rows, grid_cols) = layout.grid(n);
        let mut scales = Vec::with_capacity(grid_rows * grid_cols);
        let mut codes = vec![0; x.len()];
        for block in layout.blocks(n) {
            let elements = layout.elements(&block);
            let code = self.scale_code(largest_of(elements.clone().map(|at| x[at])), tensor_scale);
            scales.push(code);
            let scale = self.format.scale.decode(code);
            for at in elements {
                let element = self.element(x[at], scale, tensor_scale);
                codes[at] = self.element_code(element, &source, first + at as u64);
            }
        }
        BlockMatrix::new(self.format, layout, tensor_scale, scales, codes)
    }

    /// t of a tensor whose largest finite magnitude is `max`.
    pub fn tensor_scale_of(&self, max: f32) -> f32 {
        if !self.tensor_scale {
            return self.fixed_tensor_scale();
        }
        let top = self.top.of(self.format.element.largest());
        let scale = (f64::from(max) / (top * FloatFormat::E4M3.max())) as f32;
        // The smallest subnormal maxima would give a scale of 0, tiny elements one of infinity.
        if max > 0.0 { scale.clamp(f32::MIN_POSITIVE, f32::MAX) } else { 1.0 }
    }

    /// t where it does not depend on the tensor: the factor of [`ScaleRule::ScaledFloor`], else 1.
    pub fn fixed_tensor_scale(&self) -> f32 {
        if self.scale_rule == ScaleRule::ScaledFloor { (1.0 / self.shrink()) as f32 } else { 1.0 }
    }

    /// What [`ScaleRule::ScaledFloor`] multiplies elements by, M / 2^(p + 1): exact.
    pub(super) fn shrink(&self) -> f64 {
        let element = self.format.element;
        element.largest() / exp2(element.max_exponent() + 1)
    }

    #[track_caller]
    pub(super) fn assert_tensor_scale(&self, tensor_scale: f32) {
        assert!(
            tensor_scale > 0.0 && tensor_scale.is_finite(),
            "tensor scale {tensor_scale} is not a positive finite number"
        );
        if self.tensor_scale || tensor_scale == self.fixed_tensor_scale() {
            return;
        }
        if self.format.scale == BlockScale::PowerOfTwo {
            panic!(
                "blocks scaled by powers of two have no tensor scale, {tensor_scale} cannot be theirs"
            );
        }
        panic!("without a tensor scale it is 1, not {tensor_scale}");
    }

    /// The code of the scale of a block with the largest magnitude `max`, infinite or NaN if the
    /// block holds such an element.
    pub(super) fn scale_code(&self, max: f32, tensor_scale: f32) -> u8 {
        let known = self.tensor_scale.then_some(tensor_scale);
        scale::code(self.scale_rule, self.format.element, self.top, known, max)
    }

    /// What is rounded to an element of a block of that scale; 0 in a block of NaNs.
    pub(super) fn element(&self, x: f32, scale: f64, tensor_scale: f32) -> f64 {
        if scale.is_nan() {
            return 0.0;
        }
        match self.scale_rule {
            ScaleRule::ScaledFloor => f64::from(x) / scale * self.shrink(),
            ScaleRule::TorchaoInference if self.tensor_scale => {
                f64::from(x * (1.0 / tensor_scale / scale as f32))
            }
            ScaleRule::TorchaoInference => f64::from(x / scale as f32),
            ScaleRule::Nearest => f64::from(x) / (scale * f64::from(tensor_scale)),
            _ => f64::from(x) / scale,
        }
    }

    /// The code of a rounded element.
    pub(super) fn element_code(
        &self,
        x: f64,
        source: &(impl BitSource + ?Sized),
        position: u64,
    ) -> u8 {
        let rounding = self.rounding;
        match self.format.element {
            Element::Float(format) => {
                let overflow = Overflow::SaturateFinite;
                FloatQuantizer { format, rounding, overflow }.code(x, Draw::new(source, position))
                    as u8
            }
            Element::Fixed(format) => {
                let code = Quantizer::new(format, rounding).code(x, Draw::new(source, position));
                code.max(-format.max_code()) as i8 as u8
            }
        }
    }
}

/// The largest magnitude, not finite if one element is not; 0 of none.
pub(super) fn largest_of(x: impl Iterator<Item = f32>) -> f32 {
    // Magnitudes are ordered like their bits, infinities and NaNs above all others.
    x.map(|x| x.abs().to_bits()).max().map_or(0.0, f32::from_bits)
}
