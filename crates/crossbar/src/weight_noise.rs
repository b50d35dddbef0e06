//! [`WeightNoise`]: what hardware-aware training does to the weights of every mini-batch.
//!
//! ```text
//! w̃ = sgn(w) | |w| + m s σ(|w|/m) ξ |        errors of devices; a weight of zero stays zero
//! w̃ = w + m s σ ξ                            constant noise
//! w̃ = 0 with probability p                   drop-connect, of either
//! ```
//!
//! with ξ standard normal, s the scale and m the weight that stands for g_max. The same w̃ serve the
//! forward and the backward product of the mini-batch; the update goes to w.
//!
//! For PCM, σ is the programming error and the read noise accumulated until t, no drift:
//!
//! ```text
//! σ(r)² = (σ_P(r)/g_max)² + (r Q(r))² ln((t + t_read)/2 t_read)
//! ```
//!
//! with σ_P and Q of [`device::pcm`](crate::device::pcm). Weight i of a matrix draws at position i
//! of its streams, so results do not depend on threads.
//!
//! Source: [Rasch23 Methods, "weight noise injection"], Eq. 7, 10 and 11; [Rasch23 Supp. Tab. 5] for
//! the three models; the reflection at zero from AIHWKit 1.1.0, modifier `PCM_NOISE`.
//!
//! Differs: programming error and read noise are one draw of the summed variance; AIHWKit cuts the
//! conductance at 0 between the two.

mod kernel;
mod model;

use numerics::{Par, Seed, Stream};

use crate::error::TileError;
use crate::mapping::{WeightScale, largest_magnitude};
use crate::periphery::simd::dispatch;
use kernel::{DropConnect, Perturb, Table};

pub use model::{WeightNoiseConfig, WeightNoiseModel};

/// Weights of one unit of work.
const CHUNK: usize = 16 * 1024;
/// Words that are drawn at a time for drop-connect: they stay in the first-level cache.
const DROPS: usize = 1024;

/// Noise of the weights, ready to be drawn; see the [module](self).
///
/// σ is tabulated over r^¼ at 2049 points and linear between them, with which the PCM model is met
/// to 10^−3 of its value where Q is cut off and to 2·10^−5 elsewhere.
///
/// # Examples
///
/// ```
/// use crossbar::{WeightNoise, WeightNoiseConfig};
/// use numerics::{Par, Seed, Stream};
///
/// let noise = WeightNoise::new(&WeightNoiseConfig::paper(3.0, 0.0))?;
/// let weights = [0.5, -0.25, 0.0, 1.0, -1.0, 0.125]; // (out, in) = (2, 3)
/// let mut perturbed = [0.0; 6];
/// let seed = Seed::new(1).child("batch").child(7);
/// noise.for_batch(1.0, &seed).perturb(&weights, 3, Par::Seq, &mut perturbed);
/// assert_eq!(perturbed[2], 0.0);
/// assert!(perturbed.iter().zip(weights).all(|(p, w)| p * w >= 0.0 && (p - w).abs() < 1.0));
/// # Ok::<(), crossbar::TileError>(())
/// ```
#[derive(Clone, Debug)]
pub struct WeightNoise {
    config: WeightNoiseConfig,
    table: Box<Table>,
}

impl WeightNoise {
    /// Tabulates σ.
    ///
    /// # Errors
    ///
    /// [`TileError`] if a field of the configuration is out of range.
    pub fn new(config: &WeightNoiseConfig) -> Result<Self, TileError> {
        config.model.check()?;
        TileError::check_size("scale", config.scale)?;
        let p = config.drop_connect;
        TileError::check((0.0..=1.0).contains(&p), "drop_connect", p, "lies outside [0, 1]")?;
        Ok(Self { config: *config, table: Table::new(|r| config.model.std(r)) })
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &WeightNoiseConfig {
        &self.config
    }

    /// The noise of one mini-batch, whose random numbers `seed` names.
    ///
    /// `ramp` multiplies the noise, not the probability of drop-connect: training raises it from 0
    /// to 1.
    pub fn for_batch(&self, ramp: f32, seed: &Seed) -> Perturbation<'_> {
        Perturbation { noise: self, ramp, seed: *seed }
    }

    /// The noise of one mini-batch for a matrix with `inputs` columns, to be added to its rows in
    /// any order: what [`Perturbation::perturb`] does, part by part.
    ///
    /// `largest` gives the largest magnitude of the matrix, if [`WeightNoiseConfig::relative_to`]
    /// asks for it.
    ///
    /// # Panics
    ///
    /// If there are no inputs, or `ramp` is negative or not finite.
    #[track_caller]
    pub fn batch(
        &self,
        inputs: usize,
        ramp: f32,
        seed: &Seed,
        largest: impl FnOnce() -> f32,
    ) -> BatchNoise<'_> {
        assert!(inputs > 0, "a matrix without inputs has no weights");
        assert!(ramp.is_finite() && ramp >= 0.0, "ramp {ramp} is not finite and ≥ 0");
        let WeightNoiseConfig { model, scale, drop_connect, relative_to } = self.config;
        let factor = if model == WeightNoiseModel::None { 0.0 } else { scale * ramp };
        BatchNoise {
            inputs,
            table: &self.table,
            factor,
            of_device: !matches!(model, WeightNoiseModel::Constant { .. }),
            one: match relative_to {
                WeightScale::Unit => Some(1.0),
                WeightScale::Tile | WeightScale::Matrix => Some(largest()),
                WeightScale::Column => None,
            },
            threshold: (f64::from(drop_connect) * 2f64.powi(32)) as u64,
            normal: seed.child("weight-noise").stream(),
            drops: seed.child("drop-connect").stream(),
        }
    }
}

/// The noise of one mini-batch, see [`WeightNoise::for_batch`].
#[derive(Clone, Copy, Debug)]
pub struct Perturbation<'a> {
    /// Its model.
    pub noise: &'a WeightNoise,
    /// What multiplies it.
    pub ramp: f32,
    /// Names its random numbers.
    pub seed: Seed,
}

impl Perturbation<'_> {
    /// Writes perturbed weights. Those that are NaN or infinite stay so, unless they are dropped.
    ///
    /// # Shapes
    ///
    /// - `weights`, `perturbed`: (out, in) row-major, `inputs` columns
    ///
    /// # Panics
    ///
    /// If a shape differs, or the ramp is negative or not finite.
    #[track_caller]
    pub fn perturb(&self, weights: &[f32], inputs: usize, par: Par, perturbed: &mut [f32]) {
        assert_eq!(
            weights.len(),
            perturbed.len(),
            "weights and perturbed weights differ in number"
        );
        assert!(
            inputs > 0 && weights.len().is_multiple_of(inputs),
            "{} weights are not rows of {inputs} inputs",
            weights.len()
        );
        let Self { noise, ramp, seed } = self;
        let batch = noise.batch(inputs, *ramp, seed, || largest_magnitude(weights));
        // Whole rows, so that each knows its largest weight.
        let rows = CHUNK.div_ceil(inputs);
        par.for_each_chunk(perturbed, rows * inputs, |chunk, out| {
            let first = chunk * rows * inputs;
            batch.perturb_rows(chunk * rows, &weights[first..first + out.len()], out);
        });
    }
}

/// The noise of one mini-batch for one matrix; see [`WeightNoise::batch`].
#[derive(Debug)]
pub struct BatchNoise<'a> {
    inputs: usize,
    table: &'a Table,
    /// What multiplies σ; 0 for no noise.
    factor: f32,
    of_device: bool,
    /// m, or none where each row has its own.
    one: Option<f32>,
    /// Words below it drop a weight.
    threshold: u64,
    normal: Stream,
    drops: Stream,
}

impl BatchNoise<'_> {
    /// Writes some rows of the perturbed matrix, given those rows of the weights.
    ///
    /// # Shapes
    ///
    /// - `weights`, `perturbed`: (rows, in), the first of which is row `first_row` of the matrix
    ///
    /// # Panics
    ///
    /// If the lengths differ or are not whole rows.
    #[track_caller]
    pub fn perturb_rows(&self, first_row: usize, weights: &[f32], perturbed: &mut [f32]) {
        assert!(
            weights.len() == perturbed.len() && weights.len().is_multiple_of(self.inputs),
            "{} weights for {} perturbed ones in rows of {}",
            weights.len(),
            perturbed.len(),
            self.inputs
        );
        let first = (first_row * self.inputs) as u64;
        if self.factor > 0.0 {
            self.normal.fill_gaussian(first, perturbed);
            // Rows are told apart for nothing but their largest weights.
            let width = if self.one.is_some() { perturbed.len().max(1) } else { self.inputs };
            let rows = weights.chunks_exact(width).zip(perturbed.chunks_exact_mut(width));
            for (weights, out) in rows {
                let largest = self.one.unwrap_or_else(|| largest_magnitude(weights));
                let &Self { table, factor, of_device, .. } = self;
                dispatch(Perturb { weights, table, largest, factor, of_device, out });
            }
        } else {
            perturbed.copy_from_slice(weights);
        }
        let Some(last) = self.threshold.checked_sub(1) else { return };
        let mut words = [0; DROPS];
        for (chunk, out) in perturbed.chunks_mut(DROPS).enumerate() {
            let words = &mut words[..out.len()];
            self.drops.fill_words(first + (chunk * DROPS) as u64, words);
            dispatch(DropConnect { words, last: last as u32, out });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Pcm, ReRamWan};

    fn models() -> [WeightNoiseModel; 5] {
        [
            WeightNoiseModel::None,
            WeightNoiseModel::Constant { sigma: 0.05 },
            WeightNoiseModel::Pcm { device: Pcm::paper(), t_s: 0.0 },
            WeightNoiseModel::Pcm { device: Pcm::paper(), t_s: 20.0 },
            WeightNoiseModel::ReramWan { device: ReRamWan::paper(), t_s: 1.0 },
        ]
    }

    /// The definition, one weight at a time, σ without the table.
    fn naive(config: &WeightNoiseConfig, weights: &[f32], inputs: usize, seed: &Seed) -> Vec<f32> {
        let largest = |w: &[f32]| w.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        (weights.iter().enumerate())
            .map(|(i, &w)| {
                let row = &weights[i / inputs * inputs..][..inputs];
                let m = match config.relative_to {
                    WeightScale::Unit => 1.0,
                    WeightScale::Column => largest(row),
                    _ => largest(weights),
                };
                let mut xi = [0.0];
                seed.child("weight-noise").stream().fill_gaussian(i as u64, &mut xi);
                let dropped = f64::from(seed.child("drop-connect").stream().word(i as u64))
                    < f64::from(config.drop_connect) * 2f64.powi(32);
                let r = if m > 0.0 { w.abs() / m } else { 0.0 };
                let error = m * config.scale * config.model.std(r) * xi[0];
                match config.model {
                    _ if dropped => 0.0,
                    WeightNoiseModel::Constant { .. } => w + error,
                    _ if w == 0.0 => 0.0,
                    _ => (w.abs() + error).abs() * w.signum(),
                }
            })
            .collect()
    }

    fn weights(len: usize) -> Vec<f32> {
        let mut w = vec![0.0; len];
        Seed::new(1).stream().fill_gaussian(0, &mut w);
        for (i, w) in w.iter_mut().enumerate() {
            *w = if i % 7 == 0 { 0.0 } else { (*w * 0.3).clamp(-1.0, 1.0) };
        }
        w
    }

    #[test]
    fn the_kernel_is_the_definition() {
        for model in models() {
            for relative_to in [WeightScale::Unit, WeightScale::Column, WeightScale::Tile] {
                for (outputs, inputs) in [(0, 3), (1, 1), (5, 37), (70, 300)] {
                    let config =
                        WeightNoiseConfig { model, scale: 2.5, drop_connect: 0.01, relative_to };
                    let (w, seed) = (weights(outputs * inputs), Seed::new(3));
                    let mut ours = vec![f32::NAN; w.len()];
                    let noise = WeightNoise::new(&config).unwrap();
                    noise.for_batch(1.0, &seed).perturb(&w, inputs, Par::Seq, &mut ours);
                    for (ours, exact) in ours.iter().zip(naive(&config, &w, inputs, &seed)) {
                        // No ξ exceeds 6.66, no σ 0.2; the table keeps 10^−3 of σ.
                        let bound = 2.5 * 6.66 * 0.2 * 1e-3;
                        assert!((ours - exact).abs() <= bound, "{model:?}: {ours}, {exact}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_table_is_the_formula() {
        for model in models() {
            let table = Table::new(|r| model.std(r));
            for k in 0..=100_000 {
                let r = (k as f32 / 1e5).powi(3);
                let u = Table::position(r);
                let interval = Table::interval(u);
                let entry = table.0[interval as usize];
                let (ours, exact) = (Table::between(entry, u, interval), model.std(r));
                // Where Q(r) is cut off, r = 0.0082, σ has a kink; elsewhere h²/8 of the second
                // derivative over r^¼, which is 400 σ at most (ReRAM, r = 1), and rounding.
                let tolerance = if (0.008..0.0084).contains(&r) { 1e-3 } else { 2e-5 };
                let bound = tolerance * exact;
                assert!((ours - exact).abs() <= bound, "{model:?} at {r}: {ours}, {exact}");
            }
        }
    }

    #[test]
    fn the_moments_are_those_of_the_model() {
        let n = 1 << 18;
        for (w, model) in [0.05f32, 0.4, -1.0].into_iter().flat_map(|w| models().map(|m| (w, m))) {
            let config = WeightNoiseConfig {
                model,
                scale: 0.5,
                drop_connect: 0.0,
                relative_to: WeightScale::Unit,
            };
            let mut out = vec![0.0; n];
            let noise = WeightNoise::new(&config).unwrap();
            noise.for_batch(1.0, &Seed::new(9)).perturb(&vec![w; n], n, Par::Seq, &mut out);
            let sigma = 0.5 * f64::from(model.std(w.abs()));
            if f64::from(w.abs()) < 5.0 * sigma
                && !matches!(model, WeightNoiseModel::Constant { .. })
            {
                continue; // reflected at zero
            }
            let count = n as f64;
            let mean = out.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
            let squares = out.iter().map(|&x| (f64::from(x) - f64::from(w)).powi(2)).sum::<f64>();
            let std = (squares / count).sqrt();
            // Four standard errors: false alarm 6·10⁻⁵ for an unlucky seed.
            assert!((mean - f64::from(w)).abs() <= 4.0 * sigma / count.sqrt() + 1e-7, "{model:?}");
            assert!((std - sigma).abs() <= 4.0 * sigma / (2.0 * count).sqrt(), "{model:?}");
        }
    }

    #[test]
    #[cfg(feature = "rayon")]
    fn two_threads_give_the_bits_of_one() {
        let (w, inputs) = (weights(300 * 131), 131);
        let config = WeightNoiseConfig::paper(3.0, 0.01);
        let noise = WeightNoise::new(&config).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let [mut one, mut two] = [vec![0.0; w.len()], vec![0.0; w.len()]];
        noise.for_batch(0.7, &Seed::new(2)).perturb(&w, inputs, Par::Seq, &mut one);
        pool.install(|| {
            noise.for_batch(0.7, &Seed::new(2)).perturb(&w, inputs, Par::Rayon, &mut two)
        });
        assert_eq!(one, two);
    }

    #[test]
    fn rows_by_themselves_are_those_of_the_matrix() {
        let (outputs, inputs) = (70, 37);
        let w = weights(outputs * inputs);
        let seed = Seed::new(3);
        for relative_to in [WeightScale::Unit, WeightScale::Column, WeightScale::Tile] {
            let config = WeightNoiseConfig { relative_to, ..WeightNoiseConfig::paper(2.0, 0.1) };
            let noise = WeightNoise::new(&config).unwrap();
            let mut whole = vec![0.0; w.len()];
            noise.for_batch(0.5, &seed).perturb(&w, inputs, Par::Seq, &mut whole);
            let batch = noise.batch(inputs, 0.5, &seed, || largest_magnitude(&w));
            for rows in [0..1, 3..67, 64..70, 5..5] {
                let part = rows.start * inputs..rows.end * inputs;
                let mut some = vec![0.0; part.len()];
                batch.perturb_rows(rows.start, &w[part.clone()], &mut some);
                assert_eq!(some, whole[part], "rows {rows:?} relative to {relative_to:?}");
            }
        }
    }

    #[test]
    fn before_the_ramp_nothing_happens_but_drop_connect() {
        let w = weights(10_000);
        let noise = WeightNoise::new(&WeightNoiseConfig::paper(3.0, 0.1)).unwrap();
        let mut out = vec![0.0; w.len()];
        noise.for_batch(0.0, &Seed::new(2)).perturb(&w, 100, Par::Seq, &mut out);
        let dropped = w.iter().zip(&out).filter(|&(w, out)| w != out).count() as f64;
        assert!(w.iter().zip(&out).all(|(w, out)| *out == *w || *out == 0.0));
        // Of 8571 weights that are not zero a tenth, within four standard errors.
        assert!((dropped - 857.1).abs() < 4.0 * 27.8, "{dropped} dropped");
    }

    #[test]
    fn a_probability_above_one_is_refused() {
        let error = WeightNoise::new(&WeightNoiseConfig::paper(1.0, 1.5)).unwrap_err();
        assert_eq!(error.to_string(), "drop_connect = 1.5 lies outside [0, 1]");
    }
}
