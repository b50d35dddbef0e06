//! [`FloatFormat`]: small floating-point formats as data, and the ones that have names.

mod quantizer;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::error::FormatError;
use crate::format::exp2;

pub use quantizer::FloatQuantizer;

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
    /// One NaN in the place of negative zero, ±∞ in the highest code of each sign. Source: IEEE
    /// P3109, extended domain.
    P3109Extended,
    /// One NaN in the place of negative zero, no infinities; what overflows is the largest number.
    /// Source: IEEE P3109, finite domain.
    P3109Finite,
    /// One NaN in the place of negative zero, no infinities; what overflows is NaN. Source: Noune et
    /// al. 2022, arXiv:2206.02915, whose formats others call E4M3FNUZ and E5M2FNUZ.
    Fnuz,
}

/// A signed floating-point format of 3 to 16 bits.
///
/// ```text
///   ┌───┬────────────┬──────────────┐     E = 0:  ± 0.M · 2^(1 − bias)     zero and subnormals
///   │ s │ E exponent │  M mantissa  │     E > 0:  ± 1.M · 2^(E − bias)
///   └───┴────────────┴──────────────┘
/// ```
///
/// Which of the highest codes are infinities and NaNs, and whether there is a negative zero, is the
/// format's [`Specials`].
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
/// assert_eq!(FloatFormat::p3109(8, 4)?.decode(0x40), 1.0);
/// # Ok::<(), numerics::FormatError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(try_from = "Parts", into = "Parts")
)]
pub struct FloatFormat {
    exponent_bits: u8,
    mantissa_bits: u8,
    bias: i16,
    specials: Specials,
}

/// The fields as a configuration file gives them.
#[cfg(feature = "serde")]
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    exponent_bits: u8,
    mantissa_bits: u8,
    bias: i16,
    specials: Specials,
}

#[cfg(feature = "serde")]
impl TryFrom<Parts> for FloatFormat {
    type Error = FormatError;

    fn try_from(p: Parts) -> Result<Self, FormatError> {
        Self::new(p.exponent_bits, p.mantissa_bits, p.bias, p.specials)
    }
}

#[cfg(feature = "serde")]
impl From<FloatFormat> for Parts {
    fn from(f: FloatFormat) -> Self {
        let FloatFormat { exponent_bits, mantissa_bits, bias, specials } = f;
        Self { exponent_bits, mantissa_bits, bias, specials }
    }
}

impl FloatFormat {
    /// IEEE 754 binary16.
    pub const F16: Self = Self::preset(5, 10, 15, Specials::Ieee);
    /// bfloat16.
    pub const BF16: Self = Self::preset(8, 7, 127, Specials::Ieee);
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

    const fn preset(exponent_bits: u8, mantissa_bits: u8, bias: i16, specials: Specials) -> Self {
        Self { exponent_bits, mantissa_bits, bias, specials }
    }

    /// The format with these fields.
    ///
    /// # Errors
    ///
    /// [`FormatError::FloatFields`] unless there are 1 to 8 exponent bits and at most 10 mantissa
    /// bits, together 2 to 15, and the bias lies in −256..=512. IEEE specials need a mantissa bit,
    /// to tell infinity from NaN.
    pub const fn new(
        exponent_bits: u8,
        mantissa_bits: u8,
        bias: i16,
        specials: Specials,
    ) -> Result<Self, FormatError> {
        let total = exponent_bits as u32 + mantissa_bits as u32;
        let limit = if exponent_bits == 0 || exponent_bits > 8 {
            "exponent_bits lies in 1..=8"
        } else if mantissa_bits > 10 {
            "mantissa_bits lies in 0..=10"
        } else if total < 2 || total > 15 {
            "exponent_bits + mantissa_bits lies in 2..=15"
        } else if bias < -256 || bias > 512 {
            "bias lies in -256..=512"
        } else if matches!(specials, Specials::Ieee) && mantissa_bits == 0 {
            "mantissa_bits is at least 1, to tell infinity from NaN"
        } else {
            return Ok(Self { exponent_bits, mantissa_bits, bias, specials });
        };
        Err(FormatError::FloatFields { exponent_bits, mantissa_bits, bias, limit })
    }

    /// IEEE P3109 binary`width`p`precision`, signed and extended: bias 2^(width − precision − 1).
    /// The report's unsigned formats are not covered.
    ///
    /// The width includes the sign, the precision the implicit bit.
    ///
    /// Source: IEEE P3109 interim report 4.0 §4.
    ///
    /// # Errors
    ///
    /// [`FormatError::P3109`] unless `width` is in 3..=16 and `precision` in 1..`width`, with at most
    /// 8 exponent and 10 mantissa bits.
    pub const fn p3109(width: u8, precision: u8) -> Result<Self, FormatError> {
        let limit = if width < 3 || width > 16 {
            "the width lies in 3..=16"
        } else if precision < 1 || precision >= width {
            "the precision is at least 1 and below the width"
        } else if width - precision > 8 {
            "the exponent, of width − precision bits, has at most 8"
        } else if precision > 11 {
            "the precision is at most 11"
        } else {
            let (exponent_bits, bias) = (width - precision, 1 << (width - precision - 1));
            return Self::new(exponent_bits, precision - 1, bias, Specials::P3109Extended);
        };
        Err(FormatError::P3109 { width, precision, limit })
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
        self.bias as i32
    }

    /// Which codes are not finite numbers.
    pub const fn specials(self) -> Specials {
        self.specials
    }

    /// Bits of a code, the sign included.
    pub const fn width(self) -> u32 {
        1 + self.exponent_bits() + self.mantissa_bits()
    }

    const fn sign_bit(self) -> u16 {
        1 << (self.width() - 1)
    }

    /// The code of the largest finite number.
    pub const fn max_code(self) -> u16 {
        let all = self.sign_bit() - 1;
        match self.specials {
            Specials::Ieee => all - (1 << self.mantissa_bits),
            Specials::NanOnly | Specials::P3109Extended => all - 1,
            Specials::None | Specials::P3109Finite | Specials::Fnuz => all,
        }
    }

    /// The code of +∞, if the format has it; −∞ has the sign bit in addition.
    pub const fn infinity_code(self) -> Option<u16> {
        match self.specials {
            Specials::Ieee | Specials::P3109Extended => Some(self.max_code() + 1),
            Specials::NanOnly | Specials::None | Specials::P3109Finite | Specials::Fnuz => None,
        }
    }

    /// The code that conversions write for NaN, if the format has one.
    pub const fn nan_code(self) -> Option<u16> {
        match self.specials {
            // The quiet NaN: the highest mantissa bit.
            Specials::Ieee => Some(self.max_code() + 1 + (1 << (self.mantissa_bits - 1))),
            Specials::NanOnly => Some(self.max_code() + 1),
            Specials::None => None,
            Specials::P3109Extended | Specials::P3109Finite | Specials::Fnuz => {
                Some(self.sign_bit())
            }
        }
    }

    /// The code of what is too large for the format and must not saturate.
    pub(crate) const fn overflow_code(self, negative: bool) -> u16 {
        let sign = if negative { self.sign_bit() } else { 0 };
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

    /// The largest finite number.
    pub fn max(self) -> f64 {
        self.decode(self.max_code())
    }

    /// The smallest positive number, 2^(1 − bias − mantissa bits).
    pub fn min_positive(self) -> f64 {
        self.decode(1)
    }

    /// Whether an f32 holds every number of the format exactly: not where a bias puts numbers beyond
    /// the exponents of f32.
    pub fn fits_f32(self) -> bool {
        // Every number is a multiple of the smallest one, of at most 11 bits.
        self.max() <= f64::from(f32::MAX) && self.min_positive() >= exp2(-149)
    }

    /// The smallest exponent: that of the subnormal numbers and of the first normal ones.
    pub(crate) const fn min_exponent(self) -> i32 {
        1 - self.bias()
    }

    /// The largest finite number as significand · 2^exponent.
    pub(crate) const fn max_parts(self) -> (u32, i32) {
        let field = (self.max_code() >> self.mantissa_bits) as i32;
        let mantissa = self.max_code() as u32 & ((1 << self.mantissa_bits) - 1);
        let (implicit, field) = if field == 0 { (0, 1) } else { (1 << self.mantissa_bits, field) };
        (mantissa + implicit, field - self.bias() - self.mantissa_bits() as i32)
    }

    /// The value of a code: exact.
    ///
    /// # Panics
    ///
    /// If the code has more bits than the format.
    #[track_caller]
    pub fn decode(self, code: u16) -> f64 {
        assert!(
            u32::from(code) >> self.width() == 0,
            "code {code:#x} has more than the {} bits of the format",
            self.width()
        );
        let magnitude = code & (self.sign_bit() - 1);
        let negative = code & self.sign_bit() != 0;
        let value = if code == self.sign_bit() && !self.has_negative_zero() {
            return f64::NAN;
        } else if magnitude <= self.max_code() {
            let exponent = i32::from(magnitude >> self.mantissa_bits);
            let mantissa = magnitude & ((1 << self.mantissa_bits) - 1);
            let significand = mantissa + (u16::from(exponent > 0) << self.mantissa_bits);
            let exponent = exponent.max(1) - self.bias() - self.mantissa_bits() as i32;
            f64::from(significand) * exp2(exponent)
        } else if self.infinity_code() == Some(magnitude) {
            f64::INFINITY
        } else {
            f64::NAN
        };
        if negative { -value } else { value }
    }

    /// The code of a magnitude n · 2^(e − mantissa bits) with n < 2^(mantissa bits + 1), where e is
    /// [`Self::min_exponent`] or n has its highest bit set.
    pub(crate) const fn code_of(self, n: u64, e: i32) -> u64 {
        // Adding the exponent field to the significand carries its highest bit into the field.
        (((e - self.min_exponent()) as u64) << self.mantissa_bits) + n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_formats_have_the_numbers_of_their_specifications() {
        // OCP FP8 1.0 Tab. 1, OCP MX 1.0 Tab. 4 and 5: largest, smallest normal, smallest.
        let table = [
            (FloatFormat::E5M2, 57344.0, 2f64.powi(-14), 2f64.powi(-16)),
            (FloatFormat::E4M3, 448.0, 2f64.powi(-6), 2f64.powi(-9)),
            (FloatFormat::E3M2, 28.0, 0.25, 0.0625),
            (FloatFormat::E2M3, 7.5, 1.0, 0.125),
            (FloatFormat::E2M1, 6.0, 1.0, 0.5),
            (FloatFormat::F16, 65504.0, 2f64.powi(-14), 2f64.powi(-24)),
        ];
        for (format, max, normal, subnormal) in table {
            assert_eq!(format.max(), max);
            assert_eq!(exp2(format.min_exponent()), normal);
            assert_eq!(format.min_positive(), subnormal);
        }
        let fp4: Vec<f64> = (0..8).map(|code| FloatFormat::E2M1.decode(code)).collect();
        assert_eq!(fp4, [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]);
        assert!(FloatFormat::E2M1.decode(8).is_sign_negative());
    }

    #[test]
    fn p3109_formats_have_the_codes_of_the_report() {
        for precision in 1..=7 {
            let format = FloatFormat::p3109(8, precision).unwrap();
            assert!(format.decode(0x80).is_nan());
            assert_eq!(format.decode(0x40), 1.0, "half of the positive codes lie below 1");
            assert_eq!(format.decode(0x7f), f64::INFINITY);
            assert_eq!(format.decode(0xff), f64::NEG_INFINITY);
            assert_eq!(format.decode(0xfe), -format.max());
            assert_eq!(format.decode(0).to_bits(), 0);
        }
        let p = |precision| FloatFormat::p3109(8, precision).unwrap();
        // From the working group's value table of binary8p1se.
        assert_eq!((p(1).max(), p(1).min_positive()), (2f64.powi(62), 2f64.powi(-63)));
        assert_eq!((p(3).max(), p(3).min_positive()), (49152.0, 2f64.powi(-17)));
        assert_eq!((p(4).max(), p(4).min_positive()), (224.0, 2f64.powi(-10)));
        assert_eq!((p(5).max(), p(5).min_positive()), (15.0, 2f64.powi(-7)));
        assert_eq!(p(4).decode(0x21), 1.125 * 2f64.powi(-4));
    }

    #[test]
    fn values_increase_with_their_codes() {
        for format in [FloatFormat::E4M3, FloatFormat::F16, FloatFormat::p3109(8, 1).unwrap()] {
            for code in 1..=format.max_code() {
                assert!(format.decode(code) > format.decode(code - 1), "{code:#x}");
            }
        }
    }

    #[test]
    fn the_half_crate_decodes_alike() {
        for code in 0..=u16::MAX {
            let check = |ours: f64, theirs: f64| {
                assert!(
                    ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan(),
                    "{code:#x}: {ours}, {theirs}"
                );
            };
            check(FloatFormat::F16.decode(code), half::f16::from_bits(code).to_f64());
            check(FloatFormat::BF16.decode(code), half::bf16::from_bits(code).to_f64());
        }
    }

    /// Every field on both sides of every limit.
    #[test]
    fn a_format_is_made_exactly_where_its_fields_say() {
        for width in 0..=20u8 {
            for precision in 0..=20u8 {
                let made = (3..=16).contains(&width)
                    && (1..width).contains(&precision)
                    && width - precision <= 8
                    && precision <= 11;
                let format = FloatFormat::p3109(width, precision);
                assert_eq!(format.is_ok(), made, "binary{width}p{precision}");
            }
        }
        for (exponent, mantissa) in (0..=10u8).flat_map(|e| (0..=12u8).map(move |m| (e, m))) {
            for bias in [-257i16, -256, -255, 0, 511, 512, 513] {
                let made = (1..=8).contains(&exponent)
                    && mantissa <= 10
                    && (2..=15).contains(&(exponent + mantissa))
                    && (-256..=512).contains(&bias);
                let of = |specials| FloatFormat::new(exponent, mantissa, bias, specials).is_ok();
                let fields = format!("{exponent}, {mantissa}, {bias}");
                assert_eq!(of(Specials::None), made, "{fields}");
                assert_eq!(of(Specials::Ieee), made && mantissa > 0, "{fields}");
            }
        }
    }

    #[test]
    fn impossible_formats_are_refused_by_name() {
        let message =
            |e, m, bias, specials| FloatFormat::new(e, m, bias, specials).unwrap_err().to_string();
        assert_eq!(
            message(8, 23, 127, Specials::Ieee),
            "a floating-point format of 8 exponent bits, 23 mantissa bits and bias 127 is not \
             covered: mantissa_bits lies in 0..=10"
        );
        for (text, limit) in [
            (message(9, 3, 7, Specials::Ieee), "exponent_bits lies in 1..=8"),
            (message(0, 3, 7, Specials::Ieee), "exponent_bits lies in 1..=8"),
            (message(8, 8, 7, Specials::Ieee), "exponent_bits + mantissa_bits lies in 2..=15"),
            (message(1, 0, 7, Specials::None), "exponent_bits + mantissa_bits lies in 2..=15"),
            (message(4, 3, 513, Specials::None), "bias lies in -256..=512"),
            (message(4, 0, 7, Specials::Ieee), "mantissa_bits is at least 1"),
        ] {
            assert!(text.contains(limit), "{text}");
        }
        let message =
            |width, precision| FloatFormat::p3109(width, precision).unwrap_err().to_string();
        assert_eq!(
            message(10, 1),
            "binary10p1 is not covered: the exponent, of width − precision bits, has at most 8"
        );
        for (text, limit) in [
            (message(2, 1), "the width lies in 3..=16"),
            (message(17, 4), "the width lies in 3..=16"),
            (message(8, 8), "the precision is at least 1 and below the width"),
            (message(8, 0), "the precision is at least 1 and below the width"),
            (message(16, 12), "the precision is at most 11"),
        ] {
            assert!(text.contains(limit), "{text}");
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn configuration_text_is_checked() {
        let json = r#"{"exponent_bits":4,"mantissa_bits":3,"bias":7,"specials":"nan-only"}"#;
        assert_eq!(serde_json::from_str::<FloatFormat>(json).unwrap(), FloatFormat::E4M3);
        assert_eq!(serde_json::to_string(&FloatFormat::E4M3).unwrap(), json);
        assert!(serde_json::from_str::<FloatFormat>(&json.replace('4', "0")).is_err());
    }
}
