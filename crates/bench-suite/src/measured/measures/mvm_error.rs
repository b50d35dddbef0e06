//! [`MvmError`]: the MVM error of the standard tile.
//!
//! 512 × 512 weights from N(0, 0.246), inputs from U(−1, 1), the parameters of Supplementary
//! Table 1. The paper says neither how the weights are scaled nor how much read noise has
//! accumulated "without drift", so several conventions are measured.
//!
//! Source: [Rasch23 Eq. 20, Fig. 3, Fig. 4A].

use std::collections::BTreeMap;

use crossbar::{ReadNoise, TileConfig, WeightScale, presets};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::equal_error::{NO_DRIFT_S, SIZE, WEIGHT_STD, without_drift};
use super::product::{Product, gaussian, uniform};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::measurements::name_of;
use crate::measured::measures::aging::HOUR_S;

/// How much is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MvmError {
    /// Input vectors of each product.
    pub samples: usize,
}

/// Under which convention uniform inputs are multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// Weights divided by the matrix maximum, without drift.
    Matrix,
    /// Weights clipped to ±1, without drift.
    Clipped,
    /// Weights divided by the column maximum, without drift.
    Column,
    /// Weights divided by the matrix maximum, as below: right after programming.
    Programmed,
    /// … after 1 h with drift compensation.
    Hour,
    /// … with exact devices, without IR drop and read noise.
    MvmOnly,
    /// … without drift, the IR drop 11.7 times as large.
    IrDrop,
}

impl Convention {
    const ALL: [Self; 7] = [
        Self::Matrix,
        Self::Clipped,
        Self::Column,
        Self::Programmed,
        Self::Hour,
        Self::MvmOnly,
        Self::IrDrop,
    ];
}

/// ε_M in %.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// Of uniform inputs.
    #[serde(flatten)]
    pub by_convention: BTreeMap<Convention, f64>,
    /// Of inputs that follow the weights, by input range of [`RANGES`].
    pub range: Vec<f64>,
}

/// Input ranges α of Fig. 3E.
pub const RANGES: [f32; 7] = [1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0];

/// IR-drop multiplier that raises the error to 20 %. [Rasch23 Fig. 4]
const IR_DROP_BOOST: f32 = 11.7;
/// Correlation of the inputs with a row of the weights. [Rasch23 Fig. 4A]
const CORRELATION: f32 = 0.05;
fn tile(scale: WeightScale) -> TileConfig {
    let mut config = presets::standard_pcm();
    config.mapping.scale = scale;
    config
}

impl Measure for MvmError {
    type Outcome = Errors;

    /// Multiplies under every convention and with every input range.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Errors, Error> {
        let seed = Seed::new(seed).child("rasch2023/mvm-error");
        let weights = gaussian(&seed.child("weights"), WEIGHT_STD, SIZE * SIZE);
        let clipped: Vec<f32> = weights.iter().map(|w| w.clamp(-1.0, 1.0)).collect();
        let x = uniform(&seed.child("inputs"), self.samples * SIZE);
        let matrix = tile(WeightScale::Matrix);
        let mut exact = TileConfig::load("ideal").expect("a preset");
        exact.mapping.scale = WeightScale::Matrix;
        exact.ir_drop.scale = 0.0;
        exact.periphery.read_noise = ReadNoise::None;
        let mut dropping = matrix.clone();
        dropping.ir_drop.scale = IR_DROP_BOOST;

        let mut by_convention = BTreeMap::new();
        for convention in Convention::ALL {
            let config = match convention {
                Convention::Column => without_drift(tile(WeightScale::Column)),
                Convention::Clipped => without_drift(tile(WeightScale::Unit)),
                Convention::MvmOnly => exact.clone(),
                Convention::IrDrop => without_drift(dropping.clone()),
                Convention::Matrix => without_drift(matrix.clone()),
                Convention::Programmed | Convention::Hour => matrix.clone(),
            };
            let product = Product {
                config: &config,
                weights: if convention == Convention::Clipped { &clipped } else { &weights },
                inputs: SIZE,
                x: &x,
                input_range: 1.0,
                t_s: match convention {
                    Convention::Hour => Some(HOUR_S),
                    Convention::Programmed | Convention::MvmOnly => None,
                    _ => Some(NO_DRIFT_S),
                },
            };
            let seed = seed.child(name_of(&convention).as_str());
            by_convention.insert(convention, product.error_percent(&seed, context.par)?);
        }
        // x̃ = ρ w_k + (1 − ρ) x with x ~ N(0, 1): sample s follows row s mod 512.
        let mut x = gaussian(&seed.child("normal-inputs"), 1.0, self.samples * SIZE);
        for (x, w) in x.chunks_exact_mut(SIZE).zip(weights.chunks_exact(SIZE).cycle()) {
            for (x, w) in x.iter_mut().zip(w) {
                *x = CORRELATION * w + (1.0 - CORRELATION) * *x;
            }
        }
        let mut range = Vec::new();
        let still = without_drift(matrix);
        for input_range in RANGES {
            let product = Product {
                config: &still,
                weights: &weights,
                inputs: SIZE,
                x: &x,
                input_range,
                t_s: Some(NO_DRIFT_S),
            };
            range.push(product.error_percent(&seed.child("range"), context.par)?);
        }
        Ok(Errors { by_convention, range })
    }
}
