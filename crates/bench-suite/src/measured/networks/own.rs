//! [`Own`]: a network of the user's own from an ONNX file, with the user's own data.

mod task;

use std::path::Path;
use std::sync::Arc;

use datasets::own::{Dataset, Description, InputNeed, Metric, Source, Task};
use datasets::{DataFolder, DataSum};
use nn::{Parameters, Policy, Recipe, Run, Weights};
use numerics::Seed;
use onnx::{Graph, Network};

use super::weights::float_parameters;
use super::workload::{Instance, Workload};
use crate::measured::error::Error;
use crate::measured::files;
use task::{Answers, OwnTask};

/// A network of the user's own with its data. It is not trained in f32: its weights are those of its file.
#[derive(Debug)]
pub struct Own {
    name: String,
    graph: Graph,
    /// The value that losses and metrics are computed of: the first output, or the logits before it.
    answers: Answers,
    data: Dataset,
    sums: [DataSum; 2],
    chance: f64,
}

/// Where a network of the user's own and its data are.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// The ONNX file.
    pub model: &'a Path,
    /// The examples, or a TOML file that describes them.
    pub data: &'a Path,
    /// The examples to test with, where they lie elsewhere.
    pub test: Option<&'a Path>,
}

impl Own {
    /// Reads a network with its data, which are looked for beside the description, and then in `folder`;
    /// runs two examples of each part, so that what does not fit is said before anything is measured.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] naming the file, the array and what is wrong; [`Error::Usage`] with
    /// all operators that there are not.
    pub fn open(from: Files<'_>, folder: &DataFolder) -> Result<Self, Error> {
        let Files { model, data: path, test } = from;
        let of_model = |reason: String| Error::data(model, reason);
        let graph = Graph::read(model).map_err(|error| Error::Usage(error.to_string()))?;
        let mut data = read(path, test, folder)?;
        let need = |input: &onnx::Input| {
            let shape = input.shape.get(1..).map(<[_]>::to_vec);
            let shape = shape.ok_or_else(|| {
                of_model(format!("input {} has no axis for the examples of a batch", input.name))
            })?;
            Ok(InputNeed { name: input.name.clone(), shape, integers: input.integers })
        };
        let needs: Result<Vec<InputNeed>, Error> = graph.inputs().iter().map(need).collect();
        data.fit(&needs?)?;
        let answers = Answers::of(&graph, data.task());
        let sums = [sum_of(&graph)?, data.sum.clone()];
        let name =
            model.file_stem().map_or_else(|| "network".into(), |stem| stem.to_string_lossy());
        let name = name.into_owned();
        let chance = data.metric().chance(data.task(), data.test.targets());
        let own = Self { name, graph, answers, data, sums, chance };
        own.try_out(model)?;
        Ok(own)
    }

    /// The network under a policy, with parameters of its own.
    fn built(&self, policy: &Policy) -> Result<(Network, Parameters), onnx::Error> {
        let mut parameters = Parameters::new();
        let seed = Seed::new(0);
        let mut builder = nn::layers::Builder { parameters: &mut parameters, policy, seed };
        Ok((Network::build(&self.graph, &mut builder)?, parameters))
    }

    fn build(&self, builder: &mut nn::layers::Builder<'_>) -> Network {
        Network::build(&self.graph, builder).expect("it was built when it was opened")
    }

    /// Whether it can be run on its data: two examples of each part.
    fn try_out(&self, model: &Path) -> Result<(), Error> {
        let wrong = |error: &dyn std::fmt::Display| Error::data(model, error.to_string());
        let (network, parameters) =
            self.built(&Policy::uniform(nn::Float32)).map_err(|error| wrong(&error))?;
        let network = Arc::new(network);
        for examples in [&self.data.train, &self.data.test] {
            let task = OwnTask::new(&network, &self.answers, &self.data, examples);
            let some: Vec<u32> = (0..examples.len().min(2) as u32).collect();
            task.try_out(&some, &parameters).map_err(|reason| wrong(&reason))?;
        }
        Ok(())
    }
}

/// The data of a path, with a test set from elsewhere if one is named.
fn read(path: &Path, test: Option<&Path>, folder: &DataFolder) -> Result<Dataset, Error> {
    let described = path.extension().is_some_and(|extension| extension == "toml");
    let mut description =
        if described { Description::read(path)? } else { Description::of_path(path) };
    if let Some(test) = test {
        let absolute = std::path::absolute(test).map_err(Error::io("find", test))?;
        description.test = Some(Source::File(absolute));
        description.split = None;
    }
    Ok(Dataset::read(description, folder)?)
}

/// The checksum of all files of a network.
fn sum_of(graph: &Graph) -> Result<DataSum, Error> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut parts = Vec::new();
    for (index, path) in graph.files().iter().enumerate() {
        // Under another name it is the same network; where its numbers lie stands in it.
        let name = if index == 0 { "network".to_owned() } else { name(path) };
        parts.push((name, files::read(path, u64::MAX)?));
    }
    Ok(DataSum::of("network of one's own", parts))
}

impl Workload for Own {
    fn id(&self) -> &str {
        &self.name
    }

    fn title(&self) -> String {
        let (train, test) = (self.data.train.len(), self.data.test.len());
        let metric = match self.unit() {
            None => format!("{}", self.data.metric()),
            Some(chance) => format!(
                "{} as a share of {chance:.4}, what the best answer that is always the same has",
                self.data.metric()
            ),
        };
        let task = self.data.task();
        format!("{}, {task} of {train} + {test} examples, tested by {metric}", self.name)
    }

    fn data(&self) -> Vec<DataSum> {
        self.sums.to_vec()
    }

    fn recipe(&self) -> Option<&Recipe> {
        None
    }

    fn instance<'a>(&'a self, policy: &Policy, seed: &Seed) -> Instance<'a> {
        let mut parameters = Parameters::new();
        let mut builder = nn::layers::Builder { parameters: &mut parameters, policy, seed: *seed };
        let network = Arc::new(self.build(&mut builder));
        let task = |examples, augmentation| {
            OwnTask::new(&network, &self.answers, &self.data, examples).augmented(augmentation)
        };
        let test = task(&self.data.test, None);
        let measured = test.clone();
        let unit = self.unit().unwrap_or(1.0);
        // What is wrong is counted as the network runs; all else has a pass of its own.
        let metric = (self.data.metric() != Metric::Error || self.data.task() == Task::MultiLabel)
            .then(|| -> Box<super::workload::Metric<'a>> {
                Box::new(move |weights: Weights<'_>, run: Run| measured.metric(weights, run) / unit)
            });
        Instance {
            parameters,
            train: Box::new(task(&self.data.train, self.data.description.augmentation)),
            test: Box::new(test),
            metric,
        }
    }

    fn pretrained(&self) -> Result<Option<Parameters>, Error> {
        Ok(Some(float_parameters(|builder| drop(self.build(builder)))))
    }

    fn load_weights(
        &self,
        parameters: &mut Parameters,
        bytes: &[u8],
    ) -> Result<Vec<String>, String> {
        let (weights, rounded) = onnx::read_weights(bytes)?;
        let network = self.built(&Policy::uniform(nn::Float32));
        let (network, _) = network.map_err(|error| error.to_string())?;
        network.load(parameters, &weights).map_err(|error| error.to_string())?;
        Ok(rounded)
    }

    fn exported(&self, policy: &Policy, parameters: &Parameters) -> Result<Vec<u8>, Error> {
        let weights = self.built(policy).and_then(|(network, _)| network.weights(parameters));
        let weights = weights.map_err(|error| Error::Usage(error.to_string()))?;
        Ok(onnx::write_weights(&weights))
    }

    fn chance_error(&self) -> f64 {
        self.chance / self.unit().unwrap_or(1.0)
    }
}

impl Own {
    /// What a metric without an upper bound is divided by: that of chance. Errors and shares are between 0
    /// and 1 as they are.
    fn unit(&self) -> Option<f64> {
        let bounded = matches!(
            self.data.metric(),
            Metric::Error | Metric::TopFiveError | Metric::F1 | Metric::R2
        );
        (!bounded && self.chance > 0.0).then_some(self.chance)
    }
}
