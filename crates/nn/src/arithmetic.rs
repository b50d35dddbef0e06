//! [`Arithmetic`]: what executes a linear map and stores its weights; [`Policy`]: which layer gets
//! which.
//!
//! Each arithmetic is a folder of the same three files: `config.rs`, what a configuration file says;
//! `multiply.rs`, the products forwards and backwards ([`Multiply`]); `storage.rs`, the numbers that
//! hold the weights ([`Storage`](crate::Storage)).

pub(crate) mod analog;
pub(crate) mod any;
pub(crate) mod block;
pub(crate) mod fixed_point;
pub(crate) mod float32;
pub(crate) mod input;
pub(crate) mod layer;
pub(crate) mod low_float;
pub(crate) mod multiply;
pub(crate) mod policy;
pub mod presets;
pub(crate) mod rounded;

use std::fmt::Debug;

use crate::linear_map::LinearMap;

pub use analog::config::{
    AdcBound, Analog, AnalogError, AnalogTraining, InputRange, InputRangeRule, LearnedScales,
    ScaleUnit, WeightStep,
};
pub use any::{AnyArithmetic, Own};
pub use block::config::{Block, BlockError, BlockOperand};
pub use fixed_point::bits::ResultBits;
pub use fixed_point::config::{FixedPoint, SignalError, Signals};
pub use fixed_point::storage::FixedWords;
pub use float32::config::Float32;
pub use float32::products;
pub use float32::storage::Floats;
pub use input::Input;
pub use layer::{Layer, NewLayer, Readout};
pub use low_float::config::{FloatOperand, LowFloat, LowFloatError, Scaling};
pub use multiply::{Forward, Multiply};
pub use policy::{Policy, UnknownLayers};
pub use presets::UnknownArithmetic;
pub use rounded::config::{
    Accumulator, Forward as ForwardProduct, InputGradient, Master, Products, WeightGradient,
};

/// What executes the linear map of a layer and stores its weights.
///
/// It is a value of a configuration: what a layer keeps is in its [`LinearMap`] and its parameters.
pub trait Arithmetic: Debug + Send + Sync + 'static {
    /// Adds the parameters of a layer in the arithmetic's own numbers, and gives its products.
    fn linear_map(&self, layer: NewLayer<'_>) -> LinearMap;

    /// Brings an input value into the numbers that the first layer reads.
    ///
    /// Assumed: images are rounded once, to nearest; \[Gupta15\] does not say how they enter.
    fn input(&self, x: f32) -> f32 {
        x
    }
}

impl<A: Arithmetic + ?Sized> Arithmetic for Box<A> {
    fn linear_map(&self, layer: NewLayer<'_>) -> LinearMap {
        (**self).linear_map(layer)
    }

    fn input(&self, x: f32) -> f32 {
        (**self).input(x)
    }
}
