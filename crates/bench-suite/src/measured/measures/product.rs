//! [`Product`]: a product on tiles against the exact one.
//!
//! Source: [Rasch23 Eq. 20].

use crossbar::{AnalogMatrix, MvmNoise, TileConfig, mvm_error};
use numerics::{Par, Seed};

use crate::measured::error::Error;

/// A matrix on tiles with the inputs that it is multiplied by.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
    /// The tiles.
    pub config: &'a TileConfig,
    /// (out, in) row-major.
    pub weights: &'a [f32],
    /// Number of inputs.
    pub inputs: usize,
    /// (batch, in)
    pub x: &'a [f32],
    /// Input range α.
    pub input_range: f32,
    /// Seconds after programming, with drift compensation; right after programming if absent.
    pub t_s: Option<f64>,
}

impl Product<'_> {
    /// ε_M in percent. [Rasch23 Eq. 20]
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the tile is out of range or a weight cannot be mapped.
    ///
    /// # Panics
    ///
    /// If weights or inputs are not a positive whole number of rows.
    pub fn error_percent(&self, seed: &Seed, par: Par) -> Result<f64, Error> {
        let wrong = |error: crossbar::TileError| Error::Usage(error.to_string());
        let outputs = self.weights.len() / self.inputs;
        let mut matrix =
            AnalogMatrix::program(self.config, self.weights, self.inputs, &seed.child("tile"), par)
                .map_err(wrong)?;
        matrix.set_input_range(self.input_range).map_err(wrong)?;
        if let Some(t_s) = self.t_s {
            matrix.age_to(t_s, par).map_err(wrong)?;
            matrix.compensate_drift(&seed.child("compensation"));
        }
        let batch = self.x.len() / self.inputs;
        let mut analog = vec![0.0; batch * outputs];
        let noise = MvmNoise { seed: seed.child("mvm"), first_sample: 0 };
        matrix.forward(self.x, &noise, par, &mut analog);
        let exact = exact_product(self.x, self.weights, self.inputs);
        Ok(100.0 * mvm_error(&exact, &analog, outputs))
    }
}

/// x Wᵀ in f32: (batch, out) for x (batch, in) and W (out, in).
///
/// # Panics
///
/// If weights or inputs are not a whole number of rows.
#[track_caller]
pub fn exact_product(x: &[f32], weights: &[f32], inputs: usize) -> Vec<f32> {
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

/// Numbers from U(−1, 1).
pub fn uniform(seed: &Seed, len: usize) -> Vec<f32> {
    let mut x = vec![0.0; len];
    seed.stream().fill_uniform(0, &mut x);
    x.iter().map(|x| 2.0 * x - 1.0).collect()
}

/// Numbers from N(0, `std`).
pub fn gaussian(seed: &Seed, std: f32, len: usize) -> Vec<f32> {
    let mut x = vec![0.0; len];
    seed.stream().fill_gaussian(0, &mut x);
    x.iter().map(|x| std * x).collect()
}
