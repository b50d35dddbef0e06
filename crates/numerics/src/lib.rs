//! Number formats with every rounding rule, exact products, and named random streams.
//!
//! ```text
//!   f32 ──Quantizer──▶ codes ⟨IL, FL⟩ ──Product──▶ exact sums ──Quantizer──▶ codes ⟨IL′, FL′⟩
//!            ▲                                                     ▲
//!            └───────── Stream (named, addressed by position) ─────┘
//! ```
//!
//! - [`FixedFormat`]: the fixed-point format ⟨IL, FL⟩; [`FloatFormat`]: small floating-point formats
//!   as data (f16, bf16, OCP FP8/FP6/FP4, IEEE P3109); [`BlockFormat`]: blocks under a shared scale
//!   (MXFP8/6/4, MXINT8, NVFP4, block floating point).
//! - [`Rounding`]: seven deterministic rules, the exact stochastic one, and the few-bit ones of
//!   P3109. [`Overflow`]: saturate, propagate or wrap. [`Tally`]: what a conversion did, counted.
//! - [`Quantizer`], [`FloatQuantizer`], [`BlockQuantizer`]: a format with its rounding, element by
//!   element or over slices.
//! - [`FixedMatrix`] and [`Product`]: products whose sums are exact and rounded once, or that add up
//!   in the [`Accumulator`] of your choice.
//! - [`Seed`] and [`Stream`]: random bits with a name and a position instead of an order; [`Lfsr`]
//!   and [`GivenBits`]: the other sources of bits.
//!
//! Everything that ends in integers, and every normal and uniform sample, has the same bits on
//! every machine, for any number of threads and any split of the work.
//!
//! # What it is not
//!
//! Not arbitrary precision (words have at most 32 bits, floating formats at most 16), not a float
//! arithmetic library (floating formats convert, accumulate and scale; they do not multiply), and
//! sums of words above 24 bits must fit 64 bits.
//!
//! # A tour
//!
//! ```
//! use numerics::{FixedFormat, FixedMatrix, Product, Quantizer, Rounding, Seed};
//!
//! // ⟨IL, FL⟩ = ⟨2, 14⟩: 16-bit words, ε = 2⁻¹⁴, range [−2, 2 − ε].
//! let format: FixedFormat = "<2,14>".parse()?;
//!
//! // Every random number comes from a named stream, so runs repeat exactly.
//! let stream = Seed::new(2015).child("demo").stream();
//!
//! // Nearest loses updates of at most ε/2; stochastic rounding keeps them on average.
//! let tiny = format.epsilon() / 4.0;
//! let nearest = Quantizer { format, rounding: Rounding::NearestTiesDown };
//! let stochastic = Quantizer { format, rounding: Rounding::Stochastic };
//! assert_eq!(nearest.convert(tiny, &stream, 0), 0.0);
//! let ups = (0..10_000).filter(|&i| stochastic.code(tiny, &stream, i) == 1).count();
//! assert!((2400..2600).contains(&ups));
//!
//! // (2, 3) · (3, 2): products add up exactly, then one Convert per element.
//! let a = FixedMatrix::quantize(&[0.5, -0.25, 1.0, 1.5, 0.0, 0.125], 2, 3, nearest, &stream);
//! let b = FixedMatrix::quantize(&[1.0, 0.5, 0.5, 1.0, 0.25, -1.0], 3, 2, nearest, &stream);
//! let c = Product::new(a.view(), b.view()).convert(stochastic, &stream);
//! assert_eq!(c.to_f32(), [0.625, -1.0, 1.53125, 0.625]);
//! # Ok::<(), numerics::FormatError>(())
//! ```
//!
//! Sources are cited by the keys of `docs/sources.md`.

mod bits;
mod block;
mod code;
mod error;
mod float;
mod format;
mod gaussian;
mod interop;
mod lfsr;
mod matrix;
mod overflow;
mod par;
mod product;
mod quantizer;
mod rounding;
mod seed;
mod simd;
mod slice;
mod sum;
mod tally;
mod update;

pub use bits::{NamedBits, RandomBits};
pub use block::{BlockFormat, BlockQuantizer, BlockScale, BlockTensor, Element};
pub use code::{Code, Codes};
pub use error::{CodeError, FormatError, ParameterError};
pub use float::{FloatFormat, FloatQuantizer, Specials};
pub use format::FixedFormat;
pub use lfsr::{Lfsr, LfsrConfig, LfsrError};
pub use matrix::{CodesRef, FixedMatrix, FixedView};
pub use overflow::Overflow;
pub use par::Par;
pub use product::{Accumulator, Narrow, Product, Register, Schedule, fixed_gemm};
pub use quantizer::Quantizer;
pub use rounding::{
    BitSource, Fraction, GivenBits, Rounding, StochasticBits, StochasticVariant, round_stochastic,
};
pub use seed::{Seed, Stream, StreamName};
pub use slice::{dequantize, dequantize_slice, dequantize_sums};
pub use tally::Tally;
