//! Layers: one file each, written once for every arithmetic.

mod attention;
mod batch_norm;
mod conv;
mod embedding;
mod init;
mod layer_norm;
mod linear;
mod recurrent;
mod transformer;

use std::sync::Arc;

use numerics::Seed;

use crate::arithmetic::layer::NewLayer;
use crate::arithmetic::policy::{Policy, UnknownLayers};
use crate::linear_map::LinearMap;
use crate::parameters::Parameters;

pub use crate::arithmetic::layer::Readout;
pub use attention::MultiHeadAttention;
pub use batch_norm::BatchNorm;
pub use conv::{Conv1d, Conv2d, ConvConfig};
pub use embedding::Embedding;
pub use init::Init;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use recurrent::{
    Cell, Recurrent, RecurrentConfig, States, from_pytorch_recurrent_name,
    to_pytorch_recurrent_name,
};
pub use transformer::{Activation, EncoderBlock, EncoderConfig};

/// What a layer needs to be built: where its parameters go, its arithmetic, its initial values.
#[derive(Debug)]
pub struct Builder<'a> {
    /// Receives the parameters.
    pub parameters: &'a mut Parameters,
    /// Says which arithmetic a layer runs on.
    pub policy: &'a Policy,
    /// The seed of initial values; each layer takes the child of its own name.
    pub seed: Seed,
}

/// Builds a network: its parameters, with initial values from `seed`, and what `build` makes of
/// them.
///
/// # Panics
///
/// If the policy names a layer that the network does not have; [`try_build`] returns that.
///
/// # Examples
///
/// ```
/// use nn::layers::{Init, build};
/// use nn::{Float32, Policy, models::mlp};
/// use numerics::Seed;
///
/// let policy = Policy::uniform(Float32);
/// let (parameters, _model) =
///     build(&policy, Seed::new(0), |builder| mlp(builder, &[784, 64, 10], Init::XavierNormal));
/// assert_eq!(parameters.count(), 784 * 64 + 64 + 64 * 10 + 10);
/// ```
#[track_caller]
pub fn build<M>(
    policy: &Policy,
    seed: Seed,
    build: impl FnOnce(&mut Builder<'_>) -> M,
) -> (Parameters, M) {
    try_build(policy, seed, build).unwrap_or_else(|error| panic!("{error}"))
}

/// As [`build`], for policies that people write.
///
/// # Errors
///
/// [`UnknownLayers`] if the policy names a layer that the network does not have.
pub fn try_build<M>(
    policy: &Policy,
    seed: Seed,
    build: impl FnOnce(&mut Builder<'_>) -> M,
) -> Result<(Parameters, M), UnknownLayers> {
    let mut parameters = Parameters::new();
    let model = build(&mut Builder { parameters: &mut parameters, policy, seed });
    policy.check(&parameters)?;
    Ok((parameters, model))
}

impl Builder<'_> {
    /// A linear map of that name in the arithmetic that the policy gives it, with initial weights
    /// of shape (out, …, in).
    #[track_caller]
    pub(crate) fn map(
        &mut self,
        name: &str,
        shape: &[usize],
        init: Init,
        bias: bool,
        readout: Readout,
    ) -> Arc<LinearMap> {
        let weight = init.weights(&self.seed.child(name).child("weight"), shape);
        let parameters = &mut *self.parameters;
        let layer = NewLayer { parameters, name, shape, weight: &weight, bias, readout };
        Arc::new(self.policy.of(name).linear_map(layer))
    }
}
