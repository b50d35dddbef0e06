//! The forward product, block by block and tile by tile.

use numerics::Par;

use super::kept::{Keep, Kept};
use super::perturbed::PerturbedMatrix;
use crate::periphery::{Accum, Batch, ClipMask, Digital, Inputs, MvmNoise, Out, Saturation};
use crate::samples::{BLOCK, Samples};

/// One unit of work.
struct Block<'a> {
    y: &'a mut [f32],
    /// α z, \[tile\]\[sample\]\[output of the tile\], if it is kept.
    products: Option<&'a mut [f32]>,
    /// One mask for each tile, if they are kept.
    masks: Option<Vec<ClipMask>>,
    saturation: Saturation,
}

impl PerturbedMatrix {
    /// Multiplies a batch: y = β + Σ_p α γ_p ⊙ z_p.
    ///
    /// Tile p draws its noise from the child p of the seed. Results have the same bits for every
    /// number of threads and every split of the batch; where products are kept and where they are
    /// not they may differ by a rounding.
    ///
    /// # Shapes
    ///
    /// - `batch.inputs`: (batch, in)
    /// - `y`: (batch, out)
    ///
    /// # Panics
    ///
    /// If a shape differs, or the input range α is not finite and positive.
    #[track_caller]
    pub fn forward(
        &self,
        batch: Batch<impl Samples>,
        input_range: f32,
        keep: Keep,
        par: Par,
        y: &mut [f32],
    ) -> Kept {
        let cut = self.tiles.cut();
        let (outputs, inputs) = (cut.outputs(), cut.inputs());
        let samples = batch.inputs.count(inputs);
        assert_eq!(y.len(), samples * outputs, "{} outputs for {samples} × {outputs}", y.len());
        let per_block = batch.inputs.per_block(BLOCK);
        let (masks, mut products) = match keep {
            Keep::Nothing => (false, None),
            Keep::Clipped => (true, None),
            Keep::Products(mut buffer) => {
                buffer.resize(samples * cut.scales(), 0.0);
                (true, Some(buffer))
            }
        };
        let mut kept = products.as_mut().map(|kept| kept.chunks_mut(per_block * cut.scales()));
        let blocks = y.chunks_mut(per_block * outputs).map(|y| Block {
            y,
            products: kept.as_mut().and_then(Iterator::next),
            masks: masks.then(Vec::new),
            saturation: Saturation::default(),
        });
        let mut blocks: Vec<Block<'_>> = blocks.collect();
        par.for_each_chunk(&mut blocks, 1, |index, block| {
            let block = &mut block[0];
            let first = index * per_block;
            let noise = batch.noise.after(first);
            let samples = first..first + block.y.len() / outputs;
            let multiply = |x: Inputs<'_>| self.multiply(x, input_range, &noise, block);
            batch.inputs.with_inputs(samples, inputs, multiply);
        });
        let mut saturation = Saturation::default();
        blocks.iter().for_each(|block| saturation += block.saturation);
        let masks = blocks.into_iter().filter_map(|block| block.masks).collect();
        let (unsigned, slices) = (self.tiles.is_unsigned(), self.tiles.slices());
        Kept {
            input_range,
            unsigned,
            slices,
            products: products.unwrap_or_default(),
            masks,
            saturation,
        }
    }

    /// The products of one block.
    fn multiply(&self, x: Inputs<'_>, input_range: f32, noise: &MvmNoise, block: &mut Block<'_>) {
        let cut = self.tiles.cut();
        let (outputs, inputs) = (cut.outputs(), cut.inputs());
        let samples = block.y.len() / outputs;
        let mut kept = block.products.as_deref_mut();
        let mut spare = Vec::new();
        let tiles = self.peripheries().iter().zip(&self.packed);
        for (index, (part, (periphery, packed))) in cut.parts().iter().zip(tiles).enumerate() {
            let (height, first) = (part.rows.len(), part.columns.start == 0);
            let scale = &self.scales[part.scales.clone()];
            let biased = first && !self.bias.is_empty();
            let bias = if biased { &self.bias[part.rows.clone()] } else { &[] };
            let digital = Digital { input_range, scale, bias };
            let noise = noise.child(index);
            let products = match &mut kept {
                Some(kept) => kept.split_off_mut(..samples * height),
                // As if they were kept: the same bits.
                None => {
                    spare.resize(if height == outputs { 0 } else { samples * height }, 0.0);
                    (!spare.is_empty()).then_some(&mut spare[..])
                }
            };
            let mut clipped = block.masks.is_some().then(ClipMask::default);
            let accum = if first { Accum::Replace } else { Accum::Add };
            // Less than all outputs come by themselves first, then into their columns of y.
            let mut own = vec![0.0; if height == outputs { 0 } else { samples * height }];
            let (y, once) = match &mut own[..] {
                [] => (&mut *block.y, accum),
                own => (own, Accum::Replace),
            };
            let clipped_outputs = clipped.as_mut();
            let out = Out { accum: once, products, clipped_outputs, ..Out::replace(y) };
            block.saturation += x.with_columns(inputs, &part.columns, |inputs| {
                periphery.forward(packed, Batch { inputs, noise }, digital, Par::Seq, out)
            });
            if !own.is_empty() {
                part.write_outputs(&own, accum, block.y, outputs);
            }
            if let (Some(masks), Some(mask)) = (&mut block.masks, clipped) {
                masks.push(mask);
            }
        }
    }
}
