//! [`Accumulator`]: the register in which a product adds up, as a modelling choice.

use serde::{Deserialize, Serialize};

use crate::{FixedFormat, FloatFormat, Rounding};

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
/// use numerics::{Accumulator, FixedFormat, FixedMatrix, Product, Seed};
///
/// let format = FixedFormat::new(8, 0)?;
/// let a = FixedMatrix::from_codes(format, 1, 3, &[100, 100, -100])?;
/// let b = FixedMatrix::from_codes(format, 3, 1, &[1, 1, 1])?;
/// let bits = Seed::new(0).stream();
/// let sum = |accumulator| {
///     let mut z = [0];
///     Product::new(a.view(), b.view()).accumulator(accumulator, &bits).wide(&mut z);
///     z[0]
/// };
/// assert_eq!(sum(Accumulator::Exact), 100);
/// assert_eq!(sum(Accumulator::Saturating { bits: 8 }), 27); // 100, 127, 27
/// assert_eq!(sum(Accumulator::Wrapping { bits: 7 }), -28); // 100 modulo 2^7
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// A narrow register: its format, how sums are rounded into it, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Narrow {
    /// The numbers that the register holds.
    pub register: Register,
    /// How a sum becomes one of them; a sum beyond the largest one saturates.
    pub rounding: Rounding,
    /// When it does.
    pub schedule: Schedule,
}

/// The numbers that a narrow register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

    /// Refuses, at the caller's line, a fixed-point register whose numbers or whose sums with `inner`
    /// products up to `product` in magnitude leave 64 bits.
    #[track_caller]
    pub(super) fn assert_fits(&self, fraction_bits: i32, inner: usize, product: u128) {
        let Register::Fixed(format) = self.register else { return };
        let largest = 1u128 << (format.word_length() as i32 - 1 + fraction_bits - format.fl());
        let terms = match self.schedule {
            Schedule::EachStep | Schedule::ChunkBased(_) => inner.min(1),
            Schedule::EachChunk(chunk) => inner.min(chunk),
        };
        assert!(
            largest + terms as u128 * product <= 1 << 63,
            "a register in {format} leaves 64 bits when it adds up products with {fraction_bits} \
             fractional bits"
        );
    }
}

impl Accumulator {
    /// Checks the parameters against the products' fractional bits.
    #[track_caller]
    pub(super) fn check(&self, fraction_bits: i32) {
        match *self {
            Self::Exact | Self::FloatGemm => {}
            Self::Saturating { bits } | Self::Wrapping { bits } => {
                assert!((2..=63).contains(&bits), "a register of {bits} bits is outside 2..=63");
            }
            Self::Narrow(narrow) => {
                narrow.rounding.assert_possible();
                if let Schedule::EachChunk(chunk) | Schedule::ChunkBased(chunk) = narrow.schedule {
                    assert!(chunk > 0, "a chunk of no products");
                }
                if let Register::Float(format) = narrow.register {
                    assert!(
                        format.max_parts().1 + fraction_bits >= 0,
                        "all numbers of the register lie below the last place of products with \
                         {fraction_bits} fractional bits"
                    );
                }
                if let Register::Fixed(format) = narrow.register {
                    let dropped = fraction_bits - format.fl();
                    assert!(
                        (0..=62).contains(&dropped),
                        "a register in {format} cannot hold products with {fraction_bits} \
                         fractional bits"
                    );
                    if let Rounding::StochasticBits(few) = narrow.rounding {
                        assert!(
                            dropped == 0 || i32::from(few.bits) <= dropped,
                            "{} random bits are more than the {dropped} bits that are dropped",
                            few.bits
                        );
                    }
                }
            }
        }
    }
}
