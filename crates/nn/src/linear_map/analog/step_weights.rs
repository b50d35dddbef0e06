//! The weights that a map multiplies in one step: with the noise of the mini-batch, or devices.

use std::cell::RefCell;
use std::sync::Arc;

use crossbar::{AnalogMatrix, ArrayWeights};
use numerics::Par;

use super::super::LinearMap;
use super::{Part, Tiles};
use crate::{Mode, Parameters, Pass};

thread_local! {
    /// Weights of a tile and the same with noise, for the next one.
    static WEIGHTS: RefCell<[Vec<f32>; 2]> = RefCell::default();
}

/// The weights of a map for one step.
#[derive(Debug)]
pub(crate) enum StepWeights {
    /// Of hardware-aware training, or of an evaluation before anything is programmed.
    Perturbed(Perturbed),
    /// Devices.
    Programmed(Arc<AnalogMatrix>),
}

/// w̆ with the noise of the mini-batch.
#[derive(Debug)]
pub(crate) struct Perturbed {
    /// |α|, or none while it is being calibrated: then each product takes its own.
    pub(super) input_range: Option<f32>,
    /// γ of every tile and output.
    pub(super) scales: Vec<f32>,
    pub(super) packed: Vec<ArrayWeights>,
    /// γ ⊙ W̃ as (out, in), for the backward product; empty in evaluation.
    pub(super) logical: Vec<f32>,
}

impl Tiles {
    /// The weights of one step, which all uses of the map in it share; `spare` are those of an
    /// earlier step, whose memory is used again.
    pub(in super::super) fn step_weights(
        &self,
        map: &LinearMap,
        parameters: &Parameters,
        pass: &Pass,
        calibrating: bool,
        spare: Option<StepWeights>,
    ) -> StepWeights {
        let place = parameters.analog_of(map.weight);
        if let (Mode::Eval, Some(matrix)) = (pass.mode, &place.programmed) {
            return StepWeights::Programmed(Arc::clone(matrix));
        }
        let weight = parameters.get(map.weight).float();
        let training = self.config.training();
        let ramp = match training.ramp {
            0 => 1.0,
            ramp => (pass.step as f32 / ramp as f32).min(1.0),
        };
        let scales = place.scales(parameters);
        let train = pass.mode == Mode::Train;
        let (mut packed, mut logical) = match spare {
            Some(StepWeights::Perturbed(spare)) => (spare.packed, spare.logical),
            _ => Default::default(),
        };
        let fits = |(packed, part): (&ArrayWeights, &Part)| {
            (packed.outputs(), packed.inputs()) == (part.rows.len(), part.columns.len())
        };
        if packed.len() != self.parts.len() || !packed.iter().zip(&self.parts).all(fits) {
            packed.clear();
        }
        // Every element is written below: the tiles cover the matrix.
        logical.resize(if train { weight.len() } else { 0 }, 0.0);
        let seed = map.seed(pass, "weights");
        let [mut cut, mut noisy] = WEIGHTS.take();
        for (index, part) in self.parts.iter().enumerate() {
            let width = part.columns.len();
            let clean = part.columns_in(weight, map.inputs, &mut cut);
            let multiplied = match &self.noise {
                Some(noise) if train && !calibrating => {
                    noisy.resize(clean.len(), 0.0);
                    let seed = seed.child(index);
                    noise.perturb(clean, width, ramp, &seed, pass.par, &mut noisy);
                    &noisy[..]
                }
                _ => clean,
            };
            match packed.get_mut(index) {
                Some(packed) => packed.repack(multiplied, Par::Seq),
                None => packed.push(ArrayWeights::pack(multiplied, part.rows.len(), width)),
            }
            if train {
                let scales = &scales[part.first_scale..][..part.rows.len()];
                let rows = part.rows.clone().zip(multiplied.chunks_exact(width)).zip(scales);
                for ((row, multiplied), &scale) in rows {
                    let out = &mut logical[row * map.inputs..][part.columns.clone()];
                    out.iter_mut().zip(multiplied).for_each(|(out, w)| *out = scale * w);
                }
            }
        }
        WEIGHTS.set([cut, noisy]);
        let input_range = (!calibrating).then(|| place.input_range(parameters));
        StepWeights::Perturbed(Perturbed { input_range, scales, packed, logical })
    }
}

impl Part {
    /// Its columns of its rows of a matrix with `inputs` columns, cut out into `buffer` if they do
    /// not lie together.
    fn columns_in<'a>(
        &self,
        matrix: &'a [f32],
        inputs: usize,
        buffer: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        let rows = &matrix[self.rows.start * inputs..self.rows.end * inputs];
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
