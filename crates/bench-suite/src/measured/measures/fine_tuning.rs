//! [`FineTuning`]: a network that goes on from its float weights in another arithmetic, or on tiles.
//!
//! ```text
//! float ── convert, on tiles calibrate ── epoch ── epoch ── … ──▶ last
//!                                            └── the least test error ──▶ best
//! ```

use nn::{
    AnyArithmetic, EpochStats, Parameters, Policy, Progress, Run, checkpoint, map_onto_tiles,
};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::aging::{Aging, HOUR_S};
use super::hwa_recipe::Calibration;
use super::trained::{Baseline, Note, Stage, Trained, bytes_of, restore};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::hash::hash;
use crate::measured::measure::Measure;
use crate::measured::networks::workload::{Instance, Workload};
use crate::measured::training::{Plan, Trainee};

/// What a network is trained for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hardware {
    /// The tile of its recipe.
    Tiles,
    /// An arithmetic for every layer.
    Arithmetic(Box<AnyArithmetic>),
}

/// A network, its recipe, and what it is trained for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FineTuning {
    /// The network with its recipe, and where its layers are.
    pub trained: Trained,
    /// What it is trained for.
    pub hardware: Hardware,
    /// On tiles, how often it is programmed and tested after an hour.
    pub programmings: u64,
}

/// What a fine-tuning gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// What was known before.
    #[serde(flatten)]
    pub baseline: Baseline,
    /// Mean training loss of every epoch.
    pub train_loss: Vec<f64>,
    /// Test error in %, before the first epoch and after each; on tiles there and without the errors of
    /// devices.
    pub test_error_percent: Vec<f64>,
    /// The epoch of the best weights, 0 for those before the first.
    pub best_epoch: usize,
    /// On tiles, test errors in % of the last weights an hour after programming, one of each.
    pub hour_error_percent: Vec<f64>,
}

/// Which weights of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// Those of the epoch with the least test error.
    Best,
    /// Those of the last epoch.
    Last,
}

/// What a training says of itself where it stops.
#[derive(Debug, Default, Serialize, Deserialize)]
struct History {
    train_loss: Vec<f64>,
    test_error_percent: Vec<f64>,
    best_epoch: usize,
}

impl Measure for FineTuning {
    type Outcome = Tuned;

    /// Trains, and keeps the best and the last weights as models.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Tuned, Error> {
        let workload = self.trained.open(context)?;
        let policy = self.policy(&*workload)?;
        let root = Seed::new(seed);
        let float = self.trained.float(&*workload, seed, context)?;
        let baseline = float.baseline.clone();
        let mut instance = workload.instance(&policy, &root.child("init"));
        let (mut progress, mut history) = (Progress::default(), History::default());
        let tuning = Session { tuning: self, workload: &*workload, seed, context };
        match context.checkpoint.load(context.progress)? {
            Some(bytes) => {
                let damaged = |reason: String| context.checkpoint.damaged(reason);
                let note = checkpoint::load(&mut instance.parameters, &bytes)
                    .map_err(|error| damaged(error.to_string()))?;
                (progress, history) =
                    serde_json::from_str(&note).map_err(|error| damaged(error.to_string()))?;
            }
            None => {
                tuning.begin(&mut instance, &float.instance)?;
                let error = tuning.test(&instance, 0);
                history.test_error_percent.push(error);
                tuning.keep(Kept::Best, &instance, &baseline)?;
            }
        }
        let plan = Plan {
            what: "",
            recipe: &self.trained.recipe.training,
            seed: &root.child("fine-tuning").child("train"),
            work: 3,
            context,
            saved: context.checkpoint,
        };
        let (instance, float) = (&mut instance, &float.instance);
        let mut tuned = Tuning { session: &tuning, instance, float, history, baseline: &baseline };
        plan.train(&mut tuned, &mut progress)?;
        tuning.keep(Kept::Last, tuned.instance, &baseline)?;
        let hour_error_percent = tuning.after_an_hour(tuned.instance)?;
        let History { train_loss, test_error_percent, best_epoch } = tuned.history;
        Ok(Tuned { baseline, train_loss, test_error_percent, best_epoch, hour_error_percent })
    }
}

impl FineTuning {
    /// The arithmetic of every layer.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if a tile cannot be trained as the recipe says.
    pub fn policy(&self, workload: &dyn Workload) -> Result<Policy, Error> {
        match &self.hardware {
            Hardware::Tiles => self.trained.policy(workload, &self.trained.recipe.analog),
            Hardware::Arithmetic(default) => {
                let policy = self.trained.policy(workload, &self.trained.recipe.analog)?;
                Ok(Policy { default: AnyArithmetic::clone(default), ..policy })
            }
        }
    }

    /// The name under which a store keeps its weights.
    pub fn key(&self, kept: Kept, seed: u64, workload: &dyn Workload) -> String {
        hash(&("fine-tuning", kept, self, seed, workload.data()))
    }

    /// An amount of work in examples, one of training counting three.
    pub fn work(&self, workload: &dyn Workload) -> u64 {
        let float = Policy::uniform(AnyArithmetic::Float32);
        let instance = workload.instance(&float, &Seed::new(0));
        let tests = self.trained.recipe.training.epochs as u64 + 1 + self.programmings;
        self.trained.work(workload) + tests * instance.test.len() as u64
    }
}

/// A network on its way through the epochs.
struct Tuning<'a, 'w> {
    session: &'a Session<'a>,
    instance: &'a mut Instance<'w>,
    /// The teacher, where there is one.
    float: &'a Instance<'w>,
    history: History,
    baseline: &'a Baseline,
}

impl Trainee for Tuning<'_, '_> {
    fn begin(&mut self, _: usize) -> Result<(), Error> {
        // What the recipe asks for in vain is said as an error, not by a panic in the epoch.
        let Instance { train, .. } = &*self.instance;
        let teacher = (&*self.float.train as &dyn nn::Task, &self.float.parameters);
        self.session.tuning.trained.distilled(&**train, teacher).map(drop)
    }

    fn with_task<T>(&mut self, act: impl FnOnce(&dyn nn::Task, &mut Parameters) -> T) -> T {
        let Instance { parameters, train, .. } = &mut *self.instance;
        let teacher = (&*self.float.train as &dyn nn::Task, &self.float.parameters);
        match self.session.tuning.trained.distilled(&**train, teacher) {
            Ok(Some(distilled)) => act(&distilled, parameters),
            _ => act(&**train, parameters),
        }
    }

    fn ended(&mut self, epoch: usize, trained: &EpochStats) -> Result<(f64, String), Error> {
        let error = self.session.test(self.instance, epoch + 1);
        let best = self.history.test_error_percent.iter().copied().fold(f64::INFINITY, f64::min);
        self.history.train_loss.push(trained.loss);
        self.history.test_error_percent.push(error);
        if error < best {
            self.history.best_epoch = epoch + 1;
            self.session.keep(Kept::Best, self.instance, self.baseline)?;
        }
        Ok((trained.loss, format!(", test error {error:.2} %")))
    }

    fn checkpoint(&self, progress: &Progress) -> Vec<u8> {
        let note = serde_json::to_string(&(progress, &self.history));
        checkpoint::save(&self.instance.parameters, &note.expect("a history is plain data"))
    }
}

/// A fine-tuning with what it needs.
struct Session<'a> {
    tuning: &'a FineTuning,
    workload: &'a dyn Workload,
    seed: u64,
    context: &'a Context<'a>,
}

impl Session<'_> {
    fn run(&self, what: &str) -> Run {
        Run::new(&Seed::new(self.seed).child("fine-tuning").child(what), self.context.par)
    }

    /// The float weights in the arithmetic, on tiles with input ranges from data.
    fn begin(&self, instance: &mut Instance<'_>, float: &Instance<'_>) -> Result<(), Error> {
        if self.context.progress.stopped() {
            return Err(Error::Interrupted);
        }
        let Instance { parameters, train, .. } = instance;
        match self.tuning.hardware {
            Hardware::Tiles => {
                let recipe = &self.tuning.trained.recipe;
                let Calibration { statistic, batches, .. } = recipe.calibration;
                let batch = recipe.training.batch;
                let calibration = nn::Calibration { statistic, batch, batches };
                let run = self.run("calibration");
                map_onto_tiles(&**train, parameters, &float.parameters, calibration, run);
            }
            Hardware::Arithmetic(_) => parameters.convert_from(&float.parameters),
        }
        Ok(())
    }

    /// The test error in % after an epoch.
    fn test(&self, instance: &Instance<'_>, epoch: usize) -> f64 {
        let run = self.run("test").child(epoch);
        let error = 100.0 * self.workload.test_error(instance, run);
        self.context.progress.advance(instance.test.len() as u64);
        error
    }

    /// Keeps the present weights as a model.
    fn keep(&self, kept: Kept, instance: &Instance<'_>, baseline: &Baseline) -> Result<(), Error> {
        let stage = match self.tuning.hardware {
            Hardware::Tiles => Stage::Hardware,
            Hardware::Arithmetic(_) => Stage::Rounded,
        };
        let note = Note {
            network: self.tuning.trained.network,
            stage,
            seed: self.seed,
            progress: Progress::default(),
            measured: baseline.clone(),
        };
        let key = self.tuning.key(kept, self.seed, self.workload);
        self.context.models.keep(&key, &bytes_of(&instance.parameters, &note))
    }

    /// On tiles, test errors in % an hour after programming.
    fn after_an_hour(&self, instance: &Instance<'_>) -> Result<Vec<f64>, Error> {
        if self.tuning.hardware != Hardware::Tiles {
            return Ok(Vec::new());
        }
        let programmings = self.tuning.programmings;
        let aging = Aging { tile: None, times_s: vec![HOUR_S], programmings };
        let seed = Seed::new(self.seed).child("fine-tuning").child("devices");
        Ok(aging.errors(instance, &seed, self.context)?.concat())
    }
}

/// The network of a fine-tuning with the weights that a store keeps; `None` if it has none.
///
/// # Errors
///
/// What is wrong with the model's file.
pub fn kept<'w>(
    tuning: &FineTuning,
    kept: Kept,
    (workload, seed): (&'w dyn Workload, u64),
    models: &crate::measured::models::Models,
) -> Result<Option<Instance<'w>>, Error> {
    let key = tuning.key(kept, seed, workload);
    let Some(bytes) = models.get(&key)? else { return Ok(None) };
    let mut instance = workload.instance(&tuning.policy(workload)?, &Seed::new(seed).child("init"));
    restore(&mut instance, &bytes).map_err(|why| models.damaged(&key, why))?;
    Ok(Some(instance))
}
