//! [`PerturbedMatrix`]: the weights that one mini-batch multiplies.

use std::cell::Cell;

use numerics::Par;

use super::tiles::TrainingTiles;
use crate::mapping::largest_magnitude;
use crate::periphery::{ArrayWeights, Periphery};
use crate::tiling::Part;
use crate::weight_noise::Perturbation;

thread_local! {
    /// Rows of a tile that were cut out of a matrix, for the next ones.
    static CUT: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
    /// Rows as the levels of devices have them, for the next ones.
    static HELD: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// A matrix as it is learned.
///
/// # Shapes
///
/// - `weights`: (out, in)
/// - `scales`: (scales), see [`Cut::scales`](crate::Cut::scales)
/// - `bias`: (out) or empty
#[derive(Clone, Copy, Debug)]
pub struct MatrixWeights<'a> {
    /// w̆ in [−1, 1].
    pub weights: &'a [f32],
    /// γ of every output of every tile, tile by tile.
    pub scales: &'a [f32],
    /// β of every output.
    pub bias: &'a [f32],
}

/// A matrix on [`TrainingTiles`] with the noise of a mini-batch in its weights.
///
/// Its memory is used again from mini-batch to mini-batch.
///
/// # Examples
///
/// ```
/// use crossbar::training::{Keep, MatrixWeights, PerturbedMatrix, TrainingTiles};
/// use crossbar::{Batch, MvmNoise, TileConfig, WeightNoise, WeightNoiseConfig};
/// use numerics::{Par, Seed};
///
/// let config = TileConfig::load("standard-pcm")?;
/// let tiles = TrainingTiles::new(&config, 2, 3, &Seed::new(1))?;
/// let normalized = tiles.cut().normalize(&[0.5, -0.25, 1.0, 0.125, -1.0, 0.75], &config.mapping)?;
/// let noise = WeightNoise::new(&WeightNoiseConfig::paper(3.0, 0.01))?;
///
/// // In every mini-batch:
/// let seed = Seed::new(2).child("batch").child(7);
/// let mut matrix = PerturbedMatrix::zeros(&tiles);
/// let weights = MatrixWeights {
///     weights: &normalized.weights,
///     scales: &normalized.scales,
///     bias: &[],
/// };
/// matrix.perturb(weights, Some(noise.for_batch(1.0, &seed.child("weights"))), Par::Seq);
///
/// let x = [0.3, -0.9, 0.6]; // (batch, in) = (1, 3)
/// let mut y = [0.0; 2];
/// let noise = MvmNoise { seed: seed.child("product"), first_sample: 0 };
/// let kept = matrix.forward(Batch::rows(&x, &noise), 1.0, Keep::Products(Vec::new()), Par::Seq, &mut y);
/// let gradients = matrix.backward(&kept, &x, &[1.0, -1.0], Par::Seq);
/// assert_eq!(gradients.bias, [1.0, -1.0]);
/// # Ok::<(), crossbar::TileError>(())
/// ```
#[derive(Debug)]
pub struct PerturbedMatrix {
    pub(super) tiles: TrainingTiles,
    pub(super) scales: Vec<f32>,
    pub(super) bias: Vec<f32>,
    /// W̃ of every tile.
    pub(super) packed: Vec<ArrayWeights>,
    /// γ ⊙ W̃ as (out, in); empty if there is no backward product.
    effective: Vec<f32>,
    /// Those with ranges of their own, if they have any; else those of the tiles.
    pub(super) peripheries: Option<Vec<Periphery>>,
}

impl PerturbedMatrix {
    /// A matrix of zeros, to be filled.
    pub fn zeros(tiles: &TrainingTiles) -> Self {
        let cut = tiles.cut();
        let zeros = |part: &Part| ArrayWeights::zeros(part.rows.len(), part.columns.len());
        Self {
            tiles: tiles.clone(),
            scales: vec![0.0; cut.scales()],
            bias: Vec::new(),
            packed: cut.parts().iter().map(zeros).collect(),
            effective: Vec::new(),
            peripheries: None,
        }
    }

    /// Whether it is a matrix on these tiles, or on clones of them.
    pub fn is_on(&self, tiles: &TrainingTiles) -> bool {
        self.tiles.is(tiles)
    }

    /// Takes weights without noise for an evaluation, which has no backward product.
    ///
    /// # Panics
    ///
    /// If a shape differs.
    #[track_caller]
    pub fn set(&mut self, weights: MatrixWeights<'_>, par: Par) {
        self.effective.clear();
        self.fill(weights, None, par);
    }

    /// Takes weights for a training step, with noise if there is any: tile p draws from the child p of
    /// its seed.
    ///
    /// # Panics
    ///
    /// If a shape differs, or the ramp is negative or not finite.
    #[track_caller]
    pub fn perturb(
        &mut self,
        weights: MatrixWeights<'_>,
        noise: Option<Perturbation<'_>>,
        par: Par,
    ) {
        // Every element is written: the tiles cover the matrix.
        self.effective.resize(weights.weights.len(), 0.0);
        self.fill(weights, noise, par);
    }

    #[track_caller]
    fn fill(&mut self, weights: MatrixWeights<'_>, noise: Option<Perturbation<'_>>, par: Par) {
        let Self { tiles, packed, effective, .. } = self;
        let (cut, levels) = (tiles.cut(), tiles.levels());
        let (outputs, inputs) = (cut.outputs(), cut.inputs());
        let MatrixWeights { weights, scales, bias } = weights;
        cut.check_weights(weights);
        let (have, count) = (scales.len(), cut.scales());
        assert_eq!(have, count, "{have} scales for {count} outputs of tiles");
        let biases = bias.len();
        assert!(biases == 0 || biases == outputs, "{biases} biases for {outputs} outputs");
        for (index, (part, packed)) in cut.parts().iter().zip(packed).enumerate() {
            let (height, width) = (part.rows.len(), part.columns.len());
            let noise = noise.map(|Perturbation { noise, ramp, seed }| {
                let largest = || {
                    let mut cut = Vec::new();
                    largest_magnitude(part.rows_of(weights, inputs, 0..height, &mut cut))
                };
                noise.batch(width, ramp, &seed.child(index), largest)
            });
            let scales = &scales[part.scales.clone()];
            // In evaluation there is nothing beside the packed weights.
            let slab_len =
                |slab: usize| ArrayWeights::SLAB.min(height - slab * ArrayWeights::SLAB) * inputs;
            let mut rest = effective.get_mut(part.rows.start * inputs..).unwrap_or_default();
            let slabs: Vec<_> = (0..height.div_ceil(ArrayWeights::SLAB))
                .map(|slab| rest.split_off_mut(..slab_len(slab)).unwrap_or_default())
                .collect();
            packed.repack_with(slabs.into_iter(), par, |rows, effective, multiplied| {
                let mut cut = CUT.take();
                let mut clean = part.rows_of(weights, inputs, rows.clone(), &mut cut);
                let mut held = Vec::new();
                if let Some(levels) = &levels {
                    held = HELD.take();
                    held.clear();
                    held.extend_from_slice(clean);
                    levels.round(&mut held);
                    clean = &held;
                }
                match &noise {
                    Some(noise) => noise.perturb_rows(rows.start, clean, multiplied),
                    None => multiplied.copy_from_slice(clean),
                }
                if levels.is_some() {
                    HELD.set(held);
                }
                CUT.set(cut);
                let effective = effective.chunks_exact_mut(inputs);
                let rows = effective.zip(multiplied.chunks_exact(width)).zip(&scales[rows]);
                for ((effective, multiplied), &scale) in rows {
                    let out = &mut effective[part.columns.clone()];
                    out.iter_mut().zip(multiplied).for_each(|(out, w)| *out = scale * w);
                }
            });
        }
        self.scales.copy_from_slice(scales);
        self.bias.clear();
        self.bias.extend_from_slice(bias);
    }

    /// The converters of every tile.
    pub(super) fn peripheries(&self) -> &[Periphery] {
        self.peripheries.as_deref().unwrap_or(self.tiles.peripheries())
    }

    /// The tiles that it is on.
    pub fn tiles(&self) -> &TrainingTiles {
        &self.tiles
    }

    /// γ of every output of every tile, tile by tile.
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// γ ⊙ W̃ as (out, in): what errors are multiplied by.
    ///
    /// # Panics
    ///
    /// If the weights are those of an evaluation.
    #[track_caller]
    pub fn effective(&self) -> &[f32] {
        assert!(!self.effective.is_empty(), "weights of an evaluation have no backward product");
        &self.effective
    }
}
