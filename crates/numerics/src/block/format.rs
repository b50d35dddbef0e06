//! [`BlockFormat`]: what the codes of a block mean.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use super::scale::ScaleRule;
use crate::error::ParameterError;
use crate::float::FloatFormat;
use crate::float::grid::Grid;
use crate::format::FixedFormat;
use crate::format::exp2;

/// The E8M0 code of NaN.
pub(super) const NAN_POWER: u8 = 0xff;
/// The E4M3 code of NaN.
pub(super) const NAN_E4M3: u8 = 0x7f;

/// The numbers inside a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum Element {
    /// Floating point of at most 8 bits.
    Float(FloatFormat),
    /// Fixed point of at most 8 bits.
    Fixed(FixedFormat),
}

impl Element {
    /// M, the largest element.
    pub(super) fn largest(self) -> f64 {
        match self {
            Self::Float(format) => format.max(),
            Self::Fixed(format) => format.max(),
        }
    }

    /// p, the exponent of the largest element.
    pub(super) fn max_exponent(self) -> i32 {
        match self {
            Self::Float(format) => exponent(format.max()),
            Self::Fixed(format) => format.il() - 2,
        }
    }

    /// m, the bits of the largest element below its leading one.
    pub(super) fn mantissa_bits(self) -> u32 {
        match self {
            Self::Float(format) => format.mantissa_bits(),
            Self::Fixed(format) => format.word_length() - 2,
        }
    }

    /// The value of a code as [`BlockTensor::codes`](super::BlockTensor::codes) has it.
    pub(super) fn decode(self, code: u8) -> f64 {
        match self {
            Self::Float(format) => format.decode(code.into()),
            Self::Fixed(format) => format.value(i32::from(code as i8)),
        }
    }

    /// The grid of the elements, where there is one without branches.
    pub(super) fn grid(self) -> Option<Grid> {
        match self {
            Self::Float(format) => Grid::of_float(format),
            Self::Fixed(format) => Some(Grid::of_fixed(format)),
        }
    }

    /// Whether the code, as a byte, is that of an element.
    pub(super) fn has(self, code: u8) -> bool {
        match self {
            Self::Float(format) => u32::from(code) >> format.width() == 0,
            Self::Fixed(format) => format.contains(i32::from(code as i8)),
        }
    }

    fn width(self) -> u32 {
        match self {
            Self::Float(format) => format.width(),
            Self::Fixed(format) => format.word_length(),
        }
    }
}

/// ⌊log₂ x⌋ of a positive normal number.
pub(super) fn exponent(x: f64) -> i32 {
    ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023
}

/// The scale of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum BlockScale {
    /// 2^(code − 127), code 255 being NaN: OCP E8M0.
    PowerOfTwo,
    /// An E4M3 number times one f32 scale for the whole tensor.
    E4M3,
}

impl BlockScale {
    /// The rule that chooses the scale where none is named.
    pub const fn default_rule(self) -> ScaleRule {
        match self {
            Self::PowerOfTwo => ScaleRule::Floor,
            Self::E4M3 => ScaleRule::Nearest,
        }
    }

    /// Whether the code is that of a scale: of no negative one.
    pub(super) const fn has(self, code: u8) -> bool {
        matches!(self, Self::PowerOfTwo) || code <= NAN_E4M3
    }

    /// The value of a scale's code.
    pub(super) fn decode(self, code: u8) -> f64 {
        match self {
            Self::PowerOfTwo if code == NAN_POWER => f64::NAN,
            Self::PowerOfTwo => exp2(i32::from(code) - 127),
            Self::E4M3 => FloatFormat::E4M3.decode(code.into()),
        }
    }
}

/// Blocks of elements under one scale each; the last one of a row or column may be shorter.
///
/// ```text
/// x_i ≈ t · s_b · e_i      t tensor scale, s_b scale of the block, e_i its elements
/// ```
///
/// | preset | elements | block | scale |
/// |---|---|---|---|
/// | `MXFP8_E4M3`, `MXFP8_E5M2` | FP8 | 32 | power of two (E8M0) |
/// | `MXFP6_E3M2`, `MXFP6_E2M3` | FP6 | 32 | power of two (E8M0) |
/// | `MXFP4` | E2M1 | 32 | power of two (E8M0) |
/// | `MXINT8` | ⟨2,6⟩ | 32 | power of two (E8M0) |
/// | `NVFP4` | E2M1 | 16 | E4M3, and one f32 for the tensor |
/// | [`BlockFormat::block_floating_point`] | ⟨1, bits − 1⟩ | any | power of two (E8M0) |
///
/// A configuration gives the fields, or the name of a preset: `"mxfp8-e4m3"`, `"mxfp8-e5m2"`,
/// `"mxfp6-e3m2"`, `"mxfp6-e2m3"`, `"mxfp4"`, `"mxint8"`, `"nvfp4"`.
///
/// How a scale is chosen is the [`ScaleRule`] of a [`BlockQuantizer`](super::BlockQuantizer).
///
/// Sources: OCP Microscaling Formats (MX) 1.0; NVIDIA 2025, arXiv:2509.25149, for NVFP4.
/// Assumed: a block that holds a NaN or an infinity becomes all NaN through its scale (OCP leaves it
/// to the implementation); the exponent of a scale stays in −127..=127; the scale of a zero block
/// is the smallest; fixed-point elements leave the lowest code unused, as OCP allows, so that the
/// negative of a block is a block of negatives; a block scale of NVFP4 below the smallest E4M3
/// number is that number.
///
/// # Examples
///
/// ```
/// use numerics::{BlockFormat, BlockQuantizer, Draw, Rounding};
///
/// let quantizer = BlockQuantizer::new(BlockFormat::MXFP4, Rounding::NearestTiesEven);
/// let tensor = quantizer.quantize(&[6.0, -0.3, 100.0, 7.9], Draw::none());
/// // 100 has exponent 6, 6.0 in E2M1 has 2: the scale is 2^4 and the grid 8, 16, 24, 32, 48 …
/// assert_eq!(tensor.to_f32(), [8.0, -0.0, 96.0, 8.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize))]
pub struct BlockFormat {
    /// The numbers inside a block, of at most 8 bits.
    pub element: Element,
    /// Elements that share a scale, at least 1; of a square block, those of one side.
    pub block: usize,
    /// What multiplies them.
    pub scale: BlockScale,
}

/// The fields as a configuration file gives them.
#[cfg(feature = "serde")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    element: Element,
    block: usize,
    scale: BlockScale,
}

#[cfg(feature = "serde")]
impl TryFrom<Fields> for BlockFormat {
    type Error = ParameterError;

    fn try_from(fields: Fields) -> Result<Self, ParameterError> {
        let Fields { element, block, scale } = fields;
        let format = Self { element, block, scale };
        format.check().map(|()| format)
    }
}

impl BlockFormat {
    /// OCP MXFP8 with E4M3 elements.
    pub const MXFP8_E4M3: Self = Self::mx(Element::Float(FloatFormat::E4M3));
    /// OCP MXFP8 with E5M2 elements.
    pub const MXFP8_E5M2: Self = Self::mx(Element::Float(FloatFormat::E5M2));
    /// OCP MXFP6 with E3M2 elements.
    pub const MXFP6_E3M2: Self = Self::mx(Element::Float(FloatFormat::E3M2));
    /// OCP MXFP6 with E2M3 elements.
    pub const MXFP6_E2M3: Self = Self::mx(Element::Float(FloatFormat::E2M3));
    /// OCP MXFP4: E2M1 elements.
    pub const MXFP4: Self = Self::mx(Element::Float(FloatFormat::E2M1));
    /// OCP MXINT8: elements of ⟨2,6⟩.
    pub const MXINT8: Self = Self::mx(Element::Fixed(FixedFormat::preset(2, 6)));
    /// NVFP4: E2M1 elements, 16 to a block.
    pub const NVFP4: Self =
        Self { element: Element::Float(FloatFormat::E2M1), block: 16, scale: BlockScale::E4M3 };

    const fn mx(element: Element) -> Self {
        Self { element, block: 32, scale: BlockScale::PowerOfTwo }
    }

    /// Plain block floating point: signed mantissas of `bits` bits, a shared power of two.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] unless `bits` is in 2..=8 and `block` at least 1.
    pub fn block_floating_point(bits: u8, block: usize) -> Result<Self, ParameterError> {
        if !(2..=8).contains(&bits) {
            let problem = format!("mantissas of {bits} bits are outside 2..=8");
            return Err(ParameterError::new("bits", problem));
        }
        let element = Element::Fixed(FixedFormat::preset(1, bits as i8 - 1));
        let format = Self { element, block, scale: BlockScale::PowerOfTwo };
        format.check().map(|()| format)
    }

    /// Whether the format is possible.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] if blocks have no elements, or elements more than 8 bits or no sign.
    pub fn check(&self) -> Result<(), ParameterError> {
        if self.block == 0 {
            return Err(ParameterError::new("block", "a block of no elements".to_owned()));
        }
        let width = self.element.width();
        if width > 8 {
            let problem = format!("block elements of {width} bits are wider than 8");
            return Err(ParameterError::new("element", problem));
        }
        if matches!(self.element, Element::Float(format) if !format.is_signed()) {
            let problem = "block elements have a sign".to_owned();
            return Err(ParameterError::new("element", problem));
        }
        Ok(())
    }
}
