//! Multi-head attention.

use std::sync::Arc;

use super::{Builder, Init, Readout};
use crate::linear_map::LinearMap;
use crate::ops::{self, Mask};
use crate::step::Step;
use crate::tape::Var;

/// Attention with projections of queries, keys, values and outputs.
///
/// ```text
/// y = O·attention(Q·x, K·z, V·z)
/// ```
///
/// The four projections are maps, `name.query`, `name.key`, `name.value` and `name.out`; the
/// products of activations between them are digital. Source: Vaswani et al., NeurIPS 2017, §3.2.2.
///
/// # Shapes
///
/// - x and y: (batch, queries, width); z: (batch, keys, width)
#[derive(Clone, Debug)]
pub struct MultiHeadAttention {
    name: String,
    heads: usize,
    dropout: f32,
    projections: [Arc<LinearMap>; 3],
    out: Arc<LinearMap>,
}

impl MultiHeadAttention {
    /// A layer of that name, with `dropout` of the attention probabilities.
    ///
    /// # Panics
    ///
    /// If `heads` does not divide `width`.
    #[track_caller]
    pub fn new(
        builder: &mut Builder<'_>,
        name: &str,
        width: usize,
        heads: usize,
        dropout: f32,
        init: Init,
    ) -> Self {
        assert!(
            heads > 0 && width.is_multiple_of(heads),
            "{heads} heads of {name} do not divide its width of {width}"
        );
        let mut map = |part: &str| {
            builder.map(&format!("{name}.{part}"), &[width, width], init, true, Readout::Layer)
        };
        let projections = [map("query"), map("key"), map("value")];
        Self { name: name.to_owned(), heads, dropout, projections, out: map("out") }
    }

    /// Records y, with queries from `x` and keys and values from `z`.
    pub fn forward(&self, x: Var, z: Var, mask: Mask<'_>, step: &mut Step<'_>) -> Var {
        let [query, key, value] = &self.projections;
        let qkv =
            [ops::linear(step, query, x), ops::linear(step, key, z), ops::linear(step, value, z)];
        let seed = step.pass.seed.child(&self.name).child("dropout");
        let y = ops::attention(step, qkv, self.heads, mask, (self.dropout, &seed));
        ops::linear(step, &self.out, y)
    }
}
