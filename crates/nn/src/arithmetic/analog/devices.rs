//! [`Devices`]: what the matrices on tiles are programmed into.

use crossbar::{AnalogMatrix, MvmNoise, TileConfig, TileError, WeightScale};

use super::binding::AnalogWeights;
use crate::parameters::{ParameterId, Parameters};
use crate::pass::Run;

/// The devices that hold the matrices on tiles of a network: an evaluation of them multiplies by
/// what was programmed, and not by the parameters.
///
/// They borrow the parameters that were programmed, so no parameter can change as long as they are
/// there: devices are always those of the weights at hand.
#[derive(Debug)]
pub struct Devices<'p> {
    parameters: &'p Parameters,
    layers: Vec<(&'p AnalogWeights, AnalogMatrix)>,
}

impl<'p> Devices<'p> {
    /// Programs every matrix on tiles. `tile` gives the tile of each layer; that of the training is
    /// [`AnalogWeights::config`]'s.
    ///
    /// # Errors
    ///
    /// [`TileError`] if a tile is out of range.
    ///
    /// # Panics
    ///
    /// If a tile cuts a matrix into other parts than it was trained on.
    #[track_caller]
    pub fn program(
        parameters: &'p Parameters,
        tile: impl Fn(&AnalogWeights) -> TileConfig,
        run: Run,
    ) -> Result<Self, TileError> {
        let mut layers = Vec::new();
        for analog in parameters.analog() {
            let mut config = tile(analog);
            config.mapping.scale = WeightScale::Unit;
            let levels = config.mapping.scale_levels.take();
            let (weights, scales) = analog.quantized_scales(parameters, levels);
            let seed = run.seed.child(&analog.name);
            let mut matrix =
                AnalogMatrix::program(&config, &weights, analog.inputs, &seed, run.par)?;
            assert_eq!(matrix.cut(), &analog.cut, "{} was trained on other tiles", analog.name);
            matrix.set_input_range(analog.input_range(parameters))?;
            if let Some(bias) = analog.bias {
                matrix.set_bias(parameters.get(bias).float())?;
            }
            let bounds = analog.adc_bounds(parameters, &config.periphery.adc);
            for (tile, part) in matrix.tiles_mut().zip(analog.cut.parts()) {
                tile.set_scale(&scales[part.scales.clone()])?;
                if let Some(bounds) = &bounds {
                    tile.set_adc_bounds(&bounds[part.scales.clone()])?;
                }
            }
            layers.push((analog, matrix));
        }
        Ok(Self { parameters, layers })
    }

    /// The parameters that were programmed.
    pub fn parameters(&self) -> &'p Parameters {
        self.parameters
    }

    /// The devices of the layer of that name.
    pub fn layer(&self, name: &str) -> Option<&AnalogMatrix> {
        self.layers.iter().find(|(analog, _)| analog.name == name).map(|(_, matrix)| matrix)
    }

    /// The devices of that weight.
    pub(crate) fn of(&self, weight: ParameterId) -> Option<&AnalogMatrix> {
        self.layers.iter().find(|(analog, _)| analog.weight == weight).map(|(_, matrix)| matrix)
    }

    /// Calibrates the ADCs of a layer from rows of its inputs, see [`AnalogMatrix::calibrate_adc`].
    ///
    /// # Errors
    ///
    /// [`TileError`] if the share is not in (0, 1], or the ADC has no bound.
    ///
    /// # Panics
    ///
    /// If there is no such layer, or the rows are none or not whole.
    #[track_caller]
    pub fn calibrate_adc(
        &mut self,
        layer: &str,
        rows: &[f32],
        share: f32,
        run: Run,
    ) -> Result<(), TileError> {
        let found = self.layers.iter_mut().find(|(analog, _)| analog.name == layer);
        let Some((_, matrix)) = found else { panic!("no programmed layer is named {layer}") };
        let seed = run.seed.child(layer).child("adc-calibration");
        matrix.calibrate_adc(rows, share, &MvmNoise { seed, first_sample: 0 }, run.par)
    }

    /// Keeps the devices of some columns of a layer free of error, see
    /// [`AnalogMatrix::exempt_outputs`].
    ///
    /// # Panics
    ///
    /// If there is no such layer, its devices have aged, or there is not one flag per column.
    #[track_caller]
    pub fn exempt_columns(&mut self, layer: &str, exempt: &[bool], run: Run) {
        let found = self.layers.iter_mut().find(|(analog, _)| analog.name == layer);
        let Some((_, matrix)) = found else { panic!("no programmed layer is named {layer}") };
        matrix.exempt_outputs(exempt, run.par);
    }

    /// Ages all devices to `t_s` seconds after programming and compensates their drift.
    ///
    /// # Errors
    ///
    /// [`TileError::Time`] if the time is negative or not finite.
    pub fn age_to(&mut self, t_s: f64, run: Run) -> Result<(), TileError> {
        for (analog, matrix) in &mut self.layers {
            matrix.age_to(t_s, run.par)?;
            matrix.compensate_drift(&run.seed.child(&analog.name).child(t_s.to_bits()));
        }
        Ok(())
    }
}

impl AnalogWeights {
    /// Weights and scales with the scales rounded up to N levels of each tile, if given:
    /// q_i = a_N ⌈γ_i / a_N⌉ with a_N = max γ / N, and weights w̆ γ/q.
    ///
    /// Source: \[Rasch23\] Supp., "scale precision".
    fn quantized_scales(
        &self,
        parameters: &Parameters,
        levels: Option<u32>,
    ) -> (Vec<f32>, Vec<f32>) {
        let mut weights = self.normalized(parameters).to_vec();
        let mut scales = self.scales(parameters);
        let Some(levels) = levels else { return (weights, scales) };
        for part in self.cut.parts() {
            let scales = &mut scales[part.scales.clone()];
            let largest = scales.iter().fold(0.0f32, |max, scale| max.max(scale.abs()));
            if largest == 0.0 {
                continue;
            }
            let step = largest / levels as f32;
            for (row, scale) in part.rows.clone().zip(scales) {
                // The quotient of the largest scale may come out a rounding above N.
                let level = (scale.abs() / step * (1.0 - f32::EPSILON)).ceil();
                let quantized = (step * level.clamp(1.0, levels as f32)).copysign(*scale);
                let factor = *scale / quantized;
                let row = &mut weights[row * self.inputs..][part.columns.clone()];
                row.iter_mut().for_each(|w| *w *= factor);
                *scale = quantized;
            }
        }
        (weights, scales)
    }
}

/// What an evaluation multiplies by: parameters, and the devices that were programmed with them, if
/// there are any.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    parameters: &'a Parameters,
    devices: Option<&'a Devices<'a>>,
}

impl<'a> Weights<'a> {
    /// The parameters.
    pub fn parameters(self) -> &'a Parameters {
        self.parameters
    }

    /// The devices.
    pub fn devices(self) -> Option<&'a Devices<'a>> {
        self.devices
    }
}

impl<'a> From<&'a Parameters> for Weights<'a> {
    fn from(parameters: &'a Parameters) -> Self {
        Self { parameters, devices: None }
    }
}

impl<'a> From<&'a Devices<'_>> for Weights<'a> {
    fn from(devices: &'a Devices<'_>) -> Self {
        Self { parameters: devices.parameters, devices: Some(devices) }
    }
}
