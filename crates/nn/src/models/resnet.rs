//! Residual networks for large images: ResNet-18/50 and wide ones, as torchvision names them.
//!
//! Source: He et al., arXiv:1512.03385, Table 1; Zagoruyko and Komodakis, arXiv:1605.07146, for
//! WideResNet-50-2, whose bottlenecks are twice as wide inside.
//!
//! Assumed: the stride of a bottleneck is in its 3×3 convolution, as in torchvision, whose weights
//! these networks load; He et al. have it in the first 1×1.

use super::Model;
use crate::layers::{BatchNorm, Builder, Conv2d, ConvConfig, Init, Linear, Readout};
use crate::{Step, Var, Window, ops};

/// A residual network for images of (224, 224, 3).
#[derive(Clone, Debug)]
pub struct ResNet {
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

/// ResNet-18: stages of two blocks of two 3×3 convolutions. 11,689,512 parameters for 1000 classes.
pub fn resnet18(builder: &mut Builder<'_>, classes: usize) -> ResNet {
    resnet(builder, [2, 2, 2, 2], None, classes)
}

/// ResNet-50: stages of 3, 4, 6, 3 bottlenecks. 25,557,032 parameters for 1000 classes.
pub fn resnet50(builder: &mut Builder<'_>, classes: usize) -> ResNet {
    resnet(builder, [3, 4, 6, 3], Some(1), classes)
}

/// WideResNet-50-2: ResNet-50 with bottlenecks twice as wide. 68,883,240 parameters for 1000
/// classes.
pub fn wide_resnet50_2(builder: &mut Builder<'_>, classes: usize) -> ResNet {
    resnet(builder, [3, 4, 6, 3], Some(2), classes)
}

/// Blocks of two convolutions, or bottlenecks of that width.
fn resnet(
    builder: &mut Builder<'_>,
    counts: [usize; 4],
    bottleneck: Option<usize>,
    classes: usize,
) -> ResNet {
    // Source of the initial weights: torchvision's ResNet.
    let conv = |kernel: usize, stride: usize| {
        let window = Window::square(kernel).stride(stride).padding(kernel / 2);
        ConvConfig::new(window, Init::HeNormalFanOut).without_bias()
    };
    let conv1 = Conv2d::new(builder, "conv1", 3, 64, conv(7, 2));
    let bn1 = BatchNorm::new(builder, "bn1", 64);
    let mut blocks = Vec::new();
    let mut inputs = 64;
    for (stage, &count) in counts.iter().enumerate() {
        let planes = 64 << stage;
        for index in 0..count {
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            let prefix = format!("layer{}.{index}", stage + 1);
            let widths = match bottleneck {
                None => vec![(planes, 3, stride), (planes, 3, 1)],
                Some(width) => {
                    vec![(planes * width, 1, 1), (planes * width, 3, stride), (planes * 4, 1, 1)]
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
    ResNet { conv1, bn1, blocks, fc }
}

impl Model for ResNet {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        let x = self.conv1.forward(x, step);
        let x = self.bn1.forward_relu(x, step);
        let mut x = ops::max_pool(step, x, &Window::square(3).stride(2).padding(1));
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
        let x = ops::global_average_pool(step.tape, x);
        self.fc.forward(x, step)
    }
}
