//! Residual networks of four stages: ResNet-18/50 and wide ones, as torchvision names them, and
//! their narrower relatives for small images.
//!
//! Source: He et al., arXiv:1512.03385, Table 1; Zagoruyko and Komodakis, arXiv:1605.07146, for
//! WideResNet-50-2, whose bottlenecks are twice as wide inside.
//!
//! Assumed: the stride of a bottleneck is in its 3×3 convolution, as in torchvision, whose weights
//! these networks load; He et al. have it in the first 1×1.

use serde::{Deserialize, Serialize};

use super::Model;
use crate::layers::{BatchNorm, Builder, Conv2d, ConvConfig, Init, Linear, Readout};
use crate::ops;
use crate::rows::Window;
use crate::step::Step;
use crate::tape::Var;

/// A residual network of four stages.
#[derive(Clone, Debug)]
pub struct ResNet {
    stem: Stem,
    conv1: Conv2d,
    bn1: BatchNorm,
    blocks: Vec<Block>,
    fc: Linear,
}

#[derive(Clone, Debug)]
struct Block {
    /// Two or three convolutions, each with its normalisation.
    body: Vec<(Conv2d, BatchNorm)>,
    downsample: Option<(Conv2d, BatchNorm)>,
}

/// What comes before the first stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stem {
    /// A 7×7 convolution and a 3×3 maximum, both of stride 2, for images of (224, 224, 3).
    Large,
    /// A 3×3 convolution of stride 1, for images of (32, 32, 3) or less.
    Small,
}

/// What a block of a [`ResNet`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResNetBlock {
    /// Two 3×3 convolutions.
    Basic,
    /// Convolutions of 1×1, 3×3 and 1×1, the last to four times the stage's channels.
    Bottleneck {
        /// The 3×3 convolution has this many times the stage's channels.
        widening: usize,
    },
}

/// The shape of a [`ResNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResNetConfig {
    /// Channels of an image.
    pub inputs: usize,
    /// What comes first.
    pub stem: Stem,
    /// Channels of the first stage; each of the others has twice those of the one before.
    pub width: usize,
    /// Blocks of each stage.
    pub blocks: [usize; 4],
    /// What they are.
    pub block: ResNetBlock,
    /// Number of classes.
    pub classes: usize,
}

impl ResNetConfig {
    /// ResNet-18: stages of two basic blocks. 11,689,512 parameters for 1000 classes.
    pub fn resnet18(classes: usize) -> Self {
        let block = ResNetBlock::Basic;
        Self { inputs: 3, stem: Stem::Large, width: 64, blocks: [2; 4], block, classes }
    }

    /// ResNet-50: stages of 3, 4, 6, 3 bottlenecks. 25,557,032 parameters for 1000 classes.
    pub fn resnet50(classes: usize) -> Self {
        let block = ResNetBlock::Bottleneck { widening: 1 };
        Self { blocks: [3, 4, 6, 3], block, ..Self::resnet18(classes) }
    }

    /// WideResNet-50-2: ResNet-50 with bottlenecks twice as wide. 68,883,240 parameters for 1000
    /// classes.
    pub fn wide_resnet50_2(classes: usize) -> Self {
        Self { block: ResNetBlock::Bottleneck { widening: 2 }, ..Self::resnet50(classes) }
    }
}

/// [`resnet`] of [`ResNetConfig::resnet18`].
pub fn resnet18(builder: &mut Builder<'_>, classes: usize) -> ResNet {
    resnet(builder, &ResNetConfig::resnet18(classes))
}

/// [`resnet`] of [`ResNetConfig::resnet50`].
pub fn resnet50(builder: &mut Builder<'_>, classes: usize) -> ResNet {
    resnet(builder, &ResNetConfig::resnet50(classes))
}

/// [`resnet`] of [`ResNetConfig::wide_resnet50_2`].
pub fn wide_resnet50_2(builder: &mut Builder<'_>, classes: usize) -> ResNet {
    resnet(builder, &ResNetConfig::wide_resnet50_2(classes))
}

/// A residual network whose layers are `conv1`, `bn1`, `layerS.B.{conv,bn}{1,2,3}`,
/// `layerS.B.downsample.{0,1}` and `fc`.
pub fn resnet(builder: &mut Builder<'_>, config: &ResNetConfig) -> ResNet {
    let ResNetConfig { inputs, stem, width, blocks: counts, block, classes } = *config;
    // Source of the initial weights: torchvision's ResNet.
    let conv = |kernel: usize, stride: usize| {
        let window = Window::square(kernel).stride(stride).padding(kernel / 2);
        ConvConfig::new(window, Init::HeNormalFanOut).without_bias()
    };
    let first = match stem {
        Stem::Large => conv(7, 2),
        Stem::Small => conv(3, 1),
    };
    let conv1 = Conv2d::new(builder, "conv1", inputs, width, first);
    let bn1 = BatchNorm::new(builder, "bn1", width);
    let mut blocks = Vec::new();
    let mut inputs = width;
    for (stage, &count) in counts.iter().enumerate() {
        let planes = width << stage;
        for index in 0..count {
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            let prefix = format!("layer{}.{index}", stage + 1);
            let widths = match block {
                ResNetBlock::Basic => vec![(planes, 3, stride), (planes, 3, 1)],
                ResNetBlock::Bottleneck { widening } => {
                    let inside = planes * widening;
                    vec![(inside, 1, 1), (inside, 3, stride), (planes * 4, 1, 1)]
                }
            };
            let mut pair = |names: [String; 2], from, to, config| {
                let conv = Conv2d::new(builder, &names[0], from, to, config);
                (conv, BatchNorm::new(builder, &names[1], to))
            };
            let mut body = Vec::new();
            let mut from = inputs;
            for (i, (to, kernel, stride)) in widths.into_iter().enumerate() {
                let names = ["conv", "bn"].map(|kind| format!("{prefix}.{kind}{}", i + 1));
                body.push(pair(names, from, to, conv(kernel, stride)));
                from = to;
            }
            let downsample = (stride != 1 || inputs != from).then(|| {
                let names = [0, 1].map(|i| format!("{prefix}.downsample.{i}"));
                pair(names, inputs, from, conv(1, stride))
            });
            blocks.push(Block { body, downsample });
            inputs = from;
        }
    }
    let fc = Linear::new(builder, "fc", inputs, classes, Init::FanInUniform, Readout::Wide);
    ResNet { stem, conv1, bn1, blocks, fc }
}

impl Model for ResNet {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        let x = self.conv1.forward(x, step);
        let mut x = self.bn1.forward_relu(x, step);
        if self.stem == Stem::Large {
            x = ops::max_pool(step, x, &Window::square(3).stride(2).padding(1));
        }
        for block in &self.blocks {
            let shortcut = match &block.downsample {
                None => x,
                Some((conv, bn)) => {
                    let y = conv.forward(x, step);
                    bn.forward(y, step)
                }
            };
            let last = block.body.len() - 1;
            for (i, (conv, bn)) in block.body.iter().enumerate() {
                x = conv.forward(x, step);
                x = if i == last {
                    bn.forward_add_relu(x, shortcut, step)
                } else {
                    bn.forward_relu(x, step)
                };
            }
        }
        let x = ops::global_average_pool(step, x);
        self.fc.forward(x, step)
    }
}
