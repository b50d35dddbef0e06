//! Rasch et al. 2023: hardware-aware training for analog in-memory computing.

pub mod ablation;
mod boosts;
pub mod column_scales;
pub mod conductances;
pub mod dynamic_input;
pub mod equal_error;
mod evaluated;
pub mod exemption;
pub mod few_bits;
pub mod ir_drop;
pub mod mvm_error;
pub mod networks;
pub mod noise_structure;
mod paper;
pub mod read_noise;
pub mod reram;
pub mod scale_precision;
mod sensitivity;
pub mod study;
pub mod tile_wise_training;
pub mod tiles;
pub mod tolerance;
pub mod weight_distribution;

pub(crate) use paper::normalized_accuracy;
