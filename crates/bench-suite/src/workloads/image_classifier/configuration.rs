//! [`ImageClassifier`]: a training run as data.

use nn::layers::{self, Builder, Init};
use nn::models::CifarPadding;
use nn::{Arithmetic, Augmentation, Images, Model, Normalization, Pixels, Policy, Recipe, models};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::datasets::mnist::Mnist;
use crate::datasets::{DataFolder, DataSum};

/// Everything that determines a training run but its seed and its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageClassifier {
    /// The images.
    pub data: ImageData,
    /// How many of the training images are used, from the first on.
    pub train_images: usize,
    /// How many of the test images are used, from the first on.
    pub test_images: usize,
    /// Normalisation of the values, which otherwise are in [0, 1].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalization: Option<Normalization>,
    /// What is done to training images at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// The network.
    pub network: Network,
    /// The arithmetic of each layer.
    pub arithmetic: Policy,
    /// Other arithmetics from some epoch on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<Switch>,
    /// How it is trained.
    pub recipe: Recipe,
}

/// A data set of labelled images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageData {
    /// Handwritten digits, 28 × 28 pixels.
    Mnist,
    /// Colour photographs, 32 × 32 pixels; whichever version is in the data folder.
    Cifar10,
}

/// A network for images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Network {
    /// Fully connected layers `fc1`, `fc2`, …; biases start at zero.
    Mlp {
        /// Layer widths.
        widths: Vec<usize>,
        /// Distribution of the initial weights.
        init: Init,
    },
    /// The convolutional network of [Gupta15 §4.1] for MNIST.
    GuptaMnistCnn {
        /// Padding of the convolutions.
        padding: usize,
        /// Distribution of the initial weights.
        init: Init,
    },
    /// The convolutional network of [Gupta15 §4.2] for CIFAR-10.
    GuptaCifarCnn {
        /// Padding of convolutions and of maxima.
        padding: CifarPadding,
        /// Distribution of the initial weights.
        init: Init,
    },
}

/// Most weights of a fully connected network: 1 GiB of them, which training holds several times.
const MOST_WEIGHTS: usize = 1 << 28;

/// Whether a policy names only layers that there are, so that none runs in another arithmetic than was
/// asked for.
fn check_layers(policy: &Policy, layers: &[String]) -> Result<(), String> {
    match policy.layers.keys().find(|name| !layers.contains(name)) {
        Some(name) => Err(format!("there is no layer '{name}'; there are {}", layers.join(", "))),
        None => Ok(()),
    }
}

/// A change of arithmetic during training: weights, velocities and states are carried over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// Epochs under the first arithmetic.
    pub after_epochs: usize,
    /// The arithmetic of each layer from then on.
    pub arithmetic: Policy,
}

impl ImageData {
    /// The shape of an image: (height, width, channels).
    fn shape(self) -> [usize; 3] {
        match self {
            Self::Mnist => [28, 28, 1],
            Self::Cifar10 => [32, 32, 3],
        }
    }

    /// Name and checksum.
    ///
    /// # Errors
    ///
    /// If the data set is missing or damaged.
    pub fn sum(self, data: &DataFolder) -> Result<DataSum, Error> {
        match self {
            Self::Mnist => data.mnist().map(|_| Mnist::sum()),
            Self::Cifar10 => data.cifar10().map(|cifar| cifar.sum()),
        }
    }
}

impl Network {
    /// The network; its parameters are added to the builder's.
    pub(super) fn build(&self, builder: &mut Builder<'_>) -> Box<dyn Model> {
        match self {
            Self::Mlp { widths, init } => Box::new(models::mlp(builder, widths, *init)),
            Self::GuptaMnistCnn { padding, init } => {
                Box::new(models::gupta_mnist_cnn(builder, *padding, *init))
            }
            Self::GuptaCifarCnn { padding, init } => {
                Box::new(models::gupta_cifar_cnn(builder, *padding, *init))
            }
        }
    }

    /// The names of its layers.
    fn layers(&self) -> Vec<String> {
        // Names do not depend on widths, and the widths asked for may take minutes to draw.
        let small = match self {
            Self::Mlp { widths, init } => Self::Mlp { widths: vec![1; widths.len()], init: *init },
            other => other.clone(),
        };
        let policy = Policy::uniform(Arithmetic::Float32);
        let (parameters, _) = layers::build(&policy, Seed::new(0), |builder| small.build(builder));
        let names = parameters.iter().filter_map(|p| p.name().strip_suffix(".weight"));
        names.map(str::to_owned).collect()
    }

    /// The name of the layer that reads the images.
    fn first_layer(&self) -> &'static str {
        match self {
            Self::Mlp { .. } => "fc1",
            Self::GuptaMnistCnn { .. } | Self::GuptaCifarCnn { .. } => "conv1",
        }
    }

    /// The shape in which it takes an image.
    fn input(&self, [height, width, channels]: [usize; 3]) -> Vec<usize> {
        match self {
            Self::Mlp { .. } => vec![height * width * channels],
            Self::GuptaMnistCnn { .. } | Self::GuptaCifarCnn { .. } => {
                vec![height, width, channels]
            }
        }
    }

    fn check(&self, data: ImageData) -> Result<(), String> {
        match self {
            Self::Mlp { widths, init } => {
                let pixels: usize = data.shape().iter().product();
                let fits = widths.len() >= 2
                    && widths[0] == pixels
                    && widths[widths.len() - 1] == 10
                    && !widths.contains(&0);
                if !fits {
                    return Err(format!(
                        "widths {widths:?} must lead from {pixels} pixels to 10 classes without a 0"
                    ));
                }
                let weights = widths.windows(2).map(|pair| pair[0].saturating_mul(pair[1]));
                let weights = weights.fold(0, usize::saturating_add);
                if weights > MOST_WEIGHTS {
                    return Err(format!(
                        "widths {widths:?} make {weights} weights, of which there may be at most \
                         {MOST_WEIGHTS}"
                    ));
                }
                init.check()
            }
            Self::GuptaMnistCnn { padding, init } => {
                if data.shape() != [28, 28, 1] || *padding > 4 {
                    return Err(format!(
                        "gupta-mnist-cnn takes 28 × 28 grey pixels and a padding of at most 4, not \
                         {:?} and {padding}",
                        data.shape()
                    ));
                }
                init.check()
            }
            Self::GuptaCifarCnn { padding, init } => {
                let possible = matches!((padding.conv, padding.pool), (1..=4, 0..=1));
                if data.shape() != [32, 32, 3] || !possible {
                    return Err(format!(
                        "gupta-cifar-cnn takes 32 × 32 coloured pixels, a padding of 1 to 4 and of \
                         0 or 1, not {:?} and {padding:?}",
                        data.shape()
                    ));
                }
                init.check()
            }
        }
    }
}

impl ImageClassifier {
    /// Network and data in words: what a file that describes the same run under another name shares.
    pub fn title(&self) -> String {
        let network = match self.network {
            Network::Mlp { .. } => "mlp",
            Network::GuptaMnistCnn { .. } => "gupta-mnist-cnn",
            Network::GuptaCifarCnn { .. } => "gupta-cifar-cnn",
        };
        let data = match self.data {
            ImageData::Mnist => "mnist",
            ImageData::Cifar10 => "cifar10",
        };
        format!("{network} on {data}")
    }

    /// Amount of work in images; a test image counts a third, having no backward pass.
    pub fn work(&self) -> u64 {
        let images = self.train_images.saturating_add(self.test_images / 3);
        self.recipe.epochs.saturating_mul(images) as u64
    }

    /// Whether the numbers make sense together.
    ///
    /// # Errors
    ///
    /// A clause that names the field.
    pub fn check(&self) -> Result<(), String> {
        self.network.check(self.data)?;
        self.recipe.check()?;
        let counts = [("train_images", self.train_images), ("test_images", self.test_images)];
        if let Some((field, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(format!("{field} must not be 0"));
        }
        if self.augmentation.is_some() && self.network.input(self.data.shape()).len() == 1 {
            return Err(
                "augmentation is of images, and network.mlp takes rows of pixels; leave it \
                        out, or take a convolutional network"
                    .to_owned(),
            );
        }
        let layers = self.network.layers();
        check_layers(&self.arithmetic, &layers)
            .map_err(|error| format!("arithmetic.layers: {error}"))?;
        if let Some(switch) = &self.switch {
            check_layers(&switch.arithmetic, &layers)
                .map_err(|error| format!("switch.arithmetic.layers: {error}"))?;
        }
        self.pixels(&self.arithmetic).map(drop).map_err(|error| error.to_string())
    }

    /// The training and the test images.
    ///
    /// # Errors
    ///
    /// If the data set is missing or damaged.
    pub(super) fn images(&self, data: &DataFolder) -> Result<(Images, Images), Error> {
        let shape = self.network.input(self.data.shape());
        let cut = |train: &Images, test: &Images| {
            let cut = |images: &Images, len| images.first(len).reshaped(&shape);
            (cut(train, self.train_images), cut(test, self.test_images))
        };
        match self.data {
            ImageData::Mnist => data.mnist().map(|mnist| cut(&mnist.train, &mnist.test)),
            ImageData::Cifar10 => data.cifar10().map(|cifar| cut(&cifar.train, &cifar.test)),
        }
    }

    /// The value of every pixel, in the numbers that the first layer reads.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the normalisation does not fit the images.
    pub(super) fn pixels(&self, policy: &Policy) -> Result<Pixels, Error> {
        let arithmetic = policy.of(self.network.first_layer());
        match &self.normalization {
            None => Ok(Pixels::unit(arithmetic)),
            Some(normalization) => {
                let channels = self.data.shape()[2];
                Pixels::normalized(normalization, channels, arithmetic)
                    .map_err(|error| Error::Usage(format!("normalization: {error}")))
            }
        }
    }
}
