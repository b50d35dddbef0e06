//! The actions of a linear map on crossbar tiles.
//!
//! ```text
//! forward    z_p = ADC(W̃_p DAC(x_p/α)),   y = β + Σ_p α γ_p ⊙ z_p
//! backward   δ_m = δ where no ADC of the output saturated, else 0
//!            ∂β = Σ δ,   ∂γ_p = Σ δ ⊙ α z_p,   ∂w = δ_mᵀ clamp(x, ±α),   ∂x = δ_m (γ ⊙ W̃)
//! ```
//!
//! The gradient passes the converters as if they were not there (straight-through), the drop along
//! the wires and the noise of the product too. W̃ are the weights with the noise of the mini-batch,
//! the same for all uses of the map in it; ∂w is that of γ ⊙ w̆, the logical weights.
//!
//! Source: \[Rasch23\] Methods, "hardware-aware training".
//!
//! Differs: where one of the tiles of a split matrix saturates at an output, the error of that
//! output is stopped for all of its tiles; and the tiles of a matrix share one input range, where
//! the paper has one for each.

mod backward;
mod clipped;
mod step_weights;

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use crossbar::{
    Accum, ClipMask, Digital, Inputs, Kept, MvmNoise, Periphery, Saturation, WeightNoise, split,
};
use numerics::{Par, Seed};

use super::LinearMap;
use super::plan::Framed;
use super::rows::Rows;
use crate::arithmetic::Analog;
use crate::parameters::AnalogWeights;
use crate::{Mode, ParameterId, Parameters, Pass, Role, Storage};

pub(super) use backward::{
    accumulate_digital, accumulate_range, accumulate_weights, needs_input_gradient, propagate,
};
pub(super) use clipped::propagate_at_range;
use step_weights::Perturbed;
pub(crate) use step_weights::StepWeights;

/// Rows of one unit of work: about as many as fill the second-level cache.
const BLOCK_ROWS: usize = 480;

thread_local! {
    /// Images of a block, for the next one.
    static FRAMED: RefCell<Framed> = RefCell::default();
}

/// The tiles of a map: what does not change from step to step.
#[derive(Clone, Debug)]
pub(super) struct Tiles {
    config: Arc<Analog>,
    parts: Vec<Part>,
    noise: Option<WeightNoise>,
    scale: ParameterId,
    tile_scale: Option<ParameterId>,
    input_range: ParameterId,
}

/// One tile: its place in the matrix and its periphery.
#[derive(Clone, Debug)]
struct Part {
    rows: Range<usize>,
    columns: Range<usize>,
    /// Where its scales begin among those of all tiles.
    first_scale: usize,
    periphery: Periphery,
}

/// What one forward product keeps for the backward pass.
#[derive(Debug)]
pub(crate) struct Use {
    weights: Arc<StepWeights>,
    input_range: f32,
    /// α z by block: \[tile\]\[row\]\[output of the tile\]; empty if no scale is learned.
    products: Vec<f32>,
    /// Of every block, the masks of its tiles.
    masks: Vec<Vec<ClipMask>>,
    pub(super) saturation: Saturation,
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
    let mut parts = Vec::new();
    let mut first_scale = 0;
    for rows in split(outputs, tile.mapping.max_outputs.unwrap_or(outputs)) {
        for columns in split(inputs, tile.mapping.max_inputs) {
            let (height, width) = (rows.len(), columns.len());
            let seed = seed.child(parts.len());
            let periphery = Periphery::new(&tile.periphery, &wires, width, height, &seed)
                .expect("a checked configuration");
            parts.push(Part { rows: rows.clone(), columns, first_scale, periphery });
            first_scale += height;
        }
    }
    let float = |values: Vec<f32>| Storage::Float { values, increment: None };
    let learned = training.learned_scales;
    let scale = parameters.add(
        format!("{name}.scale"),
        Role::Scale,
        &[first_scale],
        float(vec![1.0; first_scale]),
    );
    let tile_scale = learned.tiles().then(|| {
        let start = vec![tile_scale_start(&config); parts.len()];
        parameters.add(format!("{name}.tile_scale"), Role::Scale, &[parts.len()], float(start))
    });
    let input_range =
        parameters.add(format!("{name}.input_range"), Role::InputRange, &[1], float(vec![1.0]));
    let noise = training
        .weight_noise
        .map(|noise| WeightNoise::new(&noise).expect("a checked configuration"));
    let places =
        parts.iter().map(|part: &Part| (part.rows.clone(), part.columns.clone())).collect();
    parameters.add_analog(AnalogWeights {
        name: name.to_owned(),
        outputs,
        inputs,
        weight,
        bias,
        scale,
        tile_scale,
        input_range,
        places,
        config: Arc::clone(&config),
        programmed: None,
    });
    parameters.map_analog(weight, logical);
    Tiles { config, parts, noise, scale, tile_scale, input_range }
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
        rows.count() * self.parts.iter().map(|part| part.rows.len()).sum::<usize>()
    }
}

/// One unit of work of a forward product.
struct Block<'a> {
    y: &'a mut [f32],
    products: &'a mut [f32],
    masks: Vec<ClipMask>,
    saturation: Saturation,
}

/// y = β + Σ_p α γ_p ⊙ z_p.
#[expect(clippy::too_many_arguments, reason = "operands, result, and what is kept")]
pub(super) fn forward(
    map: &LinearMap,
    tiles: &Tiles,
    parameters: &Parameters,
    weights: &Arc<StepWeights>,
    x: &[f32],
    rows: &Rows,
    y: &mut [f32],
    mut products: Vec<f32>,
    pass: &Pass,
) -> Use {
    let bias = map.bias.map_or(&[][..], |id| parameters.get(id).float());
    let seed = map.seed(pass, "product");
    let first_sample = pass.first_row * (rows.count() / rows.batch().max(1)) as u64;
    let range_of = |perturbed: &Perturbed| {
        perturbed.input_range.unwrap_or_else(|| {
            let max = x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
            if max > 0.0 && max.is_finite() { max } else { 1.0 }
        })
    };
    let input_range = match &**weights {
        StepWeights::Perturbed(perturbed) => range_of(perturbed),
        StepWeights::Programmed(_) => 1.0,
    };
    let block_rows = rows.block_rows(BLOCK_ROWS);
    let kept_per_row: usize = tiles.parts.iter().map(|part| part.rows.len()).sum();
    let mut kept = products.chunks_mut((block_rows * kept_per_row).max(1));
    let mut blocks: Vec<Block<'_>> = y
        .chunks_mut((block_rows * map.outputs).max(1))
        .map(|y| Block {
            y,
            products: kept.next().unwrap_or_default(),
            masks: Vec::new(),
            saturation: Saturation::default(),
        })
        .collect();
    let reader = rows.reader();
    pass.par.for_each_chunk(&mut blocks, 1, |index, block| {
        let block = &mut block[0];
        let count = block.y.len() / map.outputs;
        let first = index * block_rows;
        let mut framed = FRAMED.take();
        reader.with_inputs(x, first..first + count, &mut framed, |x| {
            let noise = MvmNoise { seed, first_sample: first_sample + first as u64 };
            match &**weights {
                StepWeights::Programmed(matrix) => {
                    block.saturation = matrix.forward_inputs(x, &noise, Par::Seq, block.y);
                }
                StepWeights::Perturbed(perturbed) => {
                    let train = pass.mode == Mode::Train;
                    multiply(tiles, perturbed, input_range, x, bias, &noise, train, block);
                }
            }
        });
        FRAMED.set(framed);
    });
    let mut saturation = Saturation::default();
    blocks.iter().for_each(|block| saturation += block.saturation);
    let masks = blocks.into_iter().map(|block| block.masks).collect();
    products.truncate(if pass.mode == Mode::Train { usize::MAX } else { 0 });
    Use { weights: Arc::clone(weights), input_range, products, masks, saturation }
}

/// The products of one block, tile by tile.
#[expect(clippy::too_many_arguments, reason = "a product has operands, noise and results")]
fn multiply(
    tiles: &Tiles,
    weights: &Perturbed,
    input_range: f32,
    x: Inputs<'_>,
    bias: &[f32],
    noise: &MvmNoise,
    train: bool,
    block: &mut Block<'_>,
) {
    let Block { y, products, masks, saturation } = block;
    let inputs = tiles.parts.last().map_or(1, |part| part.columns.end);
    let outputs = tiles.parts.last().map_or(1, |part| part.rows.end);
    let count = y.len() / outputs;
    let keeps = !products.is_empty();
    let mut kept = &mut **products;
    let mut spare = Vec::new();
    for (index, (part, packed)) in tiles.parts.iter().zip(&weights.packed).enumerate() {
        let (height, first) = (part.rows.len(), part.columns.start == 0);
        let scale = &weights.scales[part.first_scale..][..height];
        let bias = if first && !bias.is_empty() { &bias[part.rows.clone()] } else { &[] };
        let digital = Digital { input_range, scale, bias };
        let noise = MvmNoise { seed: noise.seed.child(index), ..*noise };
        let accum = if first { Accum::Replace } else { Accum::Add };
        let mut clipped = train.then(ClipMask::default);
        let products = if keeps {
            let (z, rest) = std::mem::take(&mut kept).split_at_mut(count * height);
            kept = rest;
            Some(z)
        } else {
            // As if they were kept: the same bits.
            spare.resize(if height == outputs { 0 } else { count * height }, 0.0);
            (!spare.is_empty()).then_some(&mut spare[..])
        };
        let kept = Kept { clipped: clipped.as_mut(), products };
        let mut product = |accum: Accum, y: &mut [f32], kept: Kept<'_>| {
            x.with_columns(inputs, &part.columns, |x| {
                let par = Par::Seq;
                *saturation +=
                    part.periphery.forward_kept(packed, x, digital, &noise, accum, par, y, kept);
            });
        };
        if height == outputs {
            product(accum, y, kept);
        } else {
            // The tile's outputs first, then into their columns of y.
            let mut own = vec![0.0; count * height];
            product(Accum::Replace, &mut own, kept);
            for (y, own) in y.chunks_exact_mut(outputs).zip(own.chunks_exact(height)) {
                let y = &mut y[part.rows.clone()];
                match accum {
                    Accum::Add => y.iter_mut().zip(own).for_each(|(y, own)| *y += own),
                    Accum::Replace => y.copy_from_slice(own),
                }
            }
        }
        if let Some(mask) = clipped {
            masks.push(mask);
        }
    }
}

impl Use {
    /// The buffer of products, to be used again.
    pub(crate) fn into_buffer(self) -> Vec<f32> {
        self.products
    }

    fn perturbed(&self) -> &Perturbed {
        match &*self.weights {
            StepWeights::Perturbed(perturbed) => perturbed,
            StepWeights::Programmed(_) => panic!("programmed devices are not trained"),
        }
    }
}
