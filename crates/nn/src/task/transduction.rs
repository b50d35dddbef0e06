//! [`Transduction`]: sequences of frames into sequences of labels.

use crate::data::Sequences;
use crate::decode::edit_distance;
use crate::models::RnnTransducer;
use crate::ops::{self, TransducerTargets};
use crate::pass::Mode;
use crate::step::Step;
use crate::task::{Outcome, Task};

/// A transducer of frames into labels.
///
/// The loss is the mean over utterances of −ln p(labels). Units are words; in evaluation, as many
/// are wrong as the edit distance between them and those of a greedy search says, which gives the
/// word error rate. In training nothing is decoded, and there is no rate.
#[derive(Clone, Debug)]
pub struct Transduction<'a> {
    /// The network; class 0 is the blank.
    pub model: RnnTransducer,
    /// The frames of each utterance.
    pub sequences: &'a Sequences,
    /// Its labels.
    pub labels: &'a [Vec<u32>],
    /// Labels that a greedy search may say at one time.
    pub labels_per_time: usize,
    /// The label between two words; if there is none, each label is a word.
    pub separator: Option<u32>,
}

impl Task for Transduction<'_> {
    fn len(&self) -> usize {
        self.sequences.len()
    }

    fn check_cut(&self) -> Result<(), &'static str> {
        Ok(())
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let longest = step.leaves().longest(self.sequences.longest(examples));
        let (x, lengths) = self.sequences.gather(examples, longest, |len| step.tape.scratch(len));
        let labels: Vec<Vec<u32>> =
            examples.iter().map(|&i| self.labels[i as usize].clone()).collect();
        let x = step.tape.constant(x);
        let encoding = self.model.encode(x, Some(&lengths), step);
        let prediction = self.model.predict(&labels, step);
        let logits = self.model.join(encoding, prediction, step);
        let targets = TransducerTargets { labels: &labels, lengths: Some(&lengths), blank: 0 };
        let loss = ops::transducer(step, logits, &targets);
        let separator = self.separator;
        let units = labels.iter().map(|labels| words(labels, separator).len()).sum();
        let wrong = match step.pass.mode {
            Mode::Train | Mode::Teach => None,
            Mode::Eval => {
                let said = self.model.greedy(encoding, &lengths, self.labels_per_time, step);
                let pairs = said.iter().zip(&labels);
                let edits = |(said, labels): (&Vec<u32>, &Vec<u32>)| {
                    edit_distance(&words(said, separator), &words(labels, separator)) as u32
                };
                Some(pairs.map(edits).collect())
            }
        };
        Outcome { loss, units, wrong, logits: None }
    }
}

/// The words that labels make.
fn words(labels: &[u32], separator: Option<u32>) -> Vec<&[u32]> {
    match separator {
        None => labels.chunks(1).collect(),
        Some(separator) => {
            labels.split(|label| *label == separator).filter(|word| !word.is_empty()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_make_words() {
        let labels = [1, 2, 9, 3, 9, 9];
        assert_eq!(words(&labels, Some(9)), [&[1, 2][..], &[3]]);
        assert_eq!(words(&labels[..2], None), [&[1][..], &[2]]);
        assert!(words(&[], None).is_empty());
    }
}
