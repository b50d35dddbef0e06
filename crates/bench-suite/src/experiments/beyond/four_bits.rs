//! The question of \[Gupta15\] ten years later: which products of a network in four or eight bits need
//! stochastic rounding, and what blocks, scales and Hadamard transforms buy.
//!
//! The recipes are published for language models of 10⁸ to 10¹⁰ parameters on GPUs; here they train
//! networks of 10⁴ to 10⁵, with the f32 control beside them.

mod figures;
mod findings;
mod quantizers;
mod variants;

use std::fmt;

use nn::Recipe;
use nn::layers::Init;

use super::super::runs;
use super::super::training_runs::{TrainingRuns, seeds_in_words};
use crate::experiment::{About, Experiment, Results, StandIns};
use crate::findings::Findings;
use crate::findings::source::{Paper, Part};
use crate::findings::words::count;
use crate::measured::error::Error;
use crate::measured::measures::image_classifier::{ImageClassifier, ImageData, Network};
use crate::measured::measures::low_precision::{Given, LowPrecision};
use crate::measured::measures::network_training::NetworkTraining;
use crate::measured::networks::NetworkId;
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::request::Request;
use variants::Way;

/// The experiment.
#[derive(Debug)]
pub struct FourBits;

/// A network that is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Model {
    Mlp,
    Cnn,
    Text,
}

/// The transformer of the register that stands for language models; its data ship with the source.
const TEXT: NetworkId = NetworkId::BertSentiment;

impl Model {
    const ALL: [Self; 3] = [Self::Mlp, Self::Cnn, Self::Text];

    fn name(self) -> &'static str {
        match self {
            Self::Mlp => "MLP",
            Self::Cnn => "CNN",
            Self::Text => "transformer",
        }
    }

    /// Its first and last layers.
    fn ends(self) -> [&'static str; 2] {
        match self {
            Self::Mlp => ["fc1", "fc3"],
            Self::Cnn => ["conv1", "fc2"],
            Self::Text => ["encoder.layer.0", "classifier"],
        }
    }

    /// In which ways it is trained.
    fn ways(self, scale: Scale) -> Vec<Way> {
        let Size { ways, .. } = size(scale);
        match self {
            Self::Mlp if scale == Scale::Smoke => Way::COMMON[..ways + 2].to_vec(),
            Self::Mlp => Way::all(),
            Self::Cnn | Self::Text => Way::COMMON[..ways].to_vec(),
        }
    }
}

/// A network that is trained in some way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Variant {
    model: Model,
    way: Way,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.model.name(), self.way)
    }
}

impl Variant {
    fn all(scale: Scale) -> impl Iterator<Item = Self> {
        let of =
            move |model: Model| model.ways(scale).into_iter().map(move |way| Self { model, way });
        Model::ALL.into_iter().flat_map(of)
    }
}

#[derive(Clone, Copy)]
struct Size {
    hidden: usize,
    images: [usize; 2],
    test_images: usize,
    /// Of MLP and CNN.
    epochs: [usize; 2],
    /// The scale of the register's network.
    text: Scale,
    seeds: u64,
    /// Ways of CNN and transformer; of the MLP there are more.
    ways: usize,
}

const fn size(scale: Scale) -> Size {
    scale.of([
        Size {
            hidden: 64,
            images: [2_000, 500],
            test_images: 500,
            epochs: [1, 1],
            text: Scale::Smoke,
            seeds: 1,
            ways: 2,
        },
        Size {
            hidden: 128,
            images: [10_000, 5_000],
            test_images: 5_000,
            epochs: [6, 4],
            text: Scale::Smoke,
            seeds: 5,
            ways: Way::COMMON.len(),
        },
        Size {
            hidden: 256,
            images: [20_000, 10_000],
            test_images: 10_000,
            epochs: [8, 6],
            text: Scale::Desk,
            seeds: 5,
            ways: Way::COMMON.len(),
        },
        Size {
            hidden: 1000,
            images: [60_000, 60_000],
            test_images: 10_000,
            epochs: [20, 20],
            text: Scale::Desk,
            seeds: 5,
            ways: Way::COMMON.len(),
        },
    ])
}

/// Assumed: 64 rows, so that blocks and transforms along the batch are whole up to that length, and a
/// rate under which f32 trains steadily; the papers' recipes are for Adam on language models.
fn recipe(epochs: usize, learning_rate: f32) -> Recipe {
    Recipe::sgd(64, epochs, learning_rate)
}

fn training(Variant { model, way }: Variant, scale: Scale) -> LowPrecision {
    let Size { hidden, images, test_images, epochs, text, .. } = size(scale);
    let arithmetic = way.policy(model.ends());
    let init = Init::Normal { std_dev: 0.05 };
    let (of, network, rate) = match model {
        Model::Mlp => (0, Network::Mlp { widths: vec![784, hidden, hidden, 10], init }, 0.05),
        Model::Cnn => (1, Network::GuptaMnistCnn { padding: 0, init }, 0.02),
        Model::Text => {
            let network = TEXT;
            return LowPrecision::Network(NetworkTraining { network, scale: text, arithmetic });
        }
    };
    let (images, recipe) = ([images[of], test_images], recipe(epochs[of], rate));
    let classifier = ImageClassifier::new(ImageData::Mnist, images, network, arithmetic, recipe);
    LowPrecision::Images(Box::new(classifier))
}

impl Experiment for FourBits {
    type Measure = LowPrecision;

    const ABOUT: About = About {
        id: "beyond/four-bits",
        title: "Which products in four and eight bits need stochastic rounding",
        source: Paper::Beyond.at(&[Part::Passage("arXiv:2509.25149, 2505.19115, 2502.20586, 2506.08027; an ablation after Gupta et al. 2015, §4.1")]),
        stand_ins: StandIns::Always,
    };

    fn describe(&self, scale: Scale) -> String {
        let Size { hidden, images, epochs, seeds, .. } = size(scale);
        let [mlp, others] = [Model::Mlp, Model::Cnn].map(|model| model.ways(scale).len());
        format!(
            "784-{hidden}-{hidden}-10 on {} images for {} under {mlp} ways to round, a CNN on {} images for {} and a small transformer on movie reviews under {others}; {}",
            images[0],
            count(epochs[0], "epoch"),
            images[1],
            count(epochs[1], "epoch"),
            seeds_in_words(seeds),
        )
    }

    fn runs(&self, request: &Request, _: &mut Networks) -> Result<Vec<Run<Self::Measure>>, Error> {
        let scale = request.scale;
        let Size { text, seeds, .. } = size(scale);
        let mnist = ImageData::Mnist.sum(&request.data)?;
        let quantizers = quantizers::workload(scale);
        let numbers = runs::Variant {
            name: quantizers::NAME.to_owned(),
            // In examples, as that of the others: a number that is rounded is far less.
            work: quantizers.work() / 10_000,
            data: Vec::new(),
            measure: LowPrecision::Quantizers(quantizers),
        };
        let mut runs = runs::of_every_seed(request, seeds, &[numbers]);
        for model in Model::ALL {
            let opened = match model {
                Model::Text => Some(TEXT.open(&request.data, text)?),
                Model::Mlp | Model::Cnn => None,
            };
            let data = opened.as_ref().map_or_else(|| vec![mnist.clone()], |opened| opened.data());
            let variant = |variant: Variant| {
                let measure = training(variant, scale);
                let work = match (&measure, &opened) {
                    (LowPrecision::Images(config), _) => config.work(),
                    (LowPrecision::Network(config), Some(opened)) => config.work(&**opened),
                    _ => unreachable!("a network is opened before it is trained"),
                };
                runs::Variant { name: variant.to_string(), measure, data: data.clone(), work }
            };
            let of_model = Variant::all(scale).filter(|variant| variant.model == model);
            let variants: Vec<_> = of_model.map(variant).collect();
            runs.extend(runs::of_every_seed(request, seeds, &variants));
        }
        Ok(runs)
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        let scale = results.scale;
        let variants: Vec<(Variant, LowPrecision)> =
            Variant::all(scale).map(|variant| (variant, training(variant, scale))).collect();
        let trained = results.done.iter().filter_map(|done| {
            let Given::Training(training) = &done.outcome else { return None };
            let (variant, _) = variants.iter().find(|(_, measure)| *measure == done.measure)?;
            Some((*variant, done.seed, training))
        });
        findings::findings(&TrainingRuns::of(scale, 1, trained), results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datasets::DataFolder;

    #[test]
    fn configurations_survive_their_files_and_can_run() {
        for scale in Scale::ALL {
            let request = Request { scale, seed: 0, seeds: Some(1), data: DataFolder::new(None) };
            let runs = FourBits.runs(&request, &mut Networks::of(&request)).unwrap();
            for run in &runs {
                let written = serde_json::to_value(&run.measure).unwrap();
                let read: LowPrecision = serde_json::from_value(written).unwrap();
                assert_eq!(read, run.measure, "{}", run.label);
                if let LowPrecision::Images(config) = read {
                    config.check().unwrap();
                }
                assert!(run.work > 0, "{}", run.label);
            }
            if scale == Scale::Smoke {
                assert!(runs.len() < 12, "{} runs take more than seconds", runs.len());
            }
        }
    }

    /// So that the layer that is named as the last one is the last one.
    #[test]
    fn the_transformer_has_the_layers_that_are_named() {
        let data = DataFolder::new(None);
        let workload = TEXT.open(&data, Scale::Smoke).unwrap();
        for way in Model::Text.ways(Scale::Desk) {
            let policy = way.policy(Model::Text.ends());
            let instance = workload.instance(&policy, &numerics::Seed::new(0));
            policy.check(&instance.parameters).unwrap_or_else(|error| panic!("{way}: {error}"));
        }
    }
}
