//! Normalisation of each row to mean 0 and variance 1, with a learned scale and shift.
//!
//! ```text
//! x̂ = (x − mean) / √(variance + ε),   y = γ∘x̂ + β          variance over n, not n − 1
//! ∂/∂x = (h − mean h − x̂ · mean(h∘x̂)) / √(variance + ε),   h = γ∘g
//! ```
//!
//! Source: Ba, Kiros and Hinton, arXiv:1607.06450.

use crate::functions::{dot, sum, vectorised};
use crate::parameters::ParameterId;
use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records the normalisation of the last axis of `x`.
///
/// # Shapes
///
/// - `x` and result: (…, n)
/// - `gamma`, `beta`: (n)
///
/// # Panics
///
/// If the shapes do not agree.
#[track_caller]
pub fn layer_norm(
    step: &mut Step<'_>,
    x: Var,
    gamma: ParameterId,
    beta: ParameterId,
    epsilon: f32,
) -> Var {
    let (rows, n) = step.tape.value(x).as_matrix();
    let (scale, shift) = (step.parameters.get(gamma).float(), step.parameters.get(beta).float());
    assert!(
        scale.len() == n && shift.len() == n,
        "{} and {} have {} and {} values for rows of {n}",
        step.parameters.get(gamma).name(),
        step.parameters.get(beta).name(),
        scale.len(),
        shift.len()
    );
    let mut out = step.tape.scratch(rows * n);
    let mut statistics = step.tape.scratch(2 * rows);
    let input = step.tape.value(x).data();
    vectorised!({
        let rows = out.chunks_exact_mut(n.max(1)).zip(input.chunks_exact(n.max(1)));
        for ((y, x), statistics) in rows.zip(statistics.as_chunks_mut::<2>().0) {
            let mean = sum(x) / n as f32;
            y.iter_mut().zip(x).for_each(|(y, x)| *y = x - mean);
            let inverse = 1.0 / (dot(y, y) / n as f32 + epsilon).sqrt();
            for ((y, scale), shift) in y.iter_mut().zip(scale).zip(shift) {
                *y = *y * inverse * scale + shift;
            }
            *statistics = [mean, inverse];
        }
    });
    let value = Tensor::new(step.tape.value(x).shape(), out);
    step.tape.record(value, true, LayerNorm { x, gamma, beta, statistics })
}

/// `statistics`: mean and 1/√(variance + ε) of each row.
#[derive(Debug)]
struct LayerNorm {
    x: Var,
    gamma: ParameterId,
    beta: ParameterId,
    statistics: Vec<f32>,
}

impl Operation for LayerNorm {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let x = context.value(self.x);
        let n = x.as_matrix().1;
        let mut dx = context.scratch(gradient.len());
        let gamma = context.parameters.get(self.gamma).float();
        let leaves = context.leaves();
        let rows = leaves.rows(self.statistics.len() / 2);
        let mut sums = vec![0.0; 2 * n];
        leaves.fold(&mut sums, |leaf, sums| {
            sums.fill(0.0);
            let (d_gamma, d_beta) = sums.split_at_mut(n);
            let values = rows[leaf].start * n..rows[leaf].end * n;
            let statistics = &self.statistics[2 * rows[leaf].start..2 * rows[leaf].end];
            vectorised!({
                let rows = dx[values.clone()]
                    .chunks_exact_mut(n.max(1))
                    .zip(x.data()[values.clone()].chunks_exact(n.max(1)))
                    .zip(gradient[values].chunks_exact(n.max(1)));
                let mut h = vec![0.0; n];
                for (((dx, x), g), &[mean, inverse]) in rows.zip(statistics.as_chunks::<2>().0) {
                    // dx holds x̂ until it is replaced.
                    dx.iter_mut().zip(x).for_each(|(dx, x)| *dx = (x - mean) * inverse);
                    for j in 0..n {
                        d_gamma[j] += g[j] * dx[j];
                        d_beta[j] += g[j];
                        h[j] = g[j] * gamma[j];
                    }
                    let mean_h = sum(&h) / n as f32;
                    let mean_hx = dot(&h, dx) / n as f32;
                    for (dx, h) in dx.iter_mut().zip(&h) {
                        *dx = (h - mean_h - *dx * mean_hx) * inverse;
                    }
                }
            });
        });
        let d_beta = sums.split_off(n);
        for (id, share) in [(self.gamma, sums), (self.beta, d_beta)] {
            context.accumulate_shares(id, share, |share, out| out.copy_from_slice(share));
        }
        if context.needs_gradient(self.x) {
            context.give(self.x, dx);
        } else {
            context.recycle(dx);
        }
    }

    fn recycle(self: Box<Self>, spare: &mut Vec<Vec<f32>>) {
        spare.push(self.statistics);
    }
}
