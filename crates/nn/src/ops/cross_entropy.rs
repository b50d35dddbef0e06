//! Cross-entropy against class indices, with label smoothing and an index that is left out.
//!
//! ```text
//! q_ij = (1 − ε)·[j = y_i] + ε/K,   p = softmax(x)
//! loss = −(1/N) Σ_i Σ_j q_ij ln p_ij          over the N rows that count
//! ∂loss/∂x_ij = (p_ij − q_ij) / N
//! ```
//!
//! The forward pass keeps one number per row, from which the backward pass computes p again: with
//! 10,000 classes that is faster than keeping p.
//!
//! Source of label smoothing: Szegedy et al., CVPR 2016, §7.

use crate::functions::{exp, log_sum_exp, sum, vectorised};
use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Options of [`cross_entropy`]; the default has neither.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    /// ε, in [0, 1].
    pub label_smoothing: f32,
    /// Rows with this label count neither for the loss nor for its mean.
    pub ignore: Option<u32>,
}

/// Records the mean cross-entropy of `logits` against `labels`, in nats. If no row counts, it is 0.
///
/// # Shapes
///
/// - `logits`: (…, classes)
/// - `labels`: as many as rows
/// - result: one number
///
/// # Panics
///
/// If the numbers of rows and labels differ, a label is not a class, or ε is not in [0, 1].
#[track_caller]
pub fn cross_entropy(
    step: &mut Step<'_>,
    logits: Var,
    labels: &[u32],
    options: CrossEntropy,
) -> Var {
    let CrossEntropy { label_smoothing: epsilon, ignore } = options;
    let (rows, classes) = step.tape.value(logits).as_matrix();
    assert_eq!(rows, labels.len(), "{} labels for {rows} rows of logits", labels.len());
    assert!((0.0..=1.0).contains(&epsilon), "label smoothing is {epsilon}, not in [0, 1]");
    for &label in labels.iter().filter(|&&label| Some(label) != ignore) {
        assert!((label as usize) < classes, "label {label} is not one of {classes} classes");
    }
    let counted = labels.iter().filter(|&&label| Some(label) != ignore).count();
    let mut normalisers = step.tape.scratch(rows);
    let x = step.tape.value(logits).data();
    step.pass.par.for_each_chunk(&mut normalisers, ROWS, |chunk, normalisers| {
        let x = &x[chunk * ROWS * classes..][..normalisers.len() * classes];
        vectorised!({
            for (n, row) in normalisers.iter_mut().zip(x.chunks_exact(classes)) {
                *n = log_sum_exp(row);
            }
        });
    });
    let mut losses = Vec::with_capacity(rows);
    for ((row, &label), &normaliser) in x.chunks_exact(classes.max(1)).zip(labels).zip(&normalisers)
    {
        if Some(label) == ignore {
            losses.push(0.0);
            continue;
        }
        let mut target = (1.0 - epsilon) * row[label as usize];
        if epsilon > 0.0 {
            target += epsilon * sum(row) / classes as f32;
        }
        losses.push(f64::from(normaliser) - f64::from(target));
    }
    let (loss, counted) = step.leaves().mean(rows, counted, |rows| losses[rows].iter().sum());
    let value = Tensor::new(&[], vec![loss as f32]);
    let needs_gradient = step.tape.needs_gradient(logits);
    let operation = Backwards { logits, labels: labels.to_vec(), options, counted, normalisers };
    step.tape.record(value, needs_gradient, operation)
}

/// Rows per unit of work; it does not change the result.
const ROWS: usize = 16;

/// `normalisers`: ln Σ exp(x) of each row.
#[derive(Debug)]
struct Backwards {
    logits: Var,
    labels: Vec<u32>,
    options: CrossEntropy,
    counted: usize,
    normalisers: Vec<f32>,
}

impl Operation for Backwards {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let CrossEntropy { label_smoothing: epsilon, ignore } = self.options;
        let x = context.value(self.logits);
        let (_, classes) = x.as_matrix();
        let scale = gradient[0] / self.counted.max(1) as f32;
        let uniform = epsilon / classes as f32;
        let mut dx = context.scratch(x.data().len());
        context.pass.par.for_each_chunk(&mut dx, (ROWS * classes).max(1), |chunk, dx| {
            let rows = dx
                .chunks_exact_mut(classes)
                .zip(x.data()[chunk * ROWS * classes..].chunks_exact(classes));
            for (i, (dx, x)) in rows.enumerate() {
                let row = chunk * ROWS + i;
                if Some(self.labels[row]) == ignore {
                    dx.fill(0.0);
                    continue;
                }
                let normaliser = self.normalisers[row];
                vectorised!({
                    for (dx, &x) in dx.iter_mut().zip(x) {
                        *dx = scale * (exp(x - normaliser) - uniform);
                    }
                });
                dx[self.labels[row] as usize] -= scale * (1.0 - epsilon);
            }
        });
        context.give(self.logits, dx);
    }

    fn recycle(self: Box<Self>, spare: &mut Vec<Vec<f32>>) {
        spare.push(self.normalisers);
    }
}
