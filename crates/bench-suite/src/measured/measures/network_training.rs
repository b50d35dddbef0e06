//! [`NetworkTraining`]: a network of the register, trained and tested under some arithmetic.

use std::ops::ControlFlow;

use nn::{Policy, Progress, Run, evaluate, train_epoch};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::image_classifier::Training;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::networks::NetworkId;
use crate::measured::networks::workload::Workload;
use crate::measured::scale::Scale;

/// Which network is trained, and on what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkTraining {
    /// The network with a recipe, which counts.
    pub network: NetworkId,
    /// The scale at which it is opened.
    pub scale: Scale,
    /// The arithmetic of each layer.
    pub arithmetic: Policy,
}

impl NetworkTraining {
    /// Amount of work in examples; a test example counts a third, having no backward pass.
    pub fn work(&self, workload: &dyn Workload) -> u64 {
        let instance = workload.instance(&Policy::uniform(nn::Float32), &Seed::new(0));
        let epochs = workload.recipe().map_or(0, |recipe| recipe.epochs as u64);
        epochs * (instance.train.len() as u64 + instance.test.len() as u64 / 3)
    }
}

impl Measure for NetworkTraining {
    type Outcome = Training;

    /// Trains and tests.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Training, Error> {
        let workload = self.network.open(context.data, self.scale)?;
        let wrong = |reason: String| Error::Usage(format!("network '{}': {reason}", self.network));
        if workload.data() != context.sums {
            return Err(wrong("its data have changed since this command began".to_owned()));
        }
        let recipe = workload
            .recipe()
            .ok_or_else(|| wrong("its weights are taken as they are".to_owned()))?;
        let seed = Seed::new(seed);
        let mut instance = workload.instance(&self.arithmetic, &seed.child("init"));
        self.arithmetic.check(&instance.parameters).map_err(|error| wrong(error.to_string()))?;

        let mut progress = Progress::default();
        let mut training = Training::default();
        while progress.epoch < recipe.epochs {
            let epoch = progress.epoch;
            let trained = train_epoch(
                &*instance.train,
                &mut instance.parameters,
                recipe,
                &mut progress,
                Run::new(&seed, context.par),
                |_, _| {
                    context.progress.advance(recipe.batch as u64);
                    if context.progress.stopped() {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            )?;
            let test = seed.child("test").child(epoch);
            let tested =
                evaluate(&*instance.test, &instance.parameters, Run::new(&test, context.par));
            progress.observe(recipe, tested.loss);
            let error = 100.0 * instance.test_error(Run::new(&test, context.par));
            context.progress.say(&format!(
                "epoch {}/{}: loss {:.4}, test error {error:.2} %",
                epoch + 1,
                recipe.epochs,
                trained.loss
            ));
            training.train_loss.push(trained.loss);
            training.test_loss.push(tested.loss);
            training.test_error_percent.push(error);
        }
        Ok(training)
    }
}
