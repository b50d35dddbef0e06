//! Densely connected networks: every layer reads what all layers before it in its block wrote.
//!
//! Source: Huang et al., arXiv:1608.06993: DenseNet-BC for 32×32 images (§3, §4.2) and
//! DenseNet-121 (Table 1). A layer is BN–ReLU–1×1 to 4k channels, BN–ReLU–3×3 to k channels; a
//! transition is BN–ReLU–1×1 to half the channels and a 2×2 mean.

use super::Model;
use crate::layers::{BatchNorm, Builder, Conv2d, ConvConfig, Init, Linear, Readout};
use crate::ops;
use crate::rows::Window;
use crate::step::Step;
use crate::tape::Var;

/// A densely connected network.
#[derive(Clone, Debug)]
pub struct DenseNet {
    conv0: Conv2d,
    /// The normalisation behind the first convolution, where a maximum follows (large images).
    norm0: Option<BatchNorm>,
    blocks: Vec<DenseBlock>,
    norm: BatchNorm,
    classifier: Linear,
}

#[derive(Clone, Debug)]
struct DenseBlock {
    layers: Vec<[(BatchNorm, Conv2d); 2]>,
    transition: Option<(BatchNorm, Conv2d)>,
}

/// What a densely connected network for small images is made of: DenseNet-BC-`depth`-`growth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenseNetConfig {
    /// Channels of an image.
    pub inputs: usize,
    /// 6n + 4.
    pub depth: usize,
    /// k, the channels that a layer adds.
    pub growth: usize,
    /// Number of classes.
    pub classes: usize,
}

/// DenseNet-BC (θ = 0.5) for images of 32 × 32 pixels, or of any size that a mean can end.
///
/// Depth 100 with k = 12 has 769,162 parameters for 10 classes of images with three channels.
///
/// # Panics
///
/// Unless `depth` is 6n + 4 with n ≥ 1.
#[track_caller]
pub fn densenet_bc(builder: &mut Builder<'_>, config: &DenseNetConfig) -> DenseNet {
    let DenseNetConfig { inputs, depth, growth, classes } = *config;
    assert!(depth >= 10 && depth % 6 == 4, "a depth of {depth} is not 6n + 4");
    let conv0 = Conv2d::new(builder, "features.conv0", inputs, 2 * growth, conv(3, 1));
    dense(builder, conv0, None, 2 * growth, &[(depth - 4) / 6; 3], growth, classes)
}

/// DenseNet-121 for images of (224, 224, 3), named as in torchvision. 7,978,856 parameters for
/// 1000 classes.
pub fn densenet121(builder: &mut Builder<'_>, classes: usize) -> DenseNet {
    let conv0 = Conv2d::new(builder, "features.conv0", 3, 64, conv(7, 2));
    let norm0 = BatchNorm::new(builder, "features.norm0", 64);
    dense(builder, conv0, Some(norm0), 64, &[6, 12, 24, 16], 32, classes)
}

fn conv(kernel: usize, stride: usize) -> ConvConfig {
    let window = Window::square(kernel).stride(stride).padding(kernel / 2);
    ConvConfig::new(window, Init::HeNormal).without_bias()
}

fn dense(
    builder: &mut Builder<'_>,
    conv0: Conv2d,
    norm0: Option<BatchNorm>,
    channels: usize,
    counts: &[usize],
    growth: usize,
    classes: usize,
) -> DenseNet {
    let mut channels = channels;
    let mut blocks = Vec::new();
    for (i, &count) in counts.iter().enumerate() {
        let mut pair = |norm: String, name: String, from, to, kernel| {
            let norm = BatchNorm::new(builder, &norm, from);
            (norm, Conv2d::new(builder, &name, from, to, conv(kernel, 1)))
        };
        let mut layers = Vec::new();
        for layer in 0..count {
            let name =
                |part: &str| format!("features.denseblock{}.denselayer{}.{part}", i + 1, layer + 1);
            layers.push([
                pair(name("norm1"), name("conv1"), channels, 4 * growth, 1),
                pair(name("norm2"), name("conv2"), 4 * growth, growth, 3),
            ]);
            channels += growth;
        }
        let transition = (i + 1 < counts.len()).then(|| {
            let name = |part: &str| format!("features.transition{}.{part}", i + 1);
            let transition = pair(name("norm"), name("conv"), channels, channels / 2, 1);
            channels /= 2;
            transition
        });
        blocks.push(DenseBlock { layers, transition });
    }
    let norm = BatchNorm::new(builder, &format!("features.norm{}", counts.len() + 1), channels);
    let classifier =
        Linear::new(builder, "classifier", channels, classes, Init::FanInUniform, Readout::Wide);
    DenseNet { conv0, norm0, blocks, norm, classifier }
}

impl Model for DenseNet {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        let mut x = self.conv0.forward(x, step);
        if let Some(norm) = &self.norm0 {
            x = norm.forward_relu(x, step);
            x = ops::max_pool(step, x, &Window::square(3).stride(2).padding(1));
        }
        for block in &self.blocks {
            for layer in &block.layers {
                let mut y = x;
                for (norm, conv) in layer {
                    y = norm.forward_relu(y, step);
                    y = conv.forward(y, step);
                }
                x = ops::concatenate(step, &[x, y], 3);
            }
            if let Some((norm, conv)) = &block.transition {
                x = norm.forward_relu(x, step);
                x = conv.forward(x, step);
                x = ops::average_pool(step, x, &Window::square(2).stride(2));
            }
        }
        x = self.norm.forward_relu(x, step);
        x = ops::global_average_pool(step, x);
        self.classifier.forward(x, step)
    }
}
