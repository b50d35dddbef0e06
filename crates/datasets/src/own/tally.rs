//! [`Tally`]: a metric of batch after batch.

use super::metric::Metric;
use super::statistics::{Moments, softplus};
use super::task::Task;

/// Sums that a [`Metric`] is computed of, batch after batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    metric: Metric,
    task: Task,
    width: usize,
    /// What is counted, and the sum over it.
    count: u64,
    sum: f64,
    /// Of the targets of each output of a regression.
    moments: Vec<Moments>,
    /// Hits, false answers and missed ones of each class.
    classes: Vec<[u64; 3]>,
}

/// Targets of some rows of outputs.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a> {
    /// A label for each row of logits, −1 where none is counted; for `multi-label` a 0 or 1 for each
    /// logit.
    Labels(&'a [i64]),
    /// A number for each output.
    Reals(&'a [f32]),
}

impl Tally {
    /// Nothing yet, of `width` outputs for each label: classes, labels, or numbers of a regression.
    ///
    /// # Panics
    ///
    /// If the width is 0, or the metric does not fit the task.
    #[track_caller]
    pub fn new(metric: Metric, task: Task, width: usize) -> Self {
        assert!(width > 0, "a network without outputs");
        metric.fits(task).unwrap_or_else(|why| panic!("{why}"));
        let moments = vec![Moments::default(); if metric == Metric::R2 { width } else { 0 }];
        let classes = vec![[0; 3]; if metric == Metric::F1 { width } else { 0 }];
        Self { metric, task, width, count: 0, sum: 0.0, moments, classes }
    }

    /// Counts rows of outputs.
    ///
    /// # Panics
    ///
    /// If outputs and targets are not of as many rows, the targets not of the task, or a label is
    /// none of the classes.
    #[track_caller]
    pub fn add(&mut self, outputs: &[f32], targets: Targets<'_>) {
        let rows = outputs.len() / self.width;
        let expected = if self.task.has_classes() { rows } else { outputs.len() };
        let found = match targets {
            Targets::Labels(labels) => labels.len(),
            Targets::Reals(numbers) => numbers.len(),
        };
        assert!(
            found == expected && outputs.len() == rows * self.width,
            "{found} targets for {} outputs, {} in a row",
            outputs.len(),
            self.width
        );
        match (targets, self.task) {
            (Targets::Reals(numbers), Task::Regression) => self.add_numbers(outputs, numbers),
            (Targets::Labels(truths), Task::MultiLabel) => self.add_truths(outputs, truths),
            (Targets::Labels(labels), task) if task.has_classes() => {
                for (row, &label) in outputs.chunks_exact(self.width).zip(labels) {
                    if label >= 0 {
                        self.add_row(row, label);
                    }
                }
            }
            _ => panic!("targets of another task than {}", self.task),
        }
    }

    fn add_numbers(&mut self, outputs: &[f32], numbers: &[f32]) {
        for (i, (&z, &y)) in outputs.iter().zip(numbers).enumerate() {
            let apart = f64::from(z) - f64::from(y);
            self.count += 1;
            self.sum += match self.metric {
                Metric::MeanAbsoluteError => apart.abs(),
                _ => apart * apart,
            };
            if let Some(moments) = self.moments.get_mut(i % self.width) {
                moments.add(f64::from(y));
            }
        }
    }

    fn add_truths(&mut self, outputs: &[f32], truths: &[i64]) {
        for (i, (&z, &truth)) in outputs.iter().zip(truths).enumerate() {
            let (yes, truth) = (z > 0.0, truth > 0);
            self.count += 1;
            match self.metric {
                Metric::F1 => self.answer(i % self.width, yes, truth),
                Metric::CrossEntropy => {
                    self.sum += softplus(z.into()) - if truth { z.into() } else { 0.0 };
                }
                _ => self.sum += f64::from(u8::from(yes != truth || z.is_nan())),
            }
        }
    }

    #[track_caller]
    fn add_row(&mut self, row: &[f32], label: i64) {
        let at = usize::try_from(label).ok().filter(|&label| label < self.width);
        let label = at.unwrap_or_else(|| panic!("a label of {label} for {} classes", self.width));
        self.count += 1;
        let own = row[label];
        // A row with NaN has no answer.
        let nan = row.iter().any(|z| z.is_nan());
        let before = || {
            let beats = |(i, &z): (usize, &f32)| z > own || (z == own && i < label);
            row.iter().enumerate().filter(|&each| beats(each)).count()
        };
        match self.metric {
            Metric::Error => self.sum += f64::from(u8::from(nan || before() > 0)),
            Metric::TopFiveError => self.sum += f64::from(u8::from(nan || before() >= 5)),
            Metric::F1 => {
                let best =
                    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
                if !nan && best == label {
                    self.answer(label, true, true);
                } else {
                    self.answer(label, false, true);
                    if !nan {
                        self.answer(best, true, false);
                    }
                }
            }
            _ => {
                let largest = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
                let sum: f64 = row.iter().map(|&z| (f64::from(z) - largest).exp()).sum();
                self.sum += largest + sum.ln() - f64::from(own);
            }
        }
    }

    fn answer(&mut self, class: usize, yes: bool, truth: bool) {
        match (yes, truth) {
            (true, true) => self.classes[class][0] += 1,
            (true, false) => self.classes[class][1] += 1,
            (false, true) => self.classes[class][2] += 1,
            (false, false) => {}
        }
    }

    /// Adds what another one counted.
    ///
    /// # Panics
    ///
    /// If it is of another metric, task or width.
    #[track_caller]
    pub fn merge(&mut self, other: &Self) {
        let kind = |of: &Self| (of.metric, of.task, of.width);
        assert_eq!(kind(self), kind(other), "another metric");
        self.count += other.count;
        self.sum += other.sum;
        self.moments.iter_mut().zip(&other.moments).for_each(|(a, b)| a.merge(b));
        for (a, b) in self.classes.iter_mut().zip(&other.classes) {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        }
    }

    /// How many labels, or numbers, were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The metric of all that was counted; NaN if that is nothing. R² of targets that are all the
    /// same is not a number, or infinite.
    pub fn value(&self) -> f64 {
        let mean = self.sum / self.count as f64;
        match self.metric {
            Metric::Perplexity => mean.exp(),
            Metric::R2 => self.sum / self.moments.iter().map(|m| m.squares).sum::<f64>(),
            Metric::F1 => {
                let of_class = |&[hits, wrong, missed]: &[u64; 3]| {
                    let all = 2 * hits + wrong + missed;
                    (all > 0).then(|| 2.0 * hits as f64 / all as f64)
                };
                let of_classes: Vec<f64> = self.classes.iter().filter_map(of_class).collect();
                1.0 - of_classes.iter().sum::<f64>() / of_classes.len() as f64
            }
            _ => mean,
        }
    }
}
