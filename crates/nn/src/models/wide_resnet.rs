//! Wide residual networks for 32×32 images.
//!
//! Source: Zagoruyko and Komodakis, arXiv:1605.07146, Table 1 and the authors' code: normalisation
//! and ReLU before each convolution, three stages of n blocks with 16k, 32k, 64k channels, where
//! the depth is 6n + 4; a 1×1 convolution as the shortcut where the shapes differ.

use super::Model;
use crate::layers::{BatchNorm, Builder, Conv2d, ConvConfig, Init, Linear, Readout};
use crate::ops;
use crate::rows::Window;
use crate::step::Step;
use crate::tape::Var;

/// A wide residual network for small images.
#[derive(Clone, Debug)]
pub struct WideResNet {
    conv1: Conv2d,
    blocks: Vec<Block>,
    bn: BatchNorm,
    fc: Linear,
}

#[derive(Clone, Debug)]
struct Block {
    bn1: BatchNorm,
    conv1: Conv2d,
    bn2: BatchNorm,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
}

/// What a wide residual network for small images is made of: WideResNet-`depth`-`width`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WideResNetConfig {
    /// Channels of an image.
    pub inputs: usize,
    /// 6n + 4.
    pub depth: usize,
    /// k.
    pub width: usize,
    /// Number of classes.
    pub classes: usize,
}

/// A wide residual network for images of 32 × 32 pixels, or of any size that a mean can end.
///
/// Layers are `conv1`, `blockS.layer.B.{bn1,conv1,bn2,conv2,convShortcut}`, `bn1` and `fc`.
///
/// # Panics
///
/// Unless `depth` is 6n + 4 with n ≥ 1.
#[track_caller]
pub fn wide_resnet(builder: &mut Builder<'_>, config: &WideResNetConfig) -> WideResNet {
    let WideResNetConfig { inputs: channels, depth, width, classes } = *config;
    assert!(depth >= 10 && depth % 6 == 4, "a depth of {depth} is not 6n + 4");
    let conv = |kernel: usize, stride: usize| {
        let window = Window::square(kernel).stride(stride).padding(kernel / 2);
        ConvConfig::new(window, Init::HeNormalFanOut).without_bias()
    };
    let conv1 = Conv2d::new(builder, "conv1", channels, 16, conv(3, 1));
    let mut blocks = Vec::new();
    let mut inputs = 16;
    for stage in 0..3 {
        let outputs = (16 << stage) * width;
        for index in 0..(depth - 4) / 6 {
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            let name = |part: &str| format!("block{}.layer.{index}.{part}", stage + 1);
            blocks.push(Block {
                bn1: BatchNorm::new(builder, &name("bn1"), inputs),
                conv1: Conv2d::new(builder, &name("conv1"), inputs, outputs, conv(3, stride)),
                bn2: BatchNorm::new(builder, &name("bn2"), outputs),
                conv2: Conv2d::new(builder, &name("conv2"), outputs, outputs, conv(3, 1)),
                shortcut: (inputs != outputs || stride != 1).then(|| {
                    let config = conv(1, stride);
                    Conv2d::new(builder, &name("convShortcut"), inputs, outputs, config)
                }),
            });
            inputs = outputs;
        }
    }
    let bn = BatchNorm::new(builder, "bn1", inputs);
    let fc = Linear::new(builder, "fc", inputs, classes, Init::FanInUniform, Readout::Wide);
    WideResNet { conv1, blocks, bn, fc }
}

impl Model for WideResNet {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        let mut x = self.conv1.forward(x, step);
        for block in &self.blocks {
            let activated = block.bn1.forward_relu(x, step);
            // Where the shapes differ the shortcut, too, starts behind the first ReLU.
            let shortcut = block.shortcut.as_ref().map_or(x, |conv| conv.forward(activated, step));
            let y = block.conv1.forward(activated, step);
            let y = block.bn2.forward_relu(y, step);
            let y = block.conv2.forward(y, step);
            x = ops::add(step, y, shortcut);
        }
        let x = self.bn.forward_relu(x, step);
        let x = ops::global_average_pool(step, x);
        self.fc.forward(x, step)
    }
}
