//! Mean cross-entropy of logits against truths, each for itself.
//!
//! ```text
//! loss = (1/n) Σ ln(1 + eˣ) − t·x          p = 1 / (1 + e⁻ˣ)
//! ∂loss/∂x = (p − t) / n
//! ```

use std::ops::Range;

use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records the mean of −t ln p − (1 − t) ln(1 − p) over all logits, in nats; 0 of nothing.
///
/// # Shapes
///
/// - `logits`: any
/// - `truths`: as many, in [0, 1]
/// - result: one number
///
/// # Panics
///
/// If they differ in length, or a truth is not in [0, 1].
#[track_caller]
pub fn binary_cross_entropy(step: &mut Step<'_>, logits: Var, truths: &[f32]) -> Var {
    let values = step.tape.value(logits).data();
    assert_eq!(values.len(), truths.len(), "{} truths for {} logits", truths.len(), values.len());
    if let Some(t) = truths.iter().find(|t| !(0.0..=1.0).contains(*t)) {
        panic!("a truth of {t} is not in [0, 1]")
    }
    let of = |(&x, &t): (&f32, &f32)| {
        let (x, t) = (f64::from(x), f64::from(t));
        x.max(0.0) - t * x + (-x.abs()).exp().ln_1p()
    };
    let sum = |rows: Range<usize>| values[rows.clone()].iter().zip(&truths[rows]).map(of).sum();
    let (mean, counted) = step.leaves().mean(truths.len(), truths.len(), sum);
    let loss = Tensor::new(&[], vec![mean as f32]);
    let needs_gradient = step.tape.needs_gradient(logits);
    let mut kept = step.tape.scratch(truths.len());
    kept.copy_from_slice(truths);
    step.tape.record(loss, needs_gradient, BinaryCrossEntropy { logits, truths: kept, counted })
}

#[derive(Debug)]
struct BinaryCrossEntropy {
    logits: Var,
    truths: Vec<f32>,
    /// Truths of the whole batch.
    counted: usize,
}

impl Operation for BinaryCrossEntropy {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let scale = gradient[0] / self.counted.max(1) as f32;
        context.accumulate(self.logits, |dx, x| {
            for ((dx, &x), t) in dx.iter_mut().zip(x.data()).zip(&self.truths) {
                let p = 1.0 / (1.0 + (-f64::from(x)).exp());
                *dx += scale * (p as f32 - t);
            }
        });
    }

    fn recycle(self: Box<Self>, spare: &mut Vec<Vec<f32>>) {
        spare.push(self.truths);
    }
}
