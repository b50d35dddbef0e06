//! [`AnalogMatrix`]: a matrix of any size over as many tiles as it needs.

use std::ops::Range;

use numerics::{Par, Seed};

use crate::columns::columns_of;
use crate::config::TileConfig;
use crate::error::TileError;
use crate::periphery::{Accum, Batch, Inputs, MvmNoise, Saturation};
use crate::samples::{BLOCK, Samples};
use crate::tile::AnalogTile;
use crate::tiling::{Cut, Normalized};

/// A weight matrix split over tiles: each part of the inputs has its own array, converters, scales
/// and input range; partial sums are added digitally.
///
/// Source: [Rasch23 Methods, "tiles"].
///
/// Differs: partial sums are added in f32, the paper's in 16-bit floats.
#[derive(Debug)]
pub struct AnalogMatrix {
    cut: Cut,
    /// One for each part of the cut.
    tiles: Vec<AnalogTile>,
}

impl AnalogMatrix {
    /// Cuts a matrix by [`Cut::new`] and programs every part.
    ///
    /// # Shapes
    ///
    /// - `weights`: (out, in) row-major, `inputs` columns
    ///
    /// # Errors
    ///
    /// [`TileError`] if the configuration is out of range or a weight cannot be mapped; places are
    /// those of the whole matrix.
    ///
    /// # Panics
    ///
    /// If `weights` is not a positive whole number of rows.
    #[track_caller]
    pub fn program(
        config: &TileConfig,
        weights: &[f32],
        inputs: usize,
        seed: &Seed,
        par: Par,
    ) -> Result<Self, TileError> {
        assert!(
            inputs > 0 && !weights.is_empty() && weights.len().is_multiple_of(inputs),
            "{} weights are not rows of {inputs} inputs",
            weights.len()
        );
        config.check()?;
        let cut = Cut::new(weights.len() / inputs, inputs, &config.mapping);
        let Normalized { weights, scales } = cut.normalize(weights, &config.mapping)?;
        let mut tiles = Vec::with_capacity(cut.parts().len());
        for (index, part) in cut.parts().iter().enumerate() {
            let rows = &weights[part.rows.start * inputs..part.rows.end * inputs];
            let weights = columns_of(rows, inputs, &part.columns).into_owned();
            let part = Normalized { weights, scales: scales[part.scales.clone()].to_vec() };
            let seed = seed.child("tile").child(index);
            tiles.push(AnalogTile::program_normalized(config, part, &seed, par)?);
        }
        Ok(Self { cut, tiles })
    }

    /// Ages every tile, see [`AnalogTile::age_to`].
    ///
    /// # Errors
    ///
    /// [`TileError::Time`] if the time is negative or not finite.
    pub fn age_to(&mut self, t_s: f64, par: Par) -> Result<(), TileError> {
        self.tiles.iter_mut().try_for_each(|tile| tile.age_to(t_s, par))
    }

    /// Compensates every tile, see [`AnalogTile::compensate_drift`].
    pub fn compensate_drift(&mut self, seed: &Seed) -> Saturation {
        let mut saturation = Saturation::default();
        for (index, tile) in self.tiles.iter_mut().enumerate() {
            saturation += tile.compensate_drift(&seed.child(index));
        }
        saturation
    }

    /// Keeps the devices of some outputs free of error on all tiles that they are on, see
    /// [`AnalogTile::exempt_outputs`].
    ///
    /// # Panics
    ///
    /// Unless there is one flag per output, or if the tiles have aged.
    #[track_caller]
    pub fn exempt_outputs(&mut self, exempt: &[bool], par: Par) {
        let (count, outputs) = (exempt.len(), self.outputs());
        assert_eq!(count, outputs, "{count} flags for {outputs} outputs");
        for (part, tile) in self.cut.parts().iter().zip(&mut self.tiles) {
            tile.exempt_outputs(&exempt[part.rows.clone()], par);
        }
    }

    /// Sets the input range of every tile.
    ///
    /// # Errors
    ///
    /// [`TileError::Config`] unless it is positive and finite.
    pub fn set_input_range(&mut self, input_range: f32) -> Result<(), TileError> {
        self.tiles.iter_mut().try_for_each(|tile| tile.set_input_range(input_range))
    }

    /// Sets the digital bias, which is added once per output, or removes it if the slice is empty.
    ///
    /// # Errors
    ///
    /// [`TileError::DigitalNotFinite`] for a bias that is NaN or infinite; then none is changed.
    ///
    /// # Panics
    ///
    /// Unless there is one per output, or none.
    #[track_caller]
    pub fn set_bias(&mut self, bias: &[f32]) -> Result<(), TileError> {
        let (count, outputs) = (bias.len(), self.outputs());
        assert!(count == 0 || count == outputs, "{count} biases for {outputs} outputs");
        TileError::check_digital("bias", bias, outputs)?;
        for (part, tile) in self.cut.parts().iter().zip(&mut self.tiles) {
            if part.columns.start == 0 {
                tile.set_bias(if bias.is_empty() { bias } else { &bias[part.rows.clone()] })?;
            }
        }
        Ok(())
    }

    /// Calibrates the ADCs of every tile from the inputs that it sees, see
    /// [`AnalogTile::calibrate_adc`]. Each tile of an output has bounds of its own.
    ///
    /// # Shapes
    ///
    /// - `x`: (batch, in)
    ///
    /// # Errors
    ///
    /// [`TileError::Config`] if the share is not in (0, 1], or the ADC has no bound.
    ///
    /// # Panics
    ///
    /// If the batch is empty or not whole rows.
    #[track_caller]
    pub fn calibrate_adc(
        &mut self,
        x: &[f32],
        share: f32,
        noise: &MvmNoise,
        par: Par,
    ) -> Result<(), TileError> {
        let inputs = self.inputs();
        for (index, (part, tile)) in self.cut.parts().iter().zip(&mut self.tiles).enumerate() {
            let x = columns_of(x, inputs, &part.columns);
            tile.calibrate_adc(&x, share, &noise.child(index), par)?;
        }
        Ok(())
    }

    /// Multiplies a batch, see [`AnalogTile::forward`].
    ///
    /// # Shapes
    ///
    /// - `x`: (batch, in)
    /// - `y`: (batch, out)
    ///
    /// # Panics
    ///
    /// If a shape differs.
    #[track_caller]
    pub fn forward(&self, x: &[f32], noise: &MvmNoise, par: Par, y: &mut [f32]) -> Saturation {
        self.forward_inputs(Inputs::Rows(x), noise, par, y)
    }

    /// [`Self::forward`] for samples that are read block by block; the blocks are what threads share.
    ///
    /// # Panics
    ///
    /// If a shape differs, or a window leaves its image.
    #[track_caller]
    pub fn forward_batch(&self, batch: Batch<impl Samples>, par: Par, y: &mut [f32]) -> Saturation {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let samples = batch.inputs.count(inputs);
        assert_eq!(y.len(), samples * outputs, "{} outputs for {samples} × {outputs}", y.len());
        let per_block = batch.inputs.per_block(BLOCK);
        let blocks = y.chunks_mut(per_block * outputs).map(|y| (y, Saturation::default()));
        let mut blocks: Vec<_> = blocks.collect();
        par.for_each_chunk(&mut blocks, 1, |index, block| {
            let (y, saturation) = &mut block[0];
            let first = index * per_block;
            let noise = batch.noise.after(first);
            let samples = first..first + y.len() / outputs;
            batch.inputs.with_inputs(samples, inputs, |x| {
                *saturation = self.forward_inputs(x, &noise, Par::Seq, y);
            });
        });
        blocks.into_iter().fold(Saturation::default(), |mut sum, (_, saturation)| {
            sum += saturation;
            sum
        })
    }

    #[track_caller]
    fn forward_inputs(
        &self,
        x: Inputs<'_>,
        noise: &MvmNoise,
        par: Par,
        y: &mut [f32],
    ) -> Saturation {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let samples = x.samples(inputs);
        assert_eq!(y.len(), samples * outputs, "{} outputs for {samples} × {outputs}", y.len());
        let mut saturation = Saturation::default();
        for (index, (part, tile)) in self.cut.parts().iter().zip(&self.tiles).enumerate() {
            let noise = noise.child(index);
            let accum = if part.columns.start == 0 { Accum::Replace } else { Accum::Add };
            saturation += x.with_columns(inputs, &part.columns, |inputs| {
                let batch = Batch { inputs, noise };
                if part.rows.len() == outputs {
                    return tile.forward_batch(batch, accum, par, y);
                }
                let mut own = vec![0.0; samples * part.rows.len()];
                let seen = tile.forward_batch(batch, Accum::Replace, par, &mut own);
                part.write_outputs(&own, accum, y, outputs);
                seen
            });
        }
        saturation
    }

    /// The parts of the matrix, one for each tile.
    pub fn cut(&self) -> &Cut {
        &self.cut
    }

    /// The tiles with the outputs and inputs that they hold.
    pub fn tiles(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>, &AnalogTile)> {
        let parts = self.cut.parts().iter();
        parts.zip(&self.tiles).map(|(part, tile)| (part.rows.clone(), part.columns.clone(), tile))
    }

    /// The tiles, to be changed one by one.
    pub fn tiles_mut(&mut self) -> impl Iterator<Item = &mut AnalogTile> {
        self.tiles.iter_mut()
    }

    /// The weights as they are now, (out, in); see [`AnalogTile::weights`].
    pub fn weights(&self) -> Vec<f32> {
        let mut weights = vec![0.0; self.outputs() * self.inputs()];
        let mut stretches = self.cut.stretches();
        for tile in &self.tiles {
            for (row, stretch) in tile.weights().chunks_exact(tile.inputs()).zip(&mut stretches) {
                weights[stretch].copy_from_slice(row);
            }
        }
        weights
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.cut.outputs()
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.cut.inputs()
    }
}
