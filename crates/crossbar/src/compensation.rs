//! Drift compensation: one digital factor, or one per column, from a read-out with known inputs.
//!
//! ```text
//! s_ref after programming, s_t at the time of inference:    γ_i ← γ_i · s_ref / s_t
//! ```
//!
//! Source: [Rasch23 Methods, "global drift compensation"]; AIHWKit 1.1.0,
//! `inference/compensation/drift.py`.

use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::{AnalogTile, TileError};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompensationScope {
    /// No compensation: every factor is 1.
    None,
    /// Σ|y| over all outputs: one factor per tile.
    Global,
    /// Σ|y| of each output: one factor per column.
    Column,
}

/// Which inputs are read out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ReadoutInputs {
    /// Each input fully on by itself. Source: AIHWKit's code (its documentation says all ones).
    OneHot,
    /// Uniform inputs in [−1, 1].
    ///
    /// Assumed: the paper reads "some known inputs" and does not say which.
    Uniform {
        /// Number of input vectors.
        samples: usize,
    },
}

/// What the read-out is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompensationReference {
    /// The same noisy read-out right after programming.
    Programmed,
    /// The exact product with the target weights. AIHWKit: `…WithExactReference`.
    Exact,
}

/// Drift compensation of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompensationConfig {
    /// What shares a factor.
    pub scope: CompensationScope,
    /// The known inputs.
    pub inputs: ReadoutInputs,
    /// The reference.
    pub reference: CompensationReference,
    /// Smallest mean |y| that counts, so that a silent column does not get an infinite factor.
    pub floor: f32,
}

impl CompensationConfig {
    pub(crate) fn check(&self) -> Result<(), TileError> {
        TileError::check_positive("compensation.floor", self.floor)?;
        if let ReadoutInputs::Uniform { samples } = self.inputs {
            let count = samples as f64;
            TileError::check(samples > 0, "compensation.inputs.samples", count, "is not ≥ 1")?;
        }
        Ok(())
    }
}

/// The read-out of a tile right after programming.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DriftReference {
    /// Mean |y|: one for the tile, or one per output; empty without compensation.
    baseline: Vec<f32>,
    inputs: Vec<f32>,
}

impl DriftReference {
    /// Reads the tile out as it is now; `seed` draws known inputs and the noise of the read-out.
    pub fn record(tile: &AnalogTile, seed: &Seed) -> Self {
        let config = tile.config().compensation;
        if config.scope == CompensationScope::None {
            return Self::default();
        }
        let inputs = known_inputs(config.inputs, tile.inputs(), &seed.child("inputs"));
        let y = match config.reference {
            CompensationReference::Programmed => tile.probe(&inputs, &seed.child("noise")),
            CompensationReference::Exact => exact_product(tile, &inputs),
        };
        Self { baseline: means(&y, tile, &config), inputs }
    }

    /// The factor of every output at the tile's present age.
    pub fn factors(&self, tile: &AnalogTile, seed: &Seed) -> Vec<f32> {
        if self.baseline.is_empty() {
            return vec![1.0; tile.outputs()];
        }
        let y = tile.probe(&self.inputs, &seed.child("noise"));
        let now = means(&y, tile, &tile.config().compensation);
        let factors: Vec<f32> = self.baseline.iter().zip(now).map(|(r, s)| r / s).collect();
        let mut factors = match factors[..] {
            [one] => vec![one; tile.outputs()],
            _ => factors,
        };
        for (output, factor) in factors.iter_mut().enumerate() {
            if tile.is_exempt(output) {
                *factor = 1.0;
            }
        }
        factors
    }
}

fn known_inputs(inputs: ReadoutInputs, width: usize, seed: &Seed) -> Vec<f32> {
    match inputs {
        ReadoutInputs::OneHot => {
            (0..width * width).map(|at| f32::from(u8::from(at / width == at % width))).collect()
        }
        ReadoutInputs::Uniform { samples } => {
            let mut x = vec![0.0; samples * width];
            seed.stream().fill_uniform(0, &mut x);
            x.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
            x
        }
    }
}

fn exact_product(tile: &AnalogTile, inputs: &[f32]) -> Vec<f32> {
    let dot = |w: &[f32], x: &[f32]| -> f32 {
        w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum::<f64>() as f32
    };
    let rows = || tile.target_weights().chunks_exact(tile.inputs());
    inputs.chunks_exact(tile.inputs()).flat_map(|x| rows().map(move |w| dot(w, x))).collect()
}

/// Mean |y| over samples, for the tile without its exempted outputs, or for every output.
fn means(y: &[f32], tile: &AnalogTile, config: &CompensationConfig) -> Vec<f32> {
    let outputs = tile.outputs();
    let mut sums = vec![0.0f64; outputs];
    for row in y.chunks_exact(outputs) {
        for (sum, y) in sums.iter_mut().zip(row) {
            *sum += f64::from(y.abs());
        }
    }
    let samples = (y.len() / outputs) as f64;
    let floored = |mean: f64| (mean as f32).max(config.floor);
    match config.scope {
        CompensationScope::Column => sums.iter().map(|sum| floored(sum / samples)).collect(),
        _ => {
            let seen = || (0..outputs).filter(|&output| !tile.is_exempt(output));
            let sum: f64 = seen().map(|output| sums[output]).sum();
            vec![floored(sum / (samples * seen().count().max(1) as f64))]
        }
    }
}
