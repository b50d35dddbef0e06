//! Connectionist temporal classification: the likelihood of a label sequence, summed over all its
//! alignments with the times.
//!
//! ```text
//! z = ␣ y₁ ␣ y₂ ␣ … ␣ y_U ␣        labels with blanks between them, S = 2U + 1
//! α_t(s) = ℓ_t(z_s) + ln(e^α_{t−1}(s) + e^α_{t−1}(s−1) + [z_s ≠ ␣, z_s ≠ z_{s−2}] e^α_{t−1}(s−2))
//! −ln p = −ln(e^α_T(S) + e^α_T(S−1))
//! ∂(−ln p)/∂x_t(k) = softmax(x_t)(k) − Σ_{s: z_s = k} e^(α_t(s) + β_t(s) − ln p)
//! ```
//!
//! ℓ = log-softmax of the logits x; β is α from the other end, without ℓ_t. Sums are in f64.
//!
//! Source: Graves et al., ICML 2006.

use std::ops::Range;

use super::distillation::Prepared;
use super::lattice::{log_add, log_softmax_f64};
use crate::step::Step;
use crate::tape::Var;
use crate::tensor::Tensor;

/// What [`ctc`] compares with.
#[derive(Clone, Copy, Debug)]
pub struct CtcTargets<'a> {
    /// The labels of each sequence, without blanks.
    pub labels: &'a [Vec<u32>],
    /// The number of times of each sequence; all if not given.
    pub lengths: Option<&'a [usize]>,
    /// The class that stands for "no label".
    pub blank: u32,
    /// A sequence that is too short for its labels has an infinite loss. If this is set, it counts
    /// as zero instead, without gradient.
    pub zero_infinity: bool,
}

/// Records the mean over the batch of −ln p(labels), in nats.
///
/// Differs: PyTorch's "mean" divides by the number of labels of each sequence as well.
///
/// # Shapes
///
/// - `logits`: (batch, time, classes), before the softmax
/// - result: one number
///
/// # Panics
///
/// If the numbers of sequences differ, a length is too long, or a label is blank or not a class.
#[track_caller]
pub fn ctc(step: &mut Step<'_>, logits: Var, targets: &CtcTargets<'_>) -> Var {
    let &[batch, time, classes] = step.tape.value(logits).shape() else {
        panic!("logits are (batch, time, classes), not {:?}", step.tape.value(logits).shape());
    };
    let CtcTargets { labels, lengths, blank, zero_infinity } = *targets;
    assert_eq!(labels.len(), batch, "{} label sequences for a batch of {batch}", labels.len());
    assert!((blank as usize) < classes, "blank {blank} is not one of {classes} classes");
    for &label in labels.iter().flatten() {
        assert!(
            label != blank && (label as usize) < classes,
            "label {label} is not one of {classes} classes, or the blank {blank}"
        );
    }
    let length = |b: usize| lengths.map_or(time, |lengths| lengths[b]);
    if let Some(lengths) = lengths {
        assert!(
            lengths.len() == batch && lengths.iter().all(|&l| l <= time),
            "lengths {lengths:?} do not fit a batch of {batch} with {time} times"
        );
    }
    let mut share = step.tape.scratch(batch * time * classes);
    let x = step.tape.value(logits).data();
    let mut sequences: Vec<(f64, &mut [f32])> =
        share.chunks_mut((time * classes).max(1)).map(|share| (0.0, share)).collect();
    // Without times or classes there are no chunks, and every likelihood is 0 or 1.
    assert!(sequences.len() == batch, "{time} times do not make a sequence");
    let whole = step.leaves().all_examples(batch);
    step.pass.par.for_each_chunk(&mut sequences, 1, |b, sequence| {
        let (loss, share) = &mut sequence[0];
        let len = length(b) * classes;
        share[len..].fill(0.0);
        let x = &x[b * time * classes..][..len];
        *loss = one(x, classes, &labels[b], blank as usize, &mut share[..len]);
        if *loss == f64::INFINITY {
            share.fill(0.0);
            if zero_infinity {
                *loss = 0.0;
            }
        }
        share.iter_mut().for_each(|d| *d /= whole as f32);
    });
    let sum = |rows: Range<usize>| sequences[rows].iter().map(|(loss, _)| loss).sum();
    let (mean, _) = step.leaves().mean(batch, batch, sum);
    let value = Tensor::new(&[], vec![mean as f32]);
    let needs_gradient = step.tape.needs_gradient(logits);
    step.tape.record(value, needs_gradient, Prepared { x: logits, share })
}

/// −ln p of one sequence; writes its gradient with respect to the logits.
fn one(x: &[f32], classes: usize, labels: &[u32], blank: usize, share: &mut [f32]) -> f64 {
    let time = x.len() / classes;
    if time == 0 {
        return if labels.is_empty() { 0.0 } else { f64::INFINITY };
    }
    let l = log_softmax_f64(x, classes);
    let states = 2 * labels.len() + 1;
    let class = |s: usize| if s.is_multiple_of(2) { blank } else { labels[s / 2] as usize };
    // A label may follow the one before it without a blank if they differ.
    let skips = |s: usize| s % 2 == 1 && s >= 3 && labels[s / 2] != labels[s / 2 - 1];
    let none = f64::NEG_INFINITY;
    let mut alpha = vec![none; time * states];
    alpha[0] = l[blank];
    if states > 1 {
        alpha[1] = l[class(1)];
    }
    for t in 1..time {
        let (before, now) = alpha.split_at_mut(t * states);
        let before = &before[(t - 1) * states..];
        for s in 0..states {
            let mut sum = before[s];
            if s >= 1 {
                sum = log_add(sum, before[s - 1]);
            }
            if skips(s) {
                sum = log_add(sum, before[s - 2]);
            }
            now[s] = sum + l[t * classes + class(s)];
        }
    }
    let last = &alpha[(time - 1) * states..];
    let total = log_add(last[states - 1], if states > 1 { last[states - 2] } else { none });
    if total == none {
        return f64::INFINITY;
    }
    let mut beta = vec![none; states];
    beta[states - 1] = 0.0;
    if states > 1 {
        beta[states - 2] = 0.0;
    }
    for t in (0..time).rev() {
        let l = &l[t * classes..][..classes];
        let share = &mut share[t * classes..][..classes];
        let mut occupancy = vec![0.0; classes];
        for s in 0..states {
            occupancy[class(s)] += (alpha[t * states + s] + beta[s] - total).exp();
        }
        for ((d, &l), o) in share.iter_mut().zip(l).zip(occupancy) {
            *d = (l.exp() - o) as f32;
        }
        let after: Vec<f64> = (0..states).map(|s| beta[s] + l[class(s)]).collect();
        for s in 0..states {
            let mut sum = after[s];
            if s + 1 < states {
                sum = log_add(sum, after[s + 1]);
            }
            if s + 2 < states && skips(s + 2) {
                sum = log_add(sum, after[s + 2]);
            }
            beta[s] = sum;
        }
    }
    -total
}
