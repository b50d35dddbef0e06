//! Training and testing an image classifier, epoch by epoch.

mod configuration;

use std::ops::ControlFlow;

use nn::layers::Builder;
use nn::{
    Classification, Images, Parameters, Pixels, Policy, Progress, Run, checkpoint, evaluate,
    train_epoch,
};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;

pub use configuration::{ImageClassifier, ImageData, Network, Switch};

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

impl Measure for ImageClassifier {
    type Outcome = Training;

    /// Trains and tests: [`Error::Diverged`] at the step at which the loss leaves the numbers.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Training, Error> {
        let (train, test) = self.images(context.data)?;
        let seed = Seed::new(seed);
        let mut history = History::default();
        let saved = context.checkpoint.load(context.progress)?;
        let damaged = |reason: String| context.checkpoint.damaged(reason);
        if let Some(bytes) = &saved {
            let note = checkpoint::note(bytes).map_err(|error| damaged(error.to_string()))?;
            history = serde_json::from_str(&note).map_err(|error| damaged(error.to_string()))?;
        }
        // A checkpoint has the arithmetic of the epoch that it ended; the next one may switch.
        let last = history.progress.epoch.saturating_sub(1);
        let mut phase = Phase::new(self, self.policy_in(last), &seed)?;
        if let Some(bytes) = &saved {
            checkpoint::load(&mut phase.parameters, bytes)
                .map_err(|error| damaged(error.to_string()))?;
        }

        let epoch_work = train.len() as u64 + test.len() as u64 / 3;
        while history.progress.epoch < self.recipe.epochs {
            let epoch = history.progress.epoch;
            context.progress.reach(epoch as u64 * epoch_work);
            if self.policy_in(epoch) != phase.policy {
                let before = phase.parameters;
                phase = Phase::new(self, self.policy_in(epoch), &seed)?;
                phase.parameters.copy_from(&before);
            }
            let tested =
                phase.epoch(self, &mut history.progress, (&train, &test), &seed, context)?;
            history.progress.observe(&self.recipe, tested.test_loss);
            context.progress.say(&format!(
                "epoch {}/{}: loss {:.4}, test error {:.2} %",
                epoch + 1,
                self.recipe.epochs,
                tested.train_loss,
                tested.test_error_percent,
            ));
            history.epochs.push(tested);
            let note = serde_json::to_string(&history).expect("a history is plain data");
            context.checkpoint.save(&checkpoint::save(&phase.parameters, &note))?;
        }
        Ok(training(&history.epochs))
    }
}

impl ImageClassifier {
    fn policy_in(&self, epoch: usize) -> &Policy {
        match &self.switch {
            Some(switch) if epoch >= switch.after_epochs => &switch.arithmetic,
            _ => &self.arithmetic,
        }
    }
}

/// The network while its arithmetics stay as they are.
struct Phase<'a> {
    policy: &'a Policy,
    parameters: Parameters,
    model: Box<dyn nn::Model>,
    pixels: Pixels,
}

impl<'a> Phase<'a> {
    fn new(config: &ImageClassifier, policy: &'a Policy, seed: &Seed) -> Result<Self, Error> {
        let mut parameters = Parameters::new();
        let mut builder = Builder { parameters: &mut parameters, policy, seed: seed.child("init") };
        let model = config.network.build(&mut builder);
        let pixels = config.pixels(policy)?;
        Ok(Self { policy, parameters, model, pixels })
    }

    /// Trains for one epoch and tests.
    fn epoch(
        &mut self,
        config: &ImageClassifier,
        progress: &mut Progress,
        (train, test): (&Images, &Images),
        seed: &Seed,
        context: &Context<'_>,
    ) -> Result<Epoch, Error> {
        let epoch = progress.epoch;
        let task = |images| Classification {
            model: &*self.model,
            images,
            pixels: &self.pixels,
            augmentation: config.augmentation,
        };
        let stats = train_epoch(
            &task(train),
            &mut self.parameters,
            &config.recipe,
            progress,
            Run::new(seed, context.par),
            |_, _| {
                context.progress.advance(config.recipe.batch as u64);
                if context.progress.stopped() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        )?;
        let seed = seed.child("test").child(epoch);
        let tested = evaluate(&task(test), &self.parameters, Run::new(&seed, context.par));
        if !tested.loss.is_finite() {
            let step = train.len().div_ceil(config.recipe.batch);
            let (what, value) = ("the loss of the test".to_owned(), tested.loss as f32);
            return Err(Error::Diverged(nn::Diverged { epoch: epoch + 1, step, what, value }));
        }
        let wrong = tested.error_rate.expect("a classification counts what is wrong");
        Ok(Epoch {
            train_loss: stats.loss,
            test_loss: tested.loss,
            test_error_percent: 100.0 * wrong,
            zero_update_percent: stats.zero_update_fraction.map(|f| 100.0 * f),
        })
    }
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

fn training(history: &[Epoch]) -> Training {
    let of = |number: fn(&Epoch) -> f64| history.iter().map(number).collect();
    Training {
        train_loss: of(|epoch| epoch.train_loss),
        test_loss: of(|epoch| epoch.test_loss),
        test_error_percent: of(|epoch| epoch.test_error_percent),
        zero_update_percent: history.iter().filter_map(|e| e.zero_update_percent).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use datasets::DataFolder;

    const SWITCHES: &str = r#"
        data = "mnist"
        train_images = 200
        test_images = 50

        [network.mlp]
        widths = [784, 10]
        init = { normal = { std_dev = 0.05 } }

        [recipe]
        batch = 20
        epochs = 3
        learning_rate = 0.1
        optimizer = { sgd = { momentum = 0.9, weight_decay = 0.0 } }

        [arithmetic]
        default = "float32"

        [switch]
        after_epochs = 1

        [switch.arithmetic.default.fixed-point]
        weight = { format = "<4,8>", rounding = "nearest-ties-even" }
        bias = { format = "<4,8>", rounding = "nearest-ties-even" }
        output = { format = "<6,6>", rounding = "stochastic" }
        error = { format = "<3,9>", rounding = "stochastic" }
        weight_update = { format = "<4,8>", rounding = "stochastic" }
        bias_update = { format = "<4,8>", rounding = "stochastic" }
    "#;

    /// Runs with a checkpoint in that folder, which stays there.
    fn run(config: &ImageClassifier, folder: &std::path::Path) -> Training {
        let store = Store::open(folder).unwrap();
        let point = crate::measured::point::testing::point(
            "test/switch",
            "switches",
            serde_json::Value::Null,
            0,
        );
        let all = crate::progress::Progress::silent(1, crate::stop::Stop::default());
        let progress = all.start(&point);
        let (checkpoint, models) = (store.checkpoint(&point), store.models());
        let data = DataFolder::new(None);
        let par = numerics::Par::Seq;
        let context = Context {
            data: &data,
            sums: &point.data,
            par,
            progress: &progress,
            checkpoint: &checkpoint,
            models: &models,
        };
        config.run(0, &context).unwrap()
    }

    #[test]
    fn a_run_that_stopped_where_its_arithmetic_switches_goes_on() {
        let whole: ImageClassifier = toml::from_str(SWITCHES).unwrap();
        let [apart, together] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        // The rate is constant, so a run of fewer epochs is the beginning of a longer one.
        for epochs in [1, 2] {
            let mut part = whole.clone();
            part.recipe.epochs = epochs;
            run(&part, apart.path());
        }
        assert_eq!(run(&whole, apart.path()), run(&whole, together.path()));
    }
}
