//! The backward half: errors that are stopped, and the gradients of everything that is learned.

use super::binding::tile_scale_start;
use super::config::{InputRangeRule, WeightStep};
use super::multiply::{Tiles, Use};
use crate::arithmetic::float32::products;
use crate::arithmetic::input::Input;
use crate::column_sums::{add_products, add_rows};
use crate::parameters::Parameters;
use crate::tape::Backward;

impl Tiles {
    /// Stops the errors of saturated outputs.
    pub(super) fn stop_saturated(&self, used: &Use, errors: &mut [f32]) {
        if used.saturation.outputs == 0 {
            return;
        }
        let mut rest = errors;
        for masks in &used.masks {
            let count = masks.first().map_or(0, |mask| mask.rows());
            let (block, after) = rest.split_at_mut(count * self.layer.outputs);
            rest = after;
            for (part, mask) in self.parts.iter().zip(masks) {
                mask.zero_clipped_columns(block, self.layer.outputs, part.rows.start);
            }
        }
    }
}

/// Values that are looked at together: few are at the end of the range, most often none.
const STRETCH: usize = 64;

/// Whether a value is not multiplied as it is: it lies beyond the range, or is NaN.
fn any_beyond(x: &[f32], range: f32) -> bool {
    let inside = |x: &f32| x.abs() <= range;
    x.chunks(STRETCH).any(|x| x.iter().fold(false, |any, x| any | !inside(x)))
}

/// What the tiles multiply by instead of x: clamp(x, ±α), and 0 instead of NaN.
fn multiplied(x: f32, range: f32) -> f32 {
    if x.is_nan() { 0.0 } else { x.clamp(-range, range) }
}

/// The indices of the values at the end of the range or beyond, in their order.
pub(super) fn at_range(x: &[f32], range: f32) -> impl Iterator<Item = usize> {
    let outside = move |x: &f32| x.abs() >= range;
    x.chunks(STRETCH)
        .enumerate()
        .filter(move |(_, x)| x.iter().fold(false, |any, x| any | outside(x)))
        .flat_map(move |(stretch, x)| {
            let found = x.iter().enumerate().filter(move |(_, x)| outside(x));
            found.map(move |(i, _)| stretch * STRETCH + i)
        })
}

impl Tiles {
    /// Adds Σδ to the gradient of b, and Σ δ ⊙ α z to those of the scales.
    pub(super) fn accumulate_digital(
        &self,
        parameters: &mut Parameters,
        used: &Use,
        gradient: &[f32],
    ) {
        let (tiles, map) = (self, &self.layer);
        map.accumulate_bias(parameters, |out| add_rows(gradient, out));
        if used.products.is_empty() {
            return;
        }
        let count = tiles.parts.last().map_or(0, |part| part.first_scale + part.rows.len());
        let mut sums = vec![0.0f32; count];
        let (mut kept, mut gradient) = (&used.products[..], gradient);
        let row_len: usize = tiles.parts.iter().map(|part| part.rows.len()).sum();
        for masks in &used.masks {
            let rows = masks.first().map_or(0, |mask| mask.rows());
            let (block, rest) = kept.split_at(rows * row_len);
            let (errors, rest_errors) = gradient.split_at(rows * map.outputs);
            (kept, gradient) = (rest, rest_errors);
            let mut block = block;
            for part in &tiles.parts {
                let height = part.rows.len();
                let (z, rest) = block.split_at(rows * height);
                block = rest;
                let sums = &mut sums[part.first_scale..][..height];
                add_products(z, errors, map.outputs, part.rows.start, sums);
            }
        }
        let unit = tiles.config.training().scale_unit.factor(map.inputs);
        let columns = parameters.get(tiles.scale).float().to_vec();
        let tile_factor = 1.0 / tile_scale_start(&tiles.config);
        let tile_scales = tiles.tile_scale.map(|id| parameters.get(id).float().to_vec());
        if let (Some(id), true) = (tiles.tile_scale, tiles.config.training().learned_scales.tiles())
        {
            parameters.accumulate(id, |out, add| {
                for (out, part) in out.iter_mut().zip(&tiles.parts) {
                    let range = part.first_scale..part.first_scale + part.rows.len();
                    let sum: f32 =
                        sums[range.clone()].iter().zip(&columns[range]).map(|(s, c)| s * c).sum();
                    let share = unit * tile_factor * sum;
                    *out = if add { *out + share } else { share };
                }
            });
        }
        if tiles.config.training().learned_scales.columns() {
            parameters.accumulate(tiles.scale, |out, add| {
                for (index, part) in tiles.parts.iter().enumerate() {
                    let kappa = tile_scales.as_ref().map_or(1.0, |k| k[index] * tile_factor);
                    let range = part.first_scale..part.first_scale + part.rows.len();
                    for (out, sum) in out[range.clone()].iter_mut().zip(&sums[range]) {
                        let share = unit * kappa * sum;
                        *out = if add { *out + share } else { share };
                    }
                }
            });
        }
    }

    /// Adds δ_mᵀ·clamp(x) to the gradient of w̆.
    pub(super) fn accumulate_weights(
        &self,
        used: &Use,
        x: &Input<'_>,
        errors: &[f32],
        context: &mut Backward<'_>,
    ) {
        let (tiles, map, par) = (self, &self.layer, context.pass.par);
        let range = used.input_range;
        let clamped = any_beyond(x.values, range).then(|| {
            let mut clamped = context.scratch(x.values.len());
            let values = clamped.iter_mut().zip(x.values);
            values.for_each(|(clamped, &x)| *clamped = multiplied(x, range));
            clamped
        });
        let x = x.with_values(clamped.as_deref().unwrap_or(x.values));
        let scales = &used.perturbed().scales;
        let step = tiles.config.training().step;
        let factors = tiles.parts.iter().flat_map(|part| {
            let scales = scales[part.first_scale..][..part.rows.len()].iter();
            part.rows.clone().zip(scales).map(|(row, &scale)| {
                let factor = match step {
                    WeightStep::Normalized => scale,
                    WeightStep::Logical => scale.recip(),
                };
                let at = row * map.inputs;
                let range = at + part.columns.start..at + part.columns.end;
                (range, if factor.is_finite() { factor } else { 0.0 })
            })
        });
        context.parameters.accumulate(map.weight, |out, add| {
            if !add {
                products::gradient(&x, errors, out, false, par);
                for (range, factor) in factors {
                    out[range].iter_mut().for_each(|g| *g *= factor);
                }
                return;
            }
            let mut logical = vec![0.0; map.outputs * map.inputs];
            products::gradient(&x, errors, &mut logical, false, par);
            for (range, factor) in factors {
                let terms = logical[range.clone()].iter();
                out[range].iter_mut().zip(terms).for_each(|(out, g)| *out += factor * g);
            }
        });
        if let Some(clamped) = clamped {
            context.recycle(clamped);
        }
    }

    /// Adds the gradient of the input range; `dx` may be absent if no input was clipped.
    pub(super) fn accumulate_range(
        &self,
        used: &Use,
        x: &[f32],
        dx: Option<&[f32]>,
        context: &mut Backward<'_>,
    ) {
        let (tiles, loss_scale) = (self, context.loss_scale);
        let learned = tiles.config.training().input_range;
        if learned.rule == InputRangeRule::Fixed || x.is_empty() {
            return;
        }
        let range = used.input_range;
        let mut gradient = 0.0f64;
        let mut beyond = 0usize;
        for i in at_range(x, range) {
            beyond += 1;
            let towards = dx.map_or(0.0, |dx| dx[i] * x[i].signum());
            gradient += f64::from(match learned.rule {
                InputRangeRule::Aihwkit => towards.min(0.0),
                _ => towards,
            });
        }
        let mut gradient = gradient as f32 * range;
        let pull = range * loss_scale;
        if let Some(limit) = learned.outputs_inside {
            let outputs: usize = used.masks.iter().flatten().map(|mask| mask.len()).sum();
            let inside = 1.0 - used.saturation.outputs as f32 / outputs.max(1) as f32;
            if inside < limit {
                gradient -= (1.0 - inside) * pull;
            }
        }
        let inside = 1.0 - beyond as f32 / x.len() as f32;
        if inside > learned.inside {
            gradient += learned.decay * pull;
        }
        context.parameters.accumulate(tiles.input_range, |out, add| {
            out[0] = if add { out[0] + gradient } else { gradient };
        });
    }
}
