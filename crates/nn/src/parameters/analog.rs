//! [`AnalogWeights`]: which parameters belong to a matrix on tiles, and what holds them together.
//!
//! ```text
//! w = γ_p ⊙ w̆,   γ_p = c γ̃_p κ̃_p / b_out        logical weights, tile p
//! w̆ ← clip(w̆, ±1)                              after every update
//! γ̃_i ← γ̃_i max_j |w̆_ij|,  w̆_i ← w̆_i / max     when columns are mapped anew
//! ```
//!
//! κ̃_p = κ_p b_out is what is stored, b_out the bound of the ADC (1 if it has none).
//!
//! Source: \[Rasch23\] Eq. 21–22 and Methods.

use std::sync::Arc;

use crossbar::{AnalogMatrix, Cut, Normalized, TileConfig, TileError, WeightScale};
use numerics::{Par, Seed};

use super::{ParameterId, Parameters, Storage};
use crate::arithmetic::{Analog, ScaleUnit};
use crate::linear_map::tile_scale_start;

/// Why devices cannot be changed.
const SHARED: &str =
    "the devices are still those of other parameters, cloned from these, or of a tape not cleared";

/// A matrix on tiles: its parameters, and its devices once it is programmed.
#[derive(Clone, Debug)]
pub struct AnalogWeights {
    pub(crate) name: String,
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    pub(crate) weight: ParameterId,
    pub(crate) bias: Option<ParameterId>,
    pub(crate) scale: ParameterId,
    pub(crate) tile_scale: Option<ParameterId>,
    pub(crate) input_range: ParameterId,
    pub(crate) cut: Cut,
    pub(crate) config: Arc<Analog>,
    pub(crate) programmed: Option<Arc<AnalogMatrix>>,
}

impl AnalogWeights {
    /// The name of the layer.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of outputs and inputs.
    pub fn shape(&self) -> (usize, usize) {
        (self.outputs, self.inputs)
    }

    /// What each tile holds.
    pub fn cut(&self) -> &Cut {
        &self.cut
    }

    /// The tile and the rules of training.
    pub fn config(&self) -> &Analog {
        &self.config
    }

    /// The devices, if they are programmed.
    pub fn programmed(&self) -> Option<&AnalogMatrix> {
        self.programmed.as_deref()
    }

    /// What w̆, γ̃ and κ̃ are multiples of: the cut into tiles and the fixed factors of the scales.
    /// Only where these are the same do the same numbers make the same weights.
    pub(crate) fn unit(&self) -> String {
        let unit = match self.config.training().scale_unit {
            ScaleUnit::One => "one",
            ScaleUnit::FanIn => "fan-in",
        };
        let rows = self.cut.parts().iter().filter(|part| part.columns.start == 0);
        let columns = self.cut.parts().iter().filter(|part| part.rows.start == 0);
        let cut = |ends: Vec<String>| ends.join("+");
        let rows = cut(rows.map(|part| part.rows.len().to_string()).collect());
        let columns = cut(columns.map(|part| part.columns.len().to_string()).collect());
        let bound = match self.tile_scale {
            Some(_) => format!(", tile scales of bound {}", tile_scale_start(&self.config)),
            None => String::new(),
        };
        format!("on tiles of {rows} × {columns}, scale_unit = {unit}{bound}")
    }

    /// γ of every tile and output, tile by tile.
    pub fn scales(&self, parameters: &Parameters) -> Vec<f32> {
        let unit = self.config.training().scale_unit.factor(self.inputs);
        let mut scales = parameters.get(self.scale).float().to_vec();
        let kappa = self.tile_scale.map(|id| parameters.get(id).float());
        let start = tile_scale_start(&self.config);
        for (index, part) in self.cut.parts().iter().enumerate() {
            let factor = kappa.map_or(1.0, |kappa| kappa[index] / start);
            scales[part.scales.clone()].iter_mut().for_each(|scale| *scale *= unit * factor);
        }
        scales
    }

    /// The input range |α|, at least a tiny positive number.
    pub fn input_range(&self, parameters: &Parameters) -> f32 {
        parameters.get(self.input_range).float()[0].abs().max(f32::MIN_POSITIVE)
    }

    /// Normalised weights w̆ in [−1, 1], (out, in).
    pub fn normalized<'a>(&self, parameters: &'a Parameters) -> &'a [f32] {
        parameters.get(self.weight).float()
    }

    /// w = γ ⊙ w̆, (out, in).
    pub fn logical(&self, parameters: &Parameters) -> Vec<f32> {
        let mut weights = self.normalized(parameters).to_vec();
        self.cut.scale(&mut weights, &self.scales(parameters));
        weights
    }
}

impl Parameters {
    /// All matrices on tiles.
    pub fn analog(&self) -> impl Iterator<Item = &AnalogWeights> {
        self.analog.iter()
    }

    pub(crate) fn add_analog(&mut self, analog: AnalogWeights) {
        self.get_mut(analog.weight).bound = Some(1.0);
        self.analog.push(analog);
    }

    /// The matrix of that weight.
    pub(crate) fn analog_of(&self, weight: ParameterId) -> &AnalogWeights {
        let found = self.analog.iter().find(|analog| analog.weight == weight);
        found.expect("an analog map registers its weights")
    }

    /// Maps logical weights: scales as the configuration says, w̆ = w/γ, κ = 1.
    ///
    /// # Panics
    ///
    /// If a weight is not finite, or cannot be mapped by [`WeightScale::Unit`].
    #[track_caller]
    pub(crate) fn map_analog(&mut self, weight: ParameterId, logical: &[f32]) {
        let analog = self.analog_of(weight).clone();
        let mapping = &analog.config.tile().mapping;
        let unit = analog.config.training().scale_unit.factor(analog.inputs);
        let normalized = analog.cut.normalize(logical, mapping);
        let Normalized { weights, mut scales } =
            normalized.unwrap_or_else(|error| panic!("{}: {error}", analog.name));
        scales.iter_mut().for_each(|scale| *scale /= unit);
        let float = |values: Vec<f32>| Storage::Float { values, increment: None };
        self.get_mut(weight).restore(float(weights), Vec::new());
        self.get_mut(analog.scale).restore(float(scales), Vec::new());
        if let Some(id) = analog.tile_scale {
            let start = vec![tile_scale_start(&analog.config); analog.cut.parts().len()];
            self.get_mut(id).restore(float(start), Vec::new());
        }
    }

    /// Takes the weights and states of the same network, in whatever arithmetic, as initial values:
    /// a trained float network goes onto tiles, or back from them.
    ///
    /// Matrices on tiles are mapped from logical weights; their input ranges stay as they are.
    /// Optimiser state is not taken.
    ///
    /// # Panics
    ///
    /// If the networks differ in the name or shape of a layer's parameters, or a weight cannot be
    /// mapped.
    #[track_caller]
    pub fn convert_from(&mut self, other: &Self) {
        let auxiliary = |of: &Self| -> Vec<ParameterId> {
            let of = of.analog.iter();
            of.flat_map(|a| [Some(a.scale), a.tile_scale, Some(a.input_range)]).flatten().collect()
        };
        let (here, there) = (auxiliary(self), auxiliary(other));
        let theirs: Vec<usize> =
            (0..other.list.len()).filter(|&i| !there.contains(&ParameterId(i))).collect();
        let ours: Vec<usize> =
            (0..self.list.len()).filter(|&i| !here.contains(&ParameterId(i))).collect();
        assert_eq!(ours.len(), theirs.len(), "networks of different layers");
        for (to, from) in ours.into_iter().zip(theirs) {
            let source = &other.list[from];
            let target = &self.list[to];
            assert_eq!(
                (&target.name, &target.shape),
                (&source.name, &source.shape),
                "different parameters"
            );
            let analog = other.analog.iter().find(|a| a.weight == ParameterId(from));
            let values = match analog {
                Some(analog) => analog.logical(other),
                None => source.values(),
            };
            if self.analog.iter().any(|a| a.weight == ParameterId(to)) {
                self.map_analog(ParameterId(to), &values);
            } else {
                self.list[to].set_values(&values);
            }
        }
        assert!(
            self.states().map(|(name, _)| name).eq(other.states().map(|(name, _)| name)),
            "networks of different states"
        );
        self.states.clone_from(&other.states);
    }

    /// Sets the input range of a layer on tiles.
    ///
    /// # Panics
    ///
    /// If there is no such layer, or the range is not positive and finite.
    #[track_caller]
    pub fn set_input_range(&mut self, layer: &str, range: f32) {
        assert!(range > 0.0 && range.is_finite(), "input range {range} of {layer} is not > 0");
        let found = self.analog.iter().find(|analog| analog.name == layer);
        let id = found.unwrap_or_else(|| panic!("no layer on tiles is named {layer}")).input_range;
        self.get_mut(id).set_values(&[range]);
    }

    /// What follows an update: columns are mapped anew where it is time for that.
    pub(crate) fn after_update(&mut self, step: u64) {
        for index in 0..self.analog.len() {
            let every = self.analog[index].config.training().remap_every;
            if every.is_some_and(|every| step.is_multiple_of(every)) {
                self.remap(index);
            }
        }
    }

    /// Brings the largest weight of each column of each tile to 1, its scale taking the factor.
    ///
    /// What optimisers remember is scaled as the increments that it stands for: the last increment
    /// and a first moment (a velocity, or Adam's M) by the factor, a second moment by its square.
    ///
    /// Assumed: the paper does not say what becomes of the momentum.
    fn remap(&mut self, index: usize) {
        let analog = self.analog[index].clone();
        let mut factors = vec![1.0f32; self.get(analog.scale).float().len()];
        let weights = self.get(analog.weight).float();
        for (stretch, factor) in analog.cut.stretches().zip(&mut factors) {
            let max = weights[stretch].iter().fold(0.0f32, |max, w| max.max(w.abs()));
            *factor = if max > 0.0 { max } else { 1.0 };
        }
        self.get_mut(analog.weight).rescale(|values, power| {
            for (stretch, factor) in analog.cut.stretches().zip(&factors) {
                values[stretch].iter_mut().for_each(|w| *w /= factor.powi(power));
            }
        });
        self.get_mut(analog.scale).rescale(|values, power| {
            values.iter_mut().zip(&factors).for_each(|(s, factor)| *s *= factor.powi(power));
        });
    }

    /// Programs every matrix on tiles into devices: from then on an evaluation multiplies by them,
    /// until they are erased, by [`Self::erase`] or by whatever may change a parameter.
    /// `tile` gives the tile of each layer; that of the training is [`AnalogWeights::config`]'s.
    ///
    /// # Errors
    ///
    /// [`TileError`] if a tile is out of range; then nothing is programmed.
    ///
    /// # Panics
    ///
    /// If a tile cuts a matrix into other parts than it was trained on.
    #[track_caller]
    pub fn program(
        &mut self,
        tile: impl Fn(&AnalogWeights) -> TileConfig,
        seed: &Seed,
        par: Par,
    ) -> Result<(), TileError> {
        self.erase();
        let mut devices = Vec::with_capacity(self.analog.len());
        for analog in &self.analog {
            let mut config = tile(analog);
            config.mapping.scale = WeightScale::Unit;
            let levels = config.mapping.scale_levels.take();
            let (weights, scales) = analog.quantized_scales(self, levels);
            let seed = seed.child(&analog.name);
            let mut matrix = AnalogMatrix::program(&config, &weights, analog.inputs, &seed, par)?;
            assert_eq!(matrix.cut(), &analog.cut, "{} was trained on other tiles", analog.name);
            matrix.set_input_range(analog.input_range(self))?;
            if let Some(bias) = analog.bias {
                matrix.set_bias(self.get(bias).float())?;
            }
            for (tile, part) in matrix.tiles_mut().zip(analog.cut.parts()) {
                tile.set_scale(&scales[part.scales.clone()])?;
            }
            devices.push(matrix);
        }
        for (analog, matrix) in self.analog.iter_mut().zip(devices) {
            analog.programmed = Some(Arc::new(matrix));
        }
        Ok(())
    }

    /// Keeps the devices of some columns of a programmed layer free of error, see
    /// [`AnalogMatrix::exempt_outputs`].
    ///
    /// # Panics
    ///
    /// If the layer is not programmed, its devices have aged or are used by other parameters, or
    /// there is not one flag per column.
    #[track_caller]
    pub fn exempt_columns(&mut self, layer: &str, exempt: &[bool], par: Par) {
        let found = self.analog.iter_mut().find(|analog| analog.name == layer);
        let matrix = found.and_then(|analog| analog.programmed.as_mut());
        let matrix = matrix.unwrap_or_else(|| panic!("no programmed layer is named {layer}"));
        let matrix = Arc::get_mut(matrix).expect(SHARED);
        matrix.exempt_outputs(exempt, par);
    }

    /// Ages all programmed devices to `t_s` seconds after programming and compensates their drift.
    ///
    /// # Errors
    ///
    /// [`TileError::Time`] if the time is negative or not finite.
    ///
    /// # Panics
    ///
    /// If a matrix on tiles has no devices, because none were programmed or a parameter was changed
    /// since; or if other parameters, cloned from these, or a step on a tape still use the devices.
    #[track_caller]
    pub fn age_to(&mut self, t_s: f64, seed: &Seed, par: Par) -> Result<(), TileError> {
        for analog in &mut self.analog {
            let Some(matrix) = &mut analog.programmed else {
                panic!("{} has no devices to age: program it after its last change", analog.name)
            };
            let matrix = Arc::get_mut(matrix).expect(SHARED);
            matrix.age_to(t_s, par)?;
            matrix.compensate_drift(&seed.child(&analog.name).child(t_s.to_bits()));
        }
        Ok(())
    }

    /// Forgets all devices.
    pub fn erase(&mut self) {
        self.analog.iter_mut().for_each(|analog| analog.programmed = None);
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
