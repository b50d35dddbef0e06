//! Measures: pure functions from a configuration, a seed and data to measurements.

pub mod accelerator;
pub mod aging;
pub mod array_training;
pub mod comparison;
pub mod conductances;
pub mod equal_error;
pub mod errors;
pub mod evaluation;
pub mod exemption;
pub mod few_bits;
pub mod hardware_aware;
pub mod hwa_recipe;
pub mod image_classifier;
pub mod ir_drop;
pub mod low_precision;
pub mod mvm_error;
pub mod network_training;
pub mod nonideality;
pub mod product;
pub mod quantization_error;
pub mod sensitivity;
pub mod survey;
pub mod tolerance;
pub mod trained;
pub mod trial;
pub mod weight_distribution;
