//! Number formats with every rounding rule, exact products, and named random streams.
//!
//! ```text
//!   f32 ──Quantizer──▶ codes ⟨IL, FL⟩ ──Product──▶ exact sums ──Quantizer──▶ codes ⟨IL′, FL′⟩
//!            ▲                                                     ▲
//!            └───────── Stream (named, addressed by position) ─────┘
//! ```
//!
//! - [`FixedFormat`]: the fixed-point format ⟨IL, FL⟩; [`FloatFormat`]: small floating-point formats
//!   as data (f16, bf16, TF32, OCP FP8/FP6/FP4, IEEE P3109); [`BlockFormat`]: blocks under a shared scale
//!   (MXFP8/6/4, MXINT8, NVFP4, block floating point).
//! - [`Format`]: one of any kind, by its name.
//! - [`BlockMatrix`]: blocks along rows, along columns or square; [`RandomHadamard`]: the rotation that
//!   goes before them.
//! - [`Rounding`]: seven deterministic rules, the exact stochastic one, and the few-bit ones of
//!   P3109. [`Overflow`]: saturate, propagate or wrap. [`Tally`]: what a conversion did, counted.
//! - [`Quantizer`], [`FloatQuantizer`], [`BlockQuantizer`]: a format with its rounding, element by
//!   element or over slices.
//! - [`FixedMatrix`] and [`Product`]: products whose sums are exact and rounded once, or that add up
//!   in the [`Accumulator`] of your choice.
//! - [`Seed`] and [`Stream`]: random bits with a name and a position instead of an order; [`Lfsr`]
//!   and [`GivenBits`]: the other sources of bits. [`Draw`]: the bits of one tensor, used once.
//! - [`simd`]: what the processor has, for the kernels of this crate and of those above it.
//!
//! Everything that ends in integers, and every normal and uniform sample, has the same bits on
//! every machine, for any number of threads and any split of the work: of slices anywhere, of
//! products by rows ([`Product::first_row`]), registers that draw bits included.
//!
//! # What it is not
//!
//! Not arbitrary precision (words have at most 32 bits, floating formats at most 19), not a float
//! arithmetic library (floating formats convert, accumulate and scale; they do not multiply), and
//! sums must fit 64 bits.
//!
//! # Features
//!
//! All are on by default; formats, roundings, streams and products need none of them.
//!
//! - `serde`: formats, roundings, quantizers and registers in configuration files.
//! - `rayon`: kernels on several threads, `Par::Rayon`.
//! - `interop`: conversions to and from the types of the crates `fixed` and `half`.
//!
//! # A tour
//!
//! ```
//! use numerics::{BitSource, Draw, FixedFormat, FixedMatrix, Product, Quantizer, Rounding, Seed};
//!
//! // ⟨IL, FL⟩ = ⟨2, 14⟩: 16-bit words, ε = 2⁻¹⁴, range [−2, 2 − ε].
//! let format: FixedFormat = "<2,14>".parse()?;
//!
//! // Every random number has a name and a position, so runs repeat exactly.
//! let seed = Seed::new(2015).child("demo");
//!
//! // Nearest loses updates of at most ε/2; stochastic rounding keeps them on average.
//! let tiny = format.epsilon() / 4.0;
//! let nearest = Quantizer::new(format, Rounding::NearestTiesDown);
//! let stochastic = Quantizer::new(format, Rounding::Stochastic);
//! assert_eq!(nearest.convert(tiny, Draw::none()), 0.0);
//! let bits = seed.child("tiny").stream();
//! let ups = (0..10_000).filter(|&i| stochastic.code(tiny, bits.at(i)) == 1).count();
//! assert!((2400..2600).contains(&ups));
//!
//! // (2, 3) · (3, 2): products add up exactly, then one Convert per element. Each tensor draws the
//! // bits of its own name; a draw cannot be used twice.
//! let (x, y) = ([0.5, -0.25, 1.0, 1.5, 0.0, 0.125], [1.0, 0.5, 0.5, 1.0, 0.25, -1.0]);
//! let a = FixedMatrix::quantize(&x, 2, 3, stochastic, seed.child("a").draw());
//! let b = FixedMatrix::quantize(&y, 3, 2, stochastic, seed.child("b").draw());
//! let c = Product::new(a.view(), b.view()).convert(stochastic, seed.child("c").draw());
//! assert_eq!(c.to_f32(), [0.625, -1.0, 1.53125, 0.625]);
//! # Ok::<(), numerics::FormatError>(())
//! ```
//!
//! Sources are cited by the keys of `docs/sources.md`.

mod any_format;
mod bits;
mod block;
mod code;
mod draw;
mod error;
mod float;
mod format;
mod gaussian;
mod hadamard;
#[cfg(feature = "interop")]
mod interop;
mod lfsr;
mod matrix;
mod overflow;
mod par;
mod product;
mod quantizer;
mod rounding;
mod seed;
pub mod simd;
mod slice;
mod sum;
mod tally;
mod update;

pub use any_format::Format;
pub use bits::{NamedBits, RandomBits};
pub use block::{
    BlockFormat, BlockLayout, BlockMatrix, BlockQuantizer, BlockScale, BlockShape, BlockTally,
    BlockTensor, Element, ScaleRule, Top,
};
pub use code::{Code, Codes};
pub use draw::{BitSource, Draw, GivenBits, NoBits};
pub use error::{CodeError, FormatError, ParameterError};
pub use float::{Domain, Exact, FloatCode, FloatFormat, FloatQuantizer, Signedness, Specials};
pub use format::FixedFormat;
pub use hadamard::{Hadamard, HadamardSigns, RandomHadamard};
pub use lfsr::{Lfsr, LfsrConfig, LfsrError};
pub use matrix::{CodesRef, FixedMatrix, FixedView};
pub use overflow::Overflow;
pub use par::Par;
pub use product::{Accumulator, Narrow, Product, Register, Schedule, fixed_gemm};
pub use quantizer::Quantizer;
pub use rounding::{Fraction, Rounding, StochasticBits, StochasticVariant, round_stochastic};
pub use seed::{Seed, Stream, StreamName};
pub use slice::{dequantize, dequantize_slice, dequantize_sums, largest_finite};
pub use tally::Tally;

/// The READMEs of the crate and of the workspace, whose code the documentation tests run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../../../README.md")]
struct Readme;
