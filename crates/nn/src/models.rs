//! Networks, each one function with its source.

mod gupta;
mod mlp;

use crate::{Step, Var};

pub use gupta::{CifarCnn, CifarPadding, MnistCnn, gupta_cifar_cnn, gupta_mnist_cnn};
pub use mlp::{Mlp, mlp};

/// A network: from a batch of inputs to logits.
pub trait Model: std::fmt::Debug + Send {
    /// Records the forward pass.
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var;
}
