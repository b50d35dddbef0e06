//! [`Metric`]: what is measured of answers; less is better.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::elements::Elements;

use super::rows::Rows;
use super::statistics::{Moments, softplus};
use super::task::Task;

/// What is measured of a network's answers. Less is better.
///
/// y are targets, z the outputs: numbers of a regression, and else logits; n counts what is counted,
/// which labels of −1 are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Metric {
    /// The share of wrong answers. The answer is the first of the largest logits; for `multi-label`
    /// that a label holds where its logit is positive, and each label counts.
    #[serde(rename = "error")]
    Error,
    /// The share of labels that are not among the five largest logits.
    #[serde(rename = "top-5-error")]
    TopFiveError,
    /// Mean of −ln p(y) in nats, p the softmax of z; for `multi-label` the mean over all labels of
    /// that of the logistic function.
    #[serde(rename = "cross-entropy")]
    CrossEntropy,
    /// e to the cross-entropy.
    #[serde(rename = "perplexity")]
    Perplexity,
    /// Mean of (z − y)².
    #[serde(rename = "mse")]
    MeanSquaredError,
    /// Mean of |z − y|.
    #[serde(rename = "mae")]
    MeanAbsoluteError,
    /// 1 − R² = Σ (z − y)² / Σ (y − ȳ)², with the mean ȳ of each output, and sums over all outputs.
    #[serde(rename = "r2")]
    R2,
    /// 1 − F₁, the mean over classes of F₁ = 2 TP / (2 TP + FP + FN); classes that are neither
    /// expected nor answered do not count.
    #[serde(rename = "f1")]
    F1,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Error,
        Self::TopFiveError,
        Self::CrossEntropy,
        Self::Perplexity,
        Self::MeanSquaredError,
        Self::MeanAbsoluteError,
        Self::R2,
        Self::F1,
    ];

    /// That of a task if none is named: the error of labels, the mean squared error of a regression,
    /// the perplexity of a language, F₁ of many labels.
    pub fn of(task: Task) -> Self {
        match task {
            Task::Classification | Task::SequenceLabels => Self::Error,
            Task::Regression => Self::MeanSquaredError,
            Task::LanguageModelling => Self::Perplexity,
            Task::MultiLabel => Self::F1,
        }
    }

    /// Whether it can be measured of a task.
    ///
    /// # Errors
    ///
    /// A clause that names both, and what can.
    pub fn fits(self, task: Task) -> Result<(), String> {
        let of_numbers =
            |metric| matches!(metric, Self::MeanSquaredError | Self::MeanAbsoluteError | Self::R2);
        let fits = |metric| match task {
            Task::Regression => of_numbers(metric),
            Task::MultiLabel => matches!(metric, Self::Error | Self::CrossEntropy | Self::F1),
            _ => !of_numbers(metric),
        };
        if fits(self) {
            return Ok(());
        }
        let all: Vec<String> =
            Self::ALL.into_iter().filter(|&m| fits(m)).map(|m| m.to_string()).collect();
        Err(format!("the metric {self} is not of {task}, which has {}", all.join(", ")))
    }

    /// What the best answer gets that is the same for all examples, measured on the targets
    /// themselves: the most frequent class, the frequencies as probabilities, the mean, the median.
    /// That is chance, which a network must beat. NaN if nothing is counted.
    ///
    /// # Panics
    ///
    /// If the metric does not fit the task, or the targets are not those of it.
    #[track_caller]
    pub fn chance(self, task: Task, targets: &Rows) -> f64 {
        self.fits(task).unwrap_or_else(|why| panic!("{why}"));
        match task {
            Task::Regression => self.of_numbers(targets),
            Task::MultiLabel => self.of_truths(targets),
            _ => self.of_labels(targets),
        }
    }

    fn of_labels(self, targets: &Rows) -> f64 {
        let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
        let mut count = |label: i64| {
            if label >= 0 {
                *counts.entry(label).or_default() += 1;
            }
        };
        match targets.elements() {
            Elements::U8(labels) => labels.iter().for_each(|&label| count(label.into())),
            Elements::I64(labels) => labels.iter().for_each(|&label| count(label)),
            Elements::F32(_) => panic!("labels are whole numbers"),
        }
        let mut counts: Vec<f64> = counts.into_values().map(|n| n as f64).collect();
        counts.sort_by(|a, b| b.total_cmp(a));
        let n: f64 = counts.iter().sum();
        let Some(&most) = counts.first() else { return f64::NAN };
        let entropy = || -counts.iter().map(|count| count / n * (count / n).ln()).sum::<f64>();
        match self {
            Self::Error => 1.0 - most / n,
            Self::TopFiveError => 1.0 - counts.iter().take(5).sum::<f64>() / n,
            Self::CrossEntropy => entropy(),
            Self::Perplexity => entropy().exp(),
            // Of one class; the others have no hit at all.
            Self::F1 => 1.0 - 2.0 * most / (n + most) / counts.len() as f64,
            Self::MeanSquaredError | Self::MeanAbsoluteError | Self::R2 => unreachable!("fits"),
        }
    }

    fn of_truths(self, targets: &Rows) -> f64 {
        let width = targets.size();
        let mut counts = vec![0u64; width];
        for example in 0..targets.len() as u32 {
            let truths = targets.integers(&[example]);
            counts.iter_mut().zip(truths).for_each(|(count, truth)| *count += u64::from(truth > 0));
        }
        let of_label = |&count: &u64| {
            let p = count as f64 / targets.len() as f64;
            match self {
                Self::Error => p.min(1.0 - p),
                Self::CrossEntropy if p == 0.0 || p == 1.0 => 0.0,
                Self::CrossEntropy => {
                    let logit = (p / (1.0 - p)).ln();
                    softplus(logit) - p * logit
                }
                // That it holds: of nothing that is answered there is no hit.
                _ => 1.0 - 2.0 * p / (1.0 + p),
            }
        };
        if self == Self::F1 {
            let held: Vec<u64> = counts.into_iter().filter(|&count| count > 0).collect();
            return held.iter().map(of_label).sum::<f64>() / held.len() as f64;
        }
        counts.iter().map(of_label).sum::<f64>() / width as f64
    }

    fn of_numbers(self, targets: &Rows) -> f64 {
        let Elements::F32(values) = targets.elements() else { panic!("targets are real numbers") };
        let width = targets.size();
        let column = |c: usize| values.iter().skip(c).step_by(width).map(|&y| f64::from(y));
        let count = values.len() as f64;
        match self {
            Self::MeanSquaredError => {
                let squares = (0..width).map(|c| Moments::of(column(c)).squares);
                squares.sum::<f64>() / count
            }
            Self::MeanAbsoluteError => {
                let apart = |c: usize| {
                    let mut sorted: Vec<f64> = column(c).collect();
                    sorted.sort_by(f64::total_cmp);
                    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
                    sorted.iter().map(|y| (y - median).abs()).sum::<f64>()
                };
                (0..width).map(apart).sum::<f64>() / count
            }
            _ => 1.0,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::TopFiveError => "top-5-error",
            Self::CrossEntropy => "cross-entropy",
            Self::Perplexity => "perplexity",
            Self::MeanSquaredError => "mse",
            Self::MeanAbsoluteError => "mae",
            Self::R2 => "r2",
            Self::F1 => "f1",
        })
    }
}
