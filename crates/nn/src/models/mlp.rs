//! Fully connected networks.

use super::Model;
use crate::layers::{Builder, Init, Linear, Readout};
use crate::ops;
use crate::step::Step;
use crate::tape::Var;

/// Fully connected layers with ReLU between them, ending in logits.
#[derive(Clone, Debug)]
pub struct Mlp {
    layers: Vec<Linear>,
}

/// A fully connected network with the given layer widths; its layers are `fc1`, `fc2`, ….
///
/// 784-1000-1000-10 is the network of [Gupta15 §4.1].
///
/// # Panics
///
/// If there are fewer than two widths.
#[track_caller]
pub fn mlp(builder: &mut Builder<'_>, widths: &[usize], init: Init) -> Mlp {
    assert!(widths.len() >= 2, "a network needs an input and an output width");
    let last = widths.len() - 2;
    let layers = widths
        .windows(2)
        .enumerate()
        .map(|(i, pair)| {
            let readout = if i == last { Readout::Wide } else { Readout::Layer };
            Linear::new(builder, &format!("fc{}", i + 1), pair[0], pair[1], init, readout)
        })
        .collect();
    Mlp { layers }
}

impl Model for Mlp {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        let mut x = x;
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                x = ops::relu(step, x);
            }
            x = layer.forward(x, step);
        }
        x
    }
}
