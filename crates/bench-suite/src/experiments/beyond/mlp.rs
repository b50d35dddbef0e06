//! The fully connected network of [Gupta15 §4.1] in its format that depends most on the rounding, at
//! the widths that two ablations train.

use nn::layers::Init;
use nn::{AnyArithmetic, Optimizer, Policy, Recipe, Sgd};
use numerics::FixedFormat;

use crate::experiments::training_runs::seeds_in_words;
use crate::findings::words::count;
use crate::measured::measures::image_classifier::{ImageClassifier, ImageData, Network};

/// How much is trained.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// Units of each of the two hidden layers.
    pub(super) hidden: usize,
    pub(super) epochs: usize,
    /// For training, for tests.
    pub(super) images: [usize; 2],
    pub(super) seeds: u64,
}

/// ⟨8, 8⟩.
pub(super) fn format() -> FixedFormat {
    FixedFormat::new(8, 8).expect("the paper's formats exist")
}

impl Size {
    /// Network, images, epochs and seeds in words.
    pub(super) fn describe(self) -> String {
        let Self { hidden, epochs, images: [train, _], seeds } = self;
        let (epochs, seeds) = (count(epochs, "epoch"), seeds_in_words(seeds));
        format!("784-{hidden}-{hidden}-10 in ⟨8, 8⟩ on {train} images for {epochs}, {seeds}")
    }

    /// Its training on MNIST by plain gradient descent, from weights of that deviation.
    pub(super) fn classifier(
        self,
        arithmetic: impl Into<AnyArithmetic>,
        std_dev: f32,
        (batch, learning_rate): (usize, f32),
    ) -> ImageClassifier {
        let Self { hidden, epochs, images, .. } = self;
        let init = Init::Normal { std_dev };
        let network = Network::Mlp { widths: vec![784, hidden, hidden, 10], init };
        let optimizer = Optimizer::Sgd(Sgd::default());
        let recipe = Recipe { optimizer, ..Recipe::sgd(batch, epochs, learning_rate) };
        let arithmetic = Policy::uniform(arithmetic);
        ImageClassifier::new(ImageData::Mnist, images, network, arithmetic, recipe)
    }
}
