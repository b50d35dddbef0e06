//! Drift compensation: one digital factor, or one per column, from a read-out with known inputs.
//!
//! ```text
//! s_ref after programming, s_t at the time of inference:    γ_i ← γ_i · s_ref / s_t
//! ```
//!
//! Source: [Rasch23 Methods, "global drift compensation"]; AIHWKit 1.1.0,
//! `inference/compensation/drift.py`.

use std::ops::Range;

use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::error::TileError;
use crate::limits::at_least;
use crate::tile::AnalogTile;

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

/// Most input vectors of a read-out: its error is then a thousandth of that of one.
const MAX_SAMPLES: usize = 1 << 20;

/// Numbers of a read-out that are held at a time: its inputs, or its outputs.
const BLOCK: usize = 1 << 20;

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
        TileError::check_within("compensation.floor", self.floor, 1e-12..=1e12)?;
        match self.inputs {
            ReadoutInputs::OneHot => Ok(()),
            ReadoutInputs::Uniform { samples } => {
                TileError::check_count("compensation.inputs.samples", samples, 1..=MAX_SAMPLES)
            }
        }
    }
}

/// The read-out of a tile right after programming.
#[derive(Clone, Debug, Default)]
pub struct DriftReference {
    /// Mean |y|: one for the tile, or one per output; empty without compensation.
    baseline: Vec<f32>,
    /// Draws the known inputs.
    inputs: Option<Seed>,
}

impl DriftReference {
    /// Reads the tile out as it is now; `seed` draws known inputs and the noise of the read-out.
    pub fn record(tile: &AnalogTile, seed: &Seed) -> Self {
        let config = tile.config().compensation;
        if config.scope == CompensationScope::None {
            return Self::default();
        }
        let inputs = seed.child("inputs");
        let baseline = match config.reference {
            CompensationReference::Programmed => {
                let noise = seed.child("noise");
                means(tile, &inputs, |x, first| tile.probe(x, &noise, first))
            }
            CompensationReference::Exact => means(tile, &inputs, |x, _| exact_product(tile, x)),
        };
        Self { baseline, inputs: Some(inputs) }
    }

    /// The factor of every output at the tile's present age.
    pub fn factors(&self, tile: &AnalogTile, seed: &Seed) -> Vec<f32> {
        let Some(inputs) = &self.inputs else { return vec![1.0; tile.outputs()] };
        let noise = seed.child("noise");
        let now = means(tile, inputs, |x, first| tile.probe(x, &noise, first));
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

/// Some of the known inputs, (samples, in).
fn known_inputs(
    inputs: ReadoutInputs,
    width: usize,
    seed: &Seed,
    samples: Range<usize>,
) -> Vec<f32> {
    let mut x = vec![0.0; samples.len() * width];
    match inputs {
        ReadoutInputs::OneHot => {
            for (row, input) in x.chunks_exact_mut(width).zip(samples) {
                row[input] = 1.0;
            }
        }
        ReadoutInputs::Uniform { .. } => {
            seed.stream().fill_uniform((samples.start * width) as u64, &mut x);
            x.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
        }
    }
    x
}

fn exact_product(tile: &AnalogTile, inputs: &[f32]) -> Vec<f32> {
    let dot = |w: &[f32], x: &[f32]| -> f32 {
        w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum::<f64>() as f32
    };
    let rows = || tile.target_weights().chunks_exact(tile.inputs());
    inputs.chunks_exact(tile.inputs()).flat_map(|x| rows().map(move |w| dot(w, x))).collect()
}

/// Mean |y| over the known inputs, for the tile without its exempted outputs, or for every output.
///
/// `read` gives the outputs of inputs, the first of which has that number. It is asked block by
/// block, so that a read-out of any length needs the same memory.
fn means(tile: &AnalogTile, seed: &Seed, read: impl Fn(&[f32], usize) -> Vec<f32>) -> Vec<f32> {
    let config = &tile.config().compensation;
    let (width, outputs) = (tile.inputs(), tile.outputs());
    let samples = match config.inputs {
        ReadoutInputs::OneHot => width,
        ReadoutInputs::Uniform { samples } => samples,
    };
    let mut sums = vec![0.0f64; outputs];
    let block = (BLOCK / width.max(outputs)).max(1);
    for first in (0..samples).step_by(block) {
        let part = first..samples.min(first + block);
        let y = read(&known_inputs(config.inputs, width, seed, part), first);
        for row in y.chunks_exact(outputs) {
            for (sum, y) in sums.iter_mut().zip(row) {
                *sum += f64::from(y.abs());
            }
        }
    }
    let samples = samples as f64;
    let floored = |mean: f64| at_least(mean as f32, config.floor);
    match config.scope {
        CompensationScope::Column => sums.iter().map(|sum| floored(sum / samples)).collect(),
        _ => {
            let seen = || (0..outputs).filter(|&output| !tile.is_exempt(output));
            let sum: f64 = seen().map(|output| sums[output]).sum();
            vec![floored(sum / (samples * seen().count().max(1) as f64))]
        }
    }
}
