//! Layers: one file each, written once for every arithmetic.

mod linear;

use numerics::Seed;

use crate::{Parameters, Policy};

pub use crate::linear_map::Readout;
pub use linear::{Init, Linear};

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
