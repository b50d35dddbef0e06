//! Training by epochs, from any step on; and evaluation.

use std::ops::ControlFlow;

use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::arithmetic::analog::devices::Weights;
use crate::checked::checked_on_reading;
use crate::data::batches;
use crate::leaves::Leaves;
use crate::optim::{Decay, Group, Optimizer, Plateau, Schedule, Sgd, Update};
use crate::parameters::Parameters;
use crate::pass::{Mode, Pass, Run};
use crate::processes::Processes;
use crate::step::Workspace;
use crate::storage::Rounded;
use crate::task::{Outcome, Task};

/// How a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Recipe {
    /// Examples per step.
    pub batch: usize,
    /// Passes through the examples.
    pub epochs: usize,
    /// η₀.
    pub learning_rate: f32,
    /// How η changes.
    #[serde(default)]
    pub schedule: Schedule,
    /// What turns gradients into increments.
    pub optimizer: Optimizer,
    /// Parameters that are updated in another way than the others; the first group that a
    /// parameter is in counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Gradients whose norm over all parameters is larger are scaled down to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f32>,
    /// Whether the examples that do not fill the last batch of an epoch are left out of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop_last: bool,
    /// Parts of a batch that are summed by themselves, and their sums along a tree: as many processes may
    /// share a training, and the bits do not depend on how many do. See [`Leaves`].
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub leaves: usize,
}

fn one() -> usize {
    1
}

fn is_one(leaves: &usize) -> bool {
    *leaves == 1
}

checked_on_reading!(Recipe);

impl Recipe {
    /// Stochastic gradient descent with momentum 0.9 at a constant rate.
    pub fn sgd(batch: usize, epochs: usize, learning_rate: f32) -> Self {
        let optimizer = Optimizer::Sgd(Sgd { momentum: 0.9, ..Sgd::default() });
        Self {
            batch,
            epochs,
            learning_rate,
            schedule: Schedule::default(),
            optimizer,
            groups: Vec::new(),
            clip_norm: None,
            drop_last: false,
            leaves: 1,
        }
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    ///
    /// A clause that names the field and its value.
    pub fn check(&self) -> Result<(), String> {
        let counts = [("batch", self.batch), ("epochs", self.epochs), ("leaves", self.leaves)];
        for (field, count) in counts {
            if count == 0 {
                return Err(format!("{field} must not be 0"));
            }
        }
        if self.leaves > self.batch {
            let Self { leaves, batch, .. } = self;
            return Err(format!(
                "leaves = {leaves}, and a batch of {batch} has not as many examples"
            ));
        }
        if !self.learning_rate.is_finite() || self.learning_rate < 0.0 {
            let rate = self.learning_rate;
            return Err(format!("learning_rate = {rate} must be finite and not negative"));
        }
        if let Some(norm) = self.clip_norm
            && !(norm > 0.0 && norm.is_finite())
        {
            return Err(format!("clip_norm = {norm} must be finite and positive"));
        }
        self.schedule.check()?;
        self.groups.iter().try_for_each(Group::check)?;
        self.optimizer.check()
    }

    /// Whether the recipe can train these parameters on so many examples.
    ///
    /// # Errors
    ///
    /// As [`Self::check`]; and if there is no example, none that fills a batch where only full ones
    /// count, or a group names a layer that the network does not have.
    pub fn check_for(&self, examples: usize, parameters: &Parameters) -> Result<(), String> {
        self.check()?;
        if examples == 0 {
            return Err("there are no examples to train on".to_owned());
        }
        if self.drop_last && examples < self.batch {
            let batch = self.batch;
            return Err(format!("{examples} examples do not fill a batch of {batch}: drop_last"));
        }
        let last = examples % self.batch;
        if !self.drop_last && (1..self.leaves).contains(&last) {
            let leaves = self.leaves;
            return Err(format!(
                "the last batch of an epoch has {last} of {examples} examples, fewer than leaves = \
                 {leaves}: leave it out (drop_last)"
            ));
        }
        self.groups.iter().try_for_each(|group| group.check_layers(parameters))
    }

    /// Whether so many processes can share a training of this task by the recipe.
    ///
    /// # Errors
    ///
    /// If there are not as many leaves, or the task cannot be cut into any.
    pub fn check_among(&self, task: &dyn Task, processes: usize) -> Result<(), String> {
        let leaves = self.leaves;
        if processes > leaves {
            return Err(format!(
                "{processes} processes cannot share a recipe with leaves = {leaves}"
            ));
        }
        if leaves > 1
            && let Err(reason) = task.check_cut()
        {
            return Err(format!("leaves = {leaves}: {reason}"));
        }
        Ok(())
    }

    /// The batches of an epoch.
    fn batches(&self, examples: usize, seed: &Seed) -> Vec<Vec<u32>> {
        let mut batches = batches(examples, self.batch, seed);
        if self.drop_last {
            batches.retain(|batch| batch.len() == self.batch);
        }
        batches
    }
}

/// How far a training run is. Together with the parameters it is all that a run needs to go on:
/// random streams have names and positions, so there is no generator state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Epochs that are over.
    pub epoch: usize,
    /// Steps of the present epoch that are over.
    pub step: usize,
    plateau: Plateau,
    totals: Totals,
}

impl Progress {
    /// Averages over the steps of the present epoch so far.
    pub fn so_far(&self) -> EpochStats {
        self.totals.averages()
    }

    /// Tells the schedule the metric of the last epoch, which is better when it is smaller. Only
    /// [`Decay::Plateau`] uses it.
    pub fn observe(&mut self, recipe: &Recipe, metric: f64) {
        if let Decay::Plateau { patience, .. } = recipe.schedule.decay {
            self.plateau.observe(metric, patience);
        }
    }
}

/// Averages over a pass through a data set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochStats {
    /// Mean loss; a cross-entropy is in nats.
    pub loss: f64,
    /// Fraction of units that the network gets wrong, in [0, 1]; `None` if the task does not say
    /// which those are, as in regression.
    pub error_rate: Option<f64>,
    /// Fraction of increments that were rounded to zero; `None` if none was rounded at all.
    pub zero_update_fraction: Option<f64>,
}

/// Why an epoch did not end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Stopped {
    /// The caller stopped it.
    #[error("interrupted")]
    Interrupted,
    /// Training diverged.
    #[error(transparent)]
    Diverged(#[from] Diverged),
}

/// Training diverged: a number that is not finite, from which no step leads back.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("training diverged in epoch {epoch}, step {step}: {what} is {value}")]
pub struct Diverged {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The step in it, counted from 1.
    pub step: usize,
    /// What is not finite: the loss, or the name of a parameter or state.
    pub what: String,
    /// Its value.
    pub value: f32,
}

/// Trains through all epochs of the recipe, and returns the averages over each, taken before its
/// updates: [`train_epoch`] without a stop.
///
/// # Errors
///
/// [`Diverged`] at the first step whose loss is not finite, and after an epoch that left a weight
/// that is not.
///
/// # Panics
///
/// As [`train_epoch`].
#[track_caller]
pub fn train(
    task: &dyn Task,
    parameters: &mut Parameters,
    recipe: &Recipe,
    run: Run,
) -> Result<Vec<EpochStats>, Diverged> {
    let mut progress = Progress::default();
    let mut epochs = Vec::with_capacity(recipe.epochs);
    for _ in 0..recipe.epochs {
        let go_on = |_: &Progress, _| ControlFlow::Continue(());
        let stats = match train_epoch(task, parameters, recipe, &mut progress, run, go_on) {
            Ok(stats) => stats,
            Err(Stopped::Diverged(diverged)) => return Err(diverged),
            Err(Stopped::Interrupted) => unreachable!("nobody stops it"),
        };
        progress.observe(recipe, stats.loss);
        epochs.push(stats);
    }
    Ok(epochs)
}

/// Trains to the end of the epoch that `progress` is in, and returns the averages over its steps,
/// each taken before its update.
///
/// The loss is back-propagated with the number of units B as its scale, so that δ = p − y per unit,
/// and the gradient is divided by B in the update. Dividing δ by B first would put it below the
/// grid of ⟨8, 8⟩. `on_step(progress, steps)` is called after every step and may stop the epoch;
/// then `progress` says where to go on, with the same seed, and the final weights are the same bits
/// as without the stop.
///
/// # Errors
///
/// [`Stopped::Interrupted`] if `on_step` says so; [`Stopped::Diverged`] at the first step whose loss
/// is not finite, before its update, and at the end of an epoch that left a parameter or a state
/// that is not.
///
/// # Panics
///
/// If [`Recipe::check_for`] refuses the recipe, or the parameters are not those of the task's
/// network.
#[track_caller]
pub fn train_epoch(
    task: &dyn Task,
    parameters: &mut Parameters,
    recipe: &Recipe,
    progress: &mut Progress,
    run: Run,
    on_step: impl FnMut(&Progress, usize) -> ControlFlow<()>,
) -> Result<EpochStats, Stopped> {
    train_epoch_among(&Processes::one(), task, parameters, recipe, progress, run, on_step)
}

/// [`train_epoch`] by several processes, each of which makes this call with the same arguments.
///
/// Each computes the leaves of every batch that it holds; parameters, progress and statistics are the
/// same bits in all of them, and for any number of them. What stops one stops all, after the same step.
///
/// # Errors
///
/// As [`train_epoch`].
///
/// # Panics
///
/// As [`train_epoch`]; and if [`Recipe::check_among`] refuses the task.
#[track_caller]
pub fn train_epoch_among(
    processes: &Processes,
    task: &dyn Task,
    parameters: &mut Parameters,
    recipe: &Recipe,
    progress: &mut Progress,
    run: Run,
    mut on_step: impl FnMut(&Progress, usize) -> ControlFlow<()>,
) -> Result<EpochStats, Stopped> {
    let checked = recipe.check_for(task.len(), parameters);
    if let Err(problem) = checked.and_then(|()| recipe.check_among(task, processes.count())) {
        panic!("{problem}");
    }
    let epoch = progress.epoch;
    let Run { seed, par } = run.child("train").child(epoch);
    let order = recipe.batches(task.len(), &seed.child("order"));
    let mut work = Workspace::new();
    while let Some(batch) = order.get(progress.step) {
        let step = progress.step;
        let number = (epoch * order.len() + step) as u64;
        let seed = seed.child("step").child(step);
        let leaves = if recipe.leaves > 1 {
            Leaves::new(recipe.leaves, batch.len(), processes)
        } else {
            Leaves::default()
        };
        let held = if leaves.is_cut() { leaves.examples() } else { 0..batch.len() };
        work.tape.cut(leaves.clone());
        let first_row = held.start as u64;
        let pass = Pass { seed, first_row, step: number, mode: Mode::Train, par };
        let outcome = task.forward(&batch[held], &mut work.step(&*parameters, pass));
        let counts = Counts::of(&outcome).among(&leaves);
        let loss = work.tape.value(outcome.loss).item();
        if !loss.is_finite() {
            let (epoch, step, what) = (epoch + 1, step + 1, "the loss".to_owned());
            return Err(Diverged { epoch, step, what, value: loss }.into());
        }
        progress.totals.add(loss, counts);
        let loss_scale = counts.units as f32;
        work.tape.backward(outcome.loss, loss_scale, parameters, pass);
        let factor =
            recipe.schedule.factor((epoch, recipe.epochs), (step, order.len()), &progress.plateau);
        let update = Update {
            learning_rate: recipe.learning_rate * factor,
            gradient_scale: clip(recipe, parameters, loss_scale) / loss_scale,
            step: number + 1,
            seed: seed.child("update"),
            groups: &recipe.groups,
        };
        progress.totals.updates += recipe.optimizer.step(parameters, &update);
        work.clear();
        progress.step += 1;
        if processes.any(on_step(progress, order.len()).is_break()) {
            return Err(Stopped::Interrupted);
        }
    }
    if let Some((what, value)) = parameters.not_finite() {
        let (epoch, step, what) = (epoch + 1, order.len(), what.to_owned());
        return Err(Diverged { epoch, step, what, value }.into());
    }
    let stats = progress.totals.averages();
    progress.totals = Totals::default();
    progress.step = 0;
    progress.epoch += 1;
    Ok(stats)
}

/// The factor, at most 1, that brings the gradients' norm down to the recipe's.
fn clip(recipe: &Recipe, parameters: &Parameters, loss_scale: f32) -> f32 {
    let Some(limit) = recipe.clip_norm else { return 1.0 };
    let norm = parameters.gradient_norm() / f64::from(loss_scale);
    if norm > f64::from(limit) { (f64::from(limit) / norm) as f32 } else { 1.0 }
}

/// Evaluates a task on all of its examples, in order: on parameters, or on the devices that were
/// programmed with them.
///
/// Rounding draws from the seed by example, so the batch size does not change the result, but where an
/// arithmetic scales a tensor by its own largest magnitude: then it is that of 100 examples.
///
/// Assumed: the roundings of training are also used here; \[Gupta15\] does not say.
///
/// # Panics
///
/// If the task has no examples, or the parameters are not those of its network.
#[track_caller]
pub fn evaluate<'a>(task: &dyn Task, weights: impl Into<Weights<'a>>, run: Run) -> EpochStats {
    evaluate_each(task, weights, run).stats
}

/// Averages over a data set, and what each of its examples had in them.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// The averages.
    pub stats: EpochStats,
    /// The share of each example in the error rate, whose mean it is: its wrong units over the mean number
    /// of units. `None` if the task does not say which are wrong.
    pub errors: Option<Vec<f64>>,
}

/// [`evaluate`] with the errors of each example, so that two networks can be compared example by example.
///
/// # Panics
///
/// As [`evaluate`].
#[track_caller]
pub fn evaluate_each<'a>(task: &dyn Task, weights: impl Into<Weights<'a>>, run: Run) -> Evaluated {
    let (weights, Run { seed, par }) = (weights.into(), run);
    // Few enough that the values of a deep network fit into memory.
    const BATCH: usize = 100;
    assert!(!task.is_empty(), "there are no examples to evaluate on");
    let mut work = Workspace::new();
    let mut totals = Totals::default();
    let mut wrong = Some(Vec::with_capacity(task.len()));
    let examples: Vec<u32> = (0..task.len() as u32).collect();
    for (chunk, batch) in examples.chunks(BATCH).enumerate() {
        let first_row = (chunk * BATCH) as u64;
        let pass = Pass { seed, first_row, step: 0, mode: Mode::Eval, par };
        let outcome = task.forward(batch, &mut work.step(weights, pass));
        totals.add(work.tape.value(outcome.loss).item(), Counts::of(&outcome));
        wrong = wrong.zip(outcome.wrong).map(|(mut all, more)| {
            all.extend(more);
            all
        });
        work.clear();
    }
    let units = totals.units.max(1) as f64 / task.len() as f64;
    let errors = wrong.map(|wrong| wrong.into_iter().map(|n| f64::from(n) / units).collect());
    Evaluated { stats: totals.averages(), errors }
}

/// Units of a batch, and those that the network gets wrong.
#[derive(Clone, Copy, Debug)]
struct Counts {
    units: usize,
    wrong: Option<usize>,
}

impl Counts {
    fn of(outcome: &Outcome) -> Self {
        let total = |wrong: &Vec<u32>| wrong.iter().map(|&wrong| wrong as usize).sum();
        Self { units: outcome.units, wrong: outcome.wrong.as_ref().map(total) }
    }

    /// Those of all processes.
    fn among(self, leaves: &Leaves) -> Self {
        let [units, wrong] = leaves.totals([self.units, self.wrong.unwrap_or(0)]);
        Self { units, wrong: self.wrong.map(|_| wrong) }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Totals {
    loss: f64,
    wrong: Option<usize>,
    units: usize,
    updates: Rounded,
}

impl Totals {
    fn add(&mut self, mean_loss: f32, counts: Counts) {
        self.loss += f64::from(mean_loss) * counts.units as f64;
        self.units += counts.units;
        if let Some(wrong) = counts.wrong {
            *self.wrong.get_or_insert(0) += wrong;
        }
    }

    fn averages(&self) -> EpochStats {
        let units = self.units.max(1) as f64;
        let Rounded { total, to_zero } = self.updates;
        EpochStats {
            loss: self.loss / units,
            error_rate: self.wrong.map(|wrong| wrong as f64 / units),
            zero_update_fraction: (total > 0).then(|| to_zero as f64 / total as f64),
        }
    }
}
