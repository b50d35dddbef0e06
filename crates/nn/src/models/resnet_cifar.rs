//! Residual networks for 32×32 images.
//!
//! Source: He et al., arXiv:1512.03385 §4.2: a 3×3 convolution, then three stages of n blocks of
//! two 3×3 convolutions with 16, 32, 64 channels on 32, 16, 8 pixels, a global mean, one fully
//! connected layer: 6n + 2 layers. Shortcuts without parameters (option A): where a stage halves
//! the image, every second pixel is taken and the new channels are zeros.

use super::Model;
use crate::layers::{BatchNorm, Builder, Conv2d, ConvConfig, Init, Linear, Readout};
use crate::ops;
use crate::rows::Window;
use crate::step::Step;
use crate::tape::Var;
use crate::tensor::Tensor;

/// How a block's input reaches its output where the shapes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// Option A: every second pixel, and zeros for the new channels.
    ///
    /// Assumed: half of them before and half after the old ones, as in the published weights of
    /// github.com/akamaster/pytorch_resnet_cifar10; He et al. do not say.
    Zeros,
    /// Option B: a 1×1 convolution with batch normalisation, `shortcut.0` and `shortcut.1`.
    Projection,
}

/// What a residual network for small images is made of.
#[derive(Clone, Copy, Debug)]
pub struct CifarResNetConfig {
    /// Channels of an image.
    pub inputs: usize,
    /// 6n + 2.
    pub depth: usize,
    /// Channels of the three stages.
    pub channels: [usize; 3],
    /// Shortcuts between stages.
    pub shortcut: Shortcut,
    /// Number of classes.
    pub classes: usize,
}

impl CifarResNetConfig {
    /// ResNet-`depth` of He et al. §4.2 on CIFAR-10.
    pub fn he2015(depth: usize) -> Self {
        let shortcut = Shortcut::Zeros;
        Self { inputs: 3, depth, channels: [16, 32, 64], shortcut, classes: 10 }
    }

    /// The ResNet-32 of Rasch et al., Nature Communications 14 (2023): 31 convolutions of 3×3, two
    /// of 1×1 and 361,722 weights and biases that are mapped.
    ///
    /// Assumed: stages of 16, 28 and 56 channels, which give that number.
    pub fn rasch2023() -> Self {
        let shortcut = Shortcut::Projection;
        Self { inputs: 3, depth: 32, channels: [16, 28, 56], shortcut, classes: 10 }
    }
}

/// A residual network for small images.
#[derive(Clone, Debug)]
pub struct CifarResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    blocks: Vec<Block>,
    linear: Linear,
}

#[derive(Clone, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    shortcut: Path,
}

#[derive(Clone, Debug)]
enum Path {
    Identity,
    Zeros { before: usize, after: usize },
    Projection(Conv2d, BatchNorm),
}

/// A residual network for images of 32 × 32 pixels, or of any size that a mean can end.
///
/// Layers are `conv1`, `bn1`, `layerS.B.{conv,bn}{1,2}` and `linear`, as in the published weights
/// for CIFAR-10; convolutions start with N(0, 2/fan_in) and have no bias.
///
/// # Panics
///
/// Unless `depth` is 6n + 2 with n ≥ 1.
#[track_caller]
pub fn cifar_resnet(builder: &mut Builder<'_>, config: &CifarResNetConfig) -> CifarResNet {
    let CifarResNetConfig { inputs, depth, channels, shortcut, classes } = *config;
    assert!(depth >= 8 && depth % 6 == 2, "a depth of {depth} is not 6n + 2");
    let three = ConvConfig::new(Window::square(3).padding(1), Init::HeNormal).without_bias();
    let one = ConvConfig::new(Window::square(1), Init::HeNormal).without_bias();
    let conv1 = Conv2d::new(builder, "conv1", inputs, channels[0], three);
    let bn1 = BatchNorm::new(builder, "bn1", channels[0]);
    let mut blocks = Vec::new();
    let mut inputs = channels[0];
    for (stage, &outputs) in channels.iter().enumerate() {
        for index in 0..(depth - 2) / 6 {
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            let name = |part: &str| format!("layer{}.{index}.{part}", stage + 1);
            let first = ConvConfig { window: three.window.stride(stride), ..three };
            let conv1 = Conv2d::new(builder, &name("conv1"), inputs, outputs, first);
            let bn1 = BatchNorm::new(builder, &name("bn1"), outputs);
            let conv2 = Conv2d::new(builder, &name("conv2"), outputs, outputs, three);
            let bn2 = BatchNorm::new(builder, &name("bn2"), outputs);
            let shortcut = match shortcut {
                _ if stride == 1 && inputs == outputs => Path::Identity,
                Shortcut::Zeros => {
                    let before = (outputs - inputs) / 2;
                    Path::Zeros { before, after: outputs - inputs - before }
                }
                Shortcut::Projection => {
                    let one = ConvConfig { window: one.window.stride(stride), ..one };
                    let conv = Conv2d::new(builder, &name("shortcut.0"), inputs, outputs, one);
                    Path::Projection(conv, BatchNorm::new(builder, &name("shortcut.1"), outputs))
                }
            };
            blocks.push(Block { conv1, bn1, conv2, bn2, shortcut });
            inputs = outputs;
        }
    }
    let linear =
        Linear::new(builder, "linear", channels[2], classes, Init::HeNormal, Readout::Wide);
    CifarResNet { conv1, bn1, blocks, linear }
}

impl Model for CifarResNet {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        let x = self.conv1.forward(x, step);
        let mut x = self.bn1.forward_relu(x, step);
        for block in &self.blocks {
            let y = block.conv1.forward(x, step);
            let y = block.bn1.forward_relu(y, step);
            let y = block.conv2.forward(y, step);
            let shortcut = block.shortcut.forward(x, step);
            x = block.bn2.forward_add_relu(y, shortcut, step);
        }
        let x = ops::global_average_pool(step, x);
        self.linear.forward(x, step)
    }
}

impl Path {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        match self {
            Self::Identity => x,
            Self::Zeros { before, after } => {
                // A maximum over single pixels, two apart, takes every second one.
                let x = ops::max_pool(step, x, &Window::square(1).stride(2));
                let [batch, height, width, _] = step.tape.value(x).image_shape();
                let mut zeros = |channels: usize| {
                    let mut data = step.tape.scratch(batch * height * width * channels);
                    data.fill(0.0);
                    step.tape.constant(Tensor::new(&[batch, height, width, channels], data))
                };
                let (before, after) = (zeros(*before), zeros(*after));
                ops::concatenate(step, &[before, x, after], 3)
            }
            Self::Projection(conv, bn) => {
                let x = conv.forward(x, step);
                bn.forward(x, step)
            }
        }
    }
}
