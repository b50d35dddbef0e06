//! Knowledge distillation: a mix of the teacher's softened probabilities and the labels.
//!
//! ```text
//! p = softmax(teacher / T),   q = softmax(x / T)
//! loss = α·T²·(1/B) Σ_i KL(p_i ‖ q_i) + (1 − α)·cross-entropy(x, labels)     over the B rows that count
//! ∂/∂x of the first = α·T·(q − p) / B
//! ```
//!
//! T² keeps the sizes of both gradients in proportion when T changes. Source: Hinton, Vinyals and
//! Dean, arXiv:1503.02531, §2. [Rasch23, Methods] uses T = 10 and α = 0.75.
//!
//! Assumed: the factor T² is also used there; the paper does not say.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::checked::checked_on_reading;
use crate::functions::{self, exp, log_sum_exp, vectorised};
use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Temperature and mix of [`distillation`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Distillation {
    /// T, above 0.
    pub temperature: f32,
    /// α, the teacher's part of the loss, in [0, 1].
    pub mix: f32,
}

checked_on_reading!(Distillation);

/// Records the distillation loss of `logits` against the constants `teacher` and `labels`. Rows
/// whose label is `ignore` count neither for the loss nor for its mean; if no row counts, it is 0.
///
/// # Shapes
///
/// - `logits` and `teacher`: (…, classes)
/// - `labels`: as many as rows
/// - result: one number
///
/// # Panics
///
/// If the shapes do not agree, a label is not a class, or an option is out of its range.
#[track_caller]
pub fn distillation(
    step: &mut Step<'_>,
    logits: Var,
    teacher: &[f32],
    labels: &[u32],
    ignore: Option<u32>,
    options: Distillation,
) -> Var {
    let Distillation { temperature, mix } = options;
    let (rows, classes) = step.tape.value(logits).as_matrix();
    assert!(temperature > 0.0, "the temperature is {temperature}, not above 0");
    assert!((0.0..=1.0).contains(&mix), "the mix is {mix}, not in [0, 1]");
    assert_eq!(rows * classes, teacher.len(), "the teacher's logits are not {rows} × {classes}");
    assert_eq!(rows, labels.len(), "{} labels for {rows} rows of logits", labels.len());
    let mut share = step.tape.scratch(rows * classes);
    let mut losses = Vec::with_capacity(rows);
    let data = step.tape.value(logits).data();
    let counted = labels.iter().filter(|&&label| Some(label) != ignore).count();
    let counted = step.leaves().totals([counted])[0];
    let batch = counted.max(1) as f32;
    for (((dx, x), teacher), &label) in share
        .chunks_exact_mut(classes.max(1))
        .zip(data.chunks_exact(classes.max(1)))
        .zip(teacher.chunks_exact(classes.max(1)))
        .zip(labels)
    {
        if Some(label) == ignore {
            dx.fill(0.0);
            losses.push(0.0);
            continue;
        }
        assert!((label as usize) < classes, "label {label} is not one of {classes} classes");
        let mut p: Vec<f32> = teacher.iter().map(|t| t / temperature).collect();
        let mut q: Vec<f32> = x.iter().map(|x| x / temperature).collect();
        let (teacher_sum, student_sum, sum) =
            vectorised!((log_sum_exp(&p), log_sum_exp(&q), log_sum_exp(x)));
        let divergence: f64 = p
            .iter()
            .zip(&q)
            .map(|(&p, &q)| {
                let p = f64::from(p - teacher_sum);
                p.exp() * (p - f64::from(q - student_sum))
            })
            .sum();
        losses.push(
            f64::from(mix * temperature * temperature) * divergence
                + f64::from((1.0 - mix) * (sum - x[label as usize])),
        );
        vectorised!({
            functions::softmax(&mut p);
            functions::softmax(&mut q);
            for (((dx, x), p), q) in dx.iter_mut().zip(x).zip(&p).zip(&q) {
                *dx = (mix * temperature * (q - p) + (1.0 - mix) * exp(x - sum)) / batch;
            }
        });
        dx[label as usize] -= (1.0 - mix) / batch;
    }
    let sum = |rows: Range<usize>, sums: &mut [f64]| sums[0] = losses[rows].iter().sum();
    let loss = step.leaves().sums(rows, 1, sum)[0];
    let value = Tensor::new(&[], vec![(loss / f64::from(batch)) as f32]);
    let needs_gradient = step.tape.needs_gradient(logits);
    step.tape.record(value, needs_gradient, Prepared { x: logits, share })
}

/// A loss whose gradient was computed together with its value.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) x: Var,
    pub(super) share: Vec<f32>,
}

impl Operation for Prepared {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let mut dx = context.scratch(self.share.len());
        dx.iter_mut().zip(&self.share).for_each(|(dx, share)| *dx = gradient[0] * share);
        context.give(self.x, dx);
    }

    fn recycle(self: Box<Self>, spare: &mut Vec<Vec<f32>>) {
        spare.push(self.share);
    }
}
