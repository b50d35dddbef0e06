//! Convolutional networks on CIFAR-10.
//!
//! The networks that the paper trains on `ImageNet` are here narrow members of their families on
//! images of 16 × 16 pixels: CIFAR-10, each pixel the mean of four.

use std::sync::Arc;

use datasets::cifar10::Cifar10;
use datasets::cifar10::{MEAN, STD_DEV};
use datasets::{DataFolder, DataSum, cifar100};
use nn::layers::Builder;
use nn::models::{
    CifarResNetConfig, ResNetBlock, ResNetConfig, Stem, cifar_resnet, densenet_bc, densenet121,
    resnet, wide_resnet,
};
use nn::optim::Decay;
use nn::{
    Augmentation, Classification, Images, Model, Normalization, Optimizer, Outcome, Parameters,
    Pixels, Policy, Recipe, Schedule, Sgd, Step, Task, load_pretrained, same_names,
};
use numerics::Seed;

use super::imagenet;
use super::paper_row::PaperRow;
use super::weights::{float_parameters, weights_file, weights_sum};
use super::workload::{Entry, Instance, Workload, recipes};
use crate::measured::error::Error;
use crate::measured::scale::Scale;

/// ResNet-20 with weights fine-tuned on JPEG images; at paper scale the paper's ResNet-32.
pub(super) const RESNET: Entry = Entry {
    id: "resnet-cifar10",
    title: "ResNet-20 on CIFAR-10 (JPEG q75), 50000 + 2000 images",
    recipes: recipes!("resnet-cifar10"),
    paper: PaperRow::ResNet32,
    open: |data, scale| {
        if scale == Scale::Paper {
            return paper_resnet32(data);
        }
        let network = Network::CifarResNet(CifarResNetConfig::he2015(20));
        let size = Small { side: 32, desk: [50_000, 2_000], ..SMALL };
        let mut workload = small(data, scale, &RESNET, network, size)?;
        let path = data.path("resnet-cifar10").join("resnet20_jpeg_finetuned.safetensors");
        let what = "the published ones of ResNet-20 fine-tuned on JPEG images";
        workload.weights = Some(weights_file(&path, what)?);
        Ok(Box::new(workload))
    },
};

/// WideResNet for small images.
pub(super) const WIDE_RESNET: Entry = Entry {
    id: "wide-resnet",
    title: "WideResNet-10-2 on CIFAR-10 (JPEG q75), averaged to 16 × 16 pixels, 20000 + 1000 images",
    recipes: recipes!("wide-resnet"),
    paper: PaperRow::WideResNet16,
    open: |data, scale| {
        if scale == Scale::Paper {
            return paper_wide_resnet16(data);
        }
        let network = Network::WideResNet { depth: 10, width: 2, classes: 10 };
        Ok(Box::new(small(data, scale, &WIDE_RESNET, network, SMALL)?))
    },
};

/// Four stages of basic blocks.
pub(super) const RESNET18: Entry = Entry {
    id: "resnet18",
    title: "ResNet of 2, 2, 2, 2 basic blocks, 12 channels at first, on CIFAR-10 (JPEG q75), averaged \
         to 16 × 16 pixels, 20000 + 1000 images",
    recipes: recipes!("resnet18"),
    paper: PaperRow::ResNet18,
    open: |data, scale| {
        narrow(data, scale, &RESNET18, stages(12, [2, 2, 2, 2], ResNetBlock::Basic))
    },
};

/// Four stages of bottlenecks.
pub(super) const RESNET50: Entry = Entry {
    id: "resnet50",
    title: "ResNet of 1, 2, 2, 1 bottlenecks, 8 channels at first, on CIFAR-10 (JPEG q75), averaged to \
         16 × 16 pixels, 20000 + 1000 images",
    recipes: recipes!("resnet50"),
    paper: PaperRow::ResNet50,
    open: |data, scale| {
        narrow(
            data,
            scale,
            &RESNET50,
            stages(8, [1, 2, 2, 1], ResNetBlock::Bottleneck { widening: 1 }),
        )
    },
};

/// Densely connected layers.
pub(super) const DENSENET: Entry = Entry {
    id: "densenet",
    title: "DenseNet-BC-22-8 on CIFAR-10 (JPEG q75), averaged to 16 × 16 pixels, 20000 + 1000 images",
    recipes: recipes!("densenet"),
    paper: PaperRow::DenseNet121,
    open: |data, scale| narrow(data, scale, &DENSENET, Network::DenseNet { depth: 22, growth: 8 }),
};

/// Four stages of bottlenecks twice as wide inside.
pub(super) const WIDE_RESNET50: Entry = Entry {
    id: "wide-resnet50",
    title: "ResNet of 1, 2, 2, 1 bottlenecks 2 times as wide, 8 channels at first, on CIFAR-10 (JPEG \
         q75), averaged to 16 × 16 pixels, 20000 + 1000 images",
    recipes: recipes!("wide-resnet50"),
    paper: PaperRow::WideResNet50,
    open: |data, scale| {
        narrow(
            data,
            scale,
            &WIDE_RESNET50,
            stages(8, [1, 2, 2, 1], ResNetBlock::Bottleneck { widening: 2 }),
        )
    },
};

/// A narrow network on small images in the place of the paper's for `ImageNet`.
fn narrow(
    data: &DataFolder,
    scale: Scale,
    entry: &Entry,
    network: Network,
) -> Result<Box<dyn Workload>, Error> {
    match scale {
        Scale::Paper => imagenet::open(data, entry),
        _ => Ok(Box::new(small(data, scale, entry, network, SMALL)?)),
    }
}

fn stages(width: usize, blocks: [usize; 4], block: ResNetBlock) -> Network {
    Network::ResNet(ResNetConfig { stem: Stem::Small, width, blocks, block, classes: 10 })
}

/// A network of one of the families.
#[derive(Clone, Copy, Debug)]
pub(super) enum Network {
    /// He et al.'s for CIFAR-10.
    CifarResNet(CifarResNetConfig),
    /// Zagoruyko and Komodakis's for CIFAR.
    WideResNet {
        /// 6n + 4.
        depth: usize,
        /// k.
        width: usize,
        /// Number of classes.
        classes: usize,
    },
    /// Of four stages.
    ResNet(ResNetConfig),
    /// Huang et al.'s with bottlenecks and compression for CIFAR-10.
    DenseNet {
        /// 6n + 4.
        depth: usize,
        /// Channels that a layer adds.
        growth: usize,
    },
    /// Huang et al.'s for `ImageNet`.
    DenseNet121,
}

impl Network {
    /// The paper's own, where it is one for images.
    ///
    /// Assumed: width 8 of WideResNet-16, which gives the 11 M parameters of [Rasch23, Table 1].
    pub(super) fn original(row: PaperRow) -> Option<Self> {
        Some(match row {
            PaperRow::ResNet32 => Self::CifarResNet(CifarResNetConfig::rasch2023()),
            PaperRow::WideResNet16 => Self::WideResNet { depth: 16, width: 8, classes: 100 },
            PaperRow::ResNet18 => Self::ResNet(ResNetConfig::resnet18(1000)),
            PaperRow::ResNet50 => Self::ResNet(ResNetConfig::resnet50(1000)),
            PaperRow::DenseNet121 => Self::DenseNet121,
            PaperRow::WideResNet50 => Self::ResNet(ResNetConfig::wide_resnet50_2(1000)),
            PaperRow::Bert
            | PaperRow::Albert
            | PaperRow::Acoustic
            | PaperRow::Language
            | PaperRow::Transducer => return None,
        })
    }

    pub(super) fn build(&self, builder: &mut Builder<'_>) -> Arc<dyn Model> {
        match *self {
            Self::CifarResNet(config) => Arc::new(cifar_resnet(builder, &config)),
            Self::WideResNet { depth, width, classes } => {
                Arc::new(wide_resnet(builder, depth, width, classes))
            }
            Self::ResNet(config) => Arc::new(resnet(builder, &config)),
            Self::DenseNet { depth, growth } => Arc::new(densenet_bc(builder, depth, growth, 10)),
            Self::DenseNet121 => Arc::new(densenet121(builder, 1000)),
        }
    }

    pub(super) fn name(&self) -> String {
        match *self {
            Self::CifarResNet(config) => format!("ResNet-{}", config.depth),
            Self::WideResNet { depth, width, .. } => format!("WideResNet-{depth}-{width}"),
            Self::ResNet(ResNetConfig { width, blocks: [a, b, c, d], block, .. }) => {
                let kind = match block {
                    ResNetBlock::Basic => "basic blocks".to_owned(),
                    ResNetBlock::Bottleneck { widening: 1 } => "bottlenecks".to_owned(),
                    ResNetBlock::Bottleneck { widening } => {
                        format!("bottlenecks {widening} times as wide")
                    }
                };
                format!("ResNet of {a}, {b}, {c}, {d} {kind}, {width} channels at first,")
            }
            Self::DenseNet { depth, growth } => format!("DenseNet-BC-{depth}-{growth}"),
            Self::DenseNet121 => "DenseNet-121".to_owned(),
        }
    }

    /// The first and the last layer.
    pub(super) fn ends(&self) -> [&'static str; 2] {
        match self {
            Self::CifarResNet(_) => ["conv1", "linear"],
            Self::WideResNet { .. } | Self::ResNet(_) => ["conv1", "fc"],
            Self::DenseNet { .. } | Self::DenseNet121 => ["features.conv0", "classifier"],
        }
    }

    /// The layers that the paper has digital: the ends of those for `ImageNet`.
    pub(super) fn digital_layers(&self) -> Vec<String> {
        match self {
            Self::CifarResNet(_) | Self::WideResNet { .. } => Vec::new(),
            Self::ResNet(_) | Self::DenseNet { .. } | Self::DenseNet121 => {
                self.ends().map(str::to_owned).to_vec()
            }
        }
    }
}

/// A convolutional network with its images.
#[derive(Debug)]
struct ImageNetwork {
    entry: Entry,
    network: Network,
    train: Images,
    test: Images,
    /// What the images are.
    what: String,
    sum: DataSum,
    augmentation: Augmentation,
    recipe: Recipe,
    weights: Option<Vec<u8>>,
}

/// How much of CIFAR-10 is used at desk and at smoke scale.
#[derive(Clone, Copy, Debug)]
struct Small {
    /// Pixels along a side, 32 or 16.
    side: usize,
    /// Images to train with and to test.
    desk: [usize; 2],
    smoke: [usize; 2],
}

const SMALL: Small = Small { side: 16, desk: [20_000, 1_000], smoke: [500, 100] };

/// A network on CIFAR-10 at desk or smoke scale.
fn small(
    data: &DataFolder,
    scale: Scale,
    entry: &Entry,
    network: Network,
    Small { side, desk, smoke }: Small,
) -> Result<ImageNetwork, Error> {
    let cifar = Cifar10::open(data)?;
    let smoke_scale = scale == Scale::Smoke;
    let [train, test] = if smoke_scale { smoke } else { desk };
    let cut = |images: &Images, len| {
        let images = images.first(len);
        if side == 16 { halved(&images) } else { images }
    };
    // So few steps as at smoke scale do not get over the first ones of a large rate.
    let (batch, epochs, rate) = if smoke_scale { (20, 4, 0.04) } else { (50, 6, 0.1) };
    let schedule = Schedule { warm_up_steps: 20, decay: Decay::Cosine };
    let recipe = Recipe { schedule, optimizer: sgd(5e-4), ..Recipe::sgd(batch, epochs, rate) };
    let averaged = if side == 16 { ", averaged to 16 × 16 pixels" } else { "" };
    Ok(ImageNetwork {
        entry: *entry,
        network,
        train: cut(&cifar.train, train),
        test: cut(&cifar.test, test),
        what: format!("{}{averaged}", cifar.version.name()),
        sum: cifar.sum(),
        augmentation: Augmentation { pad_and_crop: side as u32 / 8, mirror: true, cut_out: 0 },
        recipe,
        weights: None,
    })
}

fn sgd(weight_decay: f32) -> Optimizer {
    Optimizer::Sgd(Sgd { momentum: 0.9, weight_decay, nesterov: true, ..Sgd::default() })
}

/// The ResNet-32 of the paper, trained as [Rasch23, Supplementary, ResNet-32] says: 600 epochs in
/// batches of 50, crops, mirroring and cut-outs.
///
/// Assumed: the rate falls to a tenth at epochs 300 and 500 ("two steps to 1 %"); a warm-up that
/// rises over two epochs, which the paper spends at a twentieth of the rate.
fn paper_resnet32(data: &DataFolder) -> Result<Box<dyn Workload>, Error> {
    let cifar = Cifar10::open(data)?;
    let decay = Decay::Step { epochs: vec![300, 500], factor: 0.1 };
    Ok(Box::new(ImageNetwork {
        entry: RESNET,
        network: Network::original(RESNET.paper).expect("a network for images"),
        train: cifar.train.clone(),
        test: cifar.test.clone(),
        what: cifar.version.name().to_owned(),
        sum: cifar.sum(),
        augmentation: Augmentation { pad_and_crop: 4, mirror: true, cut_out: 8 },
        recipe: Recipe {
            schedule: Schedule { warm_up_steps: 2000, decay },
            optimizer: sgd(1e-3),
            ..Recipe::sgd(50, 600, 0.025)
        },
        weights: None,
    }))
}

/// WideResNet-16 on CIFAR-100.
///
/// Assumed: its training in f32, which the paper does not describe, as by Zagoruyko and Komodakis, §3.
fn paper_wide_resnet16(data: &DataFolder) -> Result<Box<dyn Workload>, Error> {
    let (train, test, sum) = cifar100::load(data)?;
    let decay = Decay::Step { epochs: vec![60, 120, 160], factor: 0.2 };
    Ok(Box::new(ImageNetwork {
        entry: WIDE_RESNET,
        network: Network::original(WIDE_RESNET.paper).expect("a network for images"),
        train,
        test,
        what: "CIFAR-100".to_owned(),
        sum,
        augmentation: Augmentation { pad_and_crop: 4, mirror: true, cut_out: 0 },
        recipe: Recipe {
            schedule: Schedule { warm_up_steps: 0, decay },
            optimizer: sgd(5e-4),
            ..Recipe::sgd(128, 200, 0.1)
        },
        weights: None,
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
    fn id(&self) -> &str {
        self.entry.id
    }

    fn title(&self) -> String {
        let (train, test) = (self.train.len(), self.test.len());
        format!("{} on {}, {train} + {test} images", self.network.name(), self.what)
    }

    fn data(&self) -> Vec<DataSum> {
        let weights = self.weights.iter().map(|weights| weights_sum(self.id(), weights));
        std::iter::once(self.sum.clone()).chain(weights).collect()
    }

    fn recipe(&self) -> Option<&Recipe> {
        self.weights.is_none().then_some(&self.recipe)
    }

    fn digital_layers(&self) -> Vec<String> {
        self.network.digital_layers()
    }

    fn instance<'a>(&'a self, policy: &Policy, seed: &Seed) -> Instance<'a> {
        let mut parameters = Parameters::new();
        let mut builder = Builder { parameters: &mut parameters, policy, seed: *seed };
        let model = self.network.build(&mut builder);
        let normalization = Normalization { mean: MEAN.to_vec(), std_dev: STD_DEV.to_vec() };
        let pixels = Pixels::normalized(&normalization, 3, policy.of(self.network.ends()[0]))
            .expect("three finite means and positive deviations");
        let task = |images, augmentation| {
            let (model, pixels) = (Arc::clone(&model), pixels.clone());
            Box::new(ImageTask { model, images, pixels, augmentation })
        };
        Instance {
            train: task(&self.train, Some(self.augmentation)),
            test: task(&self.test, None),
            parameters,
            metric: None,
        }
    }

    fn pretrained(&self) -> Result<Option<Parameters>, Error> {
        let Some(bytes) = &self.weights else { return Ok(None) };
        let mut parameters = float_parameters(|builder| drop(self.network.build(builder)));
        load_pretrained(&mut parameters, bytes, same_names)
            .map_err(|error| Error::Usage(format!("weights of {}: {error}", self.id())))?;
        Ok(Some(parameters))
    }

    fn chance_error(&self) -> f64 {
        match self.network {
            Network::WideResNet { classes, .. } => 1.0 - 1.0 / classes as f64,
            _ => 0.9,
        }
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

    fn has_logits(&self) -> bool {
        true
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
