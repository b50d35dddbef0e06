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
pub mod reram;
pub mod scale_precision;
mod sensitivity;
pub mod tile_wise_training;
pub mod tiles;
pub mod tolerance;
pub mod weight_distribution;

use serde::Serialize;

use crate::measured::point::Point;
use crate::request::Request;

pub(crate) use paper::normalized_accuracy;

/// A point for each seed, of which all have the same configuration and no data.
fn point_per_seed(
    experiment: &'static str,
    request: &Request,
    seeds: u64,
    config: &impl Serialize,
    work: u64,
) -> Vec<Point> {
    let config = serde_json::to_value(config).expect("a configuration is plain data");
    let seeds = request.seed..request.seed + request.seeds.unwrap_or(seeds);
    seeds
        .map(|seed| Point {
            experiment,
            name: format!("seed {seed}"),
            config: config.clone(),
            seed,
            data: Vec::new(),
            work,
        })
        .collect()
}
