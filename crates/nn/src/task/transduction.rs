//! [`Transduction`]: sequences of frames into sequences of labels.

use crate::data::Sequences;
use crate::decode::edit_distance;
use crate::models::RnnTransducer;
use crate::ops::{self, TransducerTargets};
use crate::{Mode, Outcome, Step, Task};

/// A transducer of frames into labels.
///
/// The loss is the mean over utterances of −ln p(labels). Units are the labels; in evaluation, as
/// many are wrong as the edit distance to the labels of a greedy search says, which gives the word
/// error rate where labels are words. In training nothing is decoded, and none counts as wrong.
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
}

impl Task for Transduction<'_> {
    fn len(&self) -> usize {
        self.sequences.len()
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let (x, lengths) = self.sequences.gather(examples, |len| step.tape.scratch(len));
        let labels: Vec<Vec<u32>> =
            examples.iter().map(|&i| self.labels[i as usize].clone()).collect();
        let x = step.tape.constant(x);
        let encoding = self.model.encode(x, Some(&lengths), step);
        let prediction = self.model.predict(&labels, step);
        let logits = self.model.join(encoding, prediction, step);
        let targets = TransducerTargets { labels: &labels, lengths: Some(&lengths), blank: 0 };
        let loss = ops::transducer(step, logits, &targets);
        let units = labels.iter().map(Vec::len).sum();
        let wrong = match step.pass.mode {
            Mode::Train => 0,
            Mode::Eval => {
                let said = self.model.greedy(encoding, &lengths, self.labels_per_time, step);
                said.iter().zip(&labels).map(|(said, labels)| edit_distance(said, labels)).sum()
            }
        };
        Outcome { loss, units, wrong }
    }
}
