//! [`SequenceClassification`]: classes of sequences, or of each of their vectors.

use crate::data::Sequences;
use crate::functions::log_sum_exp;
use crate::models::AcousticModel;
use crate::ops::{self, CrossEntropy};
use crate::step::Step;
use crate::task::{Outcome, Task};
use crate::tensor::Tensor;

use super::{IGNORED, Logits, argmax, wrong_rows};

/// What a sequence is labelled with.
#[derive(Clone, Copy, Debug)]
pub enum SequenceLabels<'a> {
    /// One class for the whole sequence.
    Whole(&'a [u32]),
    /// One class for each vector.
    Each(&'a [Vec<u32>]),
}

/// An acoustic model that says a class at every time.
///
/// The loss is the cross-entropy, a mean over all vectors of the batch. Units are what is labelled.
/// A whole sequence gets the class with the largest sum of log-probabilities over its times.
#[derive(Clone, Debug)]
pub struct SequenceClassification<'a> {
    /// From frames to logits per frame.
    pub model: AcousticModel,
    /// The frames.
    pub sequences: &'a Sequences,
    /// Their classes.
    pub labels: SequenceLabels<'a>,
}

impl Task for SequenceClassification<'_> {
    fn len(&self) -> usize {
        self.sequences.len()
    }

    fn has_logits(&self) -> bool {
        true
    }

    fn check_cut(&self) -> Result<(), &'static str> {
        Ok(())
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let longest = step.leaves().longest(self.sequences.longest(examples));
        let (x, lengths) = self.sequences.gather(examples, longest, |len| step.tape.scratch(len));
        let time = x.shape()[1];
        let mut labels = vec![IGNORED; examples.len() * time];
        let rows = labels.chunks_exact_mut(time.max(1)).zip(&lengths).zip(examples);
        for ((row, &length), &example) in rows {
            match self.labels {
                SequenceLabels::Whole(classes) => row[..length].fill(classes[example as usize]),
                SequenceLabels::Each(classes) => {
                    row[..length].copy_from_slice(&classes[example as usize])
                }
            }
        }
        let x = step.tape.constant(x);
        let logits = self.model.forward(x, Some(&lengths), step);
        let options = CrossEntropy { ignore: Some(IGNORED), ..CrossEntropy::default() };
        let loss = ops::cross_entropy(step, logits, &labels, options);
        let values = step.tape.value(logits);
        let (units, wrong) = match self.labels {
            SequenceLabels::Whole(classes) => {
                let label = |&example: &u32| classes[example as usize];
                let said = whole_classes(values, &lengths);
                let wrong = said.zip(examples).map(|(said, e)| u32::from(said != Some(label(e))));
                (examples.len(), wrong.collect())
            }
            SequenceLabels::Each(_) => {
                let wrong = wrong_rows(values, &labels, examples.len(), Some(IGNORED));
                (lengths.iter().sum(), wrong)
            }
        };
        Outcome { loss, units, wrong: Some(wrong), logits: Some(Logits { values: logits, labels }) }
    }
}

/// The class of each sequence with the largest sum of log-probabilities, of logits (batch, time,
/// classes).
fn whole_classes(logits: &Tensor, lengths: &[usize]) -> impl Iterator<Item = Option<u32>> {
    let &[_, time, classes] = logits.shape() else {
        panic!("logits are (batch, time, classes), not {:?}", logits.shape())
    };
    let sequences = logits.data().chunks_exact((time * classes).max(1)).zip(lengths);
    sequences.map(move |(logits, &length)| {
        let mut sums = vec![0.0; classes];
        for row in logits.chunks_exact(classes).take(length) {
            let normaliser = log_sum_exp(row);
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x - normaliser);
        }
        argmax(&sums).map(|class| class as u32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_what_its_times_say_together() {
        // Two times for class 1 outweigh one for class 0; the padding does not count.
        let logits = [2.0, 0.0, 0.0, 1.5, 0.0, 1.5, 9.0, 0.0, 0.0, 4.0, 9.0, 0.0, 9.0, 0.0];
        let logits = Tensor::new(&[2, 3, 2], [&logits[..6], &logits[8..]].concat());
        assert_eq!(whole_classes(&logits, &[3, 1]).collect::<Vec<_>>(), [Some(1), Some(1)]);
    }
}
