//! One network from f32 to a year of drift: trained, mapped directly, trained with the hardware in
//! mind, programmed again and again, and tested as it ages.
//!
//! ```text
//! float ──┬── convert, calibrate, tune scales ──────────▶ program, age, compensate, test   direct
//!         └── convert, calibrate, train on noisy tiles ──▶ program, age, compensate, test   HWA
//! ```
//!
//! Source: [Rasch23 Methods; Supp. Tab. 3].

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crossbar::TileConfig;
use nn::{
    Analog, Arithmetic, Parameters, Policy, Progress, RangeStatistic, Recipe,
    calibrate_input_ranges, checkpoint, train_epoch,
};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::networks::{self, Instance, Workload};
use crate::Error;
use crate::experiment::{Context, Point, Scale};
use crate::record::Measurements;

/// How a network is trained for its hardware: what a recipe file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HwaRecipe {
    /// Tile and training rules of every layer that is not digital.
    pub analog: Analog,
    /// How input ranges begin.
    pub calibration: Calibration,
    /// Epochs, learning rate, optimiser.
    pub training: Recipe,
}

/// Input ranges from data, and what follows in direct mapping.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// What of the inputs becomes the range.
    #[serde(default)]
    pub statistic: RangeStatistic,
    /// Mini-batches that are observed.
    pub batches: usize,
    /// In direct mapping, mini-batches in which ranges, scales and the statistics of batch
    /// normalisations are then trained, with all weights and biases as they are and no noise
    /// injected.
    ///
    /// Source: [Rasch23 Tab. 2]: 500 after 500.
    pub tuning: usize,
}

/// What is done with a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HardwareAware {
    /// One of [`networks::NETWORKS`].
    pub network: String,
    /// The scale at which it is opened.
    pub scale: Scale,
    /// The recipe.
    pub recipe: HwaRecipe,
    /// Whether the float network is mapped directly, too.
    pub direct: bool,
    /// The tile that is programmed, if it is another than the recipe's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<TileConfig>,
    /// Seconds after programming.
    pub times_s: Vec<f64>,
    /// How often the network is programmed anew.
    pub programmings: u64,
}

/// Test error of the float network, in %.
pub const FLOAT_ERROR: &str = "float_error_percent";
/// Test error of the network without noise of devices, on the tiles it was trained on, in %.
pub const HWA_UNPROGRAMMED: &str = "hwa_unprogrammed_percent";
/// Test error by chance, in %.
pub const CHANCE_ERROR: &str = "chance_error_percent";

/// The series of test errors in %, one per programming, at a time.
pub fn series(method: &str, t_s: f64) -> String {
    format!("{method}_{t_s}s")
}

/// Where a run is: the note of its checkpoint, which holds the parameters of the stage.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Note {
    stage: Stage,
    progress: Progress,
    measured: Measurements,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// Training in f32.
    #[default]
    Float,
    /// Training on tiles; the direct mapping is done.
    Hardware,
}

impl HardwareAware {
    /// Runs the point whose configuration this is.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the configuration is not one of these; and as [`Self::run`].
    pub fn run_point(point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        let config: Self = serde_json::from_value(point.config.clone())
            .map_err(|error| Error::Usage(format!("configuration of '{}': {error}", point.name)))?;
        config.run(point.seed, context)
    }

    /// Trains, maps, trains on tiles and tests: [`FLOAT_ERROR`], [`CHANCE_ERROR`] and, by
    /// [`series`], the errors of `direct` and `hwa`; `hwa_train_loss` has one number per epoch.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`], or what is wrong with the data or the checkpoint.
    pub fn run(&self, seed: u64, context: &Context<'_>) -> Result<Measurements, Error> {
        let workload = (networks::find(&self.network)?.open)(context.data, self.scale)?;
        let run = Run { config: self, workload: &*workload, seed: Seed::new(seed), context };
        let damaged = |reason: String| context.checkpoint.damaged(reason);
        let saved = context.checkpoint.load()?;
        let mut note = Note::default();
        if let Some(bytes) = &saved {
            let text = checkpoint::note(bytes).map_err(|error| damaged(error.to_string()))?;
            note = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        }
        let policy = match note.stage {
            Stage::Float => Policy::uniform(Arithmetic::Float32),
            Stage::Hardware => run.policy(&self.recipe.analog),
        };
        let mut instance = workload.instance(&policy, &run.seed.child("init"));
        if let Some(bytes) = &saved {
            checkpoint::load(&mut instance.parameters, bytes)
                .map_err(|error| damaged(error.to_string()))?;
        }
        if note.stage == Stage::Float {
            run.train_float(&mut instance, &mut note)?;
            instance = run.onto_tiles(&instance.parameters, &mut note)?;
            note.stage = Stage::Hardware;
            note.progress = Progress::default();
            run.save(&instance, &note)?;
        }
        run.train_on_tiles(&mut instance, &mut note)?;
        let error = workload.test_error(&instance, &run.seed.child("unprogrammed"), context.par);
        note.measured.values.insert(HWA_UNPROGRAMMED.to_owned(), 100.0 * error);
        run.test_aged(&mut instance, "hwa", &mut note.measured)?;
        Ok(note.measured)
    }

    /// An amount of work in examples, one of training on tiles counting three.
    ///
    /// # Errors
    ///
    /// If the network's data is missing or damaged.
    pub fn work(&self, workload: &dyn Workload) -> Result<u64, Error> {
        let instance = workload.instance(&Policy::uniform(Arithmetic::Float32), &Seed::new(0));
        let (train, test) = (instance.train.len() as u64, instance.test.len() as u64);
        let float = if workload.pretrained()?.is_some() { 0 } else { workload.recipe().epochs };
        let methods = 1 + u64::from(self.direct);
        Ok(train * (float as u64 + 3 * self.recipe.training.epochs as u64)
            + methods * test * self.programmings * self.times_s.len() as u64)
    }
}

/// A run with what it needs at every stage.
struct Run<'a> {
    config: &'a HardwareAware,
    workload: &'a dyn Workload,
    seed: Seed,
    context: &'a Context<'a>,
}

impl Run<'_> {
    /// The paper's digital layers in f32, all others on tiles.
    fn policy(&self, analog: &Analog) -> Policy {
        let digital = self.workload.digital_layers();
        let layers: BTreeMap<String, Arithmetic> =
            digital.into_iter().map(|layer| (layer, Arithmetic::Float32)).collect();
        Policy { default: Arithmetic::Analog(Box::new(analog.clone())), layers }
    }

    fn save(&self, instance: &Instance<'_>, note: &Note) -> Result<(), Error> {
        let note = serde_json::to_string(note).expect("a note is plain data");
        self.context.checkpoint.save(&checkpoint::save(&instance.parameters, &note))
    }

    fn train_float(&self, instance: &mut Instance<'_>, note: &mut Note) -> Result<(), Error> {
        if let Some(weights) = self.workload.pretrained()? {
            instance.parameters.copy_from(&weights);
        } else {
            self.train("float", instance, self.workload.recipe(), note, |_, _| ())?;
        }
        let error = self.workload.test_error(instance, &self.seed.child("float"), self.context.par);
        let values = &mut note.measured.values;
        values.insert(FLOAT_ERROR.to_owned(), 100.0 * error);
        values.insert(CHANCE_ERROR.to_owned(), 100.0 * self.workload.chance_error());
        self.context.progress.say(&format!("float: test error {:.2} %", 100.0 * error));
        Ok(())
    }

    /// The trained float network on tiles, calibrated; on the way the direct mapping is tested.
    fn onto_tiles(&self, float: &Parameters, note: &mut Note) -> Result<Instance<'_>, Error> {
        let recipe = &self.config.recipe;
        if self.config.direct {
            let training = nn::AnalogTraining {
                weight_noise: None,
                remap_every: None,
                ..*recipe.analog.training()
            };
            let analog = Analog::new(recipe.analog.tile().clone(), training)
                .map_err(|error| Error::Usage(error.to_string()))?;
            let mut instance = self.mapped(&analog, float)?;
            self.tune(&mut instance)?;
            self.test_aged(&mut instance, "direct", &mut note.measured)?;
        }
        self.mapped(&recipe.analog, float)
    }

    fn mapped(&self, analog: &Analog, float: &Parameters) -> Result<Instance<'_>, Error> {
        let Calibration { statistic, batches, .. } = self.config.recipe.calibration;
        let policy = self.policy(analog);
        let mut instance = self.workload.instance(&policy, &self.seed.child("init"));
        instance.parameters.convert_from(float);
        if self.context.progress.stopped() {
            return Err(Error::Interrupted);
        }
        let sizes = (self.config.recipe.training.batch, batches);
        let (seed, par) = (self.seed.child("calibration"), self.context.par);
        let Instance { parameters, train, .. } = &mut instance;
        calibrate_input_ranges(&**train, parameters, statistic, sizes, &seed, par);
        Ok(instance)
    }

    /// Trains scales and ranges only.
    fn tune(&self, instance: &mut Instance<'_>) -> Result<(), Error> {
        let steps = self.config.recipe.calibration.tuning;
        let digital = [".scale", ".tile_scale", ".input_range"];
        for parameter in instance.parameters.iter_mut() {
            let tuned = digital.iter().any(|suffix| parameter.name().ends_with(suffix));
            parameter.set_frozen(!tuned);
        }
        let mut progress = Progress::default();
        let recipe = &self.config.recipe.training;
        let mut done = 0;
        while done < steps && !self.context.progress.stopped() {
            // An epoch that ends, ends; one that is stopped has done its steps.
            let ended = train_epoch(
                &*instance.train,
                &mut instance.parameters,
                recipe,
                &mut progress,
                (&self.seed.child("tuning"), self.context.par),
                |_, _| {
                    done += 1;
                    if done == steps || self.context.progress.stopped() {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            );
            if ended.is_err() {
                break;
            }
        }
        instance.parameters.iter_mut().for_each(|parameter| parameter.set_frozen(false));
        if self.context.progress.stopped() { Err(Error::Interrupted) } else { Ok(()) }
    }

    fn train_on_tiles(&self, instance: &mut Instance<'_>, note: &mut Note) -> Result<(), Error> {
        self.train("hwa", instance, &self.config.recipe.training, note, |loss, measured| {
            measured.series.entry("hwa_train_loss".to_owned()).or_default().push(loss);
        })
    }

    /// Trains to the end of the recipe, saving every epoch.
    fn train(
        &self,
        what: &str,
        instance: &mut Instance<'_>,
        recipe: &Recipe,
        note: &mut Note,
        keep: impl Fn(f64, &mut Measurements),
    ) -> Result<(), Error> {
        let work = if what == "hwa" { 3 } else { 1 };
        while note.progress.epoch < recipe.epochs {
            let stats = train_epoch(
                &*instance.train,
                &mut instance.parameters,
                recipe,
                &mut note.progress,
                (&self.seed.child(what), self.context.par),
                |_, _| {
                    self.context.progress.advance(work * recipe.batch as u64);
                    if self.context.progress.stopped() {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            )
            .map_err(|nn::Interrupted| Error::Interrupted)?;
            self.context.progress.say(&format!(
                "{what} epoch {}/{}: loss {:.4}",
                note.progress.epoch, recipe.epochs, stats.loss
            ));
            keep(stats.loss, &mut note.measured);
            note.progress.observe(recipe, stats.loss);
            self.save(instance, note)?;
        }
        Ok(())
    }

    /// Programs the network again and again, lets it age, and tests it at every time.
    fn test_aged(
        &self,
        instance: &mut Instance<'_>,
        method: &str,
        measured: &mut Measurements,
    ) -> Result<(), Error> {
        let HardwareAware { times_s, programmings, .. } = self.config;
        let wrong = |error: crossbar::TileError| Error::Usage(error.to_string());
        let par = self.context.par;
        let evaluation = self.config.evaluation.as_ref();
        let tile =
            |layer: &nn::AnalogWeights| evaluation.unwrap_or_else(|| layer.config().tile()).clone();
        for programming in 0..*programmings {
            let seed = self.seed.child(method).child("programming").child(programming);
            instance.parameters.program(tile, &seed.child("devices"), par).map_err(wrong)?;
            for &t_s in times_s {
                if self.context.progress.stopped() {
                    return Err(Error::Interrupted);
                }
                instance.parameters.age_to(t_s, &seed.child("read-out"), par).map_err(wrong)?;
                let seed = seed.child("test").child(t_s.to_bits());
                let error = self.workload.test_error(instance, &seed, par);
                measured.series.entry(series(method, t_s)).or_default().push(100.0 * error);
                self.context.progress.advance(instance.test.len() as u64);
            }
        }
        instance.parameters.erase();
        if let Some(errors) = times_s.first().and_then(|&t| measured.series.get(&series(method, t)))
        {
            let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
            self.context.progress.say(&format!("{method}: {mean:.2} % at first"));
        }
        Ok(())
    }
}
