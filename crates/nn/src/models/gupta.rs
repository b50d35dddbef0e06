//! The two convolutional networks of [Gupta15 §4].

use serde::{Deserialize, Serialize};

use super::Model;
use crate::layers::{Builder, Conv2d, ConvConfig, Init, Linear, Readout};
use crate::ops;
use crate::rows::Window;
use crate::step::Step;
use crate::tape::Var;

/// Two convolutions, two fully connected layers.
#[derive(Clone, Debug)]
pub struct MnistCnn {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
}

/// The MNIST network: 5×5 convolutions to 8 and 16 maps, each with ReLU and a 2×2 maximum, then
/// 128 ReLU units and 10 logits. Source: [Gupta15 §4.1].
///
/// Images are (28, 28, 1). Layers are `conv1`, `conv2`, `fc1`, `fc2`.
///
/// Assumed: `padding` 0 ("valid": 24, 12, 8, 4 pixels); the paper does not say. With 2 the maps
/// keep their size before each maximum.
pub fn gupta_mnist_cnn(builder: &mut Builder<'_>, padding: usize, init: Init) -> MnistCnn {
    let conv = ConvConfig::new(Window::square(5).padding(padding), init);
    let size = |n: usize| (n + 2 * padding - 4) / 2;
    let side = size(size(28));
    MnistCnn {
        conv1: Conv2d::new(builder, "conv1", 1, 8, conv),
        conv2: Conv2d::new(builder, "conv2", 8, 16, conv),
        fc1: Linear::new(builder, "fc1", side * side * 16, 128, init, Readout::Layer),
        fc2: Linear::new(builder, "fc2", 128, 10, init, Readout::Wide),
    }
}

impl Model for MnistCnn {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        let pool = Window::square(2).stride(2);
        let mut x = x;
        for conv in [&self.conv1, &self.conv2] {
            x = conv.forward(x, step);
            x = ops::relu(step, x);
            x = ops::max_pool(step, x, &pool);
        }
        x = ops::flatten(step, x);
        x = self.fc1.forward(x, step);
        x = ops::relu(step, x);
        self.fc2.forward(x, step)
    }
}

/// Three convolutions, one fully connected layer.
#[derive(Clone, Debug)]
pub struct CifarCnn {
    convs: [Conv2d; 3],
    pool: Window,
    fc: Linear,
}

/// Padding of the layers of [`gupta_cifar_cnn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CifarPadding {
    /// Of the 5×5 convolutions.
    pub conv: usize,
    /// Of the 3×3 maxima with stride 2.
    pub pool: usize,
}

/// The CIFAR-10 network: three 5×5 convolutions of 64 maps, each with ReLU and a 3×3 maximum of
/// stride 2, then 10 logits. Source: [Gupta15 §4.2].
///
/// Images are (32, 32, 3). Layers are `conv1`, `conv2`, `conv3`, `fc`.
///
/// Assumed: ReLU after each convolution, and padding as the caller says; the paper names neither.
/// (2, 1) halves the maps three times, to 4×4.
///
/// # Panics
///
/// If nothing is left of the image: three unpadded convolutions and maxima need padding.
#[track_caller]
pub fn gupta_cifar_cnn(builder: &mut Builder<'_>, padding: CifarPadding, init: Init) -> CifarCnn {
    let window = Window::square(5).padding(padding.conv);
    let pool = Window::square(3).stride(2).padding(padding.pool);
    let conv = ConvConfig::new(window, init);
    let [side, _] = (0..3).fold([32; 2], |size, _| pool.output(window.output(size)));
    CifarCnn {
        convs: [("conv1", 3), ("conv2", 64), ("conv3", 64)]
            .map(|(name, inputs)| Conv2d::new(builder, name, inputs, 64, conv)),
        pool,
        fc: Linear::new(builder, "fc", side * side * 64, 10, init, Readout::Wide),
    }
}

impl Model for CifarCnn {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        let mut x = x;
        for conv in &self.convs {
            x = conv.forward(x, step);
            x = ops::relu(step, x);
            x = ops::max_pool(step, x, &self.pool);
        }
        x = ops::flatten(step, x);
        self.fc.forward(x, step)
    }
}
