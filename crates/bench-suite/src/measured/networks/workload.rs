//! [`Workload`]: a network with its data and its recipe.

use std::fmt::Debug;

use datasets::{DataFolder, DataSum};
use nn::layers::from_pytorch_recurrent_name;
use nn::{
    EpochStats, Outcome, Parameters, Policy, Recipe, Run, Step, Task, Weights, evaluate,
    evaluate_each, load_pretrained, save_pretrained,
};
use numerics::Seed;

use super::paper_row::PaperRow;
use crate::measured::error::Error;
use crate::measured::scale::Scale;

/// A network with its data and its recipe, at one scale.
pub trait Workload: Debug + Send + Sync {
    /// A short name, such as `resnet-cifar10`.
    fn id(&self) -> &str;

    /// Network and data in a line.
    fn title(&self) -> String;

    /// The data sets that it reads, and weights that others trained.
    fn data(&self) -> Vec<DataSum>;

    /// How it is trained in f32, from [`Self::pretrained`] weights where there are some; `None` if
    /// those are taken as they are.
    fn recipe(&self) -> Option<&Recipe>;

    /// The layers that \[Rasch23\] leaves digital: the first convolution and the last layer of the
    /// `ImageNet` networks. Everything else that multiplies by weights is mapped, pooler and
    /// classifier of BERT and ALBERT included: only so have they the 486 and 48 tiles of Table 1.
    fn digital_layers(&self) -> Vec<String> {
        Vec::new()
    }

    /// The network under `policy`, with initial weights from `seed`, and its tasks.
    fn instance<'a>(&'a self, policy: &Policy, seed: &Seed) -> Instance<'a>;

    /// Weights that others trained, as f32 parameters of the network, from which training goes on, or
    /// which are taken as they are where there is no [`Self::recipe`]; `None` if it is trained from
    /// initial ones.
    ///
    /// # Errors
    ///
    /// [`Error::NoData`] if their file is not in the data folder, [`Error::Io`] or [`Error::Data`]
    /// if it is damaged.
    fn pretrained(&self) -> Result<Option<Parameters>, Error> {
        Ok(None)
    }

    /// Takes the float weights of a safetensors file with the names of PyTorch, in f32, f16, bf16 or f64;
    /// returns a line on each tensor whose numbers were rounded.
    ///
    /// # Errors
    ///
    /// A clause with all tensors that do not fit; then nothing has changed.
    fn load_weights(
        &self,
        parameters: &mut Parameters,
        bytes: &[u8],
    ) -> Result<Vec<String>, String> {
        // All names but those of recurrent layers are PyTorch's.
        load_pretrained(parameters, bytes, |name| Some(from_pytorch_recurrent_name(name)))
            .map_err(|error| error.to_string())
    }

    /// The weights of an instance under `policy`, as a safetensors file in f32 under the names and in the
    /// shapes that they came with, or those of PyTorch.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the parameters are not those of the network under that policy.
    fn exported(&self, _: &Policy, parameters: &Parameters) -> Result<Vec<u8>, Error> {
        Ok(save_pretrained(parameters))
    }

    /// The test error in [0, 1], in the paper's metric, with the instance's present parameters.
    fn test_error(&self, instance: &Instance<'_>, run: Run) -> f64 {
        instance.test_error(run)
    }

    /// The test error of a network that knows nothing, for the normalised accuracy
    /// A* = 1 − (ε − ε_FP) / (ε_chance − ε_FP) of [Rasch23, eq. (3)].
    fn chance_error(&self) -> f64;
}

/// A network under some arithmetic, with what it is trained and tested on.
pub struct Instance<'a> {
    /// Weights and states.
    pub parameters: Parameters,
    /// The examples to train with.
    pub train: Box<dyn Task + Send + Sync + 'a>,
    /// The examples to test with.
    pub test: Box<dyn Task + Send + Sync + 'a>,
    /// The test error, where it is not the fraction of wrong units.
    pub(super) metric: Option<Box<Metric<'a>>>,
}

/// A test error in [0, 1].
#[derive(Clone, Debug, PartialEq)]
pub struct Tested {
    /// The error.
    pub error: f64,
    /// What each example has in it, of which it is the mean; `None` where it is no mean over examples.
    pub examples: Option<Vec<f64>>,
}

/// From weights to a test error.
pub(super) type Metric<'a> = dyn Fn(Weights<'_>, Run) -> f64 + Send + Sync + 'a;

impl Instance<'_> {
    /// The test error with the present parameters.
    pub fn test_error(&self, run: Run) -> f64 {
        self.test_error_on(&self.parameters, run)
    }

    /// The test error with these parameters, or on these devices.
    pub fn test_error_on<'w>(&self, weights: impl Into<Weights<'w>>, run: Run) -> f64 {
        self.tested_on(weights, run).error
    }

    /// The test error with these parameters, or on these devices, example by example.
    pub fn tested_on<'w>(&self, weights: impl Into<Weights<'w>>, run: Run) -> Tested {
        match &self.metric {
            None => {
                let evaluated = evaluate_each(&*self.test, weights, run);
                Tested { error: wrong(&evaluated.stats), examples: evaluated.errors }
            }
            Some(metric) => Tested { error: metric(weights.into(), run), examples: None },
        }
    }

    /// The test error on every `of`-th example from the `first` on; on all of them where it is not
    /// the fraction of wrong units.
    ///
    /// # Panics
    ///
    /// Unless `first` < `of`.
    #[track_caller]
    pub fn test_error_of<'w>(
        &self,
        weights: impl Into<Weights<'w>>,
        (first, of): (usize, usize),
        run: Run,
    ) -> f64 {
        assert!(first < of, "there is no share {first} of {of}");
        if of == 1 || self.metric.is_some() {
            return self.test_error_on(weights, run);
        }
        let share = Share { task: &*self.test, first, of };
        wrong(&evaluate(&share, weights, run))
    }
}

/// The fraction of wrong units.
fn wrong(stats: &EpochStats) -> f64 {
    stats.error_rate.expect("a task without a metric of its own counts what is wrong")
}

/// Every `of`-th example of a task, from the `first` on.
struct Share<'a> {
    task: &'a (dyn Task + 'a),
    first: usize,
    of: usize,
}

impl Task for Share<'_> {
    fn len(&self) -> usize {
        self.task.len().saturating_sub(self.first).div_ceil(self.of)
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let place = |&example: &u32| (self.first + self.of * example as usize) as u32;
        self.task.forward(&examples.iter().map(place).collect::<Vec<_>>(), step)
    }
}

impl Debug for Instance<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("parameters", &self.parameters.count())
            .field("train", &self.train.len())
            .field("test", &self.test.len())
            .finish_non_exhaustive()
    }
}

/// One line of the register.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The name.
    pub id: &'static str,
    /// What it is at desk scale, network and data, as its [`Workload::title`] says there, on the data
    /// set whose checksum has that name; on its first choice if that is none of its data sets.
    pub title: fn(&str) -> String,
    /// How it is trained for its hardware.
    pub recipes: Recipes,
    /// Its row of [Rasch23, Table 1].
    pub paper: PaperRow,
    /// The largest error in % of a float network that is worth mapping at desk scale, on the data set whose
    /// checksum has that name: one that errs more was not trained well enough for its loss on tiles to
    /// say something of its family.
    pub sound_percent: fn(&str) -> f64,
    /// Reads its data and gives it at a scale: [`Error::NoData`] if data that do not ship with the
    /// source are not in the folder, [`Error::Io`] or [`Error::Data`] if they are damaged.
    pub open: Open,
}

/// Recipes of hardware-aware training, as TOML.
#[derive(Clone, Copy, Debug)]
pub struct Recipes {
    /// At paper scale.
    pub paper: &'static str,
    /// At desk scale.
    pub desk: &'static str,
}

/// The recipes in the files of a network's name.
macro_rules! recipes {
    ($name:literal) => {
        $crate::measured::networks::workload::Recipes {
            paper: include_str!(concat!("../../../recipes/rasch2023/paper/", $name, ".toml")),
            desk: include_str!(concat!("../../../recipes/rasch2023/desk/", $name, ".toml")),
        }
    };
}
pub(super) use recipes;

/// Opens a network.
pub type Open = fn(&DataFolder, Scale) -> Result<Box<dyn Workload>, Error>;

/// AdamW-like settings that suit the small sequence networks here.
pub(super) fn adam(
    batch: usize,
    epochs: usize,
    learning_rate: f32,
    clip_norm: Option<f32>,
) -> Recipe {
    Recipe {
        schedule: nn::Schedule { warm_up_steps: 20, decay: nn::optim::Decay::Cosine },
        optimizer: nn::Optimizer::Adam(nn::Adam::default()),
        clip_norm,
        ..Recipe::sgd(batch, epochs, learning_rate)
    }
}
