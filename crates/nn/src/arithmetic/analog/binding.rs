//! [`AnalogWeights`]: which parameters belong to a matrix on tiles, and what holds them together.
//!
//! ```text
//! w = γ_p ⊙ w̆,   γ_p = c γ̃_p κ̃_p / b_out        logical weights, tile p
//! w̆ ← clip(w̆, ±1)                              after every update
//! γ̃_i ← γ̃_i max_j |w̆_ij|,  w̆_i ← w̆_i / max     when columns are mapped anew
//! ```
//!
//! κ̃_p = κ_p b_out is what is stored, b_out the largest output of the ADC (1 if it has no bound).
//!
//! Source: \[Rasch23\] Eq. 21–22 and Methods.

use std::ops::Range;
use std::sync::Arc;

use crossbar::{Adc, Cut, Normalized};

use super::config::{Analog, ScaleUnit};
use crate::parameters::{Binding, ParameterId, Parameters};

/// A matrix on tiles: its parameters.
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
    /// ρ, with the columns of its groups.
    pub(crate) adc_bound: Option<(ParameterId, Arc<[Range<usize>]>)>,
    pub(crate) cut: Cut,
    pub(crate) config: Arc<Analog>,
}

/// The first value of κ̃ = κ·b_out.
///
/// Source: \[Rasch23\] Methods, "tile-wise scale".
pub(super) fn tile_scale_start(config: &Analog) -> f32 {
    config.tile().periphery.adc.full_scale().unwrap_or(1.0)
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

    /// Factors ρ of the ranges of the ADCs, one for each group of columns, where they are learned.
    pub fn adc_factors(&self, parameters: &Parameters) -> Option<Vec<f32>> {
        let (id, _) = self.adc_bound.as_ref()?;
        let held = |factor: &f32| factor.abs().clamp(1e-3, 1e3);
        Some(parameters.get(*id).float().iter().map(held).collect())
    }

    /// The largest output of every ADC, tile by tile as the scales: ρ times that of `adc`. None where ranges
    /// are not learned, or that has no bound.
    pub fn adc_bounds(&self, parameters: &Parameters, adc: &Adc) -> Option<Vec<f32>> {
        let factors = self.adc_factors(parameters)?;
        let (_, groups) = self.adc_bound.as_ref()?;
        let mut bounds = vec![adc.full_scale()?; self.cut.scales()];
        for (group, factor) in groups.iter().zip(factors) {
            bounds[group.clone()].iter_mut().for_each(|bound| *bound *= factor);
        }
        Some(bounds)
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

    /// Maps logical weights: scales as the configuration says, w̆ = w/γ, κ = 1, ρ = 1.
    ///
    /// # Errors
    ///
    /// A clause that names the layer, if a weight is not finite, or cannot be mapped by
    /// [`WeightScale::Unit`].
    pub(super) fn map(&self, parameters: &mut Parameters, logical: &[f32]) -> Result<(), String> {
        let mapping = &self.config.tile().mapping;
        let unit = self.config.training().scale_unit.factor(self.inputs);
        let normalized = self.cut.normalize(logical, mapping);
        let Normalized { weights, mut scales } =
            normalized.map_err(|error| format!("{}: {error}", self.name))?;
        scales.iter_mut().for_each(|scale| *scale /= unit);
        parameters.get_mut(self.weight).set_values(&weights);
        parameters.get_mut(self.scale).set_values(&scales);
        if let Some(id) = self.tile_scale {
            let start = vec![tile_scale_start(&self.config); self.cut.parts().len()];
            parameters.get_mut(id).set_values(&start);
        }
        if let Some((id, groups)) = &self.adc_bound {
            parameters.get_mut(*id).set_values(&vec![1.0; groups.len()]);
        }
        Ok(())
    }

    /// Brings the largest weight of each column of each tile to 1, its scale taking the factor.
    ///
    /// What optimisers remember is scaled as the increments that it stands for: the last increment
    /// and a first moment (a velocity, or Adam's M) by the factor, a second moment by its square.
    ///
    /// Assumed: the paper does not say what becomes of the momentum; learned ranges of ADCs stay what they are.
    fn remap(&self, parameters: &mut Parameters) {
        let mut factors = vec![1.0f32; parameters.get(self.scale).float().len()];
        let weights = parameters.get(self.weight).float();
        for (stretch, factor) in self.cut.stretches().zip(&mut factors) {
            let max = weights[stretch].iter().fold(0.0f32, |max, w| max.max(w.abs()));
            *factor = if max > 0.0 { max } else { 1.0 };
        }
        parameters.get_mut(self.weight).rescale(|values, power| {
            for (stretch, factor) in self.cut.stretches().zip(&factors) {
                values[stretch].iter_mut().for_each(|w| *w /= factor.powi(power));
            }
        });
        parameters.get_mut(self.scale).rescale(|values, power| {
            values.iter_mut().zip(&factors).for_each(|(s, factor)| *s *= factor.powi(power));
        });
    }
}

impl Binding for AnalogWeights {
    fn weight(&self) -> ParameterId {
        self.weight
    }

    fn logical(&self, parameters: &Parameters) -> Vec<f32> {
        self.logical(parameters)
    }

    fn assign(&self, parameters: &mut Parameters, logical: &[f32]) -> Result<(), String> {
        self.map(parameters, logical)
    }

    /// Columns are mapped anew where it is time for that.
    fn after_update(&self, parameters: &mut Parameters, step: u64) {
        let every = self.config.training().remap_every;
        if every.is_some_and(|every| step.is_multiple_of(every)) {
            self.remap(parameters);
        }
    }

    /// The cut into tiles and the fixed factors of the scales.
    fn unit(&self) -> (String, String) {
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
        let unit = format!("on tiles of {rows} × {columns}, scale_unit = {unit}{bound}");
        (format!("{}.tiles", self.name), unit)
    }
}

impl Parameters {
    /// All matrices on tiles.
    pub fn analog(&self) -> impl Iterator<Item = &AnalogWeights> {
        self.bound_by()
    }

    /// The matrix of that weight.
    pub(super) fn analog_of(&self, weight: ParameterId) -> &AnalogWeights {
        let found = self.analog().find(|analog| analog.weight == weight);
        found.expect("a layer on tiles binds its parameters")
    }

    /// Sets the factors of the ranges of the ADCs of a layer on tiles, where they are learned.
    ///
    /// # Panics
    ///
    /// If there is no such layer, it does not learn them, or has other groups of columns.
    #[track_caller]
    pub fn set_adc_factors(&mut self, layer: &str, factors: &[f32]) {
        let found = self.analog().find(|analog| analog.name == layer);
        let analog = found.unwrap_or_else(|| panic!("no layer on tiles is named {layer}"));
        let Some((id, groups)) = &analog.adc_bound else { panic!("{layer} learns no ranges") };
        let (id, groups) = (*id, groups.len());
        assert_eq!(
            factors.len(),
            groups,
            "{} factors for {groups} groups of {layer}",
            factors.len()
        );
        self.get_mut(id).set_values(factors);
    }

    /// Sets the input range of a layer on tiles.
    ///
    /// # Panics
    ///
    /// If there is no such layer, or the range is not positive and finite.
    #[track_caller]
    pub fn set_input_range(&mut self, layer: &str, range: f32) {
        assert!(range > 0.0 && range.is_finite(), "input range {range} of {layer} is not > 0");
        let found = self.analog().find(|analog| analog.name == layer);
        let id = found.unwrap_or_else(|| panic!("no layer on tiles is named {layer}")).input_range;
        self.get_mut(id).set_values(&[range]);
    }
}
