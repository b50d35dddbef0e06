//! Metrics, against numbers that were worked out by hand or by scikit-learn, and chance against
//! constant answers.

use crate::own::{Elements, Metric, Rows, Tally, Targets, Task};

fn measured(
    metric: Metric,
    task: Task,
    width: usize,
    outputs: &[f32],
    targets: Targets<'_>,
) -> f64 {
    let mut tally = Tally::new(metric, task, width);
    tally.add(outputs, targets);
    tally.value()
}

fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-6 * b.abs().max(1.0), "{a} is not {b}");
}

/// Answers 0, 1, 1, 2, 0 where the labels are 0, 1, 2, 2, 1, and one that is not counted.
const LOGITS: [f32; 18] =
    [2.0, 1.0, 0.0, 0.0, 3.0, 1.0, 0.0, 1.0, 0.5, -1.0, 0.0, 0.25, 1.0, 1.0, 0.0, 9.0, 9.0, 9.0];
const LABELS: [i64; 6] = [0, 1, 2, 2, 1, -1];

#[test]
fn of_labels() {
    let of = |metric| measured(metric, Task::SequenceLabels, 3, &LOGITS, Targets::Labels(&LABELS));
    near(of(Metric::Error), 0.4);
    near(of(Metric::TopFiveError), 0.0);
    // F₁ of the classes: 2/3, 1/2, 2/3.
    near(of(Metric::F1), 1.0 - (2.0 / 3.0 + 0.5 + 2.0 / 3.0) / 3.0);
    let log_softmax = |row: &[f32], label: usize| {
        let sum: f64 = row.iter().map(|&z| f64::from(z).exp()).sum();
        f64::from(row[label]) - sum.ln()
    };
    let rows = LOGITS.chunks(3).zip(LABELS).filter(|&(_, label)| label >= 0);
    let mean = -rows.map(|(row, label)| log_softmax(row, label as usize)).sum::<f64>() / 5.0;
    near(of(Metric::CrossEntropy), mean);
    near(of(Metric::Perplexity), mean.exp());
}

#[test]
fn of_the_five_largest() {
    let row = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 2.0];
    let wrong = |label| {
        let labels = [label];
        let targets = Targets::Labels(&labels);
        measured(Metric::TopFiveError, Task::Classification, 7, &row, targets)
    };
    // Of equal logits the first is the larger.
    assert_eq!([0, 4, 5, 6].map(wrong), [0.0, 0.0, 1.0, 1.0]);
}

#[test]
fn what_is_not_a_number_is_wrong() {
    for outputs in [[f32::NAN, 0.0], [0.0, f32::NAN]] {
        for label in 0..2 {
            let of = |metric| {
                measured(metric, Task::Classification, 2, &outputs, Targets::Labels(&[label]))
            };
            assert_eq!(
                (of(Metric::Error), of(Metric::TopFiveError), of(Metric::F1)),
                (1.0, 1.0, 1.0)
            );
            assert!(of(Metric::CrossEntropy).is_nan());
        }
        let truths = Targets::Labels(&[1, 0]);
        assert!(measured(Metric::Error, Task::MultiLabel, 2, &outputs, truths) > 0.4);
    }
    assert!(Tally::new(Metric::Error, Task::Classification, 2).value().is_nan());
}

#[test]
fn of_numbers() {
    // scikit-learn: mean_squared_error 0.375, mean_absolute_error 0.5, r2_score 0.9486081370449679.
    let (y, z) = ([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0]);
    let of = |metric| measured(metric, Task::Regression, 1, &z, Targets::Reals(&y));
    near(of(Metric::MeanSquaredError), 0.375);
    near(of(Metric::MeanAbsoluteError), 0.5);
    near(of(Metric::R2), 1.0 - 0.948_608_137_044_967_9);
    // Two outputs: each about its own mean.
    let of_two =
        |y: &[f32], z: &[f32]| measured(Metric::R2, Task::Regression, 2, z, Targets::Reals(y));
    near(of_two(&[0.0, 100.0, 2.0, 104.0], &[1.0, 102.0, 1.0, 102.0]), 1.0);
    // A mean that is large beside the variance.
    let large = [1e6, 1e6 + 1.0, 1e6, 1e6 + 1.0];
    near(measured(Metric::R2, Task::Regression, 1, &[1e6 + 0.5; 4], Targets::Reals(&large)), 1.0);
}

#[test]
fn of_many_labels() {
    let (z, y) = ([1.0, -1.0, 2.0, 0.5, -3.0, -0.1], [1, 1, 0, 1, 0, 0]);
    let of = |metric| measured(metric, Task::MultiLabel, 2, &z, Targets::Labels(&y));
    near(of(Metric::Error), 2.0 / 6.0);
    // Label 0: one hit, one false; label 1: one hit, one missed.
    near(of(Metric::F1), 1.0 - 2.0 / 3.0);
    let losses = z.iter().zip(y).map(|(&z, y)| {
        let p = 1.0 / (1.0 + f64::from(-z).exp());
        -(if y == 1 { p } else { 1.0 - p }).ln()
    });
    near(of(Metric::CrossEntropy), losses.sum::<f64>() / 6.0);
}

#[test]
fn batches_add_up() {
    let half = |metric: Metric, rows: std::ops::Range<usize>| {
        let mut tally = Tally::new(metric, Task::SequenceLabels, 3);
        tally.add(&LOGITS[rows.start * 3..rows.end * 3], Targets::Labels(&LABELS[rows]));
        tally
    };
    for metric in [Metric::Error, Metric::Perplexity, Metric::F1] {
        let mut both = half(metric, 0..2);
        both.merge(&half(metric, 2..6));
        assert_eq!(both.count(), 5);
        near(both.value(), half(metric, 0..6).value());
    }
    let (y, z) = ([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0]);
    let mut both = Tally::new(Metric::R2, Task::Regression, 1);
    for i in 0..4 {
        let mut one = Tally::new(Metric::R2, Task::Regression, 1);
        one.add(&z[i..=i], Targets::Reals(&y[i..=i]));
        both.merge(&one);
    }
    near(both.value(), 1.0 - 0.948_608_137_044_967_9);
}

/// No constant answer of a search is better than chance, and one is as good.
#[test]
fn chance_is_the_best_constant_answer() {
    let labels = [0, 1, 1, 2, 1, 0, 3, 4, 5, 1, 6, -1];
    let rows = Rows::new(&[3], Elements::I64(labels.to_vec()));
    let constant = |metric, row: &[f32]| {
        let outputs: Vec<f32> = row.repeat(labels.len());
        measured(metric, Task::SequenceLabels, 7, &outputs, Targets::Labels(&labels))
    };
    let counts = [2.0f32, 4.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    let best = counts.map(f32::ln);
    for metric in
        [Metric::Error, Metric::TopFiveError, Metric::CrossEntropy, Metric::Perplexity, Metric::F1]
    {
        let chance = metric.chance(Task::SequenceLabels, &rows);
        near(constant(metric, &best), chance);
        for i in 0..7 {
            for change in [-0.3, 0.3, 3.0] {
                let mut other = best;
                other[i] += change;
                assert!(constant(metric, &other) > chance - 1e-9, "{metric}");
            }
        }
    }
    let numbers = [1.0, 10.0, 2.0, 10.0, 6.0, 16.0];
    let rows = Rows::new(&[2], Elements::F32(numbers.to_vec()));
    let constant = |metric, row: &[f32]| {
        measured(metric, Task::Regression, 2, &row.repeat(3), Targets::Reals(&numbers))
    };
    for (metric, best) in [
        (Metric::MeanSquaredError, [3.0, 12.0]),
        (Metric::MeanAbsoluteError, [2.0, 10.0]),
        (Metric::R2, [3.0, 12.0]),
    ] {
        let chance = metric.chance(Task::Regression, &rows);
        near(constant(metric, &best), chance);
        for (i, change) in [(0, 0.1), (0, -0.1), (1, 0.1), (1, -0.1)] {
            let mut other = best;
            other[i] += change;
            assert!(constant(metric, &other) > chance);
        }
    }
    let truths = [1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0];
    let rows = Rows::new(&[3], Elements::U8(truths.to_vec()));
    let truths = truths.map(i64::from);
    let constant = |metric, row: &[f32]| {
        measured(metric, Task::MultiLabel, 3, &row.repeat(4), Targets::Labels(&truths))
    };
    for (metric, best) in [
        (Metric::Error, [1.0, -1.0, -1.0]),
        (Metric::CrossEntropy, [3f32.ln(), -(3f32.ln()), -60.0]),
        (Metric::F1, [1.0, 1.0, -1.0]),
    ] {
        near(constant(metric, &best), metric.chance(Task::MultiLabel, &rows));
    }
}
