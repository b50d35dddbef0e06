//! MNIST on a fully connected network under seven arithmetics: [Gupta15 §4.1, Fig. 1].
//!
//! 784-1000-1000-10, ReLU, mini-batches of 100; float, and nearest and stochastic rounding at
//! ⟨8, 8⟩, ⟨6, 10⟩ and ⟨2, 14⟩ for all six signals.

mod claims;
mod figures;

use nn::layers::Init;
use nn::{Optimizer, Recipe, Sgd};

use super::arithmetics::Curves;
use super::learning::{Learned, Learning, Quantity, Size, about};
use crate::experiment::About;
use crate::findings::Findings;
use crate::findings::source::Part;
use crate::measured::measures::image_classifier::{ImageClassifier, ImageData, Network};
use crate::measured::scale::Scale;

/// The experiment.
#[derive(Debug)]
pub struct MnistDnn;

const FLOAT: Curves = Curves::FLOAT;
const NEAREST_8_8: Curves = Curves::nearest("nearest <8,8>", "RTN_FL8", 1, 8);
const NEAREST_6_10: Curves = Curves::nearest("nearest <6,10>", "RTN_FL10", 2, 10);
const NEAREST_2_14: Curves = Curves::nearest("nearest <2,14>", "RTN_FL14", 3, 14);
const STOCHASTIC_8_8: Curves = Curves::stochastic("stochastic <8,8>", "SR_FL8", 1, 8);
const STOCHASTIC_6_10: Curves = Curves::stochastic("stochastic <6,10>", "SR_FL10", 2, 10);
const STOCHASTIC_2_14: Curves = Curves::stochastic("stochastic <2,14>", "SR_FL14", 3, 14);

impl Learning for MnistDnn {
    const ABOUT: About = about(
        "gupta2015/mnist-dnn",
        "MNIST, fully connected network in 16-bit fixed point",
        &[Part::Section("4.1"), Part::Figure("1")],
    );
    /// The paper's point first.
    const CURVES: &'static [Curves] = &[
        FLOAT,
        NEAREST_8_8,
        STOCHASTIC_8_8,
        NEAREST_2_14,
        STOCHASTIC_2_14,
        NEAREST_6_10,
        STOCHASTIC_6_10,
    ];
    const NETWORK: &'static str = "784-1000-1000-10";
    const PAPER: &'static str = "60000 images, 30 epochs";
    const COMPARED_FROM: Scale = Scale::Desk;

    fn size(scale: Scale) -> Size {
        scale.of([
            Size { epochs: 2, images: [2_000, 1_000], seeds: 1, window: 1 },
            Size { epochs: 5, images: [60_000, 10_000], seeds: 4, window: 3 },
            Size { epochs: 30, images: [60_000, 10_000], seeds: 3, window: 5 },
            Size { epochs: 30, images: [60_000, 10_000], seeds: 1, window: 5 },
        ])
    }

    fn training(curves: Curves, scale: Scale) -> ImageClassifier {
        let Size { epochs, images, .. } = Self::size(scale);
        let network = Network::Mlp {
            widths: vec![784, 1000, 1000, 10],
            // Assumed: the 0.01 of N(0, 0.01) is the standard deviation. As a variance it would
            // give a deviation of 0.1, whose second-layer activations leave the range of ⟨2, 14⟩.
            init: Init::Normal { std_dev: 0.01 },
        };
        let recipe = Recipe {
            optimizer: Optimizer::Sgd(Sgd::default()),
            // Assumed: η = 0.5, constant, without momentum or decay. The paper gives none of
            // them; this reproduces its float curve. η = 0.1 with momentum 0.9 fits that as well,
            // but then stochastic ⟨8, 8⟩ fails, the rounding noise of the velocity being amplified
            // tenfold.
            ..Recipe::sgd(100, epochs, 0.5)
        };
        ImageClassifier::new(ImageData::Mnist, images, network, curves.policy(None), recipe)
    }

    fn printed_in(curves: &Curves, quantity: Quantity) -> &'static str {
        match (quantity, curves.is_stochastic()) {
            (Quantity::TrainLoss, false) => "1a_mnist_dnn_train",
            (Quantity::TrainLoss, true) => "1c_mnist_dnn_train",
            (Quantity::TestError, false) => "1b_mnist_dnn_test_pct",
            (Quantity::TestError, true) => "1d_mnist_dnn_test_pct",
        }
    }

    fn findings(learned: &Learned<'_>) -> Findings {
        Findings::default()
            .headline("Learning in 16 bits", figures::headline(learned))
            .claims(claims::claims(learned))
            .figures([figures::learning(learned), figures::zero_updates(learned)])
            .tables([learned.table(figures::loss, false)])
            .notes([
                "The paper gives neither learning rate nor momentum nor decay for this network. \
                 They were fitted to its float curve: η = 0.5, constant, no momentum, no decay.",
                "0.01 in N(0, 0.01) is taken as the standard deviation of the initial weights.",
                "Products are exact integer sums with one rounding each, as the paper's hardware \
                 computes them; its own training results came from rounded float products.",
            ])
    }
}
