//! The actions of a linear map on crossbar tiles.
//!
//! The product, what it keeps and where errors stop are those of [`crossbar::training`]. Here is what
//! a layer adds: rows that may be patches of images, the parameters, and the rules by which scales
//! and input range are learned. The weights of a mini-batch are the same for all uses of the map in
//! it.
//!
//! Source: \[Rasch23\] Methods, "hardware-aware training".

mod backward;
mod blocks;
mod clipped;
mod step_weights;

use std::sync::Arc;

use crossbar::training::{Keep, Kept, TrainingTiles};
use crossbar::{Batch, MvmNoise, Saturation, TileConfig, WeightNoise};
use numerics::Seed;

use super::LinearMap;
use super::rows::Rows;
use crate::arithmetic::Analog;
use crate::parameters::AnalogWeights;
use crate::{Mode, ParameterId, Parameters, Pass, Role, Storage};

pub(super) use backward::{
    accumulate_digital, accumulate_range, accumulate_weights, needs_input_gradient, propagate,
};
use blocks::Blocks;
pub(super) use clipped::propagate_at_range;
use step_weights::Perturbed;
pub(crate) use step_weights::StepWeights;

/// The tiles of a map: what does not change from step to step.
#[derive(Clone, Debug)]
pub(super) struct Tiles {
    config: Arc<Analog>,
    tiles: TrainingTiles,
    noise: Option<WeightNoise>,
    scale: ParameterId,
    tile_scale: Option<ParameterId>,
    input_range: ParameterId,
}

/// What one forward product keeps for the backward pass.
#[derive(Debug)]
pub(crate) struct Use {
    weights: Arc<StepWeights>,
    kept: Kept,
}

/// Registers the parameters of a map beside its weights: scales and input range.
pub(super) fn tiles(
    parameters: &mut Parameters,
    config: &Analog,
    name: &str,
    (outputs, inputs): (usize, usize),
    (weight, bias): (ParameterId, Option<ParameterId>),
    logical: &[f32],
) -> Tiles {
    let config = Arc::new(config.clone());
    let (tile, training) = (config.tile(), config.training());
    let seed = Seed::new(0).child("periphery").child(name);
    let wires = crossbar::wires::IrDropConfig {
        scale: if training.ir_drop { tile.ir_drop.scale } else { 0.0 },
        ..tile.ir_drop
    };
    let trained = TileConfig { ir_drop: wires, ..tile.clone() };
    let tiles =
        TrainingTiles::new(&trained, outputs, inputs, &seed).expect("a checked configuration");
    let (parts, scales) = (tiles.cut().parts(), tiles.cut().scales());
    let float = |values: Vec<f32>| Storage::Float { values, increment: None };
    let learned = training.learned_scales;
    let scale =
        parameters.add(format!("{name}.scale"), Role::Scale, &[scales], float(vec![1.0; scales]));
    let tile_scale = learned.tiles().then(|| {
        let start = vec![tile_scale_start(&config); parts.len()];
        parameters.add(format!("{name}.tile_scale"), Role::Scale, &[parts.len()], float(start))
    });
    let input_range =
        parameters.add(format!("{name}.input_range"), Role::InputRange, &[1], float(vec![1.0]));
    let noise = training
        .weight_noise
        .map(|noise| WeightNoise::new(&noise).expect("a checked configuration"));
    parameters.add_analog(AnalogWeights {
        name: name.to_owned(),
        outputs,
        inputs,
        weight,
        bias,
        scale,
        tile_scale,
        input_range,
        cut: tiles.cut().clone(),
        config: Arc::clone(&config),
        programmed: None,
    });
    parameters.map_analog(weight, logical);
    Tiles { config, tiles, noise, scale, tile_scale, input_range }
}

/// The first value of κ̃ = κ·b_out.
///
/// Source: \[Rasch23\] Methods, "tile-wise scale".
pub(crate) fn tile_scale_start(config: &Analog) -> f32 {
    config.tile().periphery.adc.bound.unwrap_or(1.0)
}

impl Tiles {
    /// Whether they are the tiles of those weights, or as they are.
    pub(super) fn is_of(&self, weights: &AnalogWeights) -> bool {
        Arc::ptr_eq(&self.config, &weights.config) || self.config == weights.config
    }

    /// How many numbers [`Use`] keeps of the products of `rows`.
    pub(super) fn kept(&self, rows: &Rows, pass: &Pass) -> usize {
        let learned = self.config.training().learned_scales;
        if pass.mode == Mode::Eval || !(learned.columns() || learned.tiles()) {
            return 0;
        }
        rows.count() * self.tiles.cut().scales()
    }
}

/// y = β + Σ_p α γ_p ⊙ z_p; `products` is memory for [`Tiles::kept`] numbers.
pub(super) fn forward(
    map: &LinearMap,
    weights: &Arc<StepWeights>,
    x: &[f32],
    rows: &Rows,
    y: &mut [f32],
    products: Vec<f32>,
    pass: &Pass,
) -> Use {
    let first_sample = pass.first_row * (rows.count() / rows.batch().max(1)) as u64;
    let noise = MvmNoise { seed: map.seed(pass, "product"), first_sample };
    let batch = Batch { inputs: Blocks::new(rows, x), noise };
    let kept = match &**weights {
        StepWeights::Programmed(matrix) => matrix.forward_batch(batch, pass.par, y).into(),
        StepWeights::Perturbed(Perturbed { input_range, matrix }) => {
            let input_range = input_range.unwrap_or_else(|| {
                let max = x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
                if max > 0.0 && max.is_finite() { max } else { 1.0 }
            });
            let keep = match pass.mode {
                _ if !products.is_empty() => Keep::Products(products),
                Mode::Train => Keep::Clipped,
                Mode::Eval | Mode::Teach => Keep::Nothing,
            };
            matrix.forward(batch, input_range, keep, pass.par, y)
        }
    };
    Use { weights: Arc::clone(weights), kept }
}

impl Use {
    /// The buffer of products, to be used again.
    pub(crate) fn into_buffer(self) -> Vec<f32> {
        self.kept.into_buffer()
    }

    pub(super) fn saturation(&self) -> Saturation {
        self.kept.saturation()
    }

    fn perturbed(&self) -> &Perturbed {
        match &*self.weights {
            StepWeights::Perturbed(perturbed) => perturbed,
            StepWeights::Programmed(_) => panic!("programmed devices are not trained"),
        }
    }
}
