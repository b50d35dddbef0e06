//! Convolutional networks on CIFAR-10, or where that is not there on Fashion-MNIST.
//!
//! The networks that the paper trains on `ImageNet` are here narrow members of their families on
//! images of half the width and height, each pixel the mean of four.

pub(super) mod network;
mod photographs;

use std::path::PathBuf;
use std::sync::Arc;

use datasets::cifar10::{self, Cifar10, Version};
use datasets::{DataFolder, DataSum, cifar100};
use nn::layers::Builder;
use nn::models::{CifarResNetConfig, DenseNetConfig, ResNetBlock};
use nn::optim::Decay;
use nn::{
    Augmentation, Classification, Images, Model, Normalization, Optimizer, Outcome, Parameters,
    Pixels, Policy, Recipe, Schedule, Sgd, Step, Task, load_pretrained, same_names,
};
use numerics::Seed;

use self::network::{Network, stages, wide};
use self::photographs::{Photographs, Source, halved};
use super::imagenet;
use super::paper_row::PaperRow;
use super::weights::{float_parameters, weights_file, weights_sum};
use super::workload::{Entry, Instance, Workload, recipes};
use crate::measured::error::Error;
use crate::measured::scale::Scale;

/// ResNet-20 with published weights, or one that is trained here; at paper scale the paper's ResNet-32,
/// at long scale too where that has to be trained.
pub(super) const RESNET: Entry = Entry {
    id: "resnet-cifar10",
    title: |data| match Source::of_sum(data) {
        Source::Cifar10(_) => title_at_desk(he2015(20), &WHOLE, data),
        Source::FashionMnist => title_at_desk(he2015(14), &HALVED, data),
    },
    recipes: recipes!("resnet-cifar10"),
    paper: PaperRow::ResNet32,
    sound_percent: |data| Source::of_sum(data).sound_percent(WHOLE.halved),
    open: |data, scale| {
        if scale == Scale::Paper {
            return paper_resnet32(data);
        }
        let Some((version, path)) = published_weights(data) else {
            let source = Source::FashionMnist;
            let (network, part) = match scale {
                Scale::Long => (Network::CifarResNet(CifarResNetConfig::rasch2023()), &PART),
                _ => (he2015(14), &HALVED),
            };
            return Ok(Box::new(small(data, scale, &RESNET, network, source, part)?));
        };
        let source = Source::Cifar10(version);
        let mut workload = small(data, scale, &RESNET, he2015(20), source, &WHOLE)?;
        workload.weights = Some(weights_file(&path, "the published ones of ResNet-20")?);
        Ok(Box::new(workload))
    },
};

fn he2015(depth: usize) -> Network {
    Network::CifarResNet(CifarResNetConfig::he2015(depth))
}

/// WideResNet for small images.
pub(super) const WIDE_RESNET: Entry = Entry {
    id: "wide-resnet",
    title: |data| title_at_desk(WIDE_RESNET_10, &HALVED, data),
    recipes: recipes!("wide-resnet"),
    paper: PaperRow::WideResNet16,
    sound_percent: |data| Source::of_sum(data).sound_percent(HALVED.halved),
    open: |data, scale| {
        if scale == Scale::Paper {
            return paper_wide_resnet16(data);
        }
        narrow(data, scale, &WIDE_RESNET, WIDE_RESNET_10)
    },
};

const WIDE_RESNET_10: Network = Network::WideResNet(wide(10, 2, 10));

/// Four stages of basic blocks.
pub(super) const RESNET18: Entry = Entry {
    id: "resnet18",
    title: |data| title_at_desk(BASIC_BLOCKS, &HALVED, data),
    recipes: recipes!("resnet18"),
    paper: PaperRow::ResNet18,
    sound_percent: |data| Source::of_sum(data).sound_percent(HALVED.halved),
    open: |data, scale| narrow(data, scale, &RESNET18, BASIC_BLOCKS),
};

const BASIC_BLOCKS: Network = Network::ResNet(stages(12, [2, 2, 2, 2], ResNetBlock::Basic));

/// Four stages of bottlenecks.
pub(super) const RESNET50: Entry = Entry {
    id: "resnet50",
    title: |data| title_at_desk(BOTTLENECKS, &HALVED, data),
    recipes: recipes!("resnet50"),
    paper: PaperRow::ResNet50,
    sound_percent: |data| Source::of_sum(data).sound_percent(HALVED.halved),
    open: |data, scale| narrow(data, scale, &RESNET50, BOTTLENECKS),
};

const BOTTLENECKS: Network =
    Network::ResNet(stages(8, [1, 2, 2, 1], ResNetBlock::Bottleneck { widening: 1 }));

/// Densely connected layers.
pub(super) const DENSENET: Entry = Entry {
    id: "densenet",
    title: |data| title_at_desk(DENSE_LAYERS, &HALVED, data),
    recipes: recipes!("densenet"),
    paper: PaperRow::DenseNet121,
    sound_percent: |data| Source::of_sum(data).sound_percent(HALVED.halved),
    open: |data, scale| narrow(data, scale, &DENSENET, DENSE_LAYERS),
};

const DENSE_LAYERS: Network =
    Network::DenseNet(DenseNetConfig { inputs: 3, depth: 22, growth: 8, classes: 10 });

/// Four stages of bottlenecks twice as wide inside.
pub(super) const WIDE_RESNET50: Entry = Entry {
    id: "wide-resnet50",
    title: |data| title_at_desk(WIDE_BOTTLENECKS, &HALVED, data),
    recipes: recipes!("wide-resnet50"),
    paper: PaperRow::WideResNet50,
    sound_percent: |data| Source::of_sum(data).sound_percent(HALVED.halved),
    open: |data, scale| narrow(data, scale, &WIDE_RESNET50, WIDE_BOTTLENECKS),
};

const WIDE_BOTTLENECKS: Network =
    Network::ResNet(stages(8, [1, 2, 2, 1], ResNetBlock::Bottleneck { widening: 2 }));

/// A narrow network on small images, or the paper's for `ImageNet`.
fn narrow(
    data: &DataFolder,
    scale: Scale,
    entry: &Entry,
    network: Network,
) -> Result<Box<dyn Workload>, Error> {
    match scale {
        Scale::Paper => imagenet::open(data, entry),
        _ => Ok(Box::new(small(data, scale, entry, network, Source::of(data), &HALVED)?)),
    }
}

/// The published weights of ResNet-20, if they are there with the images that they are for.
fn published_weights(data: &DataFolder) -> Option<(Version, PathBuf)> {
    let version = cifar10::version(data).ok()?;
    let path = data.path("resnet-cifar10").join(match version {
        Version::Official => "resnet20-12fca82f.safetensors",
        Version::Jpeg => "resnet20_jpeg_finetuned.safetensors",
    });
    path.exists().then_some((version, path))
}

/// A convolutional network with its images.
#[derive(Debug)]
struct ImageNetwork {
    entry: Entry,
    network: Network,
    train: Images,
    test: Images,
    normalization: Normalization,
    /// What the images are.
    what: String,
    sum: DataSum,
    augmentation: Augmentation,
    recipe: Recipe,
    weights: Option<Vec<u8>>,
}

/// How much of the images is used below paper scale.
#[derive(Clone, Copy, Debug)]
struct Small {
    /// Whether they are averaged to half the width and height.
    halved: bool,
    /// Images to train with and to test.
    smoke: [usize; 2],
    desk: [usize; 2],
    long: [usize; 2],
}

const HALVED: Small =
    Small { halved: true, smoke: [500, 100], desk: [20_000, 2_000], long: [usize::MAX, 10_000] };
const WHOLE: Small =
    Small { halved: false, smoke: [500, 100], desk: [50_000, 2_000], long: [50_000, 10_000] };

/// What the paper's ResNet-32 has time for.
const PART: Small = Small { long: [20_000, 4_000], ..WHOLE };

impl Small {
    /// The images in words.
    fn what(&self, source: Source) -> String {
        let half = source.side() / 2;
        let averaged = format!(", averaged to {half} × {half} pixels");
        format!("{source}{}", if self.halved { &averaged } else { "" })
    }
}

/// Network and images in a line.
fn title(network: &Network, what: &str, [train, test]: [usize; 2]) -> String {
    format!("{} on {what}, {train} + {test} images", network.name())
}

/// [`title`] at desk scale, on the images whose checksum has that name.
fn title_at_desk(network: Network, small: &Small, data: &str) -> String {
    title(&network, &small.what(Source::of_sum(data)), small.desk)
}

/// A network on small images below paper scale.
fn small(
    data: &DataFolder,
    scale: Scale,
    entry: &Entry,
    network: Network,
    source: Source,
    small: &Small,
) -> Result<ImageNetwork, Error> {
    let Photographs { train, test, normalization, sum } = source.read(data)?;
    let (lengths, (batch, epochs, rate)) = match scale {
        // So few steps do not get over the first ones of a large rate.
        Scale::Smoke => (small.smoke, (20, 4, 0.04)),
        Scale::Desk => (small.desk, (50, 12, 0.1)),
        Scale::Long | Scale::Paper => (small.long, (50, 16, 0.1)),
    };
    let cut = |images: &Images, len| {
        let images = images.first(len);
        if small.halved { halved(&images) } else { images }
    };
    let (train, test) = (cut(&train, lengths[0]), cut(&test, lengths[1]));
    let schedule = Schedule { warm_up_steps: 20, decay: Decay::Cosine };
    let recipe = Recipe { schedule, optimizer: sgd(5e-4), ..Recipe::sgd(batch, epochs, rate) };
    let side = train.shape()[0] as u32;
    Ok(ImageNetwork {
        entry: *entry,
        network: network.for_channels(normalization.mean.len()),
        train,
        test,
        normalization,
        what: small.what(source),
        sum,
        augmentation: Augmentation { pad_and_crop: side / 8, mirror: true, cut_out: 0 },
        recipe,
        weights: None,
    })
}

/// The colours of CIFAR, as its published networks normalise them.
fn colours() -> Normalization {
    Normalization { mean: cifar10::MEAN.to_vec(), std_dev: cifar10::STD_DEV.to_vec() }
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
        normalization: colours(),
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
        normalization: colours(),
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

impl Workload for ImageNetwork {
    fn id(&self) -> &str {
        self.entry.id
    }

    fn title(&self) -> String {
        title(&self.network, &self.what, [self.train.len(), self.test.len()])
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
        let (normalization, arithmetic) = (&self.normalization, policy.of(self.network.ends()[0]));
        let pixels = Pixels::normalized(normalization, normalization.mean.len(), arithmetic)
            .expect("finite means and positive deviations");
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
        1.0 - 1.0 / self.network.classes() as f64
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

    fn check_cut(&self) -> Result<(), &'static str> {
        Ok(())
    }

    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let Self { model, images, pixels, augmentation } = self;
        let augmentation = *augmentation;
        Classification { model: &**model, images, pixels, augmentation }.forward(examples, step)
    }
}
