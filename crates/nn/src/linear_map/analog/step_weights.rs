//! The weights that a map multiplies in one step: with the noise of the mini-batch, or devices.

use std::sync::Arc;

use crossbar::AnalogMatrix;
use crossbar::training::{MatrixWeights, PerturbedMatrix};

use super::super::LinearMap;
use super::Tiles;
use crate::{Mode, Parameters, Pass};

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
    pub(super) matrix: PerturbedMatrix,
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
        let mut matrix = match spare {
            Some(StepWeights::Perturbed(spare)) if spare.matrix.is_on(&self.tiles) => spare.matrix,
            _ => PerturbedMatrix::zeros(&self.tiles),
        };
        let scales = place.scales(parameters);
        let bias = map.bias.map_or(&[][..], |id| parameters.get(id).float());
        let weights = MatrixWeights { weights: weight, scales: &scales, bias };
        match pass.mode {
            Mode::Eval | Mode::Teach => matrix.set(weights, pass.par),
            Mode::Train => {
                let seed = map.seed(pass, "weights");
                let noise = self.noise.as_ref().filter(|_| !calibrating);
                let noise = noise.map(|noise| noise.for_batch(ramp, &seed));
                matrix.perturb(weights, noise, pass.par);
            }
        }
        let input_range = (!calibrating).then(|| place.input_range(parameters));
        StepWeights::Perturbed(Perturbed { input_range, matrix })
    }
}
