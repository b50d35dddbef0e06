//! [`Perturbed`]: the weights that a layer multiplies in one step, with the noise of the mini-batch.

use std::cell::Cell;
use std::ops::Range;

use crossbar::ArrayWeights;

use super::multiply::{Part, Tiles};
use crate::parameters::Parameters;
use crate::pass::{Mode, Pass};

thread_local! {
    /// Rows of a tile that were cut out of a matrix, for the next ones.
    static CUT: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// w̆ with the noise of the mini-batch.
#[derive(Debug)]
pub(super) struct Perturbed {
    /// |α|, or none while it is being calibrated: then each product takes its own.
    pub(super) input_range: Option<f32>,
    /// γ of every tile and output.
    pub(super) scales: Vec<f32>,
    pub(super) packed: Vec<ArrayWeights>,
    /// γ ⊙ W̃ as (out, in), for the backward product; empty in evaluation.
    pub(super) logical: Vec<f32>,
}

impl Tiles {
    /// The weights of one step, which all uses of the layer in it share; `spare` are those of an
    /// earlier step, whose memory is used again.
    pub(super) fn perturbed(
        &self,
        parameters: &Parameters,
        pass: &Pass,
        calibrating: bool,
        spare: Option<Perturbed>,
    ) -> Perturbed {
        let map = &self.layer;
        let place = parameters.analog_of(map.weight);
        let weight = parameters.get(map.weight).float();
        let training = self.config.training();
        let ramp = match training.ramp {
            0 => 1.0,
            ramp => (pass.step as f32 / ramp as f32).min(1.0),
        };
        let scales = place.scales(parameters);
        let train = pass.mode == Mode::Train;
        let (mut packed, mut logical) = match spare {
            Some(spare) => (spare.packed, spare.logical),
            None => Default::default(),
        };
        let fits = |packed: &ArrayWeights, part: &Part| {
            (packed.outputs(), packed.inputs()) == (part.rows.len(), part.columns.len())
        };
        packed.resize_with(self.parts.len(), || ArrayWeights::zeros(1, 1));
        // Every element is written below: the tiles cover the matrix.
        logical.resize(if train { weight.len() } else { 0 }, 0.0);
        let seed = map.seed(pass, "weights");
        for (index, (part, packed)) in self.parts.iter().zip(&mut packed).enumerate() {
            let (height, width) = (part.rows.len(), part.columns.len());
            if !fits(packed, part) {
                *packed = ArrayWeights::zeros(height, width);
            }
            let noise = self.noise.as_ref().filter(|_| train && !calibrating).map(|noise| {
                let largest = || {
                    let mut cut = Vec::new();
                    let rows = part.rows_of(weight, map.inputs, 0..height, &mut cut);
                    rows.iter().fold(0.0f32, |max, w| max.max(w.abs()))
                };
                noise.batch(width, ramp, &seed.child(index), largest)
            });
            let scales = &scales[part.first_scale..][..height];
            // In evaluation there is nothing beside the packed weights.
            let slab_len = |slab: usize| {
                ArrayWeights::SLAB.min(height - slab * ArrayWeights::SLAB) * map.inputs
            };
            let mut rest = logical.get_mut(part.rows.start * map.inputs..).unwrap_or_default();
            let slabs: Vec<_> = (0..height.div_ceil(ArrayWeights::SLAB))
                .map(|slab| rest.split_off_mut(..slab_len(slab)).unwrap_or_default())
                .collect();
            packed.repack_with(slabs.into_iter(), pass.par, |rows, logical, multiplied| {
                let mut cut = CUT.take();
                let clean = part.rows_of(weight, map.inputs, rows.clone(), &mut cut);
                match &noise {
                    Some(noise) => noise.perturb_rows(rows.start, clean, multiplied),
                    None => multiplied.copy_from_slice(clean),
                }
                CUT.set(cut);
                let logical = logical.chunks_exact_mut(map.inputs);
                let rows = logical.zip(multiplied.chunks_exact(width)).zip(&scales[rows]);
                for ((logical, multiplied), &scale) in rows {
                    let out = &mut logical[part.columns.clone()];
                    out.iter_mut().zip(multiplied).for_each(|(out, w)| *out = scale * w);
                }
            });
        }
        let input_range = (!calibrating).then(|| place.input_range(parameters));
        Perturbed { input_range, scales, packed, logical }
    }
}

impl Part {
    /// Its columns of some of its rows of a matrix with `inputs` columns, cut out into `buffer` if
    /// they do not lie together.
    fn rows_of<'a>(
        &self,
        matrix: &'a [f32],
        inputs: usize,
        rows: Range<usize>,
        buffer: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        let rows = self.rows.start + rows.start..self.rows.start + rows.end;
        let rows = &matrix[rows.start * inputs..rows.end * inputs];
        if self.columns.len() == inputs {
            return rows;
        }
        buffer.clear();
        for row in rows.chunks_exact(inputs) {
            buffer.extend_from_slice(&row[self.columns.clone()]);
        }
        buffer
    }
}
