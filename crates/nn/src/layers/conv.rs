//! Convolution of images and of sequences.

use std::sync::Arc;

use super::{Builder, Init, Readout};
use crate::linear_map::LinearMap;
use crate::ops;
use crate::rows::Window;
use crate::step::Step;
use crate::tape::Var;

/// Convolution of images, channels last.
///
/// # Shapes
///
/// - x: (batch, height, width, in)
/// - y: (batch, height′, width′, out), see [`Window::output`]
/// - weight: (out, kernel, kernel, in / groups)
#[derive(Clone, Debug)]
pub struct Conv2d {
    window: Window,
    inputs: usize,
    /// One map per group, each on its own part of the channels.
    maps: Vec<Arc<LinearMap>>,
}

/// What a convolution is, apart from its numbers of channels.
#[derive(Clone, Copy, Debug)]
pub struct ConvConfig {
    /// Taps, stride, padding, dilation.
    pub window: Window,
    /// Into how many groups the channels are divided, each with outputs and inputs of its own.
    pub groups: usize,
    /// Whether there is a bias.
    pub bias: bool,
    /// Initial weights.
    pub init: Init,
}

impl ConvConfig {
    /// One group, with a bias.
    pub fn new(window: Window, init: Init) -> Self {
        Self { window, groups: 1, bias: true, init }
    }

    /// The same without a bias, as before a batch normalisation.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self { bias: false, ..self }
    }

    /// The same with this many groups.
    #[must_use]
    pub fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }
}

impl Conv2d {
    /// A layer of that name; biases start at zero. With several groups, group g's parameters
    /// belong to `name.group{g}`.
    ///
    /// # Panics
    ///
    /// If the groups do not divide the channels.
    #[track_caller]
    pub fn new(
        builder: &mut Builder<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
        config: ConvConfig,
    ) -> Self {
        let ConvConfig { window, groups, bias, init } = config;
        assert!(
            groups > 0 && inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups),
            "{groups} groups do not divide {inputs} inputs and {outputs} outputs of {name}"
        );
        let shape = [outputs / groups, window.kernel[0], window.kernel[1], inputs / groups];
        let maps = (0..groups)
            .map(|group| {
                let name =
                    if groups == 1 { name.to_owned() } else { format!("{name}.group{group}") };
                builder.map(&name, &shape, init, bias, Readout::Layer)
            })
            .collect();
        Self { window, inputs, maps }
    }

    /// Records y.
    ///
    /// # Panics
    ///
    /// If `x` is not a batch of images with the layer's number of channels.
    #[track_caller]
    pub fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        if let [map] = &*self.maps {
            return ops::convolution(step, map, &self.window, x);
        }
        let width = self.inputs / self.maps.len();
        let parts: Vec<Var> = (self.maps.iter().enumerate())
            .map(|(group, map)| {
                let x = ops::slice(step, x, 3, group * width..(group + 1) * width);
                ops::convolution(step, map, &self.window, x)
            })
            .collect();
        ops::concatenate(step, &parts, 3)
    }
}

/// Convolution of sequences, channels last.
///
/// # Shapes
///
/// - x: (batch, length, in)
/// - y: (batch, length′, out)
/// - weight: (out, 1, kernel, in / groups)
#[derive(Clone, Debug)]
pub struct Conv1d(Conv2d);

impl Conv1d {
    /// A layer of that name over windows that are a [`Window::line`].
    ///
    /// # Panics
    ///
    /// As [`Conv2d::new`], and if the window is higher than one line.
    #[track_caller]
    pub fn new(
        builder: &mut Builder<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
        config: ConvConfig,
    ) -> Self {
        assert_eq!(config.window.kernel[0], 1, "{name} runs along a line");
        Self(Conv2d::new(builder, name, inputs, outputs, config))
    }

    /// Records y.
    ///
    /// # Panics
    ///
    /// If `x` is not a batch of sequences with the layer's number of channels.
    #[track_caller]
    pub fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        let [batch, len, channels] = *step.tape.value(x).shape() else {
            panic!("{:?} is not (batch, length, channels)", step.tape.value(x).shape())
        };
        let x = ops::reshape(step, x, &[batch, 1, len, channels]);
        let y = self.0.forward(x, step);
        let [batch, _, len, channels] = step.tape.value(y).image_shape();
        ops::reshape(step, y, &[batch, len, channels])
    }
}
