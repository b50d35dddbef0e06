//! [`AnalogMatrix`]: a matrix of any size over as many tiles as it needs.

use std::ops::Range;

use numerics::{Par, Seed};

use crate::mapping::{check_weights, largest_magnitude};
use crate::periphery::{Accum, Inputs, MvmNoise, Saturation};
use crate::{AnalogTile, TileConfig, TileError, columns_of, split};

/// A weight matrix split over tiles: each part of the inputs has its own array, converters, scales
/// and input range; partial sums are added digitally.
///
/// Source: [Rasch23 Methods, "tiles"].
///
/// Differs: partial sums are added in f32, the paper's in 16-bit floats.
#[derive(Debug)]
pub struct AnalogMatrix {
    outputs: usize,
    inputs: usize,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    rows: Range<usize>,
    columns: Range<usize>,
    tile: AnalogTile,
}

impl AnalogMatrix {
    /// Splits a matrix by [`split`] and programs every part.
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
        check_weights(weights, inputs, config.mapping.scale)?;
        let outputs = weights.len() / inputs;
        let mapping = &config.mapping;
        let shared = mapping.scale.spans_tiles();
        let matrix_max = largest_magnitude(weights);
        let mut parts = Vec::new();
        for rows in split(outputs, mapping.max_outputs.unwrap_or(outputs)) {
            for columns in split(inputs, mapping.max_inputs) {
                let part =
                    columns_of(&weights[rows.start * inputs..rows.end * inputs], inputs, &columns);
                let max = if shared { matrix_max } else { largest_magnitude(&part) };
                let seed = seed.child("tile").child(parts.len());
                let tile = AnalogTile::program_part(config, &part, columns.len(), max, &seed, par)?;
                parts.push(Part { rows: rows.clone(), columns, tile });
            }
        }
        Ok(Self { outputs, inputs, parts })
    }

    /// Ages every tile, see [`AnalogTile::age_to`].
    ///
    /// # Errors
    ///
    /// [`TileError::Time`] if the time is negative or not finite.
    pub fn age_to(&mut self, t_s: f64, par: Par) -> Result<(), TileError> {
        self.parts.iter_mut().try_for_each(|part| part.tile.age_to(t_s, par))
    }

    /// Compensates every tile, see [`AnalogTile::compensate_drift`].
    pub fn compensate_drift(&mut self, seed: &Seed) {
        for (index, part) in self.parts.iter_mut().enumerate() {
            part.tile.compensate_drift(&seed.child(index));
        }
    }

    /// Keeps the devices of some outputs free of error on all tiles that they are on, see
    /// [`AnalogTile::exempt_outputs`].
    ///
    /// # Panics
    ///
    /// Unless there is one flag per output, or if the tiles have aged.
    #[track_caller]
    pub fn exempt_outputs(&mut self, exempt: &[bool], par: Par) {
        let count = exempt.len();
        assert_eq!(count, self.outputs, "{count} flags for {} outputs", self.outputs);
        for part in &mut self.parts {
            part.tile.exempt_outputs(&exempt[part.rows.clone()], par);
        }
    }

    /// Sets the input range of every tile.
    ///
    /// # Errors
    ///
    /// [`TileError::Config`] unless it is positive and finite.
    pub fn set_input_range(&mut self, input_range: f32) -> Result<(), TileError> {
        self.parts.iter_mut().try_for_each(|part| part.tile.set_input_range(input_range))
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
        let (count, outputs) = (bias.len(), self.outputs);
        assert!(count == 0 || count == outputs, "{count} biases for {outputs} outputs");
        TileError::check_digital("bias", bias, outputs)?;
        for part in self.parts.iter_mut().filter(|part| part.columns.start == 0) {
            let part_of = if bias.is_empty() { bias } else { &bias[part.rows.clone()] };
            part.tile.set_bias(part_of)?;
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

    /// [`Self::forward`] for rows or windows.
    ///
    /// # Panics
    ///
    /// If a shape differs, or a window leaves its image.
    #[track_caller]
    pub fn forward_inputs(
        &self,
        x: Inputs<'_>,
        noise: &MvmNoise,
        par: Par,
        y: &mut [f32],
    ) -> Saturation {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let batch = x.samples(inputs);
        assert_eq!(y.len(), batch * outputs, "{} outputs for {batch} × {outputs}", y.len());
        let mut saturation = Saturation::default();
        for (index, Part { rows, columns, tile }) in self.parts.iter().enumerate() {
            let noise = MvmNoise { seed: noise.seed.child(index), ..*noise };
            let accum = if columns.start == 0 { Accum::Replace } else { Accum::Add };
            saturation += x.with_columns(inputs, columns, |x| {
                if rows.len() == outputs {
                    return tile.forward_inputs(x, &noise, accum, par, y);
                }
                let mut part = vec![0.0; batch * rows.len()];
                let seen = tile.forward_inputs(x, &noise, Accum::Replace, par, &mut part);
                for (y, part) in y.chunks_exact_mut(outputs).zip(part.chunks_exact(rows.len())) {
                    accum.write(part, &mut y[rows.clone()]);
                }
                seen
            });
        }
        saturation
    }

    /// The tiles with the outputs and inputs that they hold.
    pub fn tiles(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>, &AnalogTile)> {
        self.parts.iter().map(|part| (part.rows.clone(), part.columns.clone(), &part.tile))
    }

    /// The tiles, to be changed one by one.
    pub fn tiles_mut(&mut self) -> impl Iterator<Item = &mut AnalogTile> {
        self.parts.iter_mut().map(|part| &mut part.tile)
    }

    /// The weights as they are now, (out, in); see [`AnalogTile::weights`].
    pub fn weights(&self) -> Vec<f32> {
        let mut weights = vec![0.0; self.outputs * self.inputs];
        for Part { rows, columns, tile } in &self.parts {
            for (row, part) in rows.clone().zip(tile.weights().chunks_exact(columns.len())) {
                let at = row * self.inputs;
                weights[at + columns.start..at + columns.end].copy_from_slice(part);
            }
        }
        weights
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }
}
