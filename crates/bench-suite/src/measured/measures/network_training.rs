//! [`NetworkTraining`]: a network of the register, trained and tested under some arithmetic.

use nn::{Parameters, Policy, Run, Task, evaluate};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::networks::NetworkId;
use crate::measured::networks::workload::{Instance, Workload};
use crate::measured::scale::Scale;
use crate::measured::training::{Plan, Tested, Training, train_and_test};

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
        let workload = self.network.open(context.sources.data, self.scale)?;
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

        let (what, work, saved) = ("", 1, context.checkpoint);
        train_and_test(&mut instance, &Plan { what, recipe, seed: &seed, work, context, saved })
    }
}

impl Tested for Instance<'_> {
    fn begin(&mut self, _: usize) -> Result<(), Error> {
        Ok(())
    }

    fn with_task<T>(&mut self, act: impl FnOnce(&dyn Task, &mut Parameters) -> T) -> T {
        act(&*self.train, &mut self.parameters)
    }

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn test(&self, _: usize, run: Run) -> Result<(f64, f64), Error> {
        let loss = evaluate(&*self.test, &self.parameters, run).loss;
        Ok((loss, 100.0 * self.test_error(run)))
    }

    fn counts_zero_updates(&self) -> bool {
        false
    }
}
