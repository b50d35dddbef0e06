//! [`FloatFormat`]: small floating-point formats as data, and the ones that have names.

pub(crate) mod grid;
mod integers;
mod name;
mod p3109;
mod quantizer;
mod slice;
#[cfg(test)]
mod tests;

use std::fmt;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::error::FormatError;
use crate::format::exp2;

pub use p3109::{Domain, Signedness};
pub use quantizer::{FloatCode, FloatQuantizer};

/// Which codes of a floating-point format are not finite numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum Specials {
    /// The highest exponent holds ±∞ (mantissa 0) and NaNs. Source: IEEE 754; OCP E5M2.
    Ieee,
    /// Only the code with all exponent and mantissa bits set is NaN; no infinities. Source: OCP
    /// 8-bit floating point specification 1.0, E4M3.
    NanOnly,
    /// All codes are finite numbers. Source: OCP microscaling formats 1.0, FP6 and FP4.
    None,
    /// One NaN in the place of negative zero, ±∞ in the highest code of each sign; without a sign,
    /// NaN in the highest code and ∞ below it. Source: IEEE P3109, extended domain.
    P3109Extended,
    /// One NaN in the place of negative zero, or in the highest code without a sign; no infinities;
    /// what overflows is the largest number. Source: IEEE P3109, finite domain.
    P3109Finite,
    /// One NaN in the place of negative zero, no infinities; what overflows is NaN. Source: Noune et
    /// al. 2022, arXiv:2206.02915, whose formats others call E4M3FNUZ and E5M2FNUZ.
    Fnuz,
}

/// A floating-point format of 3 to 19 bits.
///
/// ```text
///   ┌───┬────────────┬──────────────┐     E = 0:  ± 0.M · 2^(1 − bias)     zero and subnormals
///   │ s │ E exponent │  M mantissa  │     E > 0:  ± 1.M · 2^(E − bias)
///   └───┴────────────┴──────────────┘
/// ```
///
/// Which of the highest codes are infinities and NaNs, and whether there is a negative zero, is the
/// format's [`Specials`]. Unsigned formats, which only P3109 has, lack the bit s.
///
/// A configuration gives the fields, or a name: `"e4m3"`, `"tf32"`, `"Binary8p3se"` and all others that
/// the format prints and parses.
///
/// # Examples
///
/// ```
/// use numerics::FloatFormat;
///
/// let e4m3 = FloatFormat::E4M3;
/// assert_eq!((e4m3.max(), e4m3.min_positive()), (448.0, 2f64.powi(-9)));
/// assert_eq!(e4m3.decode(0x38), 1.0);
/// assert!(e4m3.decode(0x7f).is_nan());
/// let p3109: FloatFormat = "Binary8p4se".parse()?;
/// assert_eq!(p3109, FloatFormat::p3109(8, 4)?);
/// assert_eq!(p3109.decode(0x40), 1.0);
/// # Ok::<(), numerics::FormatError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize), serde(into = "Parts"))]
pub struct FloatFormat {
    exponent_bits: u8,
    mantissa_bits: u8,
    bias: i32,
    specials: Specials,
    signed: bool,
}

/// The fields as a configuration file gives them.
#[cfg(feature = "serde")]
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    exponent_bits: u8,
    mantissa_bits: u8,
    bias: i32,
    specials: Specials,
    #[serde(default = "signed", skip_serializing_if = "is_signed")]
    signed: bool,
}

#[cfg(feature = "serde")]
const fn signed() -> bool {
    true
}

#[cfg(feature = "serde")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_signed(signed: &bool) -> bool {
    *signed
}

#[cfg(feature = "serde")]
impl TryFrom<Parts> for FloatFormat {
    type Error = FormatError;

    fn try_from(p: Parts) -> Result<Self, FormatError> {
        Self::with_sign(p.signed, p.exponent_bits, p.mantissa_bits, p.bias, p.specials)
    }
}

#[cfg(feature = "serde")]
impl From<FloatFormat> for Parts {
    fn from(f: FloatFormat) -> Self {
        let FloatFormat { exponent_bits, mantissa_bits, bias, specials, signed } = f;
        Self { exponent_bits, mantissa_bits, bias, specials, signed }
    }
}

impl FloatFormat {
    /// IEEE 754 binary16.
    pub const F16: Self = Self::preset(5, 10, 15, Specials::Ieee);
    /// bfloat16.
    pub const BF16: Self = Self::preset(8, 7, 127, Specials::Ieee);
    /// TensorFloat-32: 8 exponent and 10 mantissa bits, 19 bits in all.
    pub const TF32: Self = Self::preset(8, 10, 127, Specials::Ieee);
    /// OCP FP8 E4M3: no infinities, largest number 448.
    pub const E4M3: Self = Self::preset(4, 3, 7, Specials::NanOnly);
    /// OCP FP8 E5M2: largest number 57344.
    pub const E5M2: Self = Self::preset(5, 2, 15, Specials::Ieee);
    /// E4M3 of Noune et al. 2022, bias 8: largest number 240.
    pub const E4M3FNUZ: Self = Self::preset(4, 3, 8, Specials::Fnuz);
    /// E5M2 of Noune et al. 2022, bias 16: largest number 57344.
    pub const E5M2FNUZ: Self = Self::preset(5, 2, 16, Specials::Fnuz);
    /// OCP FP6 E3M2: largest number 28.
    pub const E3M2: Self = Self::preset(3, 2, 3, Specials::None);
    /// OCP FP6 E2M3: largest number 7.5.
    pub const E2M3: Self = Self::preset(2, 3, 1, Specials::None);
    /// OCP FP4 E2M1: ±{0, ½, 1, 1½, 2, 3, 4, 6}.
    pub const E2M1: Self = Self::preset(2, 1, 1, Specials::None);
    /// The 16-bit (1, 6, 9) format in which Wang et al. 2018 (arXiv:1812.08011) accumulate.
    pub const FP16_E6M9: Self = Self::preset(6, 9, 31, Specials::Ieee);

    const fn preset(exponent_bits: u8, mantissa_bits: u8, bias: i32, specials: Specials) -> Self {
        Self { exponent_bits, mantissa_bits, bias, specials, signed: true }
    }

    /// The signed format with these fields.
    ///
    /// # Errors
    ///
    /// [`FormatError::FloatFields`] unless there are 1 to 16 exponent bits, with sign and mantissa 3
    /// to 19 bits, and the bias lies in −256..=512 or is 2^(exponent bits − 1) or one less. IEEE
    /// specials need a mantissa bit, to tell infinity from NaN.
    pub const fn new(
        exponent_bits: u8,
        mantissa_bits: u8,
        bias: i32,
        specials: Specials,
    ) -> Result<Self, FormatError> {
        Self::with_sign(true, exponent_bits, mantissa_bits, bias, specials)
    }

    const fn with_sign(
        signed: bool,
        exponent_bits: u8,
        mantissa_bits: u8,
        bias: i32,
        specials: Specials,
    ) -> Result<Self, FormatError> {
        let total = signed as u32 + exponent_bits as u32 + mantissa_bits as u32;
        let limit = if exponent_bits == 0 || exponent_bits > 16 {
            "exponent_bits lies in 1..=16"
        } else if total < 3 || total > 19 {
            "sign, exponent_bits and mantissa_bits are 3 to 19 bits"
        } else if (bias < -256 || bias > 512) && (bias + 1) >> 1 != 1 << (exponent_bits - 1) >> 1 {
            "bias lies in -256..=512, or is 2^(exponent_bits - 1) or one less"
        } else if matches!(specials, Specials::Ieee) && mantissa_bits == 0 {
            "mantissa_bits is at least 1, to tell infinity from NaN"
        } else if !signed && !matches!(specials, Specials::P3109Extended | Specials::P3109Finite) {
            "only specials of P3109 go with signed = false"
        } else {
            return Ok(Self { exponent_bits, mantissa_bits, bias, specials, signed });
        };
        Err(FormatError::FloatFields { exponent_bits, mantissa_bits, bias, limit })
    }

    /// Number of exponent bits.
    pub const fn exponent_bits(self) -> u32 {
        self.exponent_bits as u32
    }

    /// Number of mantissa bits, the implicit one not counted.
    pub const fn mantissa_bits(self) -> u32 {
        self.mantissa_bits as u32
    }

    /// The exponent bias.
    pub const fn bias(self) -> i32 {
        self.bias
    }

    /// Which codes are not finite numbers.
    pub const fn specials(self) -> Specials {
        self.specials
    }

    /// Whether there are numbers below zero.
    pub const fn is_signed(self) -> bool {
        self.signed
    }

    /// Bits of a code, the sign included.
    pub const fn width(self) -> u32 {
        self.signed as u32 + self.exponent_bits() + self.mantissa_bits()
    }

    /// The highest code without a sign.
    const fn all(self) -> u32 {
        (1 << (self.exponent_bits() + self.mantissa_bits())) - 1
    }

    /// The bit that makes a code negative; 0 without a sign.
    const fn sign_bit(self) -> u32 {
        if self.signed { self.all() + 1 } else { 0 }
    }

    /// The code of the largest finite number.
    pub const fn max_code(self) -> u32 {
        let all = self.all();
        // Without a sign NaN is the highest code.
        let nan = !self.signed as u32;
        match self.specials {
            Specials::Ieee => all - (1 << self.mantissa_bits),
            Specials::NanOnly => all - 1,
            Specials::P3109Extended => all - 1 - nan,
            Specials::P3109Finite => all - nan,
            Specials::None | Specials::Fnuz => all,
        }
    }

    /// The code of +∞, if the format has it; −∞ has the sign bit in addition.
    pub const fn infinity_code(self) -> Option<u32> {
        match self.specials {
            Specials::Ieee | Specials::P3109Extended => Some(self.max_code() + 1),
            Specials::NanOnly | Specials::None | Specials::P3109Finite | Specials::Fnuz => None,
        }
    }

    /// The code that conversions write for NaN, if the format has one.
    pub const fn nan_code(self) -> Option<u32> {
        match self.specials {
            // The quiet NaN: the highest mantissa bit.
            Specials::Ieee => Some(self.max_code() + 1 + (1 << (self.mantissa_bits - 1))),
            Specials::NanOnly => Some(self.max_code() + 1),
            Specials::None => None,
            Specials::P3109Extended | Specials::P3109Finite | Specials::Fnuz if self.signed => {
                Some(self.sign_bit())
            }
            _ => Some(self.all()),
        }
    }

    /// The code of what is too large for the format and must not saturate.
    pub(crate) const fn overflow_code(self, negative: bool) -> u32 {
        let sign = if negative { self.sign_bit() } else { 0 };
        if negative && !self.signed {
            return self.all();
        }
        match self.specials {
            Specials::Ieee | Specials::P3109Extended => sign | (self.max_code() + 1),
            Specials::NanOnly => self.max_code() + 1,
            Specials::Fnuz => self.sign_bit(),
            Specials::None | Specials::P3109Finite => sign | self.max_code(),
        }
    }

    /// Whether zero has a sign.
    pub const fn has_negative_zero(self) -> bool {
        !matches!(self.specials, Specials::P3109Extended | Specials::P3109Finite | Specials::Fnuz)
    }

    /// The largest finite number; ∞ where that is beyond f64, as in P3109 with 11 exponent bits or more.
    pub fn max(self) -> f64 {
        self.decode(self.max_code())
    }

    /// The smallest positive number, 2^(1 − bias − mantissa bits); 0 where that is below f64.
    pub fn min_positive(self) -> f64 {
        self.decode(1)
    }

    /// Whether an f32 holds every number of the format exactly: not where a bias puts numbers beyond
    /// the exponents of f32.
    pub fn fits_f32(self) -> bool {
        // Every number is a multiple of the smallest one, of at most 18 bits.
        self.max() <= f64::from(f32::MAX) && self.min_positive() >= exp2(-149)
    }

    /// Whether an f64 holds every number of the format exactly: not where P3109 has 11 exponent bits or
    /// more.
    pub fn fits_f64(self) -> bool {
        self.max() < f64::INFINITY && self.min_positive() > 0.0
    }

    /// The smallest exponent: that of the subnormal numbers and of the first normal ones.
    pub(crate) const fn min_exponent(self) -> i32 {
        1 - self.bias()
    }

    /// The largest finite number as significand · 2^exponent.
    pub(crate) const fn max_parts(self) -> (u32, i32) {
        self.parts(self.max_code())
    }

    /// The magnitude of a code without sign as significand · 2^exponent.
    const fn parts(self, magnitude: u32) -> (u32, i32) {
        let field = (magnitude >> self.mantissa_bits) as i32;
        let mantissa = magnitude & ((1 << self.mantissa_bits) - 1);
        let (implicit, field) = if field == 0 { (0, 1) } else { (1 << self.mantissa_bits, field) };
        (mantissa + implicit, field - self.bias() - self.mantissa_bits() as i32)
    }

    /// The value of a code: exact, or the nearest f64 where the format does not [fit](Self::fits_f64).
    ///
    /// # Panics
    ///
    /// If the code has more bits than the format.
    #[track_caller]
    pub fn decode(self, code: u32) -> f64 {
        match self.exact(code) {
            Exact::Nan => f64::NAN,
            Exact::Infinite { negative } => if_negative(negative, f64::INFINITY),
            Exact::Finite { negative, significand, exponent } => {
                if_negative(negative, ldexp(significand.into(), exponent))
            }
        }
    }

    /// The value of a code, in integers.
    ///
    /// # Panics
    ///
    /// If the code has more bits than the format.
    ///
    /// # Examples
    ///
    /// ```
    /// use numerics::{Exact, FloatFormat};
    ///
    /// // The largest number of a format whose exponents f64 does not have.
    /// let wide: FloatFormat = "Binary16p1se".parse()?;
    /// let largest = Exact::Finite { negative: false, significand: 1, exponent: 16382 };
    /// assert_eq!(wide.exact(wide.max_code()), largest);
    /// # Ok::<(), numerics::FormatError>(())
    /// ```
    #[track_caller]
    pub fn exact(self, code: u32) -> Exact {
        assert!(
            code >> self.width() == 0,
            "code {code:#x} has more than the {} bits of the format",
            self.width()
        );
        let (magnitude, negative) = (code & self.all(), code & self.sign_bit() != 0);
        if negative && magnitude == 0 && !self.has_negative_zero() {
            Exact::Nan
        } else if magnitude <= self.max_code() {
            let (significand, exponent) = self.parts(magnitude);
            Exact::Finite { negative, significand, exponent }
        } else if self.infinity_code() == Some(magnitude) {
            Exact::Infinite { negative }
        } else {
            Exact::Nan
        }
    }

    /// The code of a magnitude n · 2^(e − mantissa bits) with n < 2^(mantissa bits + 1), where e is
    /// [`Self::min_exponent`] or n has its highest bit set.
    pub(crate) const fn code_of(self, n: u64, e: i32) -> u64 {
        // Adding the exponent field to the significand carries its highest bit into the field.
        (((e - self.min_exponent()) as u64) << self.mantissa_bits) + n
    }
}

/// The value of a code, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exact {
    /// Not a number.
    Nan,
    /// An infinity.
    Infinite {
        /// Of negative sign.
        negative: bool,
    },
    /// ± significand · 2^exponent.
    Finite {
        /// Of negative sign; zeros have one, too.
        negative: bool,
        /// The mantissa with its implicit bit.
        significand: u32,
        /// That of the last place.
        exponent: i32,
    },
}

impl fmt::Display for Exact {
    /// As C writes hexadecimal floats: `-0x1.8p+3`, `inf`, `nan`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (negative, significand, exponent) = match *self {
            Self::Nan => return f.write_str("nan"),
            Self::Infinite { negative } => {
                return f.write_str(if negative { "-inf" } else { "inf" });
            }
            Self::Finite { negative, significand, exponent } => (negative, significand, exponent),
        };
        let sign = if negative { "-" } else { "" };
        if significand == 0 {
            return write!(f, "{sign}0x0p+0");
        }
        // The leading bit before the point, the others in whole digits after it.
        let bits = significand.ilog2();
        let digits = bits.div_ceil(4);
        let fraction = (u64::from(significand) - (1 << bits)) << (4 * digits - bits);
        let fraction = format!("{fraction:0width$x}", width = digits as usize);
        let fraction = fraction.trim_end_matches('0');
        let point = if digits == 0 || fraction.is_empty() { "" } else { "." };
        let fraction = if digits == 0 { "" } else { fraction };
        write!(f, "{sign}0x1{point}{fraction}p{:+}", exponent + bits as i32)
    }
}

fn if_negative(negative: bool, x: f64) -> f64 {
    if negative { -x } else { x }
}

/// x · 2^e, rounded once, for x of magnitude 2^-60..2^60 or 0.
pub(crate) fn ldexp(x: f64, e: i32) -> f64 {
    // Beyond these bounds the result is 0 or infinite anyway; half of e keeps the first product exact.
    let e = e.clamp(-1900, 1900);
    x * exp2(e / 2) * exp2(e - e / 2)
}
