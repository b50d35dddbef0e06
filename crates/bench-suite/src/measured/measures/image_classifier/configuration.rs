//! [`ImageClassifier`]: a training run as data.

use datasets::cifar10::Cifar10;
use datasets::mnist::Mnist;
use datasets::{DataFolder, DataSum};
use nn::layers::{self, Builder, Init};
use nn::models::CifarPadding;
use nn::{
    AnyArithmetic, Augmentation, Images, Model, Normalization, Parameters, Pixels, Policy, Recipe,
    models,
};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::measured::error::Error;
use crate::measured::memory::memory;

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
        Ok(match self {
            Self::Mnist => Mnist::open(data).map(|_| Mnist::sum())?,
            Self::Cifar10 => Cifar10::open(data)?.sum(),
        })
    }
}

/// A clause about memory that this machine does not have.
fn more_than_there_is(what: &str, bytes: u128, there: u64) -> Result<(), String> {
    const GIB: f64 = (1u64 << 30) as f64;
    if bytes <= u128::from(there) {
        return Ok(());
    }
    let [needed, there] = [bytes as f64, there as f64].map(|bytes| bytes / GIB);
    Err(format!("{what} need about {needed:.0} GiB of memory, and this machine has {there:.0}"))
}

impl Network {
    /// The network; its parameters are added to the builder's.
    pub(crate) fn build(&self, builder: &mut Builder<'_>) -> Box<dyn Model> {
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

    /// Parameters with the names of its own.
    fn sketch(&self) -> Parameters {
        // Names do not depend on widths, and the widths asked for may take minutes to draw.
        let small = match self {
            Self::Mlp { widths, init } => Self::Mlp { widths: vec![1; widths.len()], init: *init },
            other => other.clone(),
        };
        let policy = Policy::uniform(AnyArithmetic::Float32);
        layers::build(&policy, Seed::new(0), |builder| small.build(builder)).0
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

    /// The least memory that training fully connected layers on so many examples at a time takes, in
    /// bytes: four numbers for every weight (itself, its gradient, its increment, and a copy in the
    /// checkpoint), two for every value of a layer (itself and its gradient).
    fn memory(widths: &[usize], examples: usize) -> u128 {
        let widths = || widths.iter().map(|&width| width as u128);
        let pairs = widths().zip(widths().skip(1));
        let weights = pairs.fold(0u128, |sum, (inputs, outputs)| {
            sum.saturating_add(inputs.saturating_add(1).saturating_mul(outputs))
        });
        let values = widths().fold(0u128, u128::saturating_add).saturating_mul(examples as u128);
        weights.saturating_mul(16).saturating_add(values.saturating_mul(8))
    }

    /// Whether it fits the images, and training on so many at a time this machine.
    fn check(&self, data: ImageData, examples: usize) -> Result<(), String> {
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
                let bytes = Self::memory(widths, examples);
                more_than_there_is(&format!("widths {widths:?}"), bytes, memory())?;
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
    /// A training on so many images for training and so many for tests, as they are, under one
    /// arithmetic.
    pub fn new(
        data: ImageData,
        [train_images, test_images]: [usize; 2],
        network: Network,
        arithmetic: Policy,
        recipe: Recipe,
    ) -> Self {
        let (normalization, augmentation, switch) = (None, None, None);
        Self {
            data,
            train_images,
            test_images,
            normalization,
            augmentation,
            network,
            arithmetic,
            switch,
            recipe,
        }
    }

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
        self.network.check(self.data, self.recipe.batch.min(self.train_images))?;
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
        let sketch = self.network.sketch();
        let check = |field: &str, policy: &Policy| {
            policy.check(&sketch).map_err(|error| format!("{field}.layers: {error}"))
        };
        check("arithmetic", &self.arithmetic)?;
        if let Some(switch) = &self.switch {
            check("switch.arithmetic", &switch.arithmetic)?;
        }
        self.recipe.check_for(self.train_images, &sketch)?;
        self.pixels(&self.arithmetic).map(drop).map_err(|error| error.to_string())
    }

    /// Whether the data set has as many images as are to be used.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] with the number that there is; and if the data set is missing or damaged.
    pub fn check_counts(&self, data: &DataFolder) -> Result<(), Error> {
        let there = match self.data {
            ImageData::Mnist => {
                Mnist::open(data).map(|mnist| [mnist.train.len(), mnist.test.len()])?
            }
            ImageData::Cifar10 => {
                Cifar10::open(data).map(|cifar| [cifar.train.len(), cifar.test.len()])?
            }
        };
        let asked = [("train_images", self.train_images), ("test_images", self.test_images)];
        match asked.into_iter().zip(there).find(|((_, asked), there)| asked > there) {
            Some(((field, asked), there)) => {
                Err(Error::Usage(format!("{field} = {asked}, but there are {there}")))
            }
            None => Ok(()),
        }
    }

    /// The training and the test images.
    ///
    /// # Errors
    ///
    /// As [`Self::check_counts`].
    pub(super) fn images(&self, data: &DataFolder) -> Result<(Images, Images), Error> {
        self.check_counts(data)?;
        let shape = self.network.input(self.data.shape());
        let cut = |train: &Images, test: &Images| {
            let cut = |images: &Images, len| images.first(len).reshaped(&shape);
            (cut(train, self.train_images), cut(test, self.test_images))
        };
        Ok(match self.data {
            ImageData::Mnist => Mnist::open(data).map(|mnist| cut(&mnist.train, &mnist.test))?,
            ImageData::Cifar10 => {
                Cifar10::open(data).map(|cifar| cut(&cifar.train, &cifar.test))?
            }
        })
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock};

    use proptest::prelude::*;
    use toml::Value;

    use super::*;

    fn config(change: impl Fn(String) -> String) -> ImageClassifier {
        let text = include_str!("../../../../../../docs/examples/mnist-fixed.toml");
        toml::from_str(&change(text.to_owned())).unwrap()
    }

    #[test]
    fn more_images_than_there_are_are_refused() {
        let data = DataFolder::new(None);
        config(|text| text).check_counts(&data).unwrap();
        for (field, there) in [("train_images", 60_000), ("test_images", 10_000)] {
            let (from, more) = (format!("{field} = {there}"), there + 1);
            let config = config(|text| {
                assert!(text.contains(&from));
                text.replace(&from, &format!("{field} = {more}"))
            });
            let error = config.check_counts(&data).unwrap_err().to_string();
            assert_eq!(error, format!("{field} = {more}, but there are {there}"));
            assert_eq!(config.images(&data).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn networks_larger_than_the_memory_are_refused() {
        for width in ["4000000000", "9223372036854775807"] {
            let config = config(|text| {
                let start = text.find("widths = ").unwrap();
                let end = start + text[start..].find('\n').unwrap();
                format!("{}widths = [784, {width}, 10]{}", &text[..start], &text[end..])
            });
            let error = config.check().unwrap_err();
            let expected = format!("widths [784, {width}, 10] need about ");
            assert!(error.starts_with(&expected) && error.contains(" GiB of memory"), "{error}");
        }
        // 7,960 parameters, 100 examples.
        assert_eq!(Network::memory(&[784, 10, 10], 100), 16 * 7960 + 8 * 80_400);
        assert_eq!(Network::memory(&[usize::MAX; 4], usize::MAX), u128::MAX);
    }

    /// Ends of ranges and slips of the pen.
    fn slips() -> impl Strategy<Value = Value> {
        let integers = [0, -1, 1, 7, 784, 1 << 40, i64::MAX].map(Value::from);
        let floats = [-0.5, 0.0, 0.5, 1e-30, 1e30, f64::INFINITY, f64::NAN].map(Value::from);
        let texts = ["", "mnist", "cifar10", "<2,14>", "<99,99>", "stochastic", "to-odd", "none"];
        let lists = [vec![], vec![784, 10], vec![784, 0, 10], vec![784, 4, 4, 10]].map(Value::from);
        let others = [Value::from(true), Value::Table(toml::Table::new())];
        let all = integers.into_iter().chain(floats).chain(texts.map(Value::from));
        prop::sample::select(all.chain(lists).chain(others).collect::<Vec<_>>())
    }

    /// The number of values in a table, and the name of the one that `slip` takes the place of.
    fn replace(table: &mut toml::Table, at: &mut usize, slip: Option<&Value>) -> Option<String> {
        for (key, value) in table.iter_mut() {
            if let Value::Table(inner) = value {
                if let Some(found) = replace(inner, at, slip) {
                    return Some(found);
                }
            } else if *at == 0 {
                *value = slip.expect("only counted").clone();
                return Some(key.clone());
            } else {
                *at -= 1;
            }
        }
        None
    }

    proptest! {
        /// A file is refused with a word on what is wrong, or a network of its kind trains for an
        /// epoch.
        #[test]
        fn a_description_is_refused_or_trains(
            slips in prop::collection::vec((0..40usize, slips()), 0..3),
            text in prop::sample::select(vec![
                include_str!("../../../../../../docs/examples/mnist-fixed.toml"),
                include_str!("../../../../../../docs/examples/mnist-analog.toml"),
                include_str!("../../../../../../docs/examples/mnist-nvfp4.toml"),
            ]),
        ) {
            let mut table: toml::Table = text.parse().unwrap();
            table["train_images"] = Value::from(20);
            table["test_images"] = Value::from(10);
            let depth = table["network"]["mlp"]["widths"].as_array().unwrap().len();
            let widths = [&[784][..], &vec![5; depth - 2], &[10]].concat();
            table["network"]["mlp"]["widths"] = Value::from(widths);
            for (at, slip) in &slips {
                let mut at = *at;
                replace(&mut table, &mut at, Some(slip));
            }
            let text = toml::to_string(&table).unwrap();
            let refused = |message: &str| {
                prop_assert!(message.len() > 10 && message.len() < 2000, "{message}");
                Ok(())
            };
            let config: ImageClassifier = match toml::from_str(&text) {
                Ok(config) => config,
                Err(error) => return refused(&error.to_string()),
            };
            static MNIST: LazyLock<Arc<Mnist>> =
                LazyLock::new(|| Mnist::open(&DataFolder::new(None)).unwrap());
            if let Err(error) = config.check() {
                return refused(&error);
            }
            if config.data != ImageData::Mnist || config.train_images > 60_000 {
                return Ok(());
            }
            let train = MNIST.train.first(config.train_images.min(20)).reshaped(&config.network.input([28, 28, 1]));
            let policy = &config.arithmetic;
            let (mut parameters, model) =
                layers::build(policy, Seed::new(0), |builder| config.network.build(builder));
            let pixels = config.pixels(policy).unwrap();
            let task = nn::Classification::new(&*model, &train, &pixels);
            let recipe = Recipe { epochs: 1, ..config.recipe.clone() };
            // It may diverge, and then says so.
            nn::train(&task, &mut parameters, &recipe, nn::Run::new(&Seed::new(1), numerics::Par::Seq)).ok();
        }
    }
}
