//! Training for an epoch, and evaluation.

use std::ops::ControlFlow;

use numerics::{Par, Seed};
use serde::{Deserialize, Serialize};

use crate::data::pixel_values;
use crate::{
    Arithmetic, Images, Mode, Model, Optimizer, Parameters, Pass, Rounded, Step, Tape, batches, ops,
};

/// What an epoch is told from outside.
#[derive(Clone, Copy, Debug)]
pub struct TrainConfig<'a> {
    /// Images per step.
    pub batch: usize,
    /// η in this epoch.
    pub learning_rate: f32,
    /// The arithmetic in which images enter the network.
    pub input: &'a Arithmetic,
    /// The seed of this epoch: order of images, and all rounding.
    pub seed: Seed,
    /// Whether kernels may use threads.
    pub par: Par,
}

/// Averages over a pass through a data set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochStats {
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Fraction of images classified wrongly, in [0, 1].
    pub error_rate: f64,
    /// Fraction of increments that were rounded to zero; `None` if none was rounded at all.
    pub zero_update_fraction: Option<f64>,
}

/// The pass was stopped by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Trains for one epoch and returns the averages over its steps, each taken before its update.
///
/// The loss is back-propagated with the batch size B as its scale, so that δ = p − y per image,
/// and the gradient is divided by B in the update. Dividing δ by B first would put it below the
/// grid of ⟨8, 8⟩. `on_step(done, steps)` is called after every step and may stop the epoch.
///
/// # Errors
///
/// [`Interrupted`] if `on_step` says so.
pub fn train_epoch(
    model: &dyn Model,
    parameters: &mut Parameters,
    optimizer: &dyn Optimizer,
    images: &Images,
    config: &TrainConfig<'_>,
    mut on_step: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<EpochStats, Interrupted> {
    let values = pixel_values(config.input);
    let order = batches(images.len(), config.batch, &config.seed.child("order"));
    let mut tape = Tape::new();
    let mut totals = Totals::default();
    for (index, batch) in order.iter().enumerate() {
        let seed = config.seed.child("step").child(index);
        let pass = Pass { seed, first_row: 0, mode: Mode::Train, par: config.par };
        let buffer = tape.scratch(images.batch_len(batch.len()));
        let (x, labels) = images.gather(batch, &values, buffer);
        let x = tape.constant(x);
        let logits = model.forward(x, &mut Step { tape: &mut tape, parameters, pass });
        let loss = ops::softmax_cross_entropy(&mut tape, logits, &labels);
        totals.add(tape.value(logits).data(), &labels, tape.value(loss).item());
        let scale = batch.len() as f32;
        tape.backward(loss, scale, parameters, pass);
        totals.updates +=
            optimizer.step(parameters, config.learning_rate, 1.0 / scale, &seed.child("update"));
        tape.clear();
        if on_step(index + 1, order.len()).is_break() {
            return Err(Interrupted);
        }
    }
    Ok(totals.averages())
}

/// Evaluates a model on a whole set of images.
///
/// Rounding draws from `seed` by image, so the batch size does not change the result.
///
/// Assumed: the roundings of training are also used here; [Gupta15] does not say.
pub fn evaluate(
    model: &dyn Model,
    parameters: &Parameters,
    images: &Images,
    input: &Arithmetic,
    seed: &Seed,
    par: Par,
) -> EpochStats {
    const BATCH: usize = 500;
    let values = pixel_values(input);
    let mut tape = Tape::new();
    let mut totals = Totals::default();
    let indices: Vec<u32> = (0..images.len() as u32).collect();
    for (chunk, batch) in indices.chunks(BATCH).enumerate() {
        let pass = Pass { seed: *seed, first_row: (chunk * BATCH) as u64, mode: Mode::Eval, par };
        let buffer = tape.scratch(images.batch_len(batch.len()));
        let (x, labels) = images.gather(batch, &values, buffer);
        let x = tape.constant(x);
        let logits = model.forward(x, &mut Step { tape: &mut tape, parameters, pass });
        let loss = ops::softmax_cross_entropy(&mut tape, logits, &labels);
        totals.add(tape.value(logits).data(), &labels, tape.value(loss).item());
        tape.clear();
    }
    totals.averages()
}

#[derive(Default)]
struct Totals {
    loss: f64,
    wrong: usize,
    count: usize,
    updates: Rounded,
}

impl Totals {
    fn add(&mut self, logits: &[f32], labels: &[u8], mean_loss: f32) {
        let classes = logits.len() / labels.len();
        self.loss += f64::from(mean_loss) * labels.len() as f64;
        self.count += labels.len();
        for (row, &label) in logits.chunks_exact(classes).zip(labels) {
            self.wrong += usize::from(argmax(row) != usize::from(label));
        }
    }

    fn averages(&self) -> EpochStats {
        let count = self.count.max(1) as f64;
        let Rounded { total, to_zero } = self.updates;
        EpochStats {
            loss: self.loss / count,
            error_rate: self.wrong as f64 / count,
            zero_update_fraction: (total > 0).then(|| to_zero as f64 / total as f64),
        }
    }
}

/// Index of the largest logit, the first of equals.
fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (i, &x) in row.iter().enumerate() {
        if x > row[best] {
            best = i;
        }
    }
    best
}
