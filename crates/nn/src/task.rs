//! [`Task`]: what is trained, a model with its data and its loss.

mod language_modelling;
mod sequence_classification;
mod text;
mod transduction;

use crate::data::{Augmentation, Images, Pixels};
use crate::{Mode, Model, Step, Tensor, Var, ops};

pub use language_modelling::LanguageModelling;
pub use sequence_classification::{SequenceClassification, SequenceLabels};
pub use text::{SentenceSimilarity, TextClassification};
pub use transduction::Transduction;

/// What a batch of examples gave.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The mean loss over the units, recorded on the tape.
    pub loss: Var,
    /// What the mean is over: images, tokens, utterances.
    pub units: usize,
    /// Units that the network gets wrong; 0 where that has no meaning.
    pub wrong: usize,
}

/// A model with its data and its loss, as training and evaluation see it.
pub trait Task {
    /// Number of examples.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Records the forward pass and the loss of the examples at these indices.
    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome;
}

/// Images into classes, by softmax and cross-entropy.
#[derive(Clone, Copy, Debug)]
pub struct Classification<'a> {
    /// From images to logits.
    pub model: &'a dyn Model,
    /// The images with their labels.
    pub images: &'a Images,
    /// The value of every pixel.
    pub pixels: &'a Pixels,
    /// What is done to images in training.
    pub augmentation: Option<Augmentation>,
}

impl Task for Classification<'_> {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let buffer = step.tape.scratch(self.images.batch_len(examples.len()));
        let stream = step.pass.seed.child("augmentation").stream();
        let augmentation = self.augmentation.as_ref().filter(|_| step.pass.mode == Mode::Train);
        let augmentation = augmentation.map(|augmentation| (augmentation, &stream));
        let (x, labels) = self.images.gather(examples, self.pixels, augmentation, buffer);
        let x = step.tape.constant(x);
        let logits = self.model.forward(x, step);
        let loss = ops::softmax_cross_entropy(step.tape, logits, &labels);
        let values = step.tape.value(logits).data();
        let classes = values.len() / labels.len();
        let wrong = values
            .chunks_exact(classes)
            .zip(&labels)
            .filter(|(row, label)| argmax(row) != usize::from(**label))
            .count();
        Outcome { loss, units: labels.len(), wrong }
    }
}

/// Number of rows of logits whose largest value is not at their label, without those whose label is
/// `ignored`.
fn wrong_rows(logits: &Tensor, labels: &[u32], ignored: Option<u32>) -> usize {
    let (_, classes) = logits.as_matrix();
    let rows = logits.data().chunks_exact(classes).zip(labels);
    rows.filter(|(row, label)| Some(**label) != ignored && argmax(row) != **label as usize).count()
}

/// Index of the largest value, the first of equals.
fn argmax(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}
