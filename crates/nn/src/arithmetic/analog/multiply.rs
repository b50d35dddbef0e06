//! [`Tiles`]: the products of a layer on crossbar tiles.
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

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use crossbar::{
    Accum, AnalogMatrix, ClipMask, Digital, Inputs, Kept, MvmNoise, Periphery, Saturation,
    WeightNoise, split,
};
use numerics::{Par, Seed};

use super::backward::at_range;
use super::binding::{AnalogWeights, tile_scale_start};
use super::config::{Analog, InputRangeRule};
use super::step_weights::Perturbed;
use super::storage::Normalized;
use crate::arithmetic::float32::products;
use crate::arithmetic::float32::storage::Floats;
use crate::arithmetic::input::Input;
use crate::arithmetic::layer::{Layer, NewLayer};
use crate::arithmetic::multiply::{Forward, Multiply};
use crate::parameters::{Parameter, ParameterId, Parameters, Role};
use crate::pass::{Mode, Pass};
use crate::rows::Rows;
use crate::rows::plan::Framed;
use crate::tape::Backward;

/// Rows of one unit of work: about as many as fill the second-level cache.
const BLOCK_ROWS: usize = 480;

thread_local! {
    /// Images of a block, for the next one.
    static FRAMED: RefCell<Framed> = RefCell::default();
}

/// The tiles of a map: what does not change from step to step.
#[derive(Debug)]
pub(super) struct Tiles {
    pub(super) layer: Layer,
    pub(super) config: Arc<Analog>,
    pub(super) parts: Vec<Part>,
    pub(super) noise: Option<WeightNoise>,
    pub(super) scale: ParameterId,
    pub(super) tile_scale: Option<ParameterId>,
    pub(super) input_range: ParameterId,
}

/// One tile: its place in the matrix and its periphery.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
    /// Where its scales begin among those of all tiles.
    pub(super) first_scale: usize,
    periphery: Periphery,
}

/// What one forward product keeps for the backward pass.
#[derive(Debug)]
pub(super) struct Use {
    /// None if devices multiplied.
    weights: Option<Arc<Perturbed>>,
    pub(super) input_range: f32,
    /// α z by block: \[tile\]\[row\]\[output of the tile\]; empty if no scale is learned.
    pub(super) products: Vec<f32>,
    /// Of every block, the masks of its tiles.
    pub(super) masks: Vec<Vec<ClipMask>>,
    pub(super) saturation: Saturation,
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
        let mut parts = Vec::new();
        let mut first_scale = 0;
        for rows in split(*outputs, tile.mapping.max_outputs.unwrap_or(*outputs)) {
            for columns in split(*inputs, tile.mapping.max_inputs) {
                let (height, width) = (rows.len(), columns.len());
                let seed = seed.child(parts.len());
                let periphery = Periphery::new(&tile.periphery, &wires, width, height, &seed)
                    .expect("a checked configuration");
                parts.push(Part { rows: rows.clone(), columns, first_scale, periphery });
                first_scale += height;
            }
        }
        let mut ones = |part: &str, role: Role, len: usize, value: f32| {
            parameters.add(format!("{name}.{part}"), role, &[len], Floats::new(vec![value; len]))
        };
        let scale = ones("scale", Role::Scale, first_scale, 1.0);
        let learned = training.learned_scales;
        let tile_scale = learned
            .tiles()
            .then(|| ones("tile_scale", Role::Scale, parts.len(), tile_scale_start(&config)));
        let input_range = ones("input_range", Role::InputRange, 1, 1.0);
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
            places: parts.iter().map(|part| (part.rows.clone(), part.columns.clone())).collect(),
            config: Arc::clone(&config),
        });
        weights.map(parameters, logical).unwrap_or_else(|problem| panic!("{problem}"));
        parameters.bind(weights);
        Self { layer, config, parts, noise, scale, tile_scale, input_range }
    }

    /// How many numbers [`Use`] keeps of the products of `rows`.
    fn kept(&self, rows: &Rows, pass: &Pass) -> usize {
        let learned = self.config.training().learned_scales;
        if pass.mode == Mode::Eval || !(learned.columns() || learned.tiles()) {
            return 0;
        }
        rows.count() * self.parts.iter().map(|part| part.rows.len()).sum::<usize>()
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
        let (parameters, pass) = (context.parameters, context.pass);
        let devices = context.devices.filter(|_| pass.mode == Mode::Eval);
        if let Some(matrix) = devices.and_then(|devices| devices.of(self.layer.weight)) {
            return self.multiply_by_devices(matrix, x, y, &pass);
        }
        let calibrating = context.calibrating;
        let weights = context.once_per_step(self.layer.weight, |spare| {
            self.perturbed(parameters, &pass, calibrating, spare)
        });
        let products = context.scratch(self.kept(&x.rows, &pass));
        let bias = self.layer.bias.map_or(&[][..], |id| parameters.get(id).float());
        self.multiply(&weights, bias, x, y, products, &pass)
    }

    fn propagate(
        &self,
        used: &mut Use,
        x: &Input<'_>,
        errors: &mut [f32],
        dx: Option<&mut [f32]>,
        context: &mut Backward<'_>,
    ) {
        self.accumulate_digital(context.parameters, used, errors);
        self.stop_saturated(used, errors);
        let par = context.pass.par;
        let logical = &used.perturbed().logical;
        match dx {
            Some(dx) => {
                products::back(&x.rows, logical, errors, dx, par);
                self.accumulate_range(used, x.values, Some(dx), context);
            }
            None if self.range_looks_at(used, x.values) => {
                let mut dx = context.scratch(x.values.len());
                self.propagate_at_range(used, x, errors, &mut dx, par);
                self.accumulate_range(used, x.values, Some(&dx), context);
                context.recycle(dx);
            }
            None => self.accumulate_range(used, x.values, None, context),
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
        Some(used.saturation)
    }

    fn recycle(&self, used: Use, spare: &mut Vec<Vec<f32>>) {
        spare.push(used.products);
    }
}

/// One unit of work of a forward product.
struct Block<'a> {
    y: &'a mut [f32],
    products: &'a mut [f32],
    masks: Vec<ClipMask>,
    saturation: Saturation,
}

impl Tiles {
    /// Whether ∂loss/∂x is needed for the input range, whoever else wants it.
    fn range_looks_at(&self, used: &Use, x: &[f32]) -> bool {
        self.config.training().input_range.rule != InputRangeRule::Fixed
            && at_range(x, used.input_range).next().is_some()
    }

    /// y = β + Σ_p α γ_p ⊙ z_p.
    fn multiply(
        &self,
        weights: &Arc<Perturbed>,
        bias: &[f32],
        x: &Input<'_>,
        y: &mut [f32],
        mut products: Vec<f32>,
        pass: &Pass,
    ) -> Use {
        let input_range = weights.input_range.unwrap_or_else(|| {
            let max = x.values.iter().fold(0.0f32, |max, x| max.max(x.abs()));
            if max > 0.0 && max.is_finite() { max } else { 1.0 }
        });
        let block_rows = x.rows.block_rows(BLOCK_ROWS);
        let kept_per_row: usize = self.parts.iter().map(|part| part.rows.len()).sum();
        let mut kept = products.chunks_mut((block_rows * kept_per_row).max(1));
        let mut blocks: Vec<Block<'_>> = y
            .chunks_mut((block_rows * self.layer.outputs).max(1))
            .map(|y| Block {
                y,
                products: kept.next().unwrap_or_default(),
                masks: Vec::new(),
                saturation: Saturation::default(),
            })
            .collect();
        let train = pass.mode == Mode::Train;
        self.each_block(&mut blocks, block_rows, x, pass, |block, x, noise| {
            multiply(self, weights, input_range, x, bias, noise, train, block);
        });
        let mut saturation = Saturation::default();
        blocks.iter().for_each(|block| saturation += block.saturation);
        let masks = blocks.into_iter().map(|block| block.masks).collect();
        if !train {
            products.clear();
        }
        Use { weights: Some(Arc::clone(weights)), input_range, products, masks, saturation }
    }

    /// The same by programmed devices.
    fn multiply_by_devices(
        &self,
        matrix: &AnalogMatrix,
        x: &Input<'_>,
        y: &mut [f32],
        pass: &Pass,
    ) -> Use {
        let block_rows = x.rows.block_rows(BLOCK_ROWS);
        let mut blocks: Vec<_> = y
            .chunks_mut((block_rows * self.layer.outputs).max(1))
            .map(|y| Block {
                y,
                products: &mut [],
                masks: Vec::new(),
                saturation: Saturation::default(),
            })
            .collect();
        self.each_block(&mut blocks, block_rows, x, pass, |block, x, noise| {
            block.saturation = matrix.forward_inputs(x, noise, Par::Seq, block.y);
        });
        let mut saturation = Saturation::default();
        blocks.iter().for_each(|block| saturation += block.saturation);
        let (products, masks) = (Vec::new(), Vec::new());
        Use { weights: None, input_range: 1.0, products, masks, saturation }
    }

    /// Calls `use_block(block, its inputs, its noise)` for every block of rows.
    fn each_block(
        &self,
        blocks: &mut [Block<'_>],
        block_rows: usize,
        x: &Input<'_>,
        pass: &Pass,
        use_block: impl Fn(&mut Block<'_>, Inputs<'_>, &MvmNoise) + Sync,
    ) {
        let seed = self.layer.seed(pass, "product");
        let first_sample = x.first_position(pass, x.count());
        let reader = x.rows.reader();
        pass.par.for_each_chunk(blocks, 1, |index, block| {
            let block = &mut block[0];
            let count = block.y.len() / self.layer.outputs;
            let first = index * block_rows;
            let mut framed = FRAMED.take();
            reader.with_inputs(x.values, first..first + count, &mut framed, |x| {
                let noise = MvmNoise { seed, first_sample: first_sample + first as u64 };
                use_block(block, x, &noise);
            });
            FRAMED.set(framed);
        });
    }
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
    pub(super) fn perturbed(&self) -> &Perturbed {
        self.weights.as_ref().expect("programmed devices are not trained")
    }
}
