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

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use crossbar::{
    Accum, AnalogMatrix, ArrayWeights, ClipMasks, Digital, MvmNoise, Periphery, Saturation,
    WeightNoise, columns_of, split,
};
use numerics::{Par, Seed};

use super::LinearMap;
use super::plan::Gathered;
use super::rows::Rows;
use crate::arithmetic::Analog;
use crate::parameters::AnalogWeights;
use crate::{Mode, ParameterId, Parameters, Pass, Storage};

pub(super) use backward::{
    accumulate_digital, accumulate_range, accumulate_weights, needs_input_gradient, propagate,
};

/// Rows of one unit of work: about as many as fill the second-level cache.
const BLOCK_ROWS: usize = 480;

thread_local! {
    /// Patches of a block, for the next one.
    static GATHERED: RefCell<Gathered<f32>> = RefCell::default();
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
    input_range: Option<f32>,
    /// γ of every tile and output.
    scales: Vec<f32>,
    packed: Vec<ArrayWeights>,
    /// γ ⊙ W̃ as (out, in), for the backward product; empty in evaluation.
    logical: Vec<f32>,
}

/// What one forward product keeps for the backward pass.
#[derive(Debug)]
pub(crate) struct Use {
    weights: Arc<StepWeights>,
    input_range: f32,
    /// α z by block: \[tile\]\[row\]\[output of the tile\]; empty if no scale is learned.
    products: Vec<f32>,
    /// Of every block, the masks of its tiles.
    masks: Vec<Vec<ClipMasks>>,
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
    let scale =
        parameters.add(format!("{name}.scale"), &[first_scale], float(vec![1.0; first_scale]));
    let tile_scale = learned.tiles().then(|| {
        let start = vec![tile_scale_start(&config); parts.len()];
        parameters.add(format!("{name}.tile_scale"), &[parts.len()], float(start))
    });
    let input_range = parameters.add(format!("{name}.input_range"), &[1], float(vec![1.0]));
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
    /// The weights of one step, which all uses of the map in it share.
    pub(super) fn step_weights(
        &self,
        map: &LinearMap,
        parameters: &Parameters,
        pass: &Pass,
        calibrating: bool,
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
        let mut logical = vec![0.0; if train { weight.len() } else { 0 }];
        let seed = map.seed(pass, "weights");
        let mut packed = Vec::with_capacity(self.parts.len());
        for (index, part) in self.parts.iter().enumerate() {
            let width = part.columns.len();
            let clean = part.columns_of(weight, map.inputs);
            let noisy = match &self.noise {
                Some(noise) if train && !calibrating => {
                    let mut noisy = vec![0.0; clean.len()];
                    let seed = seed.child(index);
                    noise.perturb(&clean, width, ramp, &seed, pass.par, &mut noisy);
                    Cow::Owned(noisy)
                }
                _ => clean,
            };
            packed.push(ArrayWeights::pack(&noisy, part.rows.len(), width));
            if train {
                let scales = &scales[part.first_scale..][..part.rows.len()];
                let rows = part.rows.clone().zip(noisy.chunks_exact(width)).zip(scales);
                for ((row, noisy), &scale) in rows {
                    let out = &mut logical[row * map.inputs..][part.columns.clone()];
                    out.iter_mut().zip(noisy).for_each(|(out, w)| *out = scale * w);
                }
            }
        }
        let input_range = (!calibrating).then(|| place.input_range(parameters));
        StepWeights::Perturbed(Perturbed { input_range, scales, packed, logical })
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

impl Part {
    /// Its columns of its rows of a matrix with `inputs` columns.
    fn columns_of<'a>(&self, matrix: &'a [f32], inputs: usize) -> Cow<'a, [f32]> {
        let rows = &matrix[self.rows.start * inputs..self.rows.end * inputs];
        columns_of(rows, inputs, &self.columns)
    }
}

/// One unit of work of a forward product.
struct Block<'a> {
    y: &'a mut [f32],
    products: &'a mut [f32],
    masks: Vec<ClipMasks>,
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
        let mut gathered = GATHERED.take();
        gathered.forget_frame();
        reader.with_rows(x, first..first + count, &mut gathered, |x| {
            let noise = MvmNoise { seed, first_sample: first_sample + first as u64 };
            match &**weights {
                StepWeights::Programmed(matrix) => {
                    block.saturation = matrix.forward(x, &noise, Par::Seq, block.y);
                }
                StepWeights::Perturbed(perturbed) => {
                    let train = pass.mode == Mode::Train;
                    multiply(tiles, perturbed, input_range, x, bias, &noise, train, block);
                }
            }
        });
        GATHERED.set(gathered);
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
    x: &[f32],
    bias: &[f32],
    noise: &MvmNoise,
    train: bool,
    block: &mut Block<'_>,
) {
    let Block { y, products, masks, saturation } = block;
    let inputs = tiles.parts.last().map_or(1, |part| part.columns.end);
    let outputs = tiles.parts.last().map_or(1, |part| part.rows.end);
    let count = y.len() / outputs;
    let mut kept = &mut **products;
    let mut ones = Vec::new();
    let mut own = Vec::new();
    for (index, (part, packed)) in tiles.parts.iter().zip(&weights.packed).enumerate() {
        let (height, first) = (part.rows.len(), part.columns.start == 0);
        let x = columns_of(x, inputs, &part.columns);
        let scale = &weights.scales[part.first_scale..][..height];
        let bias = if first && !bias.is_empty() { &bias[part.rows.clone()] } else { &[] };
        let noise = MvmNoise { seed: noise.seed.child(index), ..*noise };
        let accum = if first { Accum::Replace } else { Accum::Add };
        let mut product = |digital: Digital<'_>, accum: Accum, y: &mut [f32]| {
            let periphery = &part.periphery;
            if train {
                let mut mask = ClipMasks::default();
                *saturation += periphery.forward_with_masks(
                    packed,
                    &x,
                    digital,
                    &noise,
                    accum,
                    Par::Seq,
                    y,
                    &mut mask,
                );
                masks.push(mask);
            } else {
                *saturation += periphery.forward(packed, &x, digital, &noise, accum, Par::Seq, y);
            }
        };
        if kept.is_empty() && height == outputs {
            product(Digital { input_range, scale, bias }, accum, y);
            continue;
        }
        // α z first, then its share of y.
        let z = if kept.is_empty() {
            own.resize(count * height, 0.0);
            &mut own[..]
        } else {
            let (z, rest) = std::mem::take(&mut kept).split_at_mut(count * height);
            kept = rest;
            z
        };
        ones.resize(height, 1.0);
        product(Digital { input_range, scale: &ones, bias: &[] }, Accum::Replace, z);
        for (y, z) in y.chunks_exact_mut(outputs).zip(z.chunks_exact(height)) {
            let y = &mut y[part.rows.clone()];
            match (accum, bias.is_empty()) {
                (Accum::Add, _) => {
                    y.iter_mut().zip(scale).zip(z).for_each(|((y, s), z)| *y += s * z);
                }
                (Accum::Replace, true) => {
                    y.iter_mut().zip(scale).zip(z).for_each(|((y, s), z)| *y = s * z);
                }
                (Accum::Replace, false) => {
                    let terms = scale.iter().zip(bias).zip(z);
                    y.iter_mut().zip(terms).for_each(|(y, ((s, b), z))| *y = b + s * z);
                }
            }
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
