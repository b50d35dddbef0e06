//! The backward half: errors that are stopped, and the gradients of everything that is learned.

use std::borrow::Cow;

use super::super::rows::Rows;
use super::super::sums::add_rows;
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
        if self.saturation().outputs == 0 {
            return Cow::Borrowed(gradient);
        }
        let mut errors = context.scratch(gradient.len());
        errors.copy_from_slice(gradient);
        self.kept.stop_saturated(tiles.tiles.cut(), &mut errors);
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
    map.accumulate_bias(parameters, |out| add_rows(gradient, out));
    let sums = used.kept.scale_gradient(tiles.tiles.cut(), gradient);
    if sums.is_empty() {
        return;
    }
    let parts = tiles.tiles.cut().parts();
    let unit = tiles.config.training().scale_unit.factor(map.inputs);
    let columns = parameters.get(tiles.scale).float().to_vec();
    let tile_factor = 1.0 / tile_scale_start(&tiles.config);
    let tile_scales = tiles.tile_scale.map(|id| parameters.get(id).float().to_vec());
    if let (Some(id), true) = (tiles.tile_scale, tiles.config.training().learned_scales.tiles()) {
        parameters.accumulate(id, |out, add| {
            for (out, part) in out.iter_mut().zip(parts) {
                let range = part.scales.clone();
                let sum: f32 =
                    sums[range.clone()].iter().zip(&columns[range]).map(|(s, c)| s * c).sum();
                let share = unit * tile_factor * sum;
                *out = if add { *out + share } else { share };
            }
        });
    }
    if tiles.config.training().learned_scales.columns() {
        parameters.accumulate(tiles.scale, |out, add| {
            for (index, part) in parts.iter().enumerate() {
                let kappa = tile_scales.as_ref().map_or(1.0, |k| k[index] * tile_factor);
                let range = part.scales.clone();
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
    let x = used.kept.multiplied(x, |len| context.scratch(len));
    let step = tiles.config.training().step;
    let scales = used.perturbed().matrix.scales().iter();
    let factors = tiles.tiles.cut().stretches().zip(scales).map(|(stretch, &scale)| {
        let factor = match step {
            WeightStep::Normalized => scale,
            WeightStep::Logical => scale.recip(),
        };
        (stretch, if factor.is_finite() { factor } else { 0.0 })
    });
    context.parameters.accumulate(map.weight, |out, add| {
        if !add {
            float32::gradient(&x, rows, errors, map.outputs, out, false, pass.par);
            for (range, factor) in factors {
                out[range].iter_mut().for_each(|g| *g *= factor);
            }
            return;
        }
        let mut logical = vec![0.0; map.outputs * map.inputs];
        float32::gradient(&x, rows, errors, map.outputs, &mut logical, false, pass.par);
        for (range, factor) in factors {
            let terms = logical[range.clone()].iter();
            out[range].iter_mut().zip(terms).for_each(|(out, g)| *out += factor * g);
        }
    });
    if let Cow::Owned(clamped) = x {
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
    float32::back(used.perturbed().matrix.effective(), map.outputs, rows, errors, dx, pass.par);
}

/// Whether ∂loss/∂x is needed for the input range, whoever else wants it.
pub(in super::super) fn needs_input_gradient(tiles: &Tiles, used: &Use, x: &[f32]) -> bool {
    tiles.config.training().input_range.rule != InputRangeRule::Fixed
        && used.kept.at_range(x).next().is_some()
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
    let range = used.kept.input_range();
    let mut gradient = 0.0f64;
    let mut beyond = 0usize;
    for i in used.kept.at_range(x) {
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
        let conversions = used.kept.conversions().max(1);
        let inside = 1.0 - used.saturation().outputs as f32 / conversions as f32;
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
