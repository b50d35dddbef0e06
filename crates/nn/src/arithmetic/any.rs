//! [`AnyArithmetic`]: the arithmetics that a configuration file can name.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Arithmetic;
use super::analog::config::Analog;
use super::block::config::Block;
use super::fixed_point::config::FixedPoint;
use super::float32::config::Float32;
use super::layer::NewLayer;
use super::low_float::config::LowFloat;
use crate::linear_map::LinearMap;

/// The arithmetics that files can name: adding one is a line where this is used.
macro_rules! arithmetics {
    ($($(#[$doc:meta])* $name:ident($config:ty)),+ $(,)?) => {
        /// An arithmetic by its name, as configuration files write it, or one of the caller's.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum AnyArithmetic {
            /// IEEE f32 products and sums.
            Float32,
            $($(#[$doc])* $name($config),)+
            /// One that is defined elsewhere: files cannot name it.
            #[serde(skip)]
            Own(Own),
        }

        impl AnyArithmetic {
            fn get(&self) -> &dyn Arithmetic {
                match self {
                    Self::Float32 => &Float32,
                    $(Self::$name(arithmetic) => arithmetic,)+
                    Self::Own(arithmetic) => &*arithmetic.0,
                }
            }
        }

        $(impl From<$config> for AnyArithmetic {
            fn from(config: $config) -> Self {
                Self::$name(config)
            }
        })+
    };
}

arithmetics! {
    /// Fixed-point words, exact products, one rounding per element.
    FixedPoint(FixedPoint),
    /// Crossbar tiles, with weights and sums in f32 around them.
    Analog(Box<Analog>),
    /// Floats of few bits, each tensor under one scale: FP8, bf16, f16.
    LowFloat(Box<LowFloat>),
    /// Blocks of numbers that share a scale: MXFP8, MXFP6, MXFP4, NVFP4.
    Block(Box<Block>),
}

/// An arithmetic of the caller's, equal to itself alone.
#[derive(Clone, Debug)]
pub struct Own(Arc<dyn Arithmetic>);

impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl From<Float32> for AnyArithmetic {
    fn from(Float32: Float32) -> Self {
        Self::Float32
    }
}

impl From<LowFloat> for AnyArithmetic {
    fn from(config: LowFloat) -> Self {
        Self::LowFloat(Box::new(config))
    }
}

impl From<Block> for AnyArithmetic {
    fn from(config: Block) -> Self {
        Self::Block(Box::new(config))
    }
}

impl From<Analog> for AnyArithmetic {
    fn from(config: Analog) -> Self {
        Self::Analog(Box::new(config))
    }
}

impl AnyArithmetic {
    /// An arithmetic that is defined elsewhere.
    pub fn own(arithmetic: impl Arithmetic) -> Self {
        Self::Own(Own(Arc::new(arithmetic)))
    }

    /// A linear map in this arithmetic, whose parameters are added to those of `layer`.
    ///
    /// # Panics
    ///
    /// Unless there are as many weights as the shape says, and the names are new.
    #[track_caller]
    pub fn linear_map(&self, layer: NewLayer<'_>) -> LinearMap {
        let NewLayer { name, shape, weight, .. } = layer;
        assert_eq!(
            weight.len(),
            shape.iter().product::<usize>(),
            "{} weights for {name} of shape {shape:?}",
            weight.len()
        );
        layer.parameters.add_map(name);
        self.get().linear_map(layer)
    }

    /// As [`Arithmetic::input`].
    pub fn input(&self, x: f32) -> f32 {
        self.get().input(x)
    }
}
