//! A table of vectors, chosen by index.

use super::{Builder, Init};
use crate::arithmetic::float32::storage::Floats;
use crate::ops;
use crate::parameters::{ParameterId, Role};
use crate::step::Step;
use crate::tape::Var;

/// The rows of a table of shape (entries, width), kept in f32.
///
/// A look-up multiplies nothing, so no arithmetic is asked; \[Rasch23\] keeps embeddings digital too.
#[derive(Clone, Debug)]
pub struct Embedding {
    table: ParameterId,
}

impl Embedding {
    /// A table of that name, `name.weight`, with entries from `init`.
    #[track_caller]
    pub fn new(
        builder: &mut Builder<'_>,
        name: &str,
        entries: usize,
        width: usize,
        init: Init,
    ) -> Self {
        let values = init.weights(&builder.seed.child(name).child("weight"), &[entries, width]);
        let storage = Floats::new(values);
        Self {
            table: builder.parameters.add(
                format!("{name}.weight"),
                Role::Embedding,
                &[entries, width],
                storage,
            ),
        }
    }

    /// Records the rows `indices` as (…shape, width).
    ///
    /// # Panics
    ///
    /// If an index is not an entry, or their number is not that of `shape`.
    #[track_caller]
    pub fn forward(&self, indices: &[u32], shape: &[usize], step: &mut Step<'_>) -> Var {
        ops::embedding(step, self.table, indices, shape)
    }
}
