//! The backward half: errors that are stopped, and the gradients of everything that is learned.

use std::borrow::Cow;

use super::binding::tile_scale_start;
use super::config::{InputRangeRule, WeightStep};
use super::multiply::{Tiles, Use};
use crate::arithmetic::float32::products;
use crate::arithmetic::input::Input;
use crate::column_sums::add_rows;
use crate::parameters::Parameters;
use crate::tape::Backward;

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
        let sums = used.kept.scale_gradient(tiles.tiles.cut(), gradient);
        if sums.is_empty() {
            return;
        }
        let parts = tiles.tiles.cut().parts();
        let unit = tiles.config.training().scale_unit.factor(map.inputs);
        let columns = parameters.get(tiles.scale).float().to_vec();
        let tile_factor = 1.0 / tile_scale_start(&tiles.config);
        let tile_scales = tiles.tile_scale.map(|id| parameters.get(id).float().to_vec());
        if let (Some(id), true) = (tiles.tile_scale, tiles.config.training().learned_scales.tiles())
        {
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
    pub(super) fn accumulate_weights(
        &self,
        used: &Use,
        x: &Input<'_>,
        errors: &[f32],
        context: &mut Backward<'_>,
    ) {
        let (tiles, map, par) = (self, &self.layer, context.pass.par);
        let multiplied = used.kept.multiplied(x.values, |len| context.scratch(len));
        let x = x.with_values(&multiplied);
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
        if let Cow::Owned(clamped) = multiplied {
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
            let inside = 1.0 - used.kept.saturation().outputs as f32 / conversions as f32;
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
