//! MNIST on a fully connected network under seven arithmetics: [Gupta15 §4.1, Fig. 1].
//!
//! 784-1000-1000-10, ReLU, mini-batches of 100; float, and nearest and stochastic rounding at
//! ⟨8, 8⟩, ⟨6, 10⟩ and ⟨2, 14⟩ for all six signals.

mod claims;
mod figures;
mod runs;
mod variants;

use nn::layers::Init;
use nn::{AnyArithmetic, FixedPoint, Optimizer, Policy, Recipe, Schedule, Sgd};
use numerics::FixedFormat;

use crate::experiment::{Experiment, Results};
use crate::experiments::training_runs::{self, seeds_in_words};
use crate::findings::Findings;
use crate::findings::source::{Paper, Part, Source};
use crate::findings::words::count;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::image_classifier::{ImageClassifier, ImageData, Network};
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::request::Request;
use runs::Runs;
use variants::{Size, VARIANTS, Variant, size};

/// The experiment.
#[derive(Debug)]
pub struct MnistDnn;

fn workload(variant: &Variant, scale: Scale) -> ImageClassifier {
    let arithmetic = match variant.fixed {
        None => AnyArithmetic::Float32,
        Some((il, fl, rounding)) => {
            let format = FixedFormat::new(il, fl).expect("the paper's formats exist");
            AnyArithmetic::FixedPoint(
                FixedPoint::uniform(format, rounding).expect("16-bit words fit"),
            )
        }
    };
    let Size { epochs, train_images, test_images, .. } = size(scale);
    ImageClassifier {
        data: ImageData::Mnist,
        train_images,
        test_images,
        normalization: None,
        augmentation: None,
        network: Network::Mlp {
            widths: vec![784, 1000, 1000, 10],
            // Assumed: the 0.01 of N(0, 0.01) is the standard deviation. As a variance it would
            // give a deviation of 0.1, whose second-layer activations leave the range of ⟨2, 14⟩.
            init: Init::Normal { std_dev: 0.01 },
        },
        arithmetic: Policy::uniform(arithmetic),
        switch: None,
        recipe: Recipe {
            batch: 100,
            epochs,
            // Assumed: η = 0.5, constant, without momentum or decay. The paper gives none of
            // them; this reproduces its float curve. η = 0.1 with momentum 0.9 fits that as well,
            // but then stochastic ⟨8, 8⟩ fails, the rounding noise of the velocity being amplified
            // tenfold.
            learning_rate: 0.5,
            schedule: Schedule::default(),
            optimizer: Optimizer::Sgd(Sgd::default()),
            clip_norm: None,
            groups: Vec::new(),
            drop_last: false,
        },
    }
}

impl Experiment for MnistDnn {
    fn id(&self) -> &'static str {
        "gupta2015/mnist-dnn"
    }

    fn title(&self) -> &'static str {
        "MNIST, fully connected network in 16-bit fixed point"
    }

    fn source(&self) -> Source {
        Paper::Gupta2015.at(&[Part::Section("4.1"), Part::Figure("1")])
    }

    fn describe(&self, scale: Scale) -> String {
        let Size { epochs, train_images, test_images, seeds, .. } = size(scale);
        let (epochs, seeds) = (count(epochs, "epoch"), seeds_in_words(seeds));
        format!(
            "784-1000-1000-10 on {train_images} images for {epochs}, tested on {test_images}, {seeds} (the paper: 60000 images, 30 epochs, one run)"
        )
    }

    fn points(&self, request: &Request, _: &mut Networks) -> Result<Vec<Point>, Error> {
        let data = ImageData::Mnist.sum(&request.data)?;
        let variants = VARIANTS.map(|variant| {
            let config = workload(&variant, request.scale);
            let work = config.work();
            training_runs::Variant { name: variant.name.to_owned(), config, work }
        });
        let seeds = size(request.scale).seeds;
        Ok(training_runs::points(self.id(), request, seeds, &[data], &variants))
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        ImageClassifier::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let runs = Runs::new(results);
        Findings::default()
            .claims(claims::claims(&runs))
            .figures([figures::learning(&runs), figures::zero_updates(&runs)])
            .tables([figures::table(&runs)])
            .notes([
                "The paper gives neither learning rate nor momentum nor decay for this network. \
                 They were fitted to its float curve: η = 0.5, constant, no momentum, no decay.",
                "0.01 in N(0, 0.01) is taken as the standard deviation of the initial weights.",
                "Products are exact integer sums with one rounding each, as the paper's hardware \
                 computes them; its own training results came from rounded float products.",
            ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_survive_their_files() {
        for variant in &VARIANTS {
            let config = workload(variant, Scale::Desk);
            let value = serde_json::to_value(&config).unwrap();
            assert_eq!(serde_json::from_value::<ImageClassifier>(value).unwrap(), config);
        }
    }
}
