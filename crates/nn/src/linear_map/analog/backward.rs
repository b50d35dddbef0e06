//! The backward half: errors that are stopped, and the gradients of everything that is learned.

use std::borrow::Cow;

use super::super::rows::Rows;
use super::super::{LinearMap, float32};
use super::{Tiles, Use, tile_scale_start};
use crate::arithmetic::{InputRangeRule, WeightStep};
use crate::{Parameters, Pass};

impl Use {
    /// δ without the errors of saturated outputs.
    pub(in super::super) fn stop_saturated<'a>(
        &self,
        tiles: &Tiles,
        gradient: &'a [f32],
    ) -> Cow<'a, [f32]> {
        if self.saturation.outputs == 0 {
            return Cow::Borrowed(gradient);
        }
        let outputs = tiles.parts.last().map_or(1, |part| part.rows.end);
        let mut errors = gradient.to_vec();
        let mut rest = &mut errors[..];
        for masks in &self.masks {
            let count = masks.first().map_or(0, |mask| mask.outputs.rows());
            let (block, after) = rest.split_at_mut(count * outputs);
            rest = after;
            for (part, mask) in tiles.parts.iter().zip(masks) {
                mask.outputs.zero_clipped_columns(block, outputs, part.rows.start);
            }
        }
        Cow::Owned(errors)
    }
}

/// Adds Σδ to the gradient of b, and Σ δ ⊙ α z to those of the scales.
pub(in super::super) fn accumulate_digital(
    map: &LinearMap,
    tiles: &Tiles,
    parameters: &mut Parameters,
    used: &Use,
    gradient: &[f32],
) {
    map.accumulate_bias(parameters, |out| {
        for row in gradient.chunks_exact(map.outputs) {
            out.iter_mut().zip(row).for_each(|(g, &d)| *g += d);
        }
    });
    if used.products.is_empty() {
        return;
    }
    let count = tiles.parts.last().map_or(0, |part| part.first_scale + part.rows.len());
    let mut sums = vec![0.0f32; count];
    let (mut kept, mut gradient) = (&used.products[..], gradient);
    let row_len: usize = tiles.parts.iter().map(|part| part.rows.len()).sum();
    for masks in &used.masks {
        let rows = masks.first().map_or(0, |mask| mask.outputs.rows());
        let (block, rest) = kept.split_at(rows * row_len);
        let (errors, rest_errors) = gradient.split_at(rows * map.outputs);
        (kept, gradient) = (rest, rest_errors);
        let mut block = block;
        for part in &tiles.parts {
            let height = part.rows.len();
            let (z, rest) = block.split_at(rows * height);
            block = rest;
            let sums = &mut sums[part.first_scale..][..height];
            for (z, d) in z.chunks_exact(height).zip(errors.chunks_exact(map.outputs)) {
                let d = &d[part.rows.clone()];
                sums.iter_mut().zip(z).zip(d).for_each(|((sum, z), d)| *sum += z * d);
            }
        }
    }
    let unit = tiles.config.training().scale_unit.factor(map.inputs);
    let columns = parameters.get(tiles.scale).float().to_vec();
    let tile_factor = 1.0 / tile_scale_start(&tiles.config);
    let tile_scales = tiles.tile_scale.map(|id| parameters.get(id).float().to_vec());
    if let (Some(id), true) = (tiles.tile_scale, tiles.config.training().learned_scales.tiles()) {
        parameters.get_mut(id).accumulate(|out, add| {
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
        parameters.get_mut(tiles.scale).accumulate(|out, add| {
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
    parameters: &mut Parameters,
    used: &Use,
    x: &[f32],
    rows: &Rows,
    errors: &[f32],
    pass: &Pass,
) {
    let range = used.input_range;
    let clamped: Vec<f32>;
    let x = if x.iter().any(|x| x.abs() > range) {
        clamped = x.iter().map(|x| x.clamp(-range, range)).collect();
        &clamped
    } else {
        x
    };
    let mut logical = vec![0.0; map.outputs * map.inputs];
    float32::gradient(x, rows, errors, map.outputs, &mut logical, false, pass.par);
    let scales = &used.perturbed().scales;
    let step = tiles.config.training().step;
    parameters.get_mut(map.weight).accumulate(|out, add| {
        for part in &tiles.parts {
            let scales = &scales[part.first_scale..][..part.rows.len()];
            for (row, &scale) in part.rows.clone().zip(scales) {
                let factor = match step {
                    WeightStep::Normalized => scale,
                    WeightStep::Logical => scale.recip(),
                };
                let factor = if factor.is_finite() { factor } else { 0.0 };
                let at = row * map.inputs;
                let range = at + part.columns.start..at + part.columns.end;
                for (out, g) in out[range.clone()].iter_mut().zip(&logical[range]) {
                    *out = if add { *out + factor * g } else { factor * g };
                }
            }
        }
    });
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
        && x.iter().any(|x| x.abs() >= used.input_range)
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
    for (i, &x) in x.iter().enumerate() {
        if x.abs() < range {
            continue;
        }
        beyond += 1;
        let towards = dx.map_or(0.0, |dx| dx[i] * x.signum());
        gradient += f64::from(match learned.rule {
            InputRangeRule::Aihwkit => towards.min(0.0),
            _ => towards,
        });
    }
    let mut gradient = gradient as f32 * range;
    let pull = range * loss_scale;
    if let Some(limit) = learned.outputs_inside {
        let outputs: usize = used.masks.iter().flatten().map(|mask| mask.outputs.len()).sum();
        let inside = 1.0 - used.saturation.outputs as f32 / outputs.max(1) as f32;
        if inside < limit {
            gradient -= (1.0 - inside) * pull;
        }
    }
    let inside = 1.0 - beyond as f32 / x.len() as f32;
    if inside > learned.inside {
        gradient += learned.decay * pull;
    }
    parameters.get_mut(tiles.input_range).accumulate(|out, add| {
        out[0] = if add { out[0] + gradient } else { gradient };
    });
}
