//! A fixed-point matrix-product accelerator: cycle by cycle, as a card, and as hardware.
//!
//! ```text
//!                b₀₀  ·   ·          B streams down, column j one cycle after column j − 1
//!                b₁₀ b₀₁  ·
//!                b₂₀ b₁₁ b₀₂
//!                 ▼   ▼   ▼
//!   a₀₂ a₀₁ a₀₀ ▶[0]─[1]─[2]         cell (i, j): acc += a · b in the cycles t + i + j,
//!   a₁₁ a₁₀  ·  ▶[1]─[2]─[3]         so the work moves through the array as a wave front;
//!   a₂₀  ·   ·  ▶[2]─[3]─[4]         the number is the cycle of a cell's first product
//!                 ▼   ▼   ▼
//!                 R   R   R          one rounding unit per column: add LFSR bits, drop, saturate
//!                 ▼   ▼   ▼
//!                c₂₀ c₂₁ c₂₂         n results per tile and column, the bottom row first
//! ```
//!
//! One tile of n × n results takes k + 2n − 2 cycles. The next tile enters behind it without a gap,
//! so that in steady state n² results take max(k, n) cycles: k of them for the products, or n for
//! the drain if that is more.
//!
//! - [`SystolicArray`]: products of any size on the array, with a [`Trace`] of what it did.
//! - [`Wavefront`]: the array itself, clock edge by clock edge, with stalls and back-pressure.
//! - [`DspRound`], [`ColumnLfsrs`], [`ColumnStream`]: the rounding unit and the bits that it adds.
//! - [`Tiles`], [`GemmShape`]: how a product is cut.
//!
//! - [`Card`], [`Throughput`], [`networks`]: the array on a board with its memory; time and energy of
//!   products and of training epochs.
//! - [`rtl`], [`cosim`], [`synthesis`], [`resources`]: the array in SystemVerilog, simulated beside
//!   the model, and what it takes on a 7-series device.
//!
//! Given the same random bits the results are those of `numerics::Product` and of the RTL, bit for
//! bit; the RTL agrees with the model at every clock edge.
//!
//! Sources are cited by the keys of `docs/sources.md`.

#![forbid(unsafe_code)]

mod array;
mod blocking;
mod card;
mod columns;
pub mod cosim;
mod dsp;
mod error;
mod multiply;
pub mod networks;
pub mod resources;
pub mod rtl;
pub mod synthesis;
mod trace;

pub use array::{ArrayConfig, Beat, Edge, Output, Wavefront};
pub use blocking::{GemmShape, Tile, Tiles};
pub use card::{Board, Bound, Card, Design, Schedule, Throughput, dsp_units};
pub use columns::{ColumnLfsrs, ColumnRounding, ColumnStream, RoundingWords};
pub use dsp::{ACCUMULATOR_BITS, DspRound, MULTIPLIER_BITS, Saturation};
pub use error::{ArrayError, BoardError};
pub use multiply::{Flow, SystolicArray};
pub use trace::Trace;

/// The README, whose code the documentation tests run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
