//! Analog in-memory computing tiles: devices, wires, converters, and what they cost.

#![deny(unsafe_code)]

mod array;
pub mod compensation;
mod config;
pub mod cost;
pub mod device;
mod error;
pub mod mapping;
mod metrics;
pub mod periphery;
pub mod presets;
mod tile;
mod tiling;
pub mod wires;

pub use array::AnalogMatrix;
pub use config::TileConfig;
pub use error::TileError;
pub use mapping::{ArrayRole, MappingConfig, UnitCell, WeightScale, weight_scales};
pub use metrics::{excess_kurtosis, mvm_error};
pub use periphery::{
    Accum, Adc, ArrayWeights, BoundManagement, Dac, Digital, MvmNoise, NoiseManagement, Periphery,
    PeripheryConfig, ReadNoise, SShape, Saturation, mean_abs_max, mean_scaled_std,
};
pub use tile::AnalogTile;
pub use tiling::split;
