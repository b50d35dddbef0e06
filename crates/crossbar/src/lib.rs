//! Analog in-memory computing tiles: devices, wires, converters, and what they cost.
//!
//! ```text
//!   weights ──mapping──▶ target conductances ──program──▶ devices ──age──▶ weights at time t
//!                                                                             │
//!   x ──÷α──▶ DAC ──▶ word lines ──▶ array, IR drop, read noise ◀─────────────┘
//!                                        │
//!   y ◀──+β── ×αγ ◀── drift compensation ◀── ADC ◀── gain, offset ◀── noise ◀── S-shape
//! ```
//!
//! - [`TileConfig`] describes a tile as data; [`presets`] holds those with a name.
//! - [`AnalogTile`] is one programmed array, [`AnalogMatrix`] a matrix over as many as it needs.
//! - [`device`] models the memory devices, [`mapping`] turns weights into conductances,
//!   [`periphery`] converts and multiplies, [`wires`] solves for what the wires take away,
//!   [`compensation`] acts against drift, [`cost`] estimates energy, latency and area.
//! - `fit`, a feature that is on by default, makes a device of a laboratory's readings.
//! - [`training`] multiplies by weights that [`WeightNoise`] perturbs in every mini-batch, forward
//!   and backward.
//! - [`Periphery`] and [`ArrayWeights`] are the product of one array alone.
//!
//! Conductances are in µS and times in seconds since programming where a name or a key says so;
//! past the ADC everything is dimensionless. Every random number comes from a named stream at a
//! position, so results have the same bits for any number of threads and any split of a batch.
//!
//! Without the feature `circuit`, which is on by default, there is no `wires::Circuit`, and no
//! library of linear algebra is built. Without `rayon`, on by default too, there is no `Par::Rayon`.
//!
//! Sources are cited by the keys of `docs/sources.md`.

#![deny(unsafe_code)] // allowed in `periphery::simd` only

mod array;
mod columns;
pub mod compensation;
mod config;
pub mod cost;
pub mod device;
mod error;
#[cfg(feature = "fit")]
pub mod fit;
mod limits;
pub mod mapping;
mod metrics;
pub mod periphery;
pub mod presets;
mod samples;
mod tile;
mod tiling;
pub mod training;
pub mod weight_noise;
pub mod wires;

pub use array::AnalogMatrix;
pub use config::TileConfig;
pub use error::TileError;
pub use mapping::{ArrayRole, MappingConfig, UnitCell, WeightScale, weight_scales};
pub use metrics::{excess_kurtosis, mvm_error, mvm_lengths};
pub use periphery::{
    Accum, Adc, AdcRange, ArrayWeights, Batch, BoundManagement, BoundPer, ClipMask,
    ConverterRounding, Dac, DacRange, Digital, InputEncoding, Inputs, MvmNoise, NoiseManagement,
    Out, Periphery, PeripheryConfig, ReadNoise, SShape, Saturation, Windows, mean_abs_max,
    mean_scaled_std,
};
pub use samples::Samples;
pub use tile::AnalogTile;
pub use tiling::{Cut, Normalized, Part, split};
pub use weight_noise::{
    BatchNoise, Perturbation, WeightNoise, WeightNoiseConfig, WeightNoiseModel,
};

/// The README, whose code the documentation tests run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
