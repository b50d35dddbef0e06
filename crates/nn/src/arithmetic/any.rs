//! [`AnyArithmetic`]: the arithmetics that a configuration file can name.

use std::fmt;
use std::sync::Arc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Arithmetic;
use super::analog::config::Analog;
use super::block::config::Block;
use super::fixed_point::config::FixedPoint;
use super::float32::config::Float32;
use super::layer::NewLayer;
use super::low_float::config::LowFloat;
use super::presets::{self, UnknownArithmetic};
use crate::linear_map::LinearMap;

/// The arithmetics that files can name: adding one is a line where this is used.
macro_rules! arithmetics {
    ($($(#[$doc:meta])* $name:ident($config:ty)),+ $(,)?) => {
        /// An arithmetic as configuration files write it, or one of the caller's.
        ///
        /// A file has a table of the kind with its fields, or a name: `float32`, or one of
        /// [`presets`](crate::arithmetic::presets). What was read by name is written by its fields.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", remote = "Self")]
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

impl<'de> Deserialize<'de> for AnyArithmetic {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Named;

        impl<'de> Visitor<'de> for Named {
            type Value = AnyArithmetic;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an arithmetic, or the name of one")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<AnyArithmetic, E> {
                AnyArithmetic::named(name).map_err(E::custom)
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<AnyArithmetic, M::Error> {
                // The derived function is inherent, and comes before the trait's.
                let read = AnyArithmetic::deserialize(MapAccessDeserializer::new(&mut map))?;
                match map.next_key::<IgnoredAny>()? {
                    None => Ok(read),
                    Some(_) => Err(Error::custom("an arithmetic has one kind, and here are more")),
                }
            }
        }
        source.deserialize_any(Named)
    }
}

impl Serialize for AnyArithmetic {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, target)
    }
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
    /// The arithmetic of that name: `float32`, or one of [`presets`](crate::arithmetic::presets).
    ///
    /// # Errors
    ///
    /// [`UnknownArithmetic`] with all names if there is none.
    ///
    /// # Panics
    ///
    /// Never: a test reads every preset.
    ///
    /// # Examples
    ///
    /// ```
    /// use nn::{AnyArithmetic, Policy};
    ///
    /// // Everything in four bits but the last of three layers.
    /// let policy = Policy::uniform(AnyArithmetic::named("nvfp4")?).with("fc3", nn::Float32);
    /// assert!(matches!(policy.of("fc1"), AnyArithmetic::Block(_)));
    /// # Ok::<(), nn::arithmetic::UnknownArithmetic>(())
    /// ```
    pub fn named(name: &str) -> Result<Self, UnknownArithmetic> {
        if name == "float32" {
            return Ok(Self::Float32);
        }
        let text = presets::text(name).ok_or_else(|| UnknownArithmetic(name.to_owned()))?;
        Ok(toml::from_str(text).expect("presets are read by a test"))
    }

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
