//! Training and testing an image classifier, epoch by epoch.

mod configuration;

use nn::layers::Builder;
use nn::{Classification, Images, Parameters, Pixels, Policy, Run, Task, evaluate};
use numerics::Seed;

use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::training::{Plan, Tested, Training, train_and_test};

pub use configuration::{ImageClassifier, ImageData, Network, Switch};

impl Measure for ImageClassifier {
    type Outcome = Training;

    /// Trains and tests: [`Error::Diverged`] at the step at which the loss leaves the numbers.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Training, Error> {
        let images = self.images(context.sources.data)?;
        let seed = Seed::new(seed);
        let phase = Phase::new(self, self.policy_in(0), &seed)?;
        let mut classifier = Classifier { config: self, images, seed: &seed, context, phase };
        train_and_test(
            &mut classifier,
            &Plan {
                what: "",
                recipe: &self.recipe,
                seed: &seed,
                work: 1,
                context,
                saved: context.checkpoint,
            },
        )
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
}

/// A classifier in training.
struct Classifier<'a> {
    config: &'a ImageClassifier,
    /// For training, for tests.
    images: (Images, Images),
    seed: &'a Seed,
    context: &'a Context<'a>,
    phase: Phase<'a>,
}

impl Tested for Classifier<'_> {
    fn begin(&mut self, epoch: usize) -> Result<(), Error> {
        let (train, test) = &self.images;
        let epoch_work = train.len() as u64 + test.len() as u64 / 3;
        self.context.progress.reach(epoch as u64 * epoch_work);
        let policy = self.config.policy_in(epoch);
        if policy != self.phase.policy {
            let mut phase = Phase::new(self.config, policy, self.seed)?;
            phase.parameters.copy_from(&self.phase.parameters);
            self.phase = phase;
        }
        Ok(())
    }

    fn with_task<T>(&mut self, act: impl FnOnce(&dyn Task, &mut Parameters) -> T) -> T {
        let Phase { parameters, model, pixels, .. } = &mut self.phase;
        let augmentation = self.config.augmentation;
        let task = Classification { model: &**model, images: &self.images.0, pixels, augmentation };
        act(&task, parameters)
    }

    fn parameters(&self) -> &Parameters {
        &self.phase.parameters
    }

    fn test(&self, epoch: usize, run: Run) -> Result<(f64, f64), Error> {
        let Phase { parameters, model, pixels, .. } = &self.phase;
        let (train, images) = &self.images;
        let augmentation = self.config.augmentation;
        let task = Classification { model: &**model, images, pixels, augmentation };
        let tested = evaluate(&task, parameters, run);
        if !tested.loss.is_finite() {
            let step = train.len().div_ceil(self.config.recipe.batch);
            let (what, value) = ("the loss of the test".to_owned(), tested.loss as f32);
            return Err(Error::Diverged(nn::Diverged { epoch: epoch + 1, step, what, value }));
        }
        let wrong = tested.error_rate.expect("a classification counts what is wrong");
        Ok((tested.loss, 100.0 * wrong))
    }

    fn counts_zero_updates(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::networks::subject::Sources;
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
            processes: &nn::Processes::one(),
            sources: Sources::registered(&data),
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
