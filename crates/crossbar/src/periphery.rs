//! What stands between digital numbers and the array: converters, their noise, their errors.
//!
//! One product of a tile, in this order:
//!
//! ```text
//! x ──÷ α──▶ round, clip (DAC) ──+ σ_in ξ──▶ array: Σ_j w_ij x_j
//!                                              │ − IR drop
//!                                              │ + read noise
//!                                              ▼
//! y ◀──× α γ_i, + β_i── clip, round (ADC) ◀── gain, offset ◀──+ σ_out ξ── S-shape
//! ```
//!
//! Inputs that come in slices of bits go this way slice by slice, and the results of the ADC are added up.
//!
//! Source: [Rasch23 Eq. 1–2, 5–6] and, for the order, AIHWKit 1.1.0,
//! `rpu_forward_backward_pass.cpp`. Values are normalised: weights and DAC outputs in [−1, 1].

mod accum;
pub mod adc;
mod chunk;
mod clip_mask;
mod codes;
mod config;
pub mod dac;
mod draw;
mod drop;
mod encoding;
mod epilogue;
mod forward;
mod inputs;
pub(crate) mod integer;
mod layout;
mod nonlinearity;
mod operands;
mod pack;
mod product;
mod range;
mod read_noise;
mod resolution;
mod results;
mod set_up;
pub(crate) mod simd;
mod sums;
mod windows;

pub use accum::Accum;
pub use adc::{Adc, SShape};
pub use clip_mask::ClipMask;
pub use codes::ConverterRounding;
pub use config::PeripheryConfig;
pub use dac::{BoundManagement, Dac, NoiseManagement, mean_abs_max, mean_scaled_std};
pub use encoding::InputEncoding;
pub use operands::{Batch, Digital, MvmNoise, Out, Saturation};
pub use pack::ArrayWeights;
pub use range::{AdcRange, BoundPer, DacRange};
pub use read_noise::ReadNoise;
pub use set_up::Periphery;
pub use windows::{Inputs, Windows};
