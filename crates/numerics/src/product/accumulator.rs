//! [`Accumulator`]: the register in which a product adds up, as a modelling choice.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::error::ParameterError;
use crate::float::FloatFormat;
use crate::format::FixedFormat;
use crate::rounding::Rounding;

/// The register that holds the sum of a product while it grows.
///
/// ```text
/// s₀ = bias,   s_k+1 = register(s_k + a_ik · b_kj)   for k = 0, 1, …
/// ```
///
/// Exact and wrapping registers do not depend on the order of the additions; for the others it is
/// k ascending, starting from the bias.
///
/// Assumed: the order, which none of the sources gives. A narrow register loads the bias rounded to
/// nearest, ties to even.
///
/// # Examples
///
/// ```
/// use numerics::{Accumulator, Draw, FixedFormat, FixedMatrix, Product};
///
/// let format = FixedFormat::new(8, 0)?;
/// let a = FixedMatrix::from_codes(format, 1, 3, &[100, 100, -100])?;
/// let b = FixedMatrix::from_codes(format, 3, 1, &[1, 1, 1])?;
/// let sum = |accumulator| {
///     let mut z = [0];
///     Product::new(a.view(), b.view()).accumulator(accumulator, Draw::none()).wide(&mut z);
///     z[0]
/// };
/// assert_eq!(sum(Accumulator::Exact), 100);
/// assert_eq!(sum(Accumulator::Saturating { bits: 8 }), 27); // 100, 127, 27
/// assert_eq!(sum(Accumulator::Wrapping { bits: 7 }), -28); // 100 modulo 2^7
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(rename_all = "kebab-case", try_from = "Kinds")
)]
pub enum Accumulator {
    /// Wide enough for every sum. Source: [Gupta15 §3.2].
    #[default]
    Exact,
    /// A two's-complement register of 2 to 63 bits that stops at its ends, at every step.
    ///
    /// 48 bits are the paper's DSP slice, [Gupta15 §5.2].
    Saturating {
        /// Bits of the register, in units of the products' last place.
        bits: u8,
    },
    /// A two's-complement register of 2 to 63 bits that drops what overflows.
    Wrapping {
        /// Bits of the register, in units of the products' last place.
        bits: u8,
    },
    /// A narrow register into which sums are rounded.
    Narrow(Narrow),
    /// f32 operands, f32 products and f32 sums: the float-GEMM simulation of fixed point.
    ///
    /// Source: [Gupta15 §3.2], "store fixed-point values in float matrices, call SGEMM". Products
    /// of more than 24 bits are rounded and so are sums, so this is not the exact product.
    /// Assumed: additions with k ascending and without fused multiply-add; a BLAS has orders of
    /// its own.
    FloatGemm,
}

/// The kinds as a configuration file gives them.
#[cfg(feature = "serde")]
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kinds {
    Exact,
    Saturating { bits: u8 },
    Wrapping { bits: u8 },
    Narrow(Narrow),
    FloatGemm,
}

#[cfg(feature = "serde")]
impl TryFrom<Kinds> for Accumulator {
    type Error = ParameterError;

    fn try_from(kind: Kinds) -> Result<Self, ParameterError> {
        let accumulator = match kind {
            Kinds::Exact => Self::Exact,
            Kinds::Saturating { bits } => Self::Saturating { bits },
            Kinds::Wrapping { bits } => Self::Wrapping { bits },
            Kinds::Narrow(narrow) => Self::Narrow(narrow),
            Kinds::FloatGemm => Self::FloatGemm,
        };
        accumulator.check().map(|()| accumulator)
    }
}

/// A narrow register: its format, how sums are rounded into it, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(deny_unknown_fields))]
pub struct Narrow {
    /// The numbers that the register holds.
    pub register: Register,
    /// How a sum becomes one of them; a sum beyond the largest one saturates.
    pub rounding: Rounding,
    /// When it does.
    pub schedule: Schedule,
}

/// The numbers that a narrow register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum Register {
    /// Fixed point, with at most the fractional bits of the products.
    Fixed(FixedFormat),
    /// Floating point; the largest number must be a multiple of the products' last place. A register
    /// that reaches beyond 2^63 of these places ends there.
    Float(FloatFormat),
}

/// When a narrow register rounds.
///
/// R(·) is one rounding into the register, p_k the exact products, c the chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(Serialize, Deserialize),
    serde(rename_all = "kebab-case", try_from = "Schedules")
)]
pub enum Schedule {
    /// s ← R(s + p_k): every addition is rounded.
    EachStep,
    /// s ← R(s + Σ p_k over a chunk): chunks add up exactly, as in a dot-product unit.
    EachChunk(usize),
    /// t ← R(t + p_k) inside a chunk from t = 0, then s ← R(s + t): chunk-based accumulation.
    ///
    /// Source: Wang et al. 2018, arXiv:1812.08011, where a chunk of 64 cuts the growth of the error
    /// from n to n/64 + 64.
    ChunkBased(usize),
}

/// The schedules as a configuration file gives them.
#[cfg(feature = "serde")]
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Schedules {
    EachStep,
    EachChunk(usize),
    ChunkBased(usize),
}

#[cfg(feature = "serde")]
impl TryFrom<Schedules> for Schedule {
    type Error = ParameterError;

    fn try_from(schedule: Schedules) -> Result<Self, ParameterError> {
        let schedule = match schedule {
            Schedules::EachStep => Self::EachStep,
            Schedules::EachChunk(chunk) => Self::EachChunk(chunk),
            Schedules::ChunkBased(chunk) => Self::ChunkBased(chunk),
        };
        schedule.check().map(|()| schedule)
    }
}

impl Schedule {
    fn check(self) -> Result<(), ParameterError> {
        let key = match self {
            Self::EachChunk(0) => "each-chunk",
            Self::ChunkBased(0) => "chunk-based",
            _ => return Ok(()),
        };
        Err(ParameterError::new(key, "a chunk of no products".to_owned()))
    }
}

/// Products of two operands as far as a register must know them.
pub(super) struct Terms {
    /// Fractional bits of a product.
    pub(super) fraction_bits: i32,
    /// How many are added up.
    pub(super) inner: usize,
    /// The largest magnitude of one.
    pub(super) largest: u128,
}

impl Narrow {
    /// Roundings on the way of `inner` products into one sum.
    pub(super) fn roundings(&self, inner: usize) -> u64 {
        let inner = inner as u64;
        match self.schedule {
            Schedule::EachStep => inner,
            Schedule::EachChunk(chunk) => inner.div_ceil(chunk as u64),
            Schedule::ChunkBased(chunk) => inner + inner.div_ceil(chunk as u64),
        }
    }

    /// Whether the register can add up such products.
    fn check_for(&self, terms: &Terms) -> Result<(), ParameterError> {
        let fraction_bits = terms.fraction_bits;
        let refuse = |key, problem| Err(ParameterError::new(key, problem));
        let format = match self.register {
            Register::Float(format) if format.max_parts().1 + fraction_bits >= 0 => return Ok(()),
            Register::Float(_) => {
                return refuse(
                    "register",
                    format!(
                        "all numbers of the register lie below the last place of products with \
                         {fraction_bits} fractional bits"
                    ),
                );
            }
            Register::Fixed(format) => format,
        };
        let dropped = fraction_bits - format.fl();
        if !(0..=62).contains(&dropped) {
            return refuse(
                "register",
                format!(
                    "a register in {format} cannot hold products with {fraction_bits} fractional \
                     bits"
                ),
            );
        }
        if let Rounding::StochasticBits(few) = self.rounding
            && dropped != 0
            && i32::from(few.bits) > dropped
        {
            return refuse(
                "bits",
                format!(
                    "{} random bits are more than the {dropped} bits that are dropped",
                    few.bits
                ),
            );
        }
        let end = 1u128 << (format.word_length() as i32 - 1 + dropped);
        let added = match self.schedule {
            Schedule::EachStep | Schedule::ChunkBased(_) => terms.inner.min(1),
            Schedule::EachChunk(chunk) => terms.inner.min(chunk),
        };
        if end + added as u128 * terms.largest > 1 << 63 {
            return refuse(
                "register",
                format!(
                    "a register in {format} leaves 64 bits when it adds up products with \
                     {fraction_bits} fractional bits"
                ),
            );
        }
        Ok(())
    }
}

impl Accumulator {
    /// Whether there is such a register, whatever it adds up.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] if it has other than 2 to 63 bits, rounds with 0 or more than 31 random
    /// bits, or takes chunks of no products.
    pub fn check(&self) -> Result<(), ParameterError> {
        match *self {
            Self::Exact | Self::FloatGemm => Ok(()),
            Self::Saturating { bits } | Self::Wrapping { bits } if !(2..=63).contains(&bits) => {
                let problem = format!("a register of {bits} bits is outside 2..=63");
                Err(ParameterError::new("bits", problem))
            }
            Self::Saturating { .. } | Self::Wrapping { .. } => Ok(()),
            Self::Narrow(Narrow { rounding, schedule, .. }) => {
                rounding.check().and_then(|()| schedule.check())
            }
        }
    }

    /// Whether the register can add up such products.
    pub(super) fn check_for(&self, terms: &Terms) -> Result<(), ParameterError> {
        self.check()?;
        if let Self::Narrow(narrow) = self { narrow.check_for(terms) } else { Ok(()) }
    }
}
