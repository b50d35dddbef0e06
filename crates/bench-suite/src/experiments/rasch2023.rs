//! Rasch et al. 2023: hardware-aware training for analog in-memory computing.

pub mod ablation;
mod boosts;
pub mod few_bits;
pub mod ir_drop;
pub mod mvm_error;
pub mod networks;
mod paper;
pub mod tiles;
pub mod weight_distribution;

use crossbar::{AnalogTile, MvmNoise, TileConfig, mvm_error};
use numerics::{Par, Seed};

use crate::Error;

/// A product of a tile against the exact one.
struct Product<'a> {
    config: &'a TileConfig,
    /// (out, in) row-major.
    weights: &'a [f32],
    inputs: usize,
    /// (batch, in)
    x: &'a [f32],
    input_range: f32,
    /// Seconds after programming, with drift compensation; right after programming if absent.
    t_s: Option<f64>,
}

impl Product<'_> {
    /// ε_M in percent. [Rasch23 Eq. 20]
    fn error_percent(&self, seed: &Seed, par: Par) -> Result<f64, Error> {
        let wrong = |error: crossbar::TileError| Error::Usage(error.to_string());
        let outputs = self.weights.len() / self.inputs;
        let mut tile =
            AnalogTile::program(self.config, self.weights, self.inputs, &seed.child("tile"), par)
                .map_err(wrong)?;
        tile.set_input_range(self.input_range).map_err(wrong)?;
        if let Some(t_s) = self.t_s {
            tile.age_to(t_s, par).map_err(wrong)?;
            tile.compensate_drift(&seed.child("compensation"));
        }
        let batch = self.x.len() / self.inputs;
        let mut analog = vec![0.0; batch * outputs];
        let noise = MvmNoise { seed: seed.child("mvm"), first_sample: 0 };
        tile.forward(self.x, &noise, par, &mut analog);
        let exact = exact_product(self.x, self.weights, self.inputs);
        Ok(100.0 * mvm_error(&exact, &analog, outputs))
    }
}

/// x Wᵀ in f32: (batch, out) for x (batch, in) and W (out, in).
fn exact_product(x: &[f32], weights: &[f32], inputs: usize) -> Vec<f32> {
    let (batch, outputs) = (x.len() / inputs, weights.len() / inputs);
    let mut y = vec![0.0; batch * outputs];
    faer::linalg::matmul::matmul(
        faer::MatMut::from_row_major_slice_mut(&mut y, batch, outputs),
        faer::Accum::Replace,
        faer::MatRef::from_row_major_slice(x, batch, inputs),
        faer::MatRef::from_row_major_slice(weights, outputs, inputs).transpose(),
        1.0,
        faer::Par::Seq,
    );
    y
}

/// U(−1, 1).
fn uniform(seed: &Seed, len: usize) -> Vec<f32> {
    let mut x = vec![0.0; len];
    seed.stream().fill_uniform(0, &mut x);
    x.iter().map(|x| 2.0 * x - 1.0).collect()
}

/// N(0, `std`).
fn gaussian(seed: &Seed, std: f32, len: usize) -> Vec<f32> {
    let mut x = vec![0.0; len];
    seed.stream().fill_gaussian(0, &mut x);
    x.iter().map(|x| std * x).collect()
}
