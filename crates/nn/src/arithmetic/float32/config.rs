//! [`Float32`]: nothing to configure.

use super::multiply::FloatProducts;
use super::storage::Floats;
use crate::arithmetic::Arithmetic;
use crate::arithmetic::layer::NewLayer;
use crate::linear_map::LinearMap;

/// IEEE f32 products and sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Float32;

impl Arithmetic for Float32 {
    fn linear_map(&self, mut layer: NewLayer<'_>) -> LinearMap {
        let layer = layer.store(Floats::new(layer.weight.to_vec()), Floats::new);
        LinearMap::new(layer.clone(), FloatProducts(layer))
    }
}
