//! Training and testing an image classifier, epoch by epoch.

use std::ops::ControlFlow;

use nn::layers::{Builder, Init};
use nn::{Images, Parameters, Policy, Sgd, TrainConfig, checkpoint, evaluate, models, train_epoch};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::experiment::{Context, Point};
use crate::record::Measurements;

/// Everything that determines a training run but its seed and its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageClassifier {
    /// Layer widths of the fully connected network.
    pub widths: Vec<usize>,
    /// Distribution of the initial weights; biases start at zero.
    pub init: Init,
    /// The arithmetic of each layer.
    pub arithmetic: Policy,
    /// Images per step.
    pub batch: usize,
    /// η.
    pub learning_rate: f32,
    /// Momentum and weight decay.
    pub sgd: Sgd,
    /// Passes through the training images.
    pub epochs: usize,
    /// How many of the training images are used, from the first on.
    pub train_images: usize,
    /// How many of the test images are used, from the first on.
    pub test_images: usize,
}

impl ImageClassifier {
    /// Amount of work in images; a test image counts a third, having no backward pass.
    pub fn work(&self) -> u64 {
        (self.epochs * (self.train_images + self.test_images / 3)) as u64
    }

    /// Whether the numbers make sense together.
    ///
    /// # Errors
    ///
    /// A clause that names the field.
    pub fn check(&self) -> Result<(), String> {
        let Self { widths, batch, learning_rate, epochs, train_images, test_images, .. } = self;
        if widths.len() < 2
            || widths[0] != 784
            || widths[widths.len() - 1] != 10
            || widths.contains(&0)
        {
            return Err(format!(
                "widths {widths:?} must lead from 784 pixels to 10 classes without a 0"
            ));
        }
        let counts = [
            ("batch", batch),
            ("epochs", epochs),
            ("train_images", train_images),
            ("test_images", test_images),
        ];
        if let Some((field, _)) = counts.iter().find(|(_, count)| **count == 0) {
            return Err(format!("{field} must not be 0"));
        }
        let scale = match self.init {
            Init::Normal { std_dev } => std_dev,
            Init::Uniform { bound } => bound,
            _ => 0.0,
        };
        let Sgd { momentum, weight_decay } = self.sgd;
        let numbers = [
            ("learning_rate", *learning_rate),
            ("init", scale),
            ("sgd.momentum", momentum),
            ("sgd.weight_decay", weight_decay),
        ];
        match numbers.iter().find(|(_, x)| !x.is_finite() || *x < 0.0) {
            Some((field, x)) => Err(format!("{field} = {x} must be finite and not negative")),
            None => Ok(()),
        }
    }

    /// Runs the point whose configuration this is, on MNIST.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the configuration is not one of these; and as [`Self::run`].
    pub fn run_point(point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        let config: Self = serde_json::from_value(point.config.clone())
            .map_err(|error| Error::Usage(format!("configuration of '{}': {error}", point.name)))?;
        let mnist = context.data.mnist()?;
        config.run(point.seed, &mnist.train, &mnist.test, context)
    }

    /// Trains and tests; one number per epoch in each series:
    ///
    /// - `train_loss`: mean cross-entropy over the steps of the epoch, in nats;
    /// - `test_loss`, `test_error_percent`: on the test images after the epoch;
    /// - `zero_update_percent`: weight updates that were rounded to zero, where they are rounded.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`], or what is wrong with the checkpoint.
    pub fn run(
        &self,
        seed: u64,
        train: &Images,
        test: &Images,
        context: &Context<'_>,
    ) -> Result<Measurements, Error> {
        let (train, test) = (train.first(self.train_images), test.first(self.test_images));
        let seed = Seed::new(seed);
        let mut parameters = Parameters::new();
        let mut builder = Builder {
            parameters: &mut parameters,
            policy: &self.arithmetic,
            seed: seed.child("init"),
        };
        let model = models::mlp(&mut builder, &self.widths, self.init);
        let input = self.arithmetic.of("fc1");

        let mut history = self.resume(&mut parameters, context)?;
        let (epoch_work, test_work) = (train.len() as u64, test.len() as u64 / 3);
        for epoch in history.len()..self.epochs {
            context.progress.reach(epoch as u64 * (epoch_work + test_work));
            let config = TrainConfig {
                batch: self.batch,
                learning_rate: self.learning_rate,
                input,
                seed: seed.child("train").child(epoch),
                par: context.par,
            };
            let stats = train_epoch(&model, &mut parameters, &self.sgd, &train, &config, |_, _| {
                context.progress.advance(self.batch as u64);
                if context.progress.stopped() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .map_err(|nn::Interrupted| Error::Interrupted)?;
            let seed = seed.child("test").child(epoch);
            let tested = evaluate(&model, &parameters, &test, input, &seed, context.par);
            history.push(Epoch {
                train_loss: stats.loss,
                test_loss: tested.loss,
                test_error_percent: 100.0 * tested.error_rate,
                zero_update_percent: stats.zero_update_fraction.map(|f| 100.0 * f),
            });
            context.progress.say(&format!(
                "epoch {}/{}: loss {:.4}, test error {:.2} %",
                epoch + 1,
                self.epochs,
                stats.loss,
                100.0 * tested.error_rate
            ));
            let note = serde_json::to_string(&history).expect("a history is plain data");
            context.checkpoint.save(&checkpoint::save(&parameters, &note))?;
        }
        Ok(measurements(&history))
    }

    /// Restores the parameters and the epochs behind them, if the point was interrupted before.
    fn resume(
        &self,
        parameters: &mut Parameters,
        context: &Context<'_>,
    ) -> Result<Vec<Epoch>, Error> {
        let Some(bytes) = context.checkpoint.load()? else { return Ok(Vec::new()) };
        let damaged = |reason: String| context.checkpoint.damaged(reason);
        let note =
            checkpoint::load(parameters, &bytes).map_err(|error| damaged(error.to_string()))?;
        let history: Vec<Epoch> =
            serde_json::from_str(&note).map_err(|error| damaged(error.to_string()))?;
        Ok(history)
    }
}

/// What is known after an epoch.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Epoch {
    train_loss: f64,
    test_loss: f64,
    test_error_percent: f64,
    zero_update_percent: Option<f64>,
}

fn measurements(history: &[Epoch]) -> Measurements {
    let mut measurements = Measurements::default();
    let mut series = |name: &str, of: &dyn Fn(&Epoch) -> Option<f64>| {
        let values: Vec<f64> = history.iter().filter_map(of).collect();
        if !values.is_empty() {
            measurements.series.insert(name.to_owned(), values);
        }
    };
    series("train_loss", &|e| Some(e.train_loss));
    series("test_loss", &|e| Some(e.test_loss));
    series("test_error_percent", &|e| Some(e.test_error_percent));
    series("zero_update_percent", &|e| e.zero_update_percent);
    measurements
}
