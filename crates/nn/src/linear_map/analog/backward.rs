//! The backward half: errors that are stopped, and the gradients of everything that is learned.

use std::borrow::Cow;

use super::super::rows::Rows;
use super::super::sums::{add_products, add_rows};
use super::super::{LinearMap, float32};
use super::{Tiles, Use, tile_scale_start};
use crate::arithmetic::{InputRangeRule, WeightStep};
use crate::tape::Backward;
use crate::{Parameters, Pass};

impl Use {
    /// δ without the errors of saturated outputs; what is owned is of the pool.
    pub(in super::super) fn stop_saturated<'a>(
        &self,
        context: &mut Backward<'_>,
        tiles: &Tiles,
        gradient: &'a [f32],
    ) -> Cow<'a, [f32]> {
        if self.saturation.outputs == 0 {
            return Cow::Borrowed(gradient);
        }
        let outputs = tiles.parts.last().map_or(1, |part| part.rows.end);
        let mut errors = context.scratch(gradient.len());
        errors.copy_from_slice(gradient);
        let mut rest = &mut errors[..];
        for masks in &self.masks {
            let count = masks.first().map_or(0, |mask| mask.rows());
            let (block, after) = rest.split_at_mut(count * outputs);
            rest = after;
            for (part, mask) in tiles.parts.iter().zip(masks) {
                mask.zero_clipped_columns(block, outputs, part.rows.start);
            }
        }
        Cow::Owned(errors)
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

/// Adds Σδ to the gradient of b, and Σ δ ⊙ α z to those of the scales.
pub(in super::super) fn accumulate_digital(
    map: &LinearMap,
    tiles: &Tiles,
    parameters: &mut Parameters,
    used: &Use,
    gradient: &[f32],
) {
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
    if let (Some(id), true) = (tiles.tile_scale, tiles.config.training().learned_scales.tiles()) {
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
#[expect(clippy::too_many_arguments, reason = "a product has operands, what was kept, a result")]
pub(in super::super) fn accumulate_weights(
    map: &LinearMap,
    tiles: &Tiles,
    context: &mut Backward<'_>,
    used: &Use,
    x: &[f32],
    rows: &Rows,
    errors: &[f32],
    pass: &Pass,
) {
    let range = used.input_range;
    let clamped = any_beyond(x, range).then(|| {
        let mut clamped = context.scratch(x.len());
        clamped.iter_mut().zip(x).for_each(|(clamped, &x)| *clamped = multiplied(x, range));
        clamped
    });
    let x = clamped.as_deref().unwrap_or(x);
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
            float32::gradient(x, rows, errors, map.outputs, out, false, pass.par);
            for (range, factor) in factors {
                out[range].iter_mut().for_each(|g| *g *= factor);
            }
            return;
        }
        let mut logical = vec![0.0; map.outputs * map.inputs];
        float32::gradient(x, rows, errors, map.outputs, &mut logical, false, pass.par);
        for (range, factor) in factors {
            let terms = logical[range.clone()].iter();
            out[range].iter_mut().zip(terms).for_each(|(out, g)| *out += factor * g);
        }
    });
    if let Some(clamped) = clamped {
        context.recycle(clamped);
    }
}

/// dx = δ_m·(γ ⊙ W̃).
pub(in super::super) fn propagate(
    map: &LinearMap,
    used: &Use,
    rows: &Rows,
    errors: &[f32],
    dx: &mut [f32],
    pass: &Pass,
) {
    float32::back(&used.perturbed().logical, map.outputs, rows, errors, dx, pass.par);
}

/// Whether ∂loss/∂x is needed for the input range, whoever else wants it.
pub(in super::super) fn needs_input_gradient(tiles: &Tiles, used: &Use, x: &[f32]) -> bool {
    tiles.config.training().input_range.rule != InputRangeRule::Fixed
        && at_range(x, used.input_range).next().is_some()
}

/// Adds the gradient of the input range; `dx` may be absent if no input was clipped.
pub(in super::super) fn accumulate_range(
    tiles: &Tiles,
    parameters: &mut Parameters,
    used: &Use,
    x: &[f32],
    dx: Option<&[f32]>,
    loss_scale: f32,
) {
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
    parameters.accumulate(tiles.input_range, |out, add| {
        out[0] = if add { out[0] + gradient } else { gradient };
    });
}
