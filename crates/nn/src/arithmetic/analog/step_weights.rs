//! [`Perturbed`]: the weights that a layer multiplies in one step, with the noise of the mini-batch.

use crossbar::training::{MatrixWeights, PerturbedMatrix};

use super::multiply::Tiles;
use crate::parameters::Parameters;
use crate::pass::{Mode, Pass};

/// w̆ with the noise of the mini-batch.
#[derive(Debug)]
pub(super) struct Perturbed {
    /// |α|, or none while it is being calibrated: then each product takes its own.
    pub(super) input_range: Option<f32>,
    pub(super) matrix: PerturbedMatrix,
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
        let layer = &self.layer;
        let place = parameters.analog_of(layer.weight);
        let training = self.config.training();
        let ramp = match training.ramp {
            0 => 1.0,
            ramp => (pass.step as f32 / ramp as f32).min(1.0),
        };
        let mut matrix = match spare {
            Some(spare) if spare.matrix.is_on(&self.tiles) => spare.matrix,
            _ => PerturbedMatrix::zeros(&self.tiles),
        };
        let scales = place.scales(parameters);
        let bias = layer.bias.map_or(&[][..], |id| parameters.get(id).float());
        let weights = parameters.get(layer.weight).float();
        let weights = MatrixWeights { weights, scales: &scales, bias };
        match pass.mode {
            Mode::Eval | Mode::Teach => matrix.set(weights, pass.par),
            Mode::Train => {
                let seed = layer.seed(pass, "weights");
                let noise = self.noise.as_ref().filter(|_| !calibrating);
                let noise = noise.map(|noise| noise.for_batch(ramp, &seed));
                matrix.perturb(weights, noise, pass.par);
            }
        }
        if let Some(factors) = place.adc_factors(parameters) {
            matrix.set_adc_bounds(&factors).expect("factors are held within limits");
        }
        let input_range = (!calibrating).then(|| place.input_range(parameters));
        Perturbed { input_range, matrix }
    }
}
