//! [`Network`]: the families of convolutional networks, of the paper's size or a small one.

use std::sync::Arc;

use nn::Model;
use nn::layers::Builder;
use nn::models::{
    CifarResNetConfig, DenseNetConfig, ResNetBlock, ResNetConfig, Stem, WideResNetConfig,
    cifar_resnet, densenet_bc, densenet121, resnet, wide_resnet,
};

use crate::measured::networks::paper_row::PaperRow;

/// A network of one of the families.
#[derive(Clone, Copy, Debug)]
pub(in crate::measured::networks) enum Network {
    /// He et al.'s for CIFAR-10.
    CifarResNet(CifarResNetConfig),
    /// Zagoruyko and Komodakis's for CIFAR.
    WideResNet(WideResNetConfig),
    /// Of four stages.
    ResNet(ResNetConfig),
    /// Huang et al.'s with bottlenecks and compression for CIFAR-10.
    DenseNet(DenseNetConfig),
    /// Huang et al.'s for `ImageNet`.
    DenseNet121,
}

impl Network {
    /// The paper's own, where it is one for images.
    ///
    /// Assumed: width 8 of WideResNet-16, which gives the 11 M parameters of [Rasch23, Table 1].
    pub(in crate::measured::networks) fn original(row: PaperRow) -> Option<Self> {
        Some(match row {
            PaperRow::ResNet32 => Self::CifarResNet(CifarResNetConfig::rasch2023()),
            PaperRow::WideResNet16 => Self::WideResNet(wide(16, 8, 100)),
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

    /// The network for images of so many channels.
    ///
    /// # Panics
    ///
    /// If it is one for `ImageNet` alone.
    pub(in crate::measured::networks) fn for_channels(mut self, channels: usize) -> Self {
        match &mut self {
            Self::CifarResNet(config) => config.inputs = channels,
            Self::WideResNet(config) => config.inputs = channels,
            Self::ResNet(config) => config.inputs = channels,
            Self::DenseNet(config) => config.inputs = channels,
            Self::DenseNet121 => panic!("DenseNet-121 is for images of three channels"),
        }
        self
    }

    /// The number of classes.
    pub(in crate::measured::networks) fn classes(&self) -> usize {
        match self {
            Self::CifarResNet(config) => config.classes,
            Self::WideResNet(config) => config.classes,
            Self::ResNet(config) => config.classes,
            Self::DenseNet(config) => config.classes,
            Self::DenseNet121 => 1000,
        }
    }

    pub(in crate::measured::networks) fn build(&self, builder: &mut Builder<'_>) -> Arc<dyn Model> {
        match *self {
            Self::CifarResNet(config) => Arc::new(cifar_resnet(builder, &config)),
            Self::WideResNet(config) => Arc::new(wide_resnet(builder, &config)),
            Self::ResNet(config) => Arc::new(resnet(builder, &config)),
            Self::DenseNet(config) => Arc::new(densenet_bc(builder, &config)),
            Self::DenseNet121 => Arc::new(densenet121(builder, 1000)),
        }
    }

    pub(in crate::measured::networks) fn name(&self) -> String {
        match *self {
            Self::CifarResNet(config) => format!("ResNet-{}", config.depth),
            Self::WideResNet(WideResNetConfig { depth, width, .. }) => {
                format!("WideResNet-{depth}-{width}")
            }
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
            Self::DenseNet(DenseNetConfig { depth, growth, .. }) => {
                format!("DenseNet-BC-{depth}-{growth}")
            }
            Self::DenseNet121 => "DenseNet-121".to_owned(),
        }
    }

    /// The first and the last layer.
    pub(in crate::measured::networks) fn ends(&self) -> [&'static str; 2] {
        match self {
            Self::CifarResNet(_) => ["conv1", "linear"],
            Self::WideResNet(_) | Self::ResNet(_) => ["conv1", "fc"],
            Self::DenseNet(_) | Self::DenseNet121 => ["features.conv0", "classifier"],
        }
    }

    /// The layers that the paper has digital: the ends of those for `ImageNet`.
    pub(in crate::measured::networks) fn digital_layers(&self) -> Vec<String> {
        match self {
            Self::CifarResNet(_) | Self::WideResNet(_) => Vec::new(),
            Self::ResNet(_) | Self::DenseNet(_) | Self::DenseNet121 => {
                self.ends().map(str::to_owned).to_vec()
            }
        }
    }
}

/// WideResNet-`depth`-`width` for images with three channels.
pub(in crate::measured::networks) const fn wide(
    depth: usize,
    width: usize,
    classes: usize,
) -> WideResNetConfig {
    WideResNetConfig { inputs: 3, depth, width, classes }
}

/// A network of four stages for small images with three channels, in ten classes.
pub(in crate::measured::networks) const fn stages(
    width: usize,
    blocks: [usize; 4],
    block: ResNetBlock,
) -> ResNetConfig {
    ResNetConfig { inputs: 3, stem: Stem::Small, width, blocks, block, classes: 10 }
}
