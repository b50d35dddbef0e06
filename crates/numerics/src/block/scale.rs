//! [`ScaleRule`] and [`Top`]: how the scale of a block follows from its largest element.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use super::format::exponent;
use super::format::{BlockScale, Element, NAN_E4M3, NAN_POWER};
use crate::draw::Draw;
use crate::float::{FloatFormat, FloatQuantizer};
use crate::overflow::Overflow;
use crate::rounding::Rounding;

/// How the scale of a block is chosen: a the largest magnitude of the block, M the largest element,
/// p = ⌊log₂ M⌋, m mantissa bits of an element, t the tensor scale.
///
/// | rule | scale | clips |
/// |---|---|---|
/// | `Floor` | 2^(⌊log₂ a⌋ − p) | what lies above M of its units |
/// | `Ceil` | 2^(⌈log₂ a⌉ − p) | nothing |
/// | `Even` | 2^(⌊log₂ a′⌋ − p), bits of a′ = bits of the f32 a + 2^(22 − m) | less than `Floor` |
/// | `Rceil` | 2^⌈log₂(a / M)⌉ | nothing |
/// | `ScaledFloor` | that of `Floor`, and elements are x / scale · M / 2^(p + 1) | nothing |
/// | `Nearest` | a / top / t, rounded to the nearest E4M3, ties to even | what the rounding exposes |
/// | `TorchaoInference` | as `Nearest`, in f32 and at least 2⁻⁶ | as `Nearest` |
///
/// The first five are rules for powers of two, their exponents stay in −127..=127 (below the smallest
/// normal f32 `Even` adds to the bits of a subnormal number, as torchao does); the others are
/// for E4M3. Under `ScaledFloor` the tensor scale is 2^(p + 1) / M, rounded to f32: 4/3 for E2M1,
/// 8/7 for E4M3, E5M2 and E3M2, 16/15 for E2M3.
///
/// `Floor`, `Even` and a stochastic rounding together are biased, for a clipped element has no
/// neighbour above; with `Ceil`, `Rceil` and `ScaledFloor` stochastic rounding is unbiased.
///
/// Under `Nearest` an element is x / (t · s_b), in f64. `TorchaoInference` computes
/// s_b = clamp((a / 6) / t, 2⁻⁶, 448) and elements x · ((1 / t) / s_b), or x / s_b without a tensor
/// scale, every operation rounded to f32.
///
/// Sources: OCP MX 1.0 §6.3 (`Floor`); torchao 0.18.0, `mx_tensor.py` (`Ceil`, `Even`, `Rceil`) and
/// `nvfp4_tensor.py` (`TorchaoInference`); NVIDIA 2025, arXiv:2506.08027 (`Rceil`); Tseng et al. 2025,
/// arXiv:2502.20586 (`ScaledFloor`); NVIDIA 2025, arXiv:2509.25149 App. B (`Nearest`).
/// Assumed: m of a fixed-point element of b bits is b − 2, the bits below its leading one.
/// Differs: `Rceil` is exact for every M; the f32 chain of torchao and the hardware gives another
/// exponent at some a for M = 127/64, the largest element of MXINT8, and for no floating-point one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum ScaleRule {
    /// The rule of OCP MX.
    Floor,
    /// The exponent rounded up.
    Ceil,
    /// The largest magnitude first rounded to the mantissa bits of an element, ties up.
    Even,
    /// The smallest power of two under which nothing is beyond the largest element.
    Rceil,
    /// The rule of OCP MX, with elements made smaller so that all fit.
    ScaledFloor,
    /// The nearest E4M3 number.
    Nearest,
    /// The nearest E4M3 number as torchao's inference finds it.
    TorchaoInference,
}

impl ScaleRule {
    /// The kind of scale that the rule chooses.
    pub const fn scale(self) -> BlockScale {
        match self {
            Self::Floor | Self::Ceil | Self::Even | Self::Rceil | Self::ScaledFloor => {
                BlockScale::PowerOfTwo
            }
            Self::Nearest | Self::TorchaoInference => BlockScale::E4M3,
        }
    }

    /// The exponent of the power of two for the magnitude `max`, positive and finite.
    ///
    /// # Panics
    ///
    /// If the rule is none for powers of two.
    #[inline(always)]
    pub(super) fn exponent(self, largest: Largest, max: f32) -> i32 {
        let Largest { value, exponent: p, mantissa_bits } = largest;
        let (e, significand) = (exponent(f64::from(max)), significand(f64::from(max)));
        let exponent = match self {
            Self::Floor | Self::ScaledFloor => e - p,
            Self::Ceil => e - p + i32::from(significand != 0),
            Self::Even => {
                let rounded = max.to_bits() + (1 << (22 - mantissa_bits));
                (rounded >> 23) as i32 - 127 - p
            }
            Self::Rceil => e - p + i32::from(significand > self::significand(value)),
            Self::Nearest | Self::TorchaoInference => unreachable!("a rule for E4M3"),
        };
        exponent.clamp(-127, 127)
    }
}

/// The bits below the leading one.
fn significand(x: f64) -> u64 {
    x.to_bits() & ((1 << 52) - 1)
}

/// M, the largest element, and what rules ask of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Largest {
    value: f64,
    /// p.
    exponent: i32,
    /// m.
    mantissa_bits: u32,
}

impl Largest {
    /// Of the elements of a format.
    pub(super) fn of(element: Element) -> Self {
        Self {
            value: element.largest(),
            exponent: element.max_exponent(),
            mantissa_bits: element.mantissa_bits(),
        }
    }
}

/// What the largest magnitude of a block becomes before it is rounded, under an E4M3 scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum Top {
    /// M, the largest element: a scale that is rounded down clips the largest magnitude, which
    /// biases a stochastic rounding.
    ///
    /// Source: NVIDIA 2025, arXiv:2509.25149 App. B.
    #[default]
    Largest,
    /// M · 16/17: a scale loses at most 1/17 when it is rounded down, so nothing is clipped while it
    /// is a normal number, and a stochastic rounding is unbiased.
    ///
    /// Source: arXiv:2601.22813 (Quartet II), Q_SR.
    Unbiased,
}

impl Top {
    /// The magnitude, of elements whose largest is `largest`.
    pub(super) fn of(self, largest: f64) -> f64 {
        match self {
            Self::Largest => largest,
            Self::Unbiased => largest * 16.0 / 17.0,
        }
    }
}

/// The code of the scale of a block with the largest magnitude `max`, which is not finite if the
/// block holds something that is not: the definition.
pub(super) fn code(
    rule: ScaleRule,
    element: Element,
    top: Top,
    tensor_scale: Option<f32>,
    max: f32,
) -> u8 {
    let largest = Largest::of(element);
    match rule.scale() {
        BlockScale::PowerOfTwo if !max.is_finite() => NAN_POWER,
        BlockScale::PowerOfTwo if max == 0.0 => 0,
        BlockScale::PowerOfTwo => (rule.exponent(largest, max) + 127) as u8,
        BlockScale::E4M3 if !max.is_finite() => NAN_E4M3,
        BlockScale::E4M3 => {
            let nearest = FloatQuantizer {
                format: FloatFormat::E4M3,
                rounding: Rounding::NearestTiesEven,
                overflow: Overflow::SaturateFinite,
            };
            let quotient = quotient(rule, largest, top, tensor_scale, max);
            (nearest.code(quotient, Draw::none()) as u8).max(1)
        }
    }
}

/// What is rounded to an E4M3 scale.
#[inline(always)]
pub(super) fn quotient(
    rule: ScaleRule,
    largest: Largest,
    top: Top,
    tensor_scale: Option<f32>,
    max: f32,
) -> f64 {
    if rule == ScaleRule::TorchaoInference {
        let scaled = max / largest.value as f32 / tensor_scale.unwrap_or(1.0);
        return scaled.max(1.0 / 64.0).into();
    }
    f64::from(max) / top.of(largest.value) / f64::from(tensor_scale.unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::BlockFormat;
    use crate::format::exp2;

    const MX: [BlockFormat; 6] = [
        BlockFormat::MXFP8_E4M3,
        BlockFormat::MXFP8_E5M2,
        BlockFormat::MXFP6_E3M2,
        BlockFormat::MXFP6_E2M3,
        BlockFormat::MXFP4,
        BlockFormat::MXINT8,
    ];

    /// The smallest power of two in range that is at least `x`, by trying.
    fn power_not_below(x: f64) -> i32 {
        (-127..=127).find(|&e| exp2(e) >= x).unwrap_or(127)
    }

    #[test]
    fn rules_are_their_formulas_around_every_boundary() {
        for format in MX {
            let element = format.element;
            let (m, p, largest) =
                (element.mantissa_bits(), element.max_exponent(), element.largest());
            // Powers of two and M times powers of two, the edges of `Even`, and their neighbours.
            let edge = 2.0 - 0.5f64.powi(m as i32 + 1);
            for e in -148..128 {
                for significand in [1.0, largest / exp2(p), edge, 1.3] {
                    let middle = (significand * exp2(e)) as f32;
                    for max in [middle.next_down(), middle, middle.next_up()] {
                        if max <= 0.0 || !max.is_finite() {
                            continue;
                        }
                        let x = f64::from(max);
                        let floor =
                            |x: f64| -> i32 { (-150..=128).rev().find(|&e| exp2(e) <= x).unwrap() };
                        let in_range = |e: i32| e.clamp(-127, 127);
                        let of = |rule: ScaleRule| rule.exponent(Largest::of(element), max);
                        assert_eq!(of(ScaleRule::Floor), in_range(floor(x) - p));
                        assert_eq!(of(ScaleRule::ScaledFloor), of(ScaleRule::Floor));
                        assert_eq!(of(ScaleRule::Ceil), power_not_below(x / exp2(p)), "{x:e}");
                        // x / M rounds, x against M · 2^e does not.
                        let rceil = (-127..=127).find(|&e| largest * exp2(e) >= x).unwrap_or(127);
                        assert_eq!(of(ScaleRule::Rceil), rceil, "{x:e} in {format:?}");
                        if max >= f32::MIN_POSITIVE {
                            // Half up at m mantissa bits.
                            let unit = exp2(floor(x) - m as i32);
                            let rounded = (x / unit + 0.5).floor() * unit;
                            assert_eq!(of(ScaleRule::Even), in_range(floor(rounded) - p), "{x:e}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn rceil_and_ceil_differ_where_they_should() {
        let e4m3 = BlockFormat::MXFP8_E4M3.element;
        let at = |rule: ScaleRule| rule.exponent(Largest::of(e4m3), 150.0) + 127;
        assert_eq!((at(ScaleRule::Rceil), at(ScaleRule::Ceil)), (126, 127));
    }

    /// The chain of torchao and of converters in hardware, a · f32(1 / M) and its exponent rounded up,
    /// within four last places of every boundary of normal numbers.
    #[test]
    fn rceil_is_the_f32_chain_for_floating_point_elements() {
        let chain = |max: f32, largest: f64| {
            let d = max * (1.0 / largest as f32);
            let field = (d.to_bits() >> 23) as i32;
            field - 127 + i32::from(d.to_bits() & 0x7f_ffff != 0)
        };
        let mut differences = [0; MX.len()];
        for (format, differences) in MX.iter().zip(&mut differences) {
            let (element, largest) = (format.element, format.element.largest());
            for e in -100..100 {
                let middle = (largest * exp2(e)) as f32;
                for ulp in -4..=4 {
                    let max = f32::from_bits((middle.to_bits() as i32 + ulp) as u32);
                    let exact = ScaleRule::Rceil.exponent(Largest::of(element), max);
                    *differences += u32::from(chain(max, largest) != exact);
                }
            }
        }
        let [floats @ .., int8] = differences;
        assert_eq!(floats, [0; 5]);
        assert_eq!(int8, 200, "one at every boundary of MXINT8");
    }

    proptest! {
        #[test]
        fn rules_are_ordered_and_monotone(a in 0u32..0x7f80_0000, b in 0u32..0x7f80_0000, i in 0usize..6) {
            let largest = Largest::of(MX[i].element);
            let (a, b) = (f32::from_bits(a.min(b).max(1)), f32::from_bits(a.max(b).max(1)));
            for rule in [ScaleRule::Floor, ScaleRule::Even, ScaleRule::Rceil, ScaleRule::Ceil] {
                prop_assert!(rule.exponent(largest, a) <= rule.exponent(largest, b));
            }
            let [floor, even, rceil, ceil] =
                [ScaleRule::Floor, ScaleRule::Even, ScaleRule::Rceil, ScaleRule::Ceil]
                    .map(|rule| rule.exponent(largest, a));
            prop_assert!(floor <= even && even <= floor + 1);
            prop_assert!(floor <= rceil && rceil <= ceil && ceil <= floor + 1);
        }
    }
}
