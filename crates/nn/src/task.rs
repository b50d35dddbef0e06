//! [`Task`]: what is trained, a model with its data and its loss.

pub(crate) mod distilled;
pub(crate) mod language_modelling;
pub(crate) mod sequence_classification;
pub(crate) mod text;
pub(crate) mod transduction;

use crate::data::{Augmentation, Images, Pixels};
use crate::models::Model;
use crate::ops;
use crate::pass::Mode;
use crate::step::Step;
use crate::tape::Var;
use crate::tensor::Tensor;

pub use distilled::{DistillationError, Distilled};
pub use language_modelling::LanguageModelling;
pub use sequence_classification::{SequenceClassification, SequenceLabels};
pub use text::{SentenceSimilarity, TextClassification};
pub use transduction::Transduction;

/// What a batch of examples gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The mean loss over the units, recorded on the tape.
    pub loss: Var,
    /// What the mean is over: images, tokens, utterances.
    pub units: usize,
    /// Units of each example that the network gets wrong; `None` where that has no meaning, as in
    /// regression.
    pub wrong: Option<Vec<u32>>,
    /// What the loss is the cross-entropy of, where it is one: see [`Task::has_logits`].
    pub logits: Option<Logits>,
}

/// Rows of logits with a label for each.
#[derive(Clone, Debug)]
pub struct Logits {
    /// The logits, (…, classes), recorded on the tape.
    pub values: Var,
    /// As many as rows; [`u32::MAX`] where a row does not count.
    pub labels: Vec<u32>,
}

/// The label of rows that do not count: padding, for instance.
const IGNORED: u32 = u32::MAX;

/// A model with its data and its loss, as training and evaluation see it.
pub trait Task {
    /// Number of examples.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the loss is the mean cross-entropy of rows of logits, which [`Outcome::logits`] then
    /// gives. Only of such a network another one can be the teacher.
    fn has_logits(&self) -> bool {
        false
    }

    /// Whether a batch may be cut into leaves: see [`Recipe::leaves`](crate::Recipe::leaves). Then every
    /// row of every operation belongs to one example, in the order of the examples, and all of them are
    /// padded to the longest that [`Leaves::longest`](crate::Leaves::longest) knows.
    ///
    /// # Errors
    ///
    /// A clause that says why not.
    fn check_cut(&self) -> Result<(), &'static str> {
        Err("batches of this task cannot be cut")
    }

    /// Records the forward pass and the loss of the examples at these indices. Of a batch that several
    /// processes share they are those of this one; the loss is the mean over all.
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

impl<'a> Classification<'a> {
    /// The images as they are.
    pub fn new(model: &'a dyn Model, images: &'a Images, pixels: &'a Pixels) -> Self {
        Self { model, images, pixels, augmentation: None }
    }
}

impl Task for Classification<'_> {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn has_logits(&self) -> bool {
        true
    }

    fn check_cut(&self) -> Result<(), &'static str> {
        Ok(())
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let buffer = step.tape.scratch(self.images.batch_len(examples.len()));
        let stream = step.pass.seed.child("augmentation").stream();
        let augmentation = self.augmentation.as_ref().filter(|_| step.pass.mode != Mode::Eval);
        let first = step.pass.first_row;
        let augmentation = augmentation.map(|augmentation| (augmentation, (&stream, first)));
        let (x, labels) = self.images.gather(examples, self.pixels, augmentation, buffer);
        let x = step.tape.constant(x);
        let logits = self.model.forward(x, step);
        let loss = ops::softmax_cross_entropy(step, logits, &labels);
        let labels: Vec<u32> = labels.into_iter().map(u32::from).collect();
        let wrong = wrong_rows(step.tape.value(logits), &labels, examples.len(), None);
        let logits = Some(Logits { values: logits, labels });
        Outcome { loss, units: examples.len(), wrong: Some(wrong), logits }
    }
}

/// Number of rows of logits, of each of so many examples, whose largest value is not at their label, without
/// those whose label is `ignored`. A row with NaN is wrong.
///
/// # Shapes
///
/// - `logits`: (examples, …, classes)
/// - `labels`: as many as rows
///
/// # Panics
///
/// If the examples do not have the same number of rows.
#[track_caller]
pub fn wrong_rows(
    logits: &Tensor,
    labels: &[u32],
    examples: usize,
    ignored: Option<u32>,
) -> Vec<u32> {
    let (rows, classes) = logits.as_matrix();
    assert!(examples > 0 && rows % examples == 0, "{rows} rows of {examples} examples");
    let each = rows / examples;
    let wrong = |(row, &label): (&[f32], &u32)| {
        u32::from(Some(label) != ignored && argmax(row) != Some(label as usize))
    };
    let of_example = |example: usize| {
        let values = &logits.data()[example * each * classes..][..each * classes];
        let labels = &labels[example * each..][..each];
        values.chunks_exact(classes).zip(labels).map(wrong).sum()
    };
    (0..examples).map(of_example).collect()
}

/// Index of the largest value, the first of equals; none among NaN, so that a network that
/// diverged is right about nothing.
fn argmax(row: &[f32]) -> Option<usize> {
    let largest = |best: usize, i| if row[i] > row[best] { i } else { best };
    (!row.iter().any(|x| x.is_nan())).then(|| (1..row.len()).fold(0, largest))
}
