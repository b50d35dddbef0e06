//! Convolutional networks on CIFAR-10.
//!
//! The networks that the paper trains on `ImageNet` are here narrow members of their families on
//! images of 16 × 16 pixels: CIFAR-10, each pixel the mean of four.

use std::sync::Arc;

use nn::layers::Builder;
use nn::models::{
    CifarResNetConfig, ResNetBlock, ResNetConfig, Stem, cifar_resnet, densenet_bc, resnet,
    wide_resnet,
};
use nn::optim::Decay;
use nn::{
    Augmentation, Classification, Images, Model, Normalization, Optimizer, Outcome, Parameters,
    Pixels, Policy, Recipe, Schedule, Sgd, Step, Task, load_pretrained, same_names,
};
use numerics::Seed;

use super::{Entry, Instance, Workload, float_parameters};
use crate::Error;
use crate::datasets::cifar10::{MEAN, STD_DEV};
use crate::datasets::{DataFolder, DataSum};
use crate::experiment::Scale;

/// ResNet-20 with weights fine-tuned on JPEG images.
pub(super) const RESNET: Entry = Entry {
    id: "resnet-cifar10",
    paper: "ResNet-32 CIFAR-10",
    open: |data, scale| {
        let path = data.path("resnet-cifar10").join("resnet20_jpeg_finetuned.safetensors");
        let weights = std::fs::read(&path).map_err(|_| {
            Error::NoData(format!(
                "there are no weights {}, the published ones of ResNet-20 fine-tuned on JPEG images",
                path.display()
            ))
        })?;
        let definition = Definition {
            id: "resnet-cifar10",
            paper: "ResNet-32 CIFAR-10",
            network: Network::CifarResNet(20),
            side: 32,
            train: [10_000, 200],
            test: [1_000, 100],
            epochs: [1, 1],
            learning_rate: 0.01,
        };
        open(data, scale, definition, Some(weights))
    },
};

/// WideResNet for small images.
pub(super) const WIDE_RESNET: Entry = Entry {
    id: "wide-resnet",
    paper: "WideResNet-16 CIFAR-100",
    open: |data, scale| {
        let definition = Definition {
            id: "wide-resnet",
            paper: "WideResNet-16 CIFAR-100",
            network: Network::WideResNet { depth: 10, width: 2 },
            side: 16,
            train: [20_000, 200],
            test: [1_000, 100],
            epochs: [6, 3],
            learning_rate: 0.1,
        };
        open(data, scale, definition, None)
    },
};

/// Four stages of basic blocks.
pub(super) const RESNET18: Entry = Entry {
    id: "resnet18",
    paper: "ResNet-18 ImageNet",
    open: |data, scale| {
        let config = small(12, [2, 2, 2, 2], ResNetBlock::Basic);
        let definition = Definition {
            id: "resnet18",
            paper: "ResNet-18 ImageNet",
            network: Network::ResNet(config),
            side: 16,
            train: [20_000, 200],
            test: [1_000, 100],
            epochs: [6, 3],
            learning_rate: 0.1,
        };
        open(data, scale, definition, None)
    },
};

/// Four stages of bottlenecks.
pub(super) const RESNET50: Entry = Entry {
    id: "resnet50",
    paper: "ResNet-50 ImageNet",
    open: |data, scale| {
        let config = small(8, [1, 2, 2, 1], ResNetBlock::Bottleneck { widening: 1 });
        let definition = Definition {
            id: "resnet50",
            paper: "ResNet-50 ImageNet",
            network: Network::ResNet(config),
            side: 16,
            train: [20_000, 200],
            test: [1_000, 100],
            epochs: [6, 3],
            learning_rate: 0.1,
        };
        open(data, scale, definition, None)
    },
};

/// Densely connected layers.
pub(super) const DENSENET: Entry = Entry {
    id: "densenet",
    paper: "DenseNet-121 ImageNet",
    open: |data, scale| {
        let definition = Definition {
            id: "densenet",
            paper: "DenseNet-121 ImageNet",
            network: Network::DenseNet { depth: 22, growth: 8 },
            side: 16,
            train: [20_000, 200],
            test: [1_000, 100],
            epochs: [6, 3],
            learning_rate: 0.1,
        };
        open(data, scale, definition, None)
    },
};

/// Four stages of bottlenecks twice as wide inside.
pub(super) const WIDE_RESNET50: Entry = Entry {
    id: "wide-resnet50",
    paper: "WideResNet-50 ImageNet",
    open: |data, scale| {
        let config = small(8, [1, 2, 2, 1], ResNetBlock::Bottleneck { widening: 2 });
        let definition = Definition {
            id: "wide-resnet50",
            paper: "WideResNet-50 ImageNet",
            network: Network::ResNet(config),
            side: 16,
            train: [20_000, 200],
            test: [1_000, 100],
            epochs: [6, 3],
            learning_rate: 0.1,
        };
        open(data, scale, definition, None)
    },
};

fn small(width: usize, blocks: [usize; 4], block: ResNetBlock) -> ResNetConfig {
    ResNetConfig { stem: Stem::Small, width, blocks, block, classes: 10 }
}

/// A network of one of the families.
#[derive(Clone, Copy, Debug)]
enum Network {
    /// He et al.'s for CIFAR-10, of that depth.
    CifarResNet(usize),
    /// Zagoruyko and Komodakis's for CIFAR-10.
    WideResNet { depth: usize, width: usize },
    /// Of four stages.
    ResNet(ResNetConfig),
    /// Huang et al.'s with bottlenecks and compression.
    DenseNet { depth: usize, growth: usize },
}

impl Network {
    fn build(&self, builder: &mut Builder<'_>) -> Arc<dyn Model> {
        match *self {
            Self::CifarResNet(depth) => {
                Arc::new(cifar_resnet(builder, &CifarResNetConfig::he2015(depth)))
            }
            Self::WideResNet { depth, width } => Arc::new(wide_resnet(builder, depth, width, 10)),
            Self::ResNet(config) => Arc::new(resnet(builder, &config)),
            Self::DenseNet { depth, growth } => Arc::new(densenet_bc(builder, depth, growth, 10)),
        }
    }

    fn name(&self) -> String {
        match *self {
            Self::CifarResNet(depth) => format!("ResNet-{depth}"),
            Self::WideResNet { depth, width } => format!("WideResNet-{depth}-{width}"),
            Self::ResNet(ResNetConfig { width, blocks, block, .. }) => {
                let kind = match block {
                    ResNetBlock::Basic => "basic blocks".to_owned(),
                    ResNetBlock::Bottleneck { widening: 1 } => "bottlenecks".to_owned(),
                    ResNetBlock::Bottleneck { widening } => {
                        format!("bottlenecks {widening} times as wide")
                    }
                };
                format!("ResNet of {blocks:?} {kind} from {width} channels on")
            }
            Self::DenseNet { depth, growth } => format!("DenseNet-BC-{depth}-{growth}"),
        }
    }

    /// The first and the last layer.
    fn ends(&self) -> [&'static str; 2] {
        match self {
            Self::CifarResNet(_) => ["conv1", "linear"],
            Self::WideResNet { .. } | Self::ResNet(_) => ["conv1", "fc"],
            Self::DenseNet { .. } => ["features.conv0", "classifier"],
        }
    }

    /// Whether the paper has its first and last layer digital: those on `ImageNet`.
    fn has_digital_ends(&self) -> bool {
        matches!(self, Self::ResNet(_) | Self::DenseNet { .. })
    }
}

/// What a workload is at desk scale and, second, at smoke scale.
#[derive(Clone, Copy, Debug)]
struct Definition {
    id: &'static str,
    paper: &'static str,
    network: Network,
    /// Pixels along a side.
    side: usize,
    train: [usize; 2],
    test: [usize; 2],
    epochs: [usize; 2],
    learning_rate: f32,
}

/// A convolutional network with its images.
#[derive(Debug)]
struct ImageNetwork {
    definition: Definition,
    train: Images,
    test: Images,
    version: &'static str,
    sum: DataSum,
    recipe: Recipe,
    weights: Option<Vec<u8>>,
}

fn open(
    data: &DataFolder,
    scale: Scale,
    definition: Definition,
    weights: Option<Vec<u8>>,
) -> Result<Box<dyn Workload>, Error> {
    let cifar = data.cifar10()?;
    let at = usize::from(scale == Scale::Smoke);
    let cut = |images: &Images, len| {
        let images = images.first(len);
        if definition.side == 32 { images } else { halved(&images) }
    };
    let recipe = Recipe {
        batch: if scale == Scale::Smoke { 20 } else { 50 },
        epochs: definition.epochs[at],
        // So few steps do not get over the first ones of a large rate.
        learning_rate: definition.learning_rate * if scale == Scale::Smoke { 0.2 } else { 1.0 },
        schedule: Schedule { warm_up_steps: 20, decay: Decay::Cosine },
        optimizer: Optimizer::Sgd(Sgd { momentum: 0.9, weight_decay: 5e-4, nesterov: true }),
        clip_norm: None,
    };
    Ok(Box::new(ImageNetwork {
        definition,
        train: cut(&cifar.train, definition.train[at]),
        test: cut(&cifar.test, definition.test[at]),
        version: cifar.version.name(),
        sum: cifar.sum(),
        recipe,
        weights,
    }))
}

/// Images of half the width and height, each pixel the mean of four, rounded.
fn halved(images: &Images) -> Images {
    let &[height, width, channels] = images.shape() else {
        panic!("images of shape {:?} have no width", images.shape())
    };
    let mut pixels = Vec::with_capacity(images.pixels().len() / 4);
    for image in images.pixels().chunks_exact(height * width * channels) {
        let at = |y: usize, x: usize, c: usize| u16::from(image[(y * width + x) * channels + c]);
        for (y, x) in (0..height / 2).flat_map(|y| (0..width / 2).map(move |x| (2 * y, 2 * x))) {
            pixels.extend((0..channels).map(|c| {
                let sum = at(y, x, c) + at(y, x + 1, c) + at(y + 1, x, c) + at(y + 1, x + 1, c);
                ((sum + 2) / 4) as u8
            }));
        }
    }
    Images::new(&[height / 2, width / 2, channels], pixels, images.labels().to_vec())
}

impl Workload for ImageNetwork {
    fn id(&self) -> &'static str {
        self.definition.id
    }

    fn paper(&self) -> &'static str {
        self.definition.paper
    }

    fn title(&self) -> String {
        let Definition { network, side, .. } = self.definition;
        let averaged = if side == 32 { "" } else { ", averaged to 16 × 16 pixels" };
        let (train, test) = (self.train.len(), self.test.len());
        let (name, version) = (network.name(), self.version);
        format!("{name} on {version}{averaged}, {train} + {test} images")
    }

    fn data(&self) -> Vec<DataSum> {
        vec![self.sum.clone()]
    }

    fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn digital_layers(&self) -> Vec<String> {
        let network = &self.definition.network;
        if network.has_digital_ends() {
            network.ends().map(str::to_owned).to_vec()
        } else {
            Vec::new()
        }
    }

    fn instance<'a>(&'a self, policy: &Policy, seed: &Seed) -> Instance<'a> {
        let mut parameters = Parameters::new();
        let network = &self.definition.network;
        let model =
            network.build(&mut Builder { parameters: &mut parameters, policy, seed: *seed });
        let normalization = Normalization { mean: MEAN.to_vec(), std_dev: STD_DEV.to_vec() };
        let pixels = Pixels::normalized(&normalization, 3, policy.of(network.ends()[0]))
            .expect("three finite means and positive deviations");
        let augmentation = Augmentation {
            pad_and_crop: self.definition.side as u32 / 8,
            mirror: true,
            cut_out: 0,
        };
        let task = |images, augmentation| {
            let (model, pixels) = (Arc::clone(&model), pixels.clone());
            Box::new(ImageTask { model, images, pixels, augmentation })
        };
        Instance {
            train: task(&self.train, Some(augmentation)),
            test: task(&self.test, None),
            parameters,
            metric: None,
        }
    }

    fn pretrained(&self) -> Result<Option<Parameters>, Error> {
        let Some(bytes) = &self.weights else { return Ok(None) };
        let mut parameters =
            float_parameters(|builder| drop(self.definition.network.build(builder)));
        load_pretrained(&mut parameters, bytes, same_names)
            .map_err(|error| Error::Usage(format!("weights of {}: {error}", self.id())))?;
        Ok(Some(parameters))
    }

    fn chance_error(&self) -> f64 {
        0.9
    }
}

/// A [`Classification`] that owns its model.
#[derive(Debug)]
struct ImageTask<'a> {
    model: Arc<dyn Model>,
    images: &'a Images,
    pixels: Pixels,
    augmentation: Option<Augmentation>,
}

impl Task for ImageTask<'_> {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let Self { model, images, pixels, augmentation } = self;
        let augmentation = *augmentation;
        Classification { model: &**model, images, pixels, augmentation }.forward(examples, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halved_images_hold_means_of_four() {
        let pixels = vec![1, 10, 2, 20, 3, 30, 4, 41, 0, 0, 255, 255, 0, 0, 255, 255];
        let halved = halved(&Images::new(&[2, 4, 2], pixels, vec![7]));
        // (1 + 2 + 0 + 255) / 4 = 64.5, (10 + 20 + 0 + 255) / 4 = 71.25, and so on, halves up.
        assert_eq!(halved, Images::new(&[1, 2, 2], vec![65, 71, 66, 82], vec![7]));
    }
}
