//! [`Tiles`]: the products of a layer on crossbar tiles.
//!
//! The product, what it keeps and where errors stop are those of [`crossbar::training`]. Here is what
//! a layer adds: rows that may be patches of images, the parameters, and the rules by which scales
//! and input range are learned. The weights of a mini-batch are the same for all uses of the layer in
//! it.
//!
//! Source: \[Rasch23\] Methods, "hardware-aware training".

use std::sync::Arc;

use crossbar::training::{Keep, Kept, TrainingTiles};
use crossbar::{Batch, MvmNoise, Saturation, TileConfig, WeightNoise};
use numerics::Seed;

use super::binding::{AnalogWeights, tile_scale_start};
use super::blocks::Blocks;
use super::config::{Analog, InputRangeRule};
use super::step_weights::Perturbed;
use super::storage::Normalized;
use crate::arithmetic::Arithmetic;
use crate::arithmetic::float32::products;
use crate::arithmetic::float32::storage::Floats;
use crate::arithmetic::input::Input;
use crate::arithmetic::layer::{Layer, NewLayer};
use crate::arithmetic::multiply::{Forward, Multiply};
use crate::linear_map::LinearMap;
use crate::parameters::{Parameter, ParameterId, Parameters, Role};
use crate::pass::{Mode, Pass};
use crate::rows::Rows;
use crate::tape::Backward;

/// The tiles of a map: what does not change from step to step.
#[derive(Debug)]
pub(super) struct Tiles {
    pub(super) layer: Layer,
    pub(super) config: Arc<Analog>,
    pub(super) tiles: TrainingTiles,
    pub(super) noise: Option<WeightNoise>,
    pub(super) scale: ParameterId,
    pub(super) tile_scale: Option<ParameterId>,
    pub(super) input_range: ParameterId,
    pub(super) adc_bound: Option<ParameterId>,
}

/// What one forward product keeps for the backward pass.
#[derive(Debug)]
pub(super) struct Use {
    /// None if devices multiplied.
    weights: Option<Arc<Perturbed>>,
    pub(super) kept: Kept,
}

impl Tiles {
    /// Adds the parameters of a layer on tiles, scales and input range beside weights and bias.
    pub(super) fn new(config: &Analog, mut new: NewLayer<'_>) -> Self {
        let config = Arc::new(config.clone());
        let logical = new.weight;
        let layer = new.store(Normalized::new(logical.to_vec()), Floats::new);
        let Layer { name, outputs, inputs, .. } = &layer;
        let parameters = new.parameters;
        let (tile, training) = (config.tile(), config.training());
        let seed = Seed::new(0).child("periphery").child(name);
        let wires = crossbar::wires::IrDropConfig {
            scale: if training.ir_drop { tile.ir_drop.scale } else { 0.0 },
            ..tile.ir_drop
        };
        let trained = TileConfig { ir_drop: wires, ..tile.clone() };
        let tiles = TrainingTiles::new(&trained, *outputs, *inputs, &seed)
            .expect("a checked configuration");
        let cut = tiles.cut();
        let mut ones = |part: &str, role: Role, len: usize, value: f32| {
            parameters.add(format!("{name}.{part}"), role, &[len], Floats::new(vec![value; len]))
        };
        let scale = ones("scale", Role::Scale, cut.scales(), 1.0);
        let learned = training.learned_scales;
        let tile_scale = learned
            .tiles()
            .then(|| ones("tile_scale", Role::Scale, cut.parts().len(), tile_scale_start(&config)));
        let input_range = ones("input_range", Role::InputRange, 1, 1.0);
        let adc_bound = training.adc_bound.map(|_| {
            let groups = tiles.adc_groups();
            (ones("adc_bound", Role::AdcBound, groups.len(), 1.0), groups.into())
        });
        let noise = training
            .weight_noise
            .map(|noise| WeightNoise::new(&noise).expect("a checked configuration"));
        let weights = Arc::new(AnalogWeights {
            name: name.clone(),
            outputs: *outputs,
            inputs: *inputs,
            weight: layer.weight,
            bias: layer.bias,
            scale,
            tile_scale,
            input_range,
            adc_bound: adc_bound.clone(),
            cut: cut.clone(),
            config: Arc::clone(&config),
        });
        weights.map(parameters, logical).unwrap_or_else(|problem| panic!("{problem}"));
        parameters.bind(weights);
        let adc_bound = adc_bound.map(|(id, _)| id);
        Self { layer, config, tiles, noise, scale, tile_scale, input_range, adc_bound }
    }

    /// How many numbers [`Use`] keeps of the products of `rows`.
    fn kept(&self, rows: &Rows, pass: &Pass) -> usize {
        let learned = self.config.training().learned_scales;
        let wanted = learned.columns() || learned.tiles() || self.adc_bound.is_some();
        if pass.mode == Mode::Eval || !wanted {
            return 0;
        }
        rows.count() * self.tiles.cut().scales()
    }
}

impl Arithmetic for Analog {
    fn linear_map(&self, layer: NewLayer<'_>) -> LinearMap {
        let tiles = Tiles::new(self, layer);
        LinearMap::new(tiles.layer.clone(), tiles)
    }
}

impl Multiply for Tiles {
    type Use = Use;

    fn describe(&self) -> String {
        "tiles".to_owned()
    }

    fn multiplies(&self, _: &Parameter, parameters: &Parameters) -> bool {
        let mut bound = parameters.analog().filter(|bound| bound.weight == self.layer.weight);
        let same = |bound: &AnalogWeights| {
            Arc::ptr_eq(&self.config, &bound.config) || self.config == bound.config
        };
        bound.next().is_some_and(same)
    }

    fn forward(&self, x: &Input<'_>, y: &mut [f32], context: &mut Forward<'_>) -> Use {
        let (parameters, pass, leaves) = (context.parameters, context.pass, context.leaves);
        let devices = context.devices.filter(|_| pass.mode == Mode::Eval);
        let noise = MvmNoise {
            seed: self.layer.seed(&pass, "product"),
            first_sample: x.first_position(&pass, x.count()),
        };
        let batch = Batch { inputs: Blocks::new(x), noise };
        if let Some(matrix) = devices.and_then(|devices| devices.of(self.layer.weight)) {
            return Use { weights: None, kept: matrix.forward_batch(batch, pass.par, y).into() };
        }
        let calibrating = context.calibrating;
        let weights = context.once_per_step(self.layer.weight, |spare| {
            self.perturbed(parameters, &pass, calibrating, spare)
        });
        let input_range = weights.input_range.unwrap_or_else(|| {
            let max = x.values.iter().fold(0.0f32, |max, x| max.max(x.abs()));
            let max = leaves.largest(max);
            if max > 0.0 && max.is_finite() { max } else { 1.0 }
        });
        // Leaf by leaf: whether a product stops any errors depends on all of its samples.
        let outputs = self.layer.outputs;
        let noise_of =
            |row: usize| MvmNoise { first_sample: noise.first_sample + row as u64, ..noise };
        let mut of_leaves = leaves.rows(x.count()).into_iter().map(|rows| {
            let y = &mut y[rows.start * outputs..rows.end * outputs];
            let x = if leaves.is_cut() { x.part(rows.clone()) } else { *x };
            let products = context.scratch(self.kept(&x.rows, &pass));
            let keep = match pass.mode {
                _ if !products.is_empty() => Keep::Products(products),
                Mode::Train => Keep::Clipped,
                Mode::Eval | Mode::Teach => Keep::Nothing,
            };
            let batch = Batch { inputs: Blocks::new(&x), noise: noise_of(rows.start) };
            weights.matrix.forward(batch, input_range, keep, pass.par, y)
        });
        let mut kept = of_leaves.next().unwrap_or_default();
        let spare: Vec<Vec<f32>> = of_leaves.map(|more| kept.append(more)).collect();
        spare.into_iter().for_each(|buffer| context.recycle(buffer));
        Use { weights: Some(weights), kept }
    }

    fn propagate(
        &self,
        used: &mut Use,
        x: &Input<'_>,
        errors: &mut [f32],
        dx: Option<&mut [f32]>,
        context: &mut Backward<'_>,
    ) {
        self.accumulate_digital(used, errors, context);
        self.accumulate_bounds(used, errors, context);
        used.kept.stop_saturated(self.tiles.cut(), errors);
        let par = context.pass.par;
        let logical = used.perturbed().matrix.effective();
        match dx {
            Some(dx) => {
                products::propagate(x, logical, errors, dx, par);
                self.accumulate_range(used, x, Some(dx), context);
            }
            None if self.range_looks_at(used, x.values) => {
                let mut dx = context.scratch(x.values.len());
                self.propagate_at_range(used, x, errors, &mut dx, context);
                self.accumulate_range(used, x, Some(&dx), context);
                context.recycle(dx);
            }
            None => self.accumulate_range(used, x, None, context),
        }
    }

    fn accumulate(
        &self,
        uses: &mut [&mut Use],
        x: &Input<'_>,
        errors: &[f32],
        context: &mut Backward<'_>,
    ) {
        if let Some(used) = uses.first() {
            self.accumulate_weights(used, x, errors, context);
        }
    }

    fn saturation(&self, used: &Use) -> Option<Saturation> {
        Some(used.kept.saturation())
    }

    fn recycle(&self, used: Use, spare: &mut Vec<Vec<f32>>) {
        spare.push(used.kept.into_buffer());
    }
}

impl Tiles {
    /// Whether ∂loss/∂x is needed for the input range, whoever else wants it.
    fn range_looks_at(&self, used: &Use, x: &[f32]) -> bool {
        self.config.training().input_range.rule != InputRangeRule::Fixed
            && used.kept.at_range(x).next().is_some()
    }
}

impl Use {
    pub(super) fn perturbed(&self) -> &Perturbed {
        self.weights.as_ref().expect("programmed devices are not trained")
    }
}
