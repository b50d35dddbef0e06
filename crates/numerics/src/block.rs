//! [`BlockFormat`]: blocks of numbers that share a scale.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::draw::{BitSource, Draw};
use crate::error::ParameterError;
use crate::float::{FloatFormat, FloatQuantizer};
use crate::format::{FixedFormat, exp2};
use crate::overflow::Overflow;
use crate::quantizer::Quantizer;
use crate::rounding::Rounding;

/// The numbers inside a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum Element {
    /// Floating point of at most 8 bits.
    Float(FloatFormat),
    /// Fixed point of at most 8 bits.
    Fixed(FixedFormat),
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

/// Blocks of consecutive elements under one scale each; the last one may be shorter.
///
/// ```text
/// x_i ≈ t · s_b · e_i      t tensor scale (NVFP4 only), s_b scale of the block, e_i its elements
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
/// A power-of-two scale is 2^(⌊log₂ max|x|⌋ − e_max) with e_max the exponent of the largest element,
/// and elements beyond the largest saturate (OCP MX 1.0 §6.3). An NVFP4 scale is max|x| / 6 divided
/// by t, rounded to the nearest E4M3, with t = max|tensor| / (6 · 448), so that the largest block
/// scale is 448.
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
/// let quantizer =
///     BlockQuantizer { format: BlockFormat::MXFP4, rounding: Rounding::NearestTiesEven };
/// let tensor = quantizer.quantize(&[6.0, -0.3, 100.0, 7.9], Draw::none());
/// // 100 has exponent 6, 6.0 in E2M1 has 2: the scale is 2^4 and the grid 8, 16, 24, 32, 48 …
/// assert_eq!(tensor.to_f32(), [8.0, -0.0, 96.0, 8.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(try_from = "Fields"))]
pub struct BlockFormat {
    /// The numbers inside a block, of at most 8 bits.
    pub element: Element,
    /// Elements that share a scale, at least 1.
    pub block: usize,
    /// What multiplies them.
    pub scale: BlockScale,
}

/// The fields as a configuration file gives them.
#[cfg(feature = "serde")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
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

    /// The exponent of the largest element.
    fn max_exponent(&self) -> i32 {
        match self.element {
            Element::Float(format) => exponent(format.max()),
            Element::Fixed(format) => format.il() - 2,
        }
    }

    /// Whether the format is possible.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] if blocks have no elements, or elements more than 8 bits.
    pub fn check(&self) -> Result<(), ParameterError> {
        if self.block == 0 {
            return Err(ParameterError::new("block", "a block of no elements".to_owned()));
        }
        let width = match self.element {
            Element::Float(format) => format.width(),
            Element::Fixed(format) => format.word_length(),
        };
        if width > 8 {
            let problem = format!("block elements of {width} bits are wider than 8");
            return Err(ParameterError::new("element", problem));
        }
        Ok(())
    }
}

/// ⌊log₂ x⌋ of a positive normal number.
fn exponent(x: f64) -> i32 {
    ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023
}

/// A block format and the rounding of its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(deny_unknown_fields))]
pub struct BlockQuantizer {
    /// The format of the result.
    pub format: BlockFormat,
    /// How elements are rounded; scales are as the module says.
    pub rounding: Rounding,
}

/// Numbers in a block format.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockTensor {
    format: BlockFormat,
    tensor_scale: f32,
    scales: Vec<u8>,
    codes: Vec<u8>,
}

/// The E8M0 and E4M3 codes of NaN.
const NAN_SCALE: [u8; 2] = [0xff, 0x7f];

impl BlockQuantizer {
    /// Converts a tensor, blocks being consecutive elements of `x`.
    ///
    /// Splitting a tensor at a multiple of the block length gives the same blocks, except that NVFP4
    /// scales by the largest element of the whole: see [`Self::quantize_scaled`].
    ///
    /// # Panics
    ///
    /// If the format has empty blocks or elements wider than 8 bits, or the rounding takes 0 or more
    /// than 31 random bits.
    #[track_caller]
    pub fn quantize(&self, x: &[f32], bits: Draw<impl BitSource>) -> BlockTensor {
        let max = x.iter().filter(|x| x.is_finite()).fold(0.0f32, |m, x| m.max(x.abs()));
        let tensor_scale = match self.format.scale {
            BlockScale::E4M3 if max > 0.0 => max / (6.0 * 448.0),
            _ => 1.0,
        };
        // The smallest subnormal maxima would give a scale of 0.
        self.quantize_scaled(x, tensor_scale.max(f32::MIN_POSITIVE), bits)
    }

    /// [`Self::quantize`] with a tensor scale that the caller knows.
    ///
    /// # Panics
    ///
    /// As [`Self::quantize`], if the scale is not a positive finite number, or if it is not 1 where
    /// the format has none: blocks scaled by powers of two.
    #[track_caller]
    pub fn quantize_scaled(
        &self,
        x: &[f32],
        tensor_scale: f32,
        bits: Draw<impl BitSource>,
    ) -> BlockTensor {
        if let Err(error) = self.format.check().and_then(|()| self.rounding.check()) {
            panic!("{error}");
        }
        assert!(
            tensor_scale > 0.0 && tensor_scale.is_finite(),
            "tensor scale {tensor_scale} is not a positive finite number"
        );
        assert!(
            self.format.scale == BlockScale::E4M3 || tensor_scale == 1.0,
            "blocks scaled by powers of two have no tensor scale, {tensor_scale} cannot be theirs"
        );
        let mut tensor = BlockTensor {
            format: self.format,
            tensor_scale,
            scales: Vec::with_capacity(x.len().div_ceil(self.format.block)),
            codes: Vec::with_capacity(x.len()),
        };
        let (source, mut position) = bits.serve(self.rounding, x.len());
        for block in x.chunks(self.format.block) {
            let code = self.scale_code(block, tensor_scale);
            let scale = tensor.scale_value(code);
            tensor.scales.push(code);
            for &x in block {
                let element = if scale.is_nan() { 0.0 } else { f64::from(x) / scale };
                tensor.codes.push(self.element_code(element, &source, position));
                position += 1;
            }
        }
        tensor
    }

    fn scale_code(&self, block: &[f32], tensor_scale: f32) -> u8 {
        let finite = block.iter().all(|x| x.is_finite());
        let max = block.iter().fold(0.0, |m: f64, x| m.max(f64::from(x.abs())));
        match self.format.scale {
            BlockScale::PowerOfTwo if !finite => NAN_SCALE[0],
            BlockScale::PowerOfTwo if max == 0.0 => 0,
            BlockScale::PowerOfTwo => {
                ((exponent(max) - self.format.max_exponent()).clamp(-127, 127) + 127) as u8
            }
            BlockScale::E4M3 if !finite => NAN_SCALE[1],
            BlockScale::E4M3 => {
                let nearest = FloatQuantizer {
                    format: FloatFormat::E4M3,
                    rounding: Rounding::NearestTiesEven,
                    overflow: Overflow::SaturateFinite,
                };
                let scale = max / self.largest_element() / f64::from(tensor_scale);
                (nearest.code(scale, Draw::none()) as u8).max(1)
            }
        }
    }

    fn largest_element(&self) -> f64 {
        match self.format.element {
            Element::Float(format) => format.max(),
            Element::Fixed(format) => format.max(),
        }
    }

    fn element_code(&self, x: f64, source: &(impl BitSource + ?Sized), position: u64) -> u8 {
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

impl BlockTensor {
    /// The format of the blocks.
    pub fn format(&self) -> BlockFormat {
        self.format
    }

    /// The factor of all blocks; 1 but for NVFP4.
    pub fn tensor_scale(&self) -> f32 {
        self.tensor_scale
    }

    /// The code of each block's scale.
    pub fn scales(&self) -> &[u8] {
        &self.scales
    }

    /// The code of each element: of a floating-point one in the low bits, of a fixed-point one
    /// sign-extended.
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// t · s_b of a scale code.
    fn scale_value(&self, code: u8) -> f64 {
        let block = match self.format.scale {
            BlockScale::PowerOfTwo if code == NAN_SCALE[0] => f64::NAN,
            BlockScale::PowerOfTwo => exp2(i32::from(code) - 127),
            BlockScale::E4M3 => FloatFormat::E4M3.decode(u16::from(code)),
        };
        block * f64::from(self.tensor_scale)
    }

    /// Writes the values, rounded to the nearest f32; exact in the formats of OCP MX.
    ///
    /// # Panics
    ///
    /// If `out` does not have [`Self::len`] elements.
    #[track_caller]
    pub fn write_f32(&self, out: &mut [f32]) {
        assert_eq!(self.len(), out.len(), "{} codes do not fill {} values", self.len(), out.len());
        let block = self.format.block;
        for ((codes, out), &scale) in
            self.codes.chunks(block).zip(out.chunks_mut(block)).zip(&self.scales)
        {
            let scale = self.scale_value(scale);
            for (&code, out) in codes.iter().zip(out) {
                let element = match self.format.element {
                    Element::Float(format) => format.decode(u16::from(code)),
                    Element::Fixed(format) => format.value(i32::from(code as i8)),
                };
                *out = (scale * element) as f32;
            }
        }
    }

    /// The values as [`Self::write_f32`] gives them.
    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.len()];
        self.write_f32(&mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    const PRESETS: [BlockFormat; 7] = [
        BlockFormat::MXFP8_E4M3,
        BlockFormat::MXFP8_E5M2,
        BlockFormat::MXFP6_E3M2,
        BlockFormat::MXFP6_E2M3,
        BlockFormat::MXFP4,
        BlockFormat::MXINT8,
        BlockFormat::NVFP4,
    ];

    fn quantize(format: BlockFormat, x: &[f32]) -> BlockTensor {
        let rounding = Rounding::NearestTiesEven;
        BlockQuantizer { format, rounding }.quantize(x, Draw::none())
    }

    #[test]
    fn a_power_of_two_scale_puts_the_largest_element_into_the_top_binade() {
        // OCP MX 1.0 §6.3 by hand: max 1.75 has exponent 0; E4M3's largest has 8, so X = 2^−8.
        let tensor = quantize(BlockFormat::MXFP8_E4M3, &[1.75, -0.01, 0.0]);
        assert_eq!(tensor.scales(), [127 - 8]);
        assert_eq!(tensor.codes()[0], 0x7e, "1.75 · 2^8 = 448");
        // MXINT8: 1.99 has exponent 0, X = 1, 127/64 is the largest element.
        let tensor = quantize(BlockFormat::MXINT8, &[1.99, -1.0, 0.5]);
        assert_eq!(tensor.scales(), [127]);
        assert_eq!(tensor.codes(), [127, 192, 32]);
        // Block floating point of 4 bits: elements k/8 below 1, so 3.0 has scale 4.
        let bfp = BlockFormat::block_floating_point(4, 8).unwrap();
        assert_eq!(quantize(bfp, &[3.0, -1.5, 0.25]).to_f32(), [3.0, -1.5, 0.0]);
    }

    #[test]
    fn nvfp4_reaches_its_largest_scale_and_element() {
        let mut x = [0.01f32; 32];
        (x[0], x[16]) = (-3.0, 1.0);
        let tensor = quantize(BlockFormat::NVFP4, &x);
        assert_eq!(tensor.tensor_scale(), 3.0 / 2688.0);
        assert_eq!(tensor.scales()[0], 0x7e, "448");
        assert_eq!((tensor.codes()[0], tensor.codes()[16]), (0xf, 0x7), "∓6");
        assert!((tensor.to_f32()[0] + 3.0).abs() < 1e-6);
        // 448/3 = 149.33 is 144 in E4M3 (spacing 16), and 1 saturates at 6 of its units.
        assert!((f64::from(tensor.to_f32()[16]) - 144.0 * 6.0 * 3.0 / 2688.0).abs() < 1e-6);
    }

    #[test]
    fn converted_tensors_do_not_change_again() {
        let mut x = vec![0.0; 1000];
        Seed::new(3).stream().fill_gaussian(0, &mut x);
        for format in PRESETS.into_iter().filter(|f| f.scale == BlockScale::PowerOfTwo) {
            let once = quantize(format, &x).to_f32();
            let twice = quantize(format, &once).to_f32();
            // A block whose largest element rounds up to the next power of two gets a larger
            // scale; its elements must still be on the coarser grid or move by one rounding.
            for (block, (once, twice)) in once.chunks(32).zip(twice.chunks(32)).enumerate() {
                let top =
                    |x: &[f32]| exponent(x.iter().fold(0.0, |m: f64, x| m.max(x.abs().into())));
                if top(&x[block * 32..(block * 32 + 32).min(1000)]) == top(once) {
                    assert_eq!(once, twice);
                }
            }
        }
    }

    #[test]
    fn errors_stay_below_half_a_last_place_of_the_top_binade() {
        let mut x = vec![0.0; 4096];
        Seed::new(4).stream().fill_gaussian(0, &mut x);
        for format in PRESETS {
            let y = quantize(format, &x).to_f32();
            for (x, y) in x.chunks(format.block).zip(y.chunks(format.block)) {
                let max = x.iter().fold(0.0f32, |m, x| m.max(x.abs()));
                // The coarsest step is 2^−m of the top binade; saturation can cost as much as the
                // part of the binade that the largest element leaves out, a quarter (E2M1, E3M2 …).
                let bound = match format.element {
                    Element::Fixed(_) => max / 64.0,
                    Element::Float(f) => max * 0.5f32.powi(f.mantissa_bits() as i32 + 1).max(0.125),
                };
                let slack = if format.scale == BlockScale::E4M3 { 1.07 } else { 1.0 };
                for (x, y) in x.iter().zip(y) {
                    assert!((x - y).abs() <= bound * slack, "{x} became {y} in {format:?}");
                }
            }
        }
    }

    #[test]
    fn specials_make_their_block_nan_and_no_other() {
        for format in PRESETS {
            let mut x = vec![1.0f32; 3 * format.block];
            x[format.block] = f32::NEG_INFINITY;
            let y = quantize(format, &x).to_f32();
            let nan = |y: &[f32]| y.iter().filter(|y| y.is_nan()).count();
            assert_eq!(nan(&y), format.block);
            assert_eq!(nan(&y[format.block..2 * format.block]), format.block);
        }
    }

    #[test]
    fn zeros_and_extreme_numbers_survive() {
        for format in PRESETS {
            assert!(quantize(format, &[0.0; 40]).to_f32().iter().all(|&y| y == 0.0));
            for x in [f32::MAX, f32::MIN_POSITIVE, 1e-45] {
                let y = quantize(format, &[x, -x]).to_f32();
                assert!(y[0].is_finite() && y[0] >= 0.0 && y[1] == -y[0], "{x} in {format:?}");
            }
            assert!(quantize(format, &[]).is_empty());
        }
    }

    #[test]
    fn elements_draw_the_bits_of_their_positions() {
        let mut x = vec![0.0; 320];
        let stream = Seed::new(5).stream();
        stream.fill_gaussian(0, &mut x);
        for format in PRESETS {
            let quantizer = BlockQuantizer { format, rounding: Rounding::Stochastic };
            let scale = if format.scale == BlockScale::E4M3 { 0.001 } else { 1.0 };
            let whole = quantizer.quantize_scaled(&x, scale, stream.at(0));
            let part = quantizer.quantize_scaled(&x[96..], scale, stream.at(96));
            let mut distinct = whole.codes().to_vec();
            distinct.sort_unstable();
            distinct.dedup();
            assert!(distinct.len() > 8, "codes at the ends of the range tell no bits apart");
            assert_eq!(part.codes(), &whole.codes()[96..]);
            assert_eq!(part.scales(), &whole.scales()[96 / format.block..]);
        }
    }

    /// A tensor scale of 1 is none: what `quantize` does.
    #[test]
    fn powers_of_two_are_scaled_by_nothing_else() {
        let x = [6.0, 3.0, 1.0, -0.3];
        for format in PRESETS.into_iter().filter(|f| f.scale == BlockScale::PowerOfTwo) {
            let quantizer = BlockQuantizer { format, rounding: Rounding::NearestTiesEven };
            let scaled = quantizer.quantize_scaled(&x, 1.0, Draw::none());
            assert_eq!(scaled, quantizer.quantize(&x, Draw::none()));
            assert_eq!(scaled.to_f32()[..3], [6.0, 3.0, 1.0], "{format:?}");
        }
    }

    #[test]
    #[should_panic(expected = "blocks scaled by powers of two have no tensor scale, 0.5 cannot")]
    fn a_tensor_scale_of_powers_of_two_is_refused() {
        let format = BlockFormat::MXFP4;
        let quantizer = BlockQuantizer { format, rounding: Rounding::NearestTiesEven };
        quantizer.quantize_scaled(&[6.0, 3.0, 1.0], 0.5, Draw::none());
    }

    #[test]
    #[should_panic(expected = "block elements of 16 bits are wider than 8")]
    fn wide_elements_are_refused() {
        let element = Element::Float(FloatFormat::F16);
        quantize(BlockFormat { element, block: 8, scale: BlockScale::PowerOfTwo }, &[1.0]);
    }
}
