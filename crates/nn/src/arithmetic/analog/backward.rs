//! The backward half: errors that are stopped, and the gradients of everything that is learned.

use std::borrow::Cow;
use std::ops::Range;

use crossbar::training::BoundSums;

use super::binding::tile_scale_start;
use super::config::{InputRangeRule, WeightStep};
use super::multiply::{Tiles, Use};
use crate::arithmetic::float32::products;
use crate::arithmetic::input::Input;
use crate::tape::Backward;

impl Tiles {
    /// Adds Σδ to the gradient of b, and Σ δ ⊙ α z to those of the scales.
    pub(super) fn accumulate_digital(
        &self,
        used: &Use,
        gradient: &[f32],
        context: &mut Backward<'_>,
    ) {
        let (tiles, map) = (self, &self.layer);
        map.accumulate_bias(gradient, context);
        let cut = tiles.tiles.cut();
        if !used.kept.has_products() {
            return;
        }
        let leaves = context.leaves();
        let rows = leaves.rows(gradient.len() / map.outputs.max(1));
        let mut sums = vec![0.0; cut.scales()];
        leaves.fold(&mut sums, |leaf, sums| {
            let rows = rows[leaf].clone();
            let errors = &gradient[rows.start * map.outputs..rows.end * map.outputs];
            sums.copy_from_slice(&used.kept.scale_gradient(cut, rows, errors));
        });
        let unit = tiles.config.training().scale_unit.factor(map.inputs);
        let tile_factor = 1.0 / tile_scale_start(&tiles.config);
        let tile_scales = tiles.tile_scale.map(|id| context.parameters.get(id).float().to_vec());
        let ranges: Vec<Range<usize>> =
            cut.parts().iter().map(|part| part.scales.clone()).collect();
        let learned = tiles.config.training().learned_scales;
        if let (Some(id), true) = (tiles.tile_scale, learned.tiles()) {
            let columns = context.parameters.get(tiles.scale).float().to_vec();
            let (sums, ranges) = (sums.clone(), ranges.clone());
            context.accumulate_shares(id, sums, move |sums, out| {
                for (out, range) in out.iter_mut().zip(ranges) {
                    let terms = sums[range.clone()].iter().zip(&columns[range]);
                    let sum: f32 = terms.map(|(s, c)| s * c).sum();
                    *out = unit * tile_factor * sum;
                }
            });
        }
        if learned.columns() {
            context.accumulate_shares(tiles.scale, sums, move |sums, out| {
                for (index, range) in ranges.into_iter().enumerate() {
                    let kappa = tile_scales.as_ref().map_or(1.0, |k| k[index] * tile_factor);
                    let terms = out[range.clone()].iter_mut().zip(&sums[range]);
                    terms.for_each(|(out, sum)| *out = unit * kappa * sum);
                }
            });
        }
    }

    /// Adds the gradient of the ranges of the ADCs, where they are learned.
    pub(super) fn accumulate_bounds(&self, used: &Use, errors: &[f32], context: &mut Backward<'_>) {
        let (Some(id), Some(learned)) = (self.adc_bound, self.config.training().adc_bound) else {
            return;
        };
        let (map, loss_scale) = (&self.layer, context.loss_scale);
        let factors = context.parameters.analog_of(map.weight).adc_factors(context.parameters);
        let factors = factors.expect("a layer that learns ranges has factors");
        let groups = self.tiles.adc_groups();
        let rows = errors.len() / map.outputs.max(1);
        let scales = used.perturbed().matrix.scales();
        // Gradients and numbers of clipped outputs of all groups, and the number of rows.
        let write = |rows: Range<usize>, sums: &mut [f64]| {
            let errors = &errors[rows.start * map.outputs..rows.end * map.outputs];
            let mut of_groups = vec![BoundSums::default(); groups.len()];
            used.kept.add_bound_sums(&self.tiles, rows.clone(), errors, scales, &mut of_groups);
            let (gradients, rest) = sums.split_at_mut(groups.len());
            for ((sums, gradient), clipped) in of_groups.iter().zip(gradients).zip(&mut *rest) {
                (*gradient, *clipped) = (sums.gradient, sums.clipped);
            }
            rest[groups.len()] = rows.len() as f64;
        };
        let columns: Vec<usize> = groups.iter().map(Range::len).collect();
        context.accumulate_sums(id, (rows, 2 * groups.len() + 1), write, move |sums, out| {
            let (gradients, rest) = sums.split_at(columns.len());
            let (clipped, rows) = rest.split_at(columns.len());
            for (group, out) in out.iter_mut().enumerate() {
                let outputs = (rows[0] * columns[group] as f64).max(1.0);
                *out = gradients[group] as f32 / factors[group];
                if 1.0 - clipped[group] / outputs > f64::from(learned.inside) {
                    *out += learned.decay * factors[group] * loss_scale;
                }
            }
        });
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
        let factors = scales.map(|&scale| {
            let factor = match step {
                WeightStep::Normalized => scale,
                WeightStep::Logical => scale.recip(),
            };
            if factor.is_finite() { factor } else { 0.0 }
        });
        let factors: Vec<(Range<usize>, f32)> =
            tiles.tiles.cut().stretches().zip(factors).collect();
        context.accumulate_scaled(
            map.weight,
            |leaves, out| products::gradient_of_leaves(&x, errors, leaves, out, false, par),
            move |logical| {
                for (range, factor) in factors {
                    logical[range].iter_mut().for_each(|g| *g *= factor);
                }
            },
        );
        if let Cow::Owned(clamped) = multiplied {
            context.recycle(clamped);
        }
    }

    /// Adds the gradient of the input range; `dx` may be absent if no input was clipped.
    pub(super) fn accumulate_range(
        &self,
        used: &Use,
        x: &Input<'_>,
        dx: Option<&[f32]>,
        context: &mut Backward<'_>,
    ) {
        let (count, x) = (x.rows.batch(), x.values);
        let (tiles, loss_scale) = (self, context.loss_scale);
        let learned = tiles.config.training().input_range;
        if learned.rule == InputRangeRule::Fixed || x.is_empty() {
            return;
        }
        let range = used.kept.input_range();
        let len = x.len();
        let (conversions, saturation) = (used.kept.conversions(), used.kept.saturation());
        // What is counted over all rows of this process stands with its first leaf.
        let mut counts = Some([len as f64, conversions as f64, saturation.outputs as f64]);
        let write = |rows: Range<usize>, sums: &mut [f64]| {
            let stretch = rows.start * (len / count)..rows.end * (len / count);
            for i in used.kept.at_range(&x[stretch.clone()]).map(|i| stretch.start + i) {
                sums[BEYOND] += 1.0;
                let towards = dx.map_or(0.0, |dx| dx[i] * x[i].signum());
                sums[TOWARDS] += f64::from(match learned.rule {
                    InputRangeRule::Aihwkit => towards.min(0.0),
                    _ => towards,
                });
            }
            sums[LEN..].copy_from_slice(&counts.take().unwrap_or_default());
        };
        context.accumulate_sums(tiles.input_range, (count, SUMS), write, move |sums, out| {
            let mut gradient = sums[TOWARDS] as f32 * range;
            let pull = range * loss_scale;
            if let Some(limit) = learned.outputs_inside {
                let conversions = sums[CONVERSIONS].max(1.0);
                let inside = 1.0 - sums[SATURATED] as f32 / conversions as f32;
                if inside < limit {
                    gradient -= (1.0 - inside) * pull;
                }
            }
            let inside = 1.0 - sums[BEYOND] as f32 / sums[LEN] as f32;
            if inside > learned.inside {
                gradient += learned.decay * pull;
            }
            out[0] = gradient;
        });
    }
}

/// What the gradient of an input range is made of: Σ sign(x) ∂x, and numbers of inputs and outputs.
const TOWARDS: usize = 0;
const BEYOND: usize = 1;
const LEN: usize = 2;
const CONVERSIONS: usize = 3;
const SATURATED: usize = 4;
const SUMS: usize = 5;
