//! From logits to label sequences, and how wrong they are.

use std::collections::HashMap;

use crate::functions::exp;

/// The most likely alignment: the largest class of each time, repeats merged, blanks dropped.
///
/// `logits` are (time, classes). Source: Graves et al., ICML 2006, §3.2 (best path decoding).
///
/// # Panics
///
/// If the values are not rows of `classes`, or `classes` is 0.
#[track_caller]
pub fn ctc_greedy(logits: &[f32], classes: usize, blank: u32) -> Vec<u32> {
    let mut labels = Vec::new();
    let mut last = blank;
    for row in rows(logits, classes) {
        let class = largest(row);
        if class != blank && class != last {
            labels.push(class);
        }
        last = class;
    }
    labels
}

/// The most likely label sequence that a search over `beam` prefixes finds, with the logarithm of
/// the probability that it found for it (a sum over alignments, so at most that of the sequence).
///
/// `logits` are (time, classes). A prefix has two probabilities, of ending in a blank and in its
/// last label. Source: Hannun et al., arXiv:1408.2873, without a language model.
///
/// # Panics
///
/// If the values are not rows of `classes`, or `classes` or `beam` is 0.
#[track_caller]
pub fn ctc_beam(logits: &[f32], classes: usize, blank: u32, beam: usize) -> (Vec<u32>, f64) {
    assert!(beam > 0, "a search needs at least one prefix");
    // Probability of each prefix, ending in a blank and ending in its last label; scaled at each
    // time to avoid underflow.
    let mut prefixes: Vec<(Vec<u32>, [f64; 2])> = vec![(Vec::new(), [1.0, 0.0])];
    let mut log_scale = 0.0;
    for row in rows(logits, classes) {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let p: Vec<f64> = row.iter().map(|x| f64::from(exp(x - max))).collect();
        let sum: f64 = p.iter().sum();
        let mut next: HashMap<Vec<u32>, [f64; 2]> = HashMap::new();
        for (prefix, [ends_blank, ends_label]) in &prefixes {
            let either = ends_blank + ends_label;
            for (class, p) in (0u32..).zip(&p) {
                let p = p / sum;
                if class == blank {
                    next.entry(prefix.clone()).or_default()[0] += either * p;
                    continue;
                }
                let mut longer = prefix.clone();
                longer.push(class);
                if prefix.last() == Some(&class) {
                    // A repeat goes on with the same label; only after a blank it is a new one.
                    next.entry(prefix.clone()).or_default()[1] += ends_label * p;
                    next.entry(longer).or_default()[1] += ends_blank * p;
                } else {
                    next.entry(longer).or_default()[1] += either * p;
                }
            }
        }
        prefixes = next.into_iter().collect();
        // Equals are ordered by their labels, so that the result does not depend on the map.
        prefixes.sort_by(|(a, p), (b, q)| (q[0] + q[1]).total_cmp(&(p[0] + p[1])).then(a.cmp(b)));
        prefixes.truncate(beam);
        let best = prefixes[0].1.iter().sum::<f64>();
        log_scale += best.ln();
        prefixes.iter_mut().for_each(|(_, p)| p.iter_mut().for_each(|p| *p /= best));
    }
    let (labels, p) = prefixes.swap_remove(0);
    (labels, log_scale + (p[0] + p[1]).ln())
}

/// Greedy search of a transducer: at each time the largest class, labels again and again until it
/// is the blank, but at most `per_time` of them.
///
/// `logits(time, labels)` gives those of a time after the labels so far. Source: Graves,
/// arXiv:1211.3711, §2.5, with a beam of one.
pub fn transducer_greedy(
    times: usize,
    blank: u32,
    per_time: usize,
    mut logits: impl FnMut(usize, &[u32]) -> Vec<f32>,
) -> Vec<u32> {
    let mut labels = Vec::new();
    for time in 0..times {
        for _ in 0..per_time {
            let class = largest(&logits(time, &labels));
            if class == blank {
                break;
            }
            labels.push(class);
        }
    }
    labels
}

/// The smallest number of insertions, deletions and substitutions that turn `a` into `b`.
pub fn edit_distance<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Word error rate: edits over reference words, over all pairs (reference, hypothesis); may be
/// above 1. `None` without a reference word.
pub fn word_error_rate<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<f64> {
    let (mut edits, mut words) = (0, 0);
    for (reference, hypothesis) in pairs {
        let reference: Vec<&str> = reference.split_whitespace().collect();
        let hypothesis: Vec<&str> = hypothesis.split_whitespace().collect();
        edits += edit_distance(&reference, &hypothesis);
        words += reference.len();
    }
    (words > 0).then(|| edits as f64 / words as f64)
}

#[track_caller]
fn rows(logits: &[f32], classes: usize) -> std::slice::ChunksExact<'_, f32> {
    assert!(
        classes > 0 && logits.len().is_multiple_of(classes),
        "{} logits are not rows of {classes} classes",
        logits.len()
    );
    logits.chunks_exact(classes)
}

/// Index of the largest value, the first of equals.
fn largest(row: &[f32]) -> u32 {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best }) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greedy_decoding_merges_repeats_and_drops_blanks() {
        // The classes 1 1 0 1 2 2 0.
        let logits: Vec<f32> = [1, 1, 0, 1, 2, 2, 0]
            .into_iter()
            .flat_map(|class| (0..3).map(move |k| if k == class { 1.0 } else { 0.0 }))
            .collect();
        assert_eq!(ctc_greedy(&logits, 3, 0), [1, 1, 2]);
        assert_eq!(ctc_greedy(&[], 3, 0), [0u32; 0]);
    }

    /// With a beam as wide as there are sequences the search is exact: against all alignments.
    #[test]
    fn a_wide_beam_finds_the_most_likely_sequence() {
        let (time, classes) = (5, 3);
        for seed in 0..20 {
            let mut logits = vec![0.0; time * classes];
            numerics::Seed::new(seed).stream().fill_gaussian(0, &mut logits);
            let mut all: HashMap<Vec<u32>, f64> = HashMap::new();
            for code in 0..classes.pow(time as u32) {
                let alignment: Vec<usize> =
                    (0..time).map(|t| code / classes.pow(t as u32) % classes).collect();
                let p: f64 = (0..time)
                    .map(|t| {
                        let row = &logits[t * classes..(t + 1) * classes];
                        let sum: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
                        f64::from(row[alignment[t]]).exp() / sum
                    })
                    .product();
                let mut merged = alignment;
                merged.dedup();
                let labels = merged.into_iter().filter(|&k| k != 0).map(|k| k as u32).collect();
                *all.entry(labels).or_default() += p;
            }
            let (labels, log_p) = ctc_beam(&logits, classes, 0, 1000);
            let best = all.values().copied().fold(0.0, f64::max);
            assert!((all[&labels] - best).abs() < 1e-6, "{labels:?}");
            assert!((log_p - best.ln()).abs() < 1e-5, "{log_p}, {}", best.ln());
        }
    }

    #[test]
    fn a_transducer_says_several_labels_at_one_time() {
        // Labels 1 and 2 at the first time, 1 at the second.
        let said = [vec![1, 2], vec![1]];
        let labels = transducer_greedy(2, 0, 5, |time, labels| {
            let before = if time == 0 { 0 } else { 2 };
            let class = said[time].get(labels.len() - before).copied().unwrap_or(0);
            (0..3).map(|k| if k == class { 1.0 } else { 0.0 }).collect()
        });
        assert_eq!(labels, [1, 2, 1]);
        // One that never says blank is stopped.
        assert_eq!(transducer_greedy(2, 0, 3, |_, _| vec![0.0, 1.0]), [1; 6]);
    }

    #[test]
    fn edit_distances_are_the_known_ones() {
        let distance = |a: &str, b: &str| edit_distance(a.as_bytes(), b.as_bytes());
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("flaw", "lawn"), 2);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn word_error_rates_count_words_of_the_reference() {
        let pairs = [("the cat sat", "the cat"), ("on a mat", "on the big mat")];
        assert_eq!(word_error_rate(pairs), Some(0.5));
        assert_eq!(word_error_rate([("", "noise")]), None);
    }
}
