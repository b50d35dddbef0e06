//! [`MvmError`]: the MVM error of the standard tile.
//!
//! 512 × 512 weights from N(0, 0.246), inputs from U(−1, 1), the parameters of Supplementary
//! Table 1. The paper says neither how the weights are scaled nor how much read noise has
//! accumulated "without drift", so several conventions are measured.
//!
//! Source: [Rasch23 Eq. 20, Fig. 3, Fig. 4A].

use crossbar::{ReadNoise, TileConfig, WeightScale, presets};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::equal_error::{NO_DRIFT_S, SIZE, WEIGHT_STD, without_drift};
use super::product::{Product, gaussian, uniform};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::point::Point;

/// How much is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MvmError {
    /// Input vectors of each product.
    pub samples: usize,
}

/// ε_M in % with weights divided by the matrix maximum, without drift.
pub const MATRIX: &str = "matrix";
/// … with weights clipped to ±1, without drift.
pub const CLIPPED: &str = "clipped";
/// … with weights divided by the column maximum, without drift.
pub const COLUMN: &str = "column";
/// … with weights divided by the matrix maximum, as below: right after programming.
pub const PROGRAMMED: &str = "programmed";
/// … after 1 h with drift compensation.
pub const HOUR: &str = "hour";
/// … with exact devices, without IR drop and read noise.
pub const MVM_ONLY: &str = "mvm-only";
/// … without drift, the IR drop 11.7 times as large.
pub const IR_DROP: &str = "ir-drop";
/// The series of ε_M in % for inputs that follow the weights, one per input range of [`RANGES`].
pub const RANGE: &str = "range";

/// What is measured with uniform inputs.
const CASES: [&str; 7] = [MATRIX, CLIPPED, COLUMN, PROGRAMMED, HOUR, MVM_ONLY, IR_DROP];

/// Input ranges α of Fig. 3E.
pub const RANGES: [f32; 7] = [1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0];

/// IR-drop multiplier that raises the error to 20 %. [Rasch23 Fig. 4]
const IR_DROP_BOOST: f32 = 11.7;
/// Correlation of the inputs with a row of the weights. [Rasch23 Fig. 4A]
const CORRELATION: f32 = 0.05;
/// Seconds after programming, for the case with drift compensation.
const HOUR_S: f64 = 3600.0;

fn tile(scale: WeightScale) -> TileConfig {
    let mut config = presets::standard_pcm();
    config.mapping.scale = scale;
    config
}

impl MvmError {
    /// Runs the point whose configuration this is.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the configuration is not one of these; and as [`Self::run`].
    pub fn run_point(point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        let config: Self = serde_json::from_value(point.config.clone())
            .map_err(|error| Error::Usage(format!("configuration of '{}': {error}", point.name)))?;
        config.run(point.seed, context)
    }

    /// Multiplies under every convention and with every input range.
    ///
    /// # Errors
    ///
    /// As [`Product::error_percent`].
    pub fn run(&self, seed: u64, context: &Context<'_>) -> Result<Measurements, Error> {
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

        let mut measured = Measurements::default();
        for name in CASES {
            let config = match name {
                COLUMN => without_drift(tile(WeightScale::Column)),
                CLIPPED => without_drift(tile(WeightScale::Unit)),
                MVM_ONLY => exact.clone(),
                IR_DROP => without_drift(dropping.clone()),
                MATRIX => without_drift(matrix.clone()),
                _ => matrix.clone(),
            };
            let product = Product {
                config: &config,
                weights: if name == CLIPPED { &clipped } else { &weights },
                inputs: SIZE,
                x: &x,
                input_range: 1.0,
                t_s: match name {
                    HOUR => Some(HOUR_S),
                    PROGRAMMED | MVM_ONLY => None,
                    _ => Some(NO_DRIFT_S),
                },
            };
            let error = product.error_percent(&seed.child(name), context.par)?;
            measured.values.insert(name.to_owned(), error);
        }
        // x̃ = ρ w_k + (1 − ρ) x with x ~ N(0, 1): sample s follows row s mod 512.
        let mut x = gaussian(&seed.child("normal-inputs"), 1.0, self.samples * SIZE);
        for (x, w) in x.chunks_exact_mut(SIZE).zip(weights.chunks_exact(SIZE).cycle()) {
            for (x, w) in x.iter_mut().zip(w) {
                *x = CORRELATION * w + (1.0 - CORRELATION) * *x;
            }
        }
        let mut errors = Vec::new();
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
            errors.push(product.error_percent(&seed.child("range"), context.par)?);
        }
        measured.series.insert(RANGE.to_owned(), errors);
        Ok(measured)
    }
}
