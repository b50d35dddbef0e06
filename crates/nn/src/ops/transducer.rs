//! The transducer loss (RNN-T): the likelihood of a label sequence, summed over all ways to
//! interleave its labels with the steps of time.
//!
//! ```text
//! α(t, u) = ln(e^(α(t−1, u) + ␣(t−1, u)) + e^(α(t, u−1) + y(t, u−1)))
//! β(t, u) = ln(e^(β(t+1, u) + ␣(t, u)) + e^(β(t, u+1) + y(t, u)))
//! −ln p = −(α(T−1, U) + ␣(T−1, U)) = −β(0, 0)
//! ∂(−ln p)/∂x_tu(k) = softmax(x_tu)(k)·e^(α + β − ln p) − e^(α(t, u) + ℓ_tu(k) + β(next) − ln p)
//! ```
//!
//! ␣(t, u) and y(t, u) are the log-probabilities of blank and of label u + 1 at the node; the last
//! term is there for these two classes, with next = (t+1, u) or (t, u+1). Sums are in f64.
//!
//! Source: Graves, arXiv:1211.3711, §2.

use std::ops::Range;

use super::distillation::Prepared;
use super::lattice::{log_add, log_softmax_f64};
use crate::step::Step;
use crate::tape::Var;
use crate::tensor::Tensor;

/// What [`transducer`] compares with.
#[derive(Clone, Copy, Debug)]
pub struct TransducerTargets<'a> {
    /// The labels of each sequence, without blanks.
    pub labels: &'a [Vec<u32>],
    /// The number of times of each sequence, above 0; all if not given.
    pub lengths: Option<&'a [usize]>,
    /// The class that stands for "no label, next time".
    pub blank: u32,
}

/// Records the mean over the batch of −ln p(labels), in nats.
///
/// # Shapes
///
/// - `logits`: (batch, time, 1 + labels of the longest sequence, classes), before the softmax
/// - result: one number
///
/// # Panics
///
/// If the shapes do not agree, or a label is blank or not a class.
#[track_caller]
pub fn transducer(step: &mut Step<'_>, logits: Var, targets: &TransducerTargets<'_>) -> Var {
    let &[batch, time, nodes, classes] = step.tape.value(logits).shape() else {
        panic!(
            "logits are (batch, time, labels + 1, classes), not {:?}",
            step.tape.value(logits).shape()
        );
    };
    let TransducerTargets { labels, lengths, blank } = *targets;
    assert_eq!(labels.len(), batch, "{} label sequences for a batch of {batch}", labels.len());
    assert!((blank as usize) < classes, "blank {blank} is not one of {classes} classes");
    for labels in labels {
        assert!(labels.len() < nodes, "{} labels do not fit {nodes} nodes", labels.len());
        for &label in labels {
            assert!(
                label != blank && (label as usize) < classes,
                "label {label} is not one of {classes} classes, or the blank {blank}"
            );
        }
    }
    let length = |b: usize| lengths.map_or(time, |lengths| lengths[b]);
    for b in 0..batch {
        assert!((1..=time).contains(&length(b)), "a length of {} is not in 1..={time}", length(b));
    }
    let mut share = step.tape.scratch(batch * time * nodes * classes);
    let x = step.tape.value(logits).data();
    let size = time * nodes * classes;
    let mut sequences: Vec<(f64, &mut [f32])> =
        share.chunks_mut(size.max(1)).map(|share| (0.0, share)).collect();
    let whole = step.leaves().all_examples(batch);
    step.pass.par.for_each_chunk(&mut sequences, 1, |b, sequence| {
        let (loss, share) = &mut sequence[0];
        let len = length(b) * nodes * classes;
        share.fill(0.0);
        let lattice =
            Lattice::new(&x[b * size..][..len], [length(b), nodes, classes], &labels[b], blank);
        *loss = -lattice.gradient(&mut share[..len]);
        share.iter_mut().for_each(|d| *d /= whole as f32);
    });
    let sum = |rows: Range<usize>| sequences[rows].iter().map(|(loss, _)| loss).sum();
    let (mean, _) = step.leaves().mean(batch, batch, sum);
    let value = Tensor::new(&[], vec![mean as f32]);
    let needs_gradient = step.tape.needs_gradient(logits);
    step.tape.record(value, needs_gradient, Prepared { x: logits, share })
}

/// The nodes (t, u) of one sequence, u up to its own number of labels.
struct Lattice<'a> {
    l: Vec<f64>,
    time: usize,
    nodes: usize,
    classes: usize,
    labels: &'a [u32],
    blank: usize,
}

impl<'a> Lattice<'a> {
    fn new(x: &[f32], [time, nodes, classes]: [usize; 3], labels: &'a [u32], blank: u32) -> Self {
        let l = log_softmax_f64(x, classes);
        Self { l, time, nodes, classes, labels, blank: blank as usize }
    }

    fn at(&self, t: usize, u: usize) -> usize {
        t * self.nodes + u
    }

    /// ln P of staying with u labels and going to the next time.
    fn blank(&self, t: usize, u: usize) -> f64 {
        self.l[self.at(t, u) * self.classes + self.blank]
    }

    /// ln P of emitting label u + 1; there is one for u below the number of labels.
    fn label(&self, t: usize, u: usize) -> f64 {
        self.l[self.at(t, u) * self.classes + self.labels[u] as usize]
    }

    fn alpha(&self) -> Vec<f64> {
        let mut alpha = vec![f64::NEG_INFINITY; self.time * self.nodes];
        for t in 0..self.time {
            for u in 0..=self.labels.len() {
                let mut sum = if (t, u) == (0, 0) { 0.0 } else { f64::NEG_INFINITY };
                if t > 0 {
                    sum = log_add(sum, alpha[self.at(t - 1, u)] + self.blank(t - 1, u));
                }
                if u > 0 {
                    sum = log_add(sum, alpha[self.at(t, u - 1)] + self.label(t, u - 1));
                }
                alpha[self.at(t, u)] = sum;
            }
        }
        alpha
    }

    fn beta(&self) -> Vec<f64> {
        let mut beta = vec![f64::NEG_INFINITY; self.time * self.nodes];
        for t in (0..self.time).rev() {
            for u in (0..=self.labels.len()).rev() {
                let mut sum = self.after_blank(&beta, t, u) + self.blank(t, u);
                if u < self.labels.len() {
                    sum = log_add(sum, beta[self.at(t, u + 1)] + self.label(t, u));
                }
                beta[self.at(t, u)] = sum;
            }
        }
        beta
    }

    /// β of the node after a blank. The last blank ends the sequence.
    fn after_blank(&self, beta: &[f64], t: usize, u: usize) -> f64 {
        if t + 1 < self.time {
            beta[self.at(t + 1, u)]
        } else if u == self.labels.len() {
            0.0
        } else {
            f64::NEG_INFINITY
        }
    }

    /// Writes the gradient of −ln p and returns ln p.
    fn gradient(&self, share: &mut [f32]) -> f64 {
        let (alpha, beta) = (self.alpha(), self.beta());
        let total = beta[0];
        for t in 0..self.time {
            for u in 0..=self.labels.len() {
                let at = self.at(t, u);
                let occupancy = (alpha[at] + beta[at] - total).exp();
                let range = at * self.classes..(at + 1) * self.classes;
                let share = &mut share[range.clone()];
                for (d, l) in share.iter_mut().zip(&self.l[range]) {
                    *d = (occupancy * l.exp()) as f32;
                }
                let reach = alpha[at] - total;
                let blank = reach + self.blank(t, u) + self.after_blank(&beta, t, u);
                share[self.blank] -= blank.exp() as f32;
                if u < self.labels.len() {
                    let label = reach + self.label(t, u) + beta[self.at(t, u + 1)];
                    share[self.labels[u] as usize] -= label.exp() as f32;
                }
            }
        }
        total
    }
}
