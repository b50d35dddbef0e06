//! The one loop of training: epoch by epoch, with progress, stop and checkpoint.

use std::ops::ControlFlow;

use nn::{EpochStats, Parameters, Progress, Recipe, Run, Task, checkpoint, train_epoch_among};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::measured::checkpoint::Checkpoint;
use crate::measured::context::Context;
use crate::measured::error::Error;

/// How something is trained.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// What is trained, in a word before every epoch; may be empty.
    pub(super) what: &'a str,
    pub(super) recipe: &'a Recipe,
    /// From which batches and roundings draw.
    pub(super) seed: &'a Seed,
    /// Units of work of an example.
    pub(super) work: u64,
    pub(super) context: &'a Context<'a>,
    /// Where it is saved after every epoch.
    pub(super) saved: &'a Checkpoint,
}

/// What is trained.
pub(super) trait Trainee {
    /// Prepares for an epoch.
    fn begin(&mut self, epoch: usize) -> Result<(), Error>;

    /// What is done with the task and the parameters that are trained.
    fn with_task<T>(&mut self, act: impl FnOnce(&dyn Task, &mut Parameters) -> T) -> T;

    /// Takes note of an epoch that is over; gives what the schedule observes, the smaller the better,
    /// and what is said after the training loss.
    fn ended(&mut self, epoch: usize, trained: &EpochStats) -> Result<(f64, String), Error>;

    /// The checkpoint from which it goes on.
    fn checkpoint(&self, progress: &Progress) -> Vec<u8>;
}

/// Whether a training goes on.
pub(super) fn go_on(context: &Context<'_>) -> ControlFlow<()> {
    if context.progress.stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

impl Plan<'_> {
    /// Trains from where `progress` is to the end of the recipe.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`], [`Error::Diverged`], or what keeps an epoch from being saved;
    /// [`Error::Usage`] if the processes of the context cannot share the recipe.
    pub(super) fn train(
        &self,
        trainee: &mut impl Trainee,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let Self { what, recipe, seed, work, context, saved } = *self;
        let processes = context.processes;
        let checked = trainee.with_task(|task, parameters| {
            recipe.check_for(task.len(), parameters)?;
            recipe.check_among(task, processes.count())
        });
        checked.map_err(Error::Usage)?;
        while progress.epoch < recipe.epochs {
            let epoch = progress.epoch;
            trainee.begin(epoch)?;
            let run = Run::new(seed, context.par);
            let trained = trainee.with_task(|task, parameters| {
                let on_step = |_: &Progress, _| {
                    context.progress.advance(work * recipe.batch as u64);
                    go_on(context)
                };
                train_epoch_among(processes, task, parameters, recipe, progress, run, on_step)
            })?;
            let (metric, words) = trainee.ended(epoch, &trained)?;
            progress.observe(recipe, metric);
            let (epochs, loss) = (recipe.epochs, trained.loss);
            let said = format!("{what} epoch {}/{epochs}: loss {loss:.4}{words}", epoch + 1);
            context.progress.say(said.trim_start());
            saved.save(&trainee.checkpoint(progress))?;
        }
        Ok(())
    }
}

/// What is known of a training, one number per epoch in each series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Mean cross-entropy over the steps of the epoch, in nats.
    pub train_loss: Vec<f64>,
    /// On the test images after the epoch; none in records of before it was measured for every training.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test_loss: Vec<f64>,
    /// … in %.
    pub test_error_percent: Vec<f64>,
    /// Weight updates that were rounded to zero, in %; none where they are not rounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zero_update_percent: Vec<f64>,
}

/// A network that is tested after every epoch of its training.
pub(super) trait Tested {
    /// See [`Trainee::begin`].
    fn begin(&mut self, epoch: usize) -> Result<(), Error>;

    /// See [`Trainee::with_task`].
    fn with_task<T>(&mut self, act: impl FnOnce(&dyn Task, &mut Parameters) -> T) -> T;

    /// Its parameters.
    fn parameters(&self) -> &Parameters;

    /// Loss and error in % of the tests after an epoch, which was trained on that loss.
    fn test(&self, epoch: usize, run: Run) -> Result<(f64, f64), Error>;

    /// Whether the outcome has the updates that were rounded to zero.
    fn counts_zero_updates(&self) -> bool;
}

/// Trains and tests a network, from its checkpoint if there is one.
///
/// # Errors
///
/// As [`Plan::train`]; and what is wrong with the checkpoint.
pub(super) fn train_and_test(
    network: &mut impl Tested,
    plan: &Plan<'_>,
) -> Result<Training, Error> {
    let Plan { context, saved, .. } = plan;
    let mut history = History::default();
    if let Some(bytes) = saved.load(context.progress)? {
        let damaged = |reason: String| saved.damaged(reason);
        let note = checkpoint::note(&bytes).map_err(|error| damaged(error.to_string()))?;
        history = serde_json::from_str(&note).map_err(|error| damaged(error.to_string()))?;
        // A checkpoint is of the epoch that it ended; the next one may have another arithmetic.
        network.begin(history.progress.epoch.saturating_sub(1))?;
        let loaded = network.with_task(|_, parameters| checkpoint::load(parameters, &bytes));
        loaded.map_err(|error| damaged(error.to_string()))?;
    }
    let History { mut progress, epochs } = history;
    let mut trainee = WithTests { network, epochs, plan };
    plan.train(&mut trainee, &mut progress)?;
    let of = |number: fn(&Epoch) -> f64| trainee.epochs.iter().map(number).collect();
    Ok(Training {
        train_loss: of(|epoch| epoch.train_loss),
        test_loss: of(|epoch| epoch.test_loss),
        test_error_percent: of(|epoch| epoch.test_error_percent),
        zero_update_percent: trainee.epochs.iter().filter_map(|e| e.zero_update_percent).collect(),
    })
}

/// How far a run is and what is known of its epochs: the note of its checkpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
struct History {
    progress: Progress,
    epochs: Vec<Epoch>,
}

/// What is known after an epoch.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Epoch {
    train_loss: f64,
    test_loss: f64,
    test_error_percent: f64,
    zero_update_percent: Option<f64>,
}

/// A network with what is known of its epochs.
struct WithTests<'a, N> {
    network: &'a mut N,
    epochs: Vec<Epoch>,
    plan: &'a Plan<'a>,
}

impl<N: Tested> Trainee for WithTests<'_, N> {
    fn begin(&mut self, epoch: usize) -> Result<(), Error> {
        self.network.begin(epoch)
    }

    fn with_task<T>(&mut self, act: impl FnOnce(&dyn Task, &mut Parameters) -> T) -> T {
        self.network.with_task(act)
    }

    fn ended(&mut self, epoch: usize, trained: &EpochStats) -> Result<(f64, String), Error> {
        let seed = self.plan.seed.child("test").child(epoch);
        let run = Run::new(&seed, self.plan.context.par);
        let (test_loss, test_error_percent) = self.network.test(epoch, run)?;
        let zero_updates =
            trained.zero_update_fraction.filter(|_| self.network.counts_zero_updates());
        self.epochs.push(Epoch {
            train_loss: trained.loss,
            test_loss,
            test_error_percent,
            zero_update_percent: zero_updates.map(|fraction| 100.0 * fraction),
        });
        Ok((test_loss, format!(", test error {test_error_percent:.2} %")))
    }

    fn checkpoint(&self, progress: &Progress) -> Vec<u8> {
        let history = History { progress: progress.clone(), epochs: self.epochs.clone() };
        let note = serde_json::to_string(&history).expect("a history is plain data");
        checkpoint::save(self.network.parameters(), &note)
    }
}
