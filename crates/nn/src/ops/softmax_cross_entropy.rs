//! Softmax followed by the cross-entropy against class labels.
//!
//! ```text
//! p_ij = exp(x_ij) / Σ_k exp(x_ik)
//! loss = −(1/B) Σ_i ln p_i,label(i)          ∂loss/∂x_ij = (p_ij − [j = label(i)]) / B
//! ```

use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records the mean cross-entropy of `logits` against `labels`.
///
/// # Shapes
///
/// - `logits`: (batch, classes)
/// - `labels`: (batch)
/// - result: one number
///
/// # Panics
///
/// If the numbers of rows and labels differ, or a label is not a class.
#[track_caller]
pub fn softmax_cross_entropy(step: &mut Step<'_>, logits: Var, labels: &[u8]) -> Var {
    let (batch, classes) = step.tape.value(logits).as_matrix();
    assert_eq!(batch, labels.len(), "{} labels for {batch} rows of logits", labels.len());
    let mut probabilities = step.tape.scratch(batch * classes);
    let mut losses = Vec::with_capacity(batch);
    let rows = step
        .tape
        .value(logits)
        .data()
        .chunks_exact(classes)
        .zip(probabilities.chunks_exact_mut(classes));
    for ((row, p), &label) in rows.zip(labels) {
        assert!(usize::from(label) < classes, "label {label} is not one of {classes} classes");
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for (p, &x) in p.iter_mut().zip(row) {
            *p = (x - max).exp();
        }
        let sum: f32 = p.iter().sum();
        losses.push(f64::from(sum.ln() + max - row[usize::from(label)]));
        p.iter_mut().for_each(|p| *p /= sum);
    }
    let (loss, counted) = step.leaves().mean(batch, batch, |rows| losses[rows].iter().sum());
    let value = Tensor::new(&[], vec![loss as f32]);
    let needs_gradient = step.tape.needs_gradient(logits);
    step.tape.record(
        value,
        needs_gradient,
        SoftmaxCrossEntropy { logits, probabilities, labels: labels.to_vec(), counted },
    )
}

#[derive(Debug)]
struct SoftmaxCrossEntropy {
    logits: Var,
    probabilities: Vec<f32>,
    labels: Vec<u8>,
    /// Rows of the whole batch.
    counted: usize,
}

impl Operation for SoftmaxCrossEntropy {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let scale = gradient[0] / self.counted as f32;
        let classes = self.probabilities.len() / self.labels.len();
        context.accumulate(self.logits, |dx, _| {
            let rows = dx.chunks_exact_mut(classes).zip(self.probabilities.chunks_exact(classes));
            for ((dx, p), &label) in rows.zip(&self.labels) {
                for (j, (dx, &p)) in dx.iter_mut().zip(p).enumerate() {
                    let target = if j == usize::from(label) { 1.0 } else { 0.0 };
                    *dx += scale * (p - target);
                }
            }
        });
    }
}
