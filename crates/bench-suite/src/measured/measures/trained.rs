//! A network on its way onto hardware: trained in f32, mapped directly, trained on tiles.
//!
//! ```text
//! float ──┬── train on in f32 ── control ── convert, calibrate, tune scales ──▶ direct mapping
//!         └── convert, calibrate, train on noisy tiles ─────────────────────────▶ hardware-aware network
//! ```
//!
//! Both are compared with the control, which was trained as long as the second; without one, with the
//! float network itself.
//!
//! Several experiments look at the same trained network. It is trained by the first point that
//! needs it, and kept in the store as a model ([`crate::measured::models::Models`]) under the hash of what made
//! it. Training is a pure function of that, so it makes no difference who trained it.
//!
//! Source: [Rasch23 Methods; Supp. Tab. 3].

pub mod weights;

use std::ops::ControlFlow;
use std::sync::Arc;

use nn::{
    Analog, AnalogTraining, AnyArithmetic, Distilled, EpochStats, Parameters, Policy, Progress,
    Recipe, Stopped, Task, checkpoint, map_onto_tiles, train_epoch_among,
};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::hwa_recipe::{Calibration, HwaRecipe};
use super::placement::Placement;
use crate::measured::checkpoint::Checkpoint;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::hash::hash;
use crate::measured::measurements::kept;
use crate::measured::networks::subject::Subject;
use crate::measured::networks::workload::{Instance, Workload};
use crate::measured::scale::Scale;
use crate::measured::training::{Plan, Trainee, go_on};

/// Which network is trained, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    /// The network.
    pub network: Subject,
    /// The scale at which it is opened.
    pub scale: Scale,
    /// The recipe.
    pub recipe: HwaRecipe,
    /// SHA-256 of a file of weights that are taken instead of trained ones; the store has them
    /// since [`Self::keep_weights`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Layers that are not on the tile of the recipe.
    #[serde(default, skip_serializing_if = "Placement::is_empty")]
    pub placement: Placement,
}

/// What is known of a network before it is tested on tiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Baseline {
    /// Test error of the float network that others are compared with, in %; NaN until it is trained.
    pub float_error_percent: f64,
    /// That of the float network before it was trained on as a control, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begun_error_percent: Option<f64>,
    /// Test error by chance, in %; NaN until then.
    pub chance_error_percent: f64,
    /// Training losses on tiles, one per epoch; none if it was not trained there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hwa_train_loss: Vec<f64>,
}

impl Default for Baseline {
    fn default() -> Self {
        Self {
            float_error_percent: f64::NAN,
            begun_error_percent: None,
            chance_error_percent: f64::NAN,
            hwa_train_loss: Vec::new(),
        }
    }
}

/// A trained network, with what was measured on the way.
#[derive(Debug)]
pub struct Network<'w> {
    /// The network with its tasks.
    pub instance: Instance<'w>,
    /// What was measured.
    pub baseline: Baseline,
}

/// What a model or its checkpoint says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) network: Subject,
    pub(super) stage: Stage,
    pub(super) seed: u64,
    pub(super) progress: Progress,
    #[serde(with = "kept")]
    pub(super) measured: Baseline,
}

/// How far a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Trained in f32.
    Float,
    /// Trained on in f32 as long as on tiles.
    Control,
    /// Mapped directly, ranges and scales tuned.
    Direct,
    /// Trained on tiles.
    Hardware,
    /// Trained in another arithmetic.
    Rounded,
}

impl Stage {
    /// Whether its weights are those of a float network.
    pub const fn in_f32(self) -> bool {
        matches!(self, Self::Float | Self::Control)
    }
}

impl Trained {
    /// Reads the network's data.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if there is no such network, if the recipe asks for distillation in vain, or
    /// if the data are no longer those of the point; and what is wrong with them.
    pub fn open(&self, context: &Context<'_>) -> Result<Arc<dyn Workload>, Error> {
        let workload = self.network.open(context.sources, self.scale)?;
        if workload.data() != context.sums {
            let reason = "its data have changed since this command began";
            return Err(Error::Usage(format!("network '{}': {reason}", self.network)));
        }
        if self.recipe.distillation.is_some() {
            let float = Policy::uniform(AnyArithmetic::Float32);
            let Instance { train, parameters, .. } = workload.instance(&float, &Seed::new(0));
            self.distilled(&*train, (&*train, &parameters))?;
        }
        Ok(workload)
    }

    /// The training task with a teacher, if the recipe wants one.
    pub(super) fn distilled<'a>(
        &self,
        student: &'a dyn Task,
        teacher: (&'a dyn Task, &'a Parameters),
    ) -> Result<Option<Distilled<'a>>, Error> {
        let distilled = |options| Distilled::new(student, teacher, options);
        let wrong = |error| Error::Usage(format!("recipe of '{}': {error}", self.network));
        self.recipe.distillation.map(distilled).transpose().map_err(wrong)
    }

    /// How the float network is trained, unless its weights are taken as they are: by the network's own
    /// recipe, its batches cut as those of the training for hardware are.
    fn float_recipe(&self, workload: &dyn Workload) -> Option<Recipe> {
        let leaves = self.recipe.training.leaves;
        let recipe = workload.recipe().filter(|_| self.weights.is_none())?;
        Some(Recipe { leaves, ..recipe.clone() })
    }

    /// Whether the network has all layers that are placed.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] with the layers that there are.
    pub fn check(&self, workload: &dyn Workload) -> Result<(), Error> {
        let policy = self.policy(workload, &self.recipe.analog)?;
        let parameters = workload.instance(&policy, &Seed::new(0)).parameters;
        policy
            .check(&parameters)
            .map_err(|error| Error::Usage(format!("network '{}': {error}", workload.id())))
    }

    /// The paper's digital layers in f32 and others where [`Self::placement`] has them, the rest on tiles.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] as [`Placement::policy`].
    pub fn policy(&self, workload: &dyn Workload, analog: &Analog) -> Result<Policy, Error> {
        self.placement.policy(workload.digital_layers(), analog)
    }

    /// The network in f32: trained, or with the weights that others trained.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`], [`Error::Diverged`], or what is wrong with data, model or checkpoint.
    pub fn float<'w>(
        &self,
        workload: &'w dyn Workload,
        seed: u64,
        context: &Context<'_>,
    ) -> Result<Network<'w>, Error> {
        let run = Session { trained: self, workload, seed, context };
        run.model(Stage::Float, &Policy::uniform(AnyArithmetic::Float32), |instance, _| {
            if let Some(sha256) = &self.weights {
                let bytes = weights::kept(context.models, sha256)?;
                let loaded = workload.load_weights(&mut instance.parameters, &bytes);
                return loaded.map(drop).map_err(Error::Usage);
            }
            if let Some(weights) = workload.pretrained()? {
                instance.parameters.copy_from(&weights);
            }
            Ok(())
        })
    }

    /// The network in f32 that those on tiles are compared with: [`Self::float`], or where the recipe wants a
    /// control that trained on in f32 by the same recipe, if that errs less.
    ///
    /// # Errors
    ///
    /// As [`Self::float`].
    pub fn reference<'w>(
        &self,
        workload: &'w dyn Workload,
        seed: u64,
        context: &Context<'_>,
    ) -> Result<Network<'w>, Error> {
        if !self.recipe.control {
            return self.float(workload, seed, context);
        }
        let run = Session { trained: self, workload, seed, context };
        let policy = Policy::uniform(AnyArithmetic::Float32);
        let control = run.model(Stage::Control, &policy, |instance, measured| {
            let float = self.float(workload, seed, context)?;
            measured.begun_error_percent = Some(float.baseline.float_error_percent);
            instance.parameters.copy_from(&float.instance.parameters);
            Ok(())
        })?;
        // A rate that suits weights on tiles may be too large for those in f32.
        match control.baseline.begun_error_percent {
            Some(begun) if begun < control.baseline.float_error_percent => {
                self.float(workload, seed, context)
            }
            _ => Ok(control),
        }
    }

    /// The float network on tiles without training there, but with ranges and scales tuned.
    ///
    /// # Errors
    ///
    /// As [`Self::float`].
    pub fn direct<'w>(
        &self,
        workload: &'w dyn Workload,
        seed: u64,
        context: &Context<'_>,
    ) -> Result<Network<'w>, Error> {
        let recipe = &self.recipe;
        let training =
            AnalogTraining { weight_noise: None, remap_every: None, ..*recipe.analog.training() };
        let analog = Analog::new(recipe.analog.tile().clone(), training)
            .map_err(|error| Error::Usage(error.to_string()))?;
        let run = Session { trained: self, workload, seed, context };
        run.model(Stage::Direct, &self.policy(workload, &analog)?, |instance, measured| {
            let float = self.reference(workload, seed, context)?;
            *measured = float.baseline;
            run.map_onto_tiles(instance, &float.instance.parameters)?;
            run.tune(instance)
        })
    }

    /// The network trained on tiles.
    ///
    /// # Errors
    ///
    /// As [`Self::float`].
    pub fn hardware_aware<'w>(
        &self,
        workload: &'w dyn Workload,
        seed: u64,
        context: &Context<'_>,
    ) -> Result<Network<'w>, Error> {
        let run = Session { trained: self, workload, seed, context };
        let policy = self.policy(workload, &self.recipe.analog)?;
        run.model(Stage::Hardware, &policy, |instance, measured| {
            *measured = self.reference(workload, seed, context)?.baseline;
            let float = self.float(workload, seed, context)?;
            run.map_onto_tiles(instance, &float.instance.parameters)
        })
    }

    /// Number of test examples.
    pub fn test_examples(&self, workload: &dyn Workload) -> usize {
        workload.instance(&Policy::uniform(AnyArithmetic::Float32), &Seed::new(0)).test.len()
    }

    /// An amount of work in examples, one of training on tiles counting three.
    pub fn work(&self, workload: &dyn Workload) -> u64 {
        let instance = workload.instance(&Policy::uniform(AnyArithmetic::Float32), &Seed::new(0));
        let float = self.float_recipe(workload).map_or(0, |recipe| recipe.epochs as u64);
        let more = if self.recipe.control { 4 } else { 3 };
        instance.train.len() as u64 * (float + more * self.recipe.training.epochs as u64)
    }
}

/// A training with what it needs at every stage.
struct Session<'a, 'w> {
    trained: &'a Trained,
    workload: &'w dyn Workload,
    seed: u64,
    context: &'a Context<'a>,
}

impl<'w> Session<'_, 'w> {
    fn root(&self) -> Seed {
        Seed::new(self.seed)
    }

    /// The hash of everything that determines the model. The recipe of hardware-aware training has
    /// no part in the float network.
    fn key(&self, stage: Stage) -> String {
        let recipe = (!stage.in_f32()).then_some(&self.trained.recipe);
        let Trained { network, scale, weights, placement, .. } = self.trained;
        let placement = (!stage.in_f32() && !placement.is_empty()).then_some(placement);
        let key = (stage, network, scale, recipe, weights, self.seed, self.workload.data());
        match placement {
            None if stage == Stage::Control => hash(&(key, &self.trained.recipe.training)),
            None if stage == Stage::Float && self.trained.recipe.training.leaves > 1 => {
                hash(&(key, self.trained.recipe.training.leaves))
            }
            None => hash(&key),
            Some(placement) => hash(&(key, placement)),
        }
    }

    /// The model from the store; or else begun, trained to the end of its recipe, and kept there.
    fn model(
        &self,
        stage: Stage,
        policy: &Policy,
        begin: impl FnOnce(&mut Instance<'w>, &mut Baseline) -> Result<(), Error>,
    ) -> Result<Network<'w>, Error> {
        let mut instance = self.workload.instance(policy, &self.root().child("init"));
        let models = self.context.models;
        let key = self.key(stage);
        let bytes = models.get_or_make(&key, self.context.progress, |saved| {
            let given = self.trained.weights.as_ref().map(|sha| weights::kept(models, sha));
            let given = given.transpose()?;
            if let Some(given) = &given
                && weights::stage(given) == Some(stage)
            {
                return Ok(given.clone());
            }
            let mut note = Note {
                network: self.trained.network,
                stage,
                seed: self.seed,
                progress: Progress::default(),
                measured: Baseline::default(),
            };
            match saved.load(self.context.progress)? {
                Some(bytes) => {
                    note = restore(&mut instance, &bytes).map_err(|why| saved.damaged(why))?;
                }
                None => begin(&mut instance, &mut note.measured)?,
            }
            self.train(&mut instance, &mut note, saved)?;
            if stage.in_f32() {
                self.test_float(&instance, &mut note.measured);
            }
            instance.parameters.forget_optimizer();
            Ok(bytes_of(&instance.parameters, &note))
        })?;
        let note = restore(&mut instance, &bytes).map_err(|why| models.damaged(&key, why))?;
        Ok(Network { instance, baseline: note.measured })
    }

    /// Trains to the end of the stage's recipe, saving every epoch.
    fn train(
        &self,
        instance: &mut Instance<'_>,
        note: &mut Note,
        saved: &Checkpoint,
    ) -> Result<(), Error> {
        let float = self.trained.float_recipe(self.workload);
        let (what, recipe, work) = match note.stage {
            Stage::Direct | Stage::Rounded => return Ok(()),
            Stage::Float => match &float {
                Some(recipe) => ("float", recipe, 1),
                None => return Ok(()),
            },
            Stage::Control => ("control", &self.trained.recipe.training, 1),
            Stage::Hardware => ("hwa", &self.trained.recipe.training, 3),
        };
        let taught = note.stage == Stage::Hardware && self.trained.recipe.distillation.is_some();
        let teacher = match taught {
            true => Some(self.trained.float(self.workload, self.seed, self.context)?.instance),
            false => None,
        };
        let Instance { parameters, train, .. } = instance;
        let distilled = match &teacher {
            Some(Instance { train: teacher, parameters, .. }) => {
                self.trained.distilled(&**train, (&**teacher, parameters))?
            }
            None => None,
        };
        let task: &dyn Task = match &distilled {
            Some(distilled) => distilled,
            None => &**train,
        };
        let (seed, context) = (self.root().child(what), self.context);
        let mut progress = note.progress.clone();
        let plan = Plan { what, recipe, seed: &seed, work, context, saved };
        plan.train(&mut InTraining { task, parameters, note }, &mut progress)?;
        note.progress = progress;
        Ok(())
    }

    fn test_float(&self, instance: &Instance<'_>, measured: &mut Baseline) {
        let seed = self.root().child("float");
        let error = self.workload.test_error(instance, nn::Run::new(&seed, self.context.par));
        let [error, chance] = [error, self.workload.chance_error()].map(|error| 100.0 * error);
        measured.float_error_percent = error;
        measured.chance_error_percent = chance;
        let network = if measured.begun_error_percent.is_some() { "control" } else { "float" };
        let said = format!("{network}: test error {error:.2} %, by chance {chance:.2} %");
        self.context.progress.say(&said);
    }

    /// The trained float weights on tiles, with input ranges from data.
    fn map_onto_tiles(&self, instance: &mut Instance<'_>, float: &Parameters) -> Result<(), Error> {
        let Calibration { statistic, batches, .. } = self.trained.recipe.calibration;
        if self.context.progress.stopped() {
            return Err(Error::Interrupted);
        }
        let batch = self.trained.recipe.training.batch;
        let calibration = nn::Calibration { statistic, batch, batches };
        let (seed, par) = (self.root().child("calibration"), self.context.par);
        let Instance { parameters, train, .. } = instance;
        map_onto_tiles(&**train, parameters, float, calibration, nn::Run::new(&seed, par));
        Ok(())
    }

    /// Trains scales and ranges only.
    fn tune(&self, instance: &mut Instance<'_>) -> Result<(), Error> {
        let steps = self.trained.recipe.calibration.tuning;
        let digital = [".scale", ".tile_scale", ".input_range", ".adc_bound"];
        for parameter in instance.parameters.iter_mut() {
            let tuned = digital.iter().any(|suffix| parameter.name().ends_with(suffix));
            parameter.set_frozen(!tuned);
        }
        let mut progress = Progress::default();
        let recipe: &Recipe = &self.trained.recipe.training;
        let mut done = 0;
        while done < steps && !self.context.progress.stopped() {
            // An epoch that ends, ends; one that is stopped has done its steps.
            let stopped = train_epoch_among(
                self.context.processes,
                &*instance.train,
                &mut instance.parameters,
                recipe,
                &mut progress,
                nn::Run::new(&self.root().child("tuning"), self.context.par),
                |_, _| {
                    done += 1;
                    if done == steps { ControlFlow::Break(()) } else { go_on(self.context) }
                },
            );
            match stopped {
                Ok(_) => {}
                Err(Stopped::Interrupted) => break,
                Err(diverged) => return Err(diverged.into()),
            }
        }
        instance.parameters.iter_mut().for_each(|parameter| parameter.set_frozen(false));
        if self.context.progress.stopped() { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// A network at a stage that is trained.
struct InTraining<'a> {
    task: &'a dyn Task,
    parameters: &'a mut Parameters,
    note: &'a mut Note,
}

impl Trainee for InTraining<'_> {
    fn begin(&mut self, _: usize) -> Result<(), Error> {
        Ok(())
    }

    fn with_task<T>(&mut self, act: impl FnOnce(&dyn Task, &mut Parameters) -> T) -> T {
        act(self.task, self.parameters)
    }

    fn ended(&mut self, _: usize, trained: &EpochStats) -> Result<(f64, String), Error> {
        if self.note.stage == Stage::Hardware {
            self.note.measured.hwa_train_loss.push(trained.loss);
        }
        Ok((trained.loss, String::new()))
    }

    fn checkpoint(&self, progress: &Progress) -> Vec<u8> {
        let note = Note { progress: progress.clone(), ..self.note.clone() };
        bytes_of(self.parameters, &note)
    }
}

pub(super) fn bytes_of(parameters: &Parameters, note: &Note) -> Vec<u8> {
    let note = serde_json::to_string(note).expect("a note is plain data");
    checkpoint::save(parameters, &note)
}

/// Puts what was saved into the network, and returns its note.
pub(super) fn restore(instance: &mut Instance<'_>, bytes: &[u8]) -> Result<Note, String> {
    let note =
        checkpoint::load(&mut instance.parameters, bytes).map_err(|error| error.to_string())?;
    serde_json::from_str(&note).map_err(|error| error.to_string())
}
