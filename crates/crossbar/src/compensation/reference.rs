//! [`DriftReference`]: the read-out of a tile, and the factors that later ones give; [`DriftReadout`]: one of these,
//! with what can be wrong with it.

use std::ops::Range;

use numerics::Seed;

use super::config::{CompensationReference, CompensationScope, ReadoutInputs};
use crate::limits::at_least;
use crate::periphery::{DacRange, Saturation};
use crate::tile::AnalogTile;

/// Numbers of a read-out that are held at a time: its inputs, or its outputs.
const BLOCK: usize = 1 << 20;

/// The read-out of a tile right after programming.
#[derive(Clone, Debug, Default)]
pub struct DriftReference {
    /// Mean |y|: one for the tile, or one per output; empty without compensation.
    baseline: Vec<f32>,
    /// Draws the known inputs.
    inputs: Option<Seed>,
}

/// A read-out against drift.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftReadout {
    /// The factor of every output, 1 without compensation.
    pub factors: Vec<f32>,
    /// What the read-out clipped: a factor comes out too small if its later read-out is clipped, and too large if
    /// that after programming was.
    pub saturation: Saturation,
    /// Conversions of the read-out, those of inputs and those of outputs.
    pub conversions: [u64; 2],
    /// The share of noise in the power of the read-out, one for the tile or one for every output: about 0 for a
    /// clean one. From a half on more noise than signal is compared, and factors tend to 1 (against a read-out) or to 0
    /// (against the exact product). Empty without compensation.
    ///
    /// ```text
    /// 1 − Σ y y′ / Σ ½(y² + y′²)        y, y′: two read-outs of the same inputs
    /// ```
    pub noise: Vec<f32>,
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
                means(tile, &inputs, |x, first| tile.probe(x, &noise, first).0)
            }
            CompensationReference::Exact => means(tile, &inputs, |x, _| exact_product(tile, x)),
        };
        Self { baseline, inputs: Some(inputs) }
    }

    /// The factor of every output at the tile's present age, and what the read-out clipped.
    pub fn factors(&self, tile: &AnalogTile, seed: &Seed) -> (Vec<f32>, Saturation) {
        let mut saturation = Saturation::default();
        let Some(inputs) = &self.inputs else { return (vec![1.0; tile.outputs()], saturation) };
        let noise = seed.child("noise");
        let now = means(tile, inputs, |x, first| {
            let (y, clipped) = tile.probe(x, &noise, first);
            saturation += clipped;
            y
        });
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
        (factors, saturation)
    }

    /// [`Self::factors`] with a second read-out of the same inputs, which tells noise from signal.
    pub fn read_out(&self, tile: &AnalogTile, seed: &Seed) -> DriftReadout {
        let (factors, saturation) = self.factors(tile, seed);
        let Some(inputs) = &self.inputs else {
            return DriftReadout { factors, saturation, conversions: [0; 2], noise: Vec::new() };
        };
        let [first_noise, second_noise] = [seed.child("noise"), seed.child("again")];
        let (mut common, mut power) = (vec![0.0; tile.outputs()], vec![0.0; tile.outputs()]);
        means(tile, inputs, |x, first| {
            let (y, _) = tile.probe(x, &first_noise, first);
            let (again, _) = tile.probe(x, &second_noise, first);
            for (at, (&y, &again)) in y.iter().zip(&again).enumerate() {
                let (output, y, again) = (at % tile.outputs(), f64::from(y), f64::from(again));
                common[output] += y * again;
                power[output] += 0.5 * (y * y + again * again);
            }
            y
        });
        let share =
            |common: f64, power: f64| if power > 0.0 { (1.0 - common / power) as f32 } else { 0.0 };
        let noise = match tile.config().compensation.scope {
            CompensationScope::Column => {
                common.iter().zip(&power).map(|(&common, &power)| share(common, power)).collect()
            }
            _ => vec![share(common.iter().sum(), power.iter().sum())],
        };
        let samples = samples(tile) as u64;
        let slices = tile.conversions() as u64;
        let planes = tile.config().mapping.unit_cell.planes() as u64;
        let conversions =
            [samples * planes * tile.inputs() as u64, samples * slices * tile.outputs() as u64];
        DriftReadout { factors, saturation, conversions, noise }
    }
}

/// How many inputs a read-out has.
fn samples(tile: &AnalogTile) -> usize {
    match tile.config().compensation.inputs {
        ReadoutInputs::OneHot => tile.inputs(),
        ReadoutInputs::Uniform { samples } => samples,
    }
}

/// Some of the known inputs, (samples, in).
fn known_inputs(tile: &AnalogTile, seed: &Seed, samples: Range<usize>) -> Vec<f32> {
    let (inputs, width) = (tile.config().compensation.inputs, tile.inputs());
    let mut x = vec![0.0; samples.len() * width];
    match inputs {
        ReadoutInputs::OneHot => {
            for (row, input) in x.chunks_exact_mut(width).zip(samples) {
                row[input] = 1.0;
            }
        }
        ReadoutInputs::Uniform { .. } => {
            seed.stream().fill_uniform((samples.start * width) as u64, &mut x);
            if tile.config().periphery.dac.range == DacRange::Symmetric {
                x.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
            }
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
fn means(
    tile: &AnalogTile,
    seed: &Seed,
    mut read: impl FnMut(&[f32], usize) -> Vec<f32>,
) -> Vec<f32> {
    let config = &tile.config().compensation;
    let (width, outputs) = (tile.inputs(), tile.outputs());
    let samples = samples(tile);
    let mut sums = vec![0.0f64; outputs];
    let block = (BLOCK / width.max(outputs)).max(1);
    for first in (0..samples).step_by(block) {
        let part = first..samples.min(first + block);
        let y = read(&known_inputs(tile, seed, part), first);
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
